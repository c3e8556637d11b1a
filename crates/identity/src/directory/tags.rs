//! Tags of users and roles. Source: IAM User Guide, "Rules for tagging": keys differ only if they differ by more than
//! case, at most 50 on an entity, and none begins with `aws:`.

use serde::{Deserialize, Serialize};

use crate::printable::printable;

/// Most tags on one user or role.
pub const MAX_TAGS: usize = 50;

/// One tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// One to 128 characters.
    pub key: String,
    /// At most 256 characters.
    pub value: String,
}

/// The tags of one user or role, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(Vec<Tag>);

impl Tags {
    /// These tags and no others.
    ///
    /// # Errors
    /// As [`Tags::with`].
    pub fn new(tags: Vec<Tag>) -> Result<Self, TagError> {
        Self::default().with(tags)
    }

    /// With these added; a tag whose key is already there takes its place.
    ///
    /// # Errors
    /// If a key or value is not allowed, a key stands twice among those given, or there would be too many.
    pub fn with(&self, tags: Vec<Tag>) -> Result<Self, TagError> {
        for (at, tag) in tags.iter().enumerate() {
            check(tag)?;
            if tags.iter().take(at).any(|other| is_same_key(&other.key, &tag.key)) {
                return Err(TagError::Duplicate(tag.key.clone()));
            }
        }
        let mut all = self.without(tags.iter().map(|tag| tag.key.as_str())).0;
        all.extend(tags);
        if all.len() > MAX_TAGS {
            return Err(TagError::TooMany);
        }
        all.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Self(all))
    }

    /// Without these; keys that are not there are no error.
    pub fn without<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Self {
        let mut left = self.0.clone();
        for key in keys {
            left.retain(|tag| !is_same_key(&tag.key, key));
        }
        Self(left)
    }

    /// In the order of their keys.
    pub fn iter(&self) -> std::slice::Iter<'_, Tag> {
        self.0.iter()
    }

    /// Keys and values, in the order of the keys.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn is_same_key(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn check(tag: &Tag) -> Result<(), TagError> {
    let is_allowed = |c: char| c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c);
    let key_fits = (1..=128).contains(&tag.key.chars().count()) && tag.key.chars().all(is_allowed);
    if !key_fits || tag.key.to_lowercase().starts_with("aws:") {
        return Err(TagError::Key(printable(&tag.key)));
    }
    if tag.value.chars().count() > 256 || !tag.value.chars().all(is_allowed) {
        return Err(TagError::Value(tag.key.clone()));
    }
    Ok(())
}

/// Why tags are not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// The key has a wrong length, a wrong character, or begins with `aws:`.
    #[error("`{0}` is not a tag key that IAM allows")]
    Key(String),
    /// The value of this key is too long or has a wrong character.
    #[error("the value of the tag `{0}` is not one that IAM allows")]
    Value(String),
    /// The key stands twice in one request.
    #[error("the tag key `{0}` stands twice; case does not tell tag keys apart")]
    Duplicate(String),
    /// More than [`MAX_TAGS`].
    #[error("there can be at most {MAX_TAGS} tags")]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: key.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn a_key_in_another_case_replaces_the_tag() {
        let tags = Tags::new(vec![tag("team", "a"), tag("Cost", "1")]).unwrap().with(vec![tag("TEAM", "b")]).unwrap();
        assert_eq!(tags.iter().map(|tag| tag.key.as_str()).collect::<Vec<_>>(), ["Cost", "TEAM"]);
        assert!(tags.without(["cost", "team", "other"]).is_empty());
    }

    #[test]
    fn tags_that_iam_refuses_are_refused() {
        for bad in [
            vec![tag("", "v")],
            vec![tag("aws:x", "v")],
            vec![tag("AWS:x", "v")],
            vec![tag("a\n", "v")],
            vec![tag("k", "a<b")],
            vec![tag(&"k".repeat(129), "v")],
            vec![tag("k", &"v".repeat(257))],
            vec![tag("k", "1"), tag("K", "2")],
            (0..51).map(|n| tag(&format!("k{n}"), "")).collect(),
        ] {
            assert!(Tags::new(bad.clone()).is_err(), "{bad:?}");
        }
        assert!(Tags::new(vec![tag("Größe/α", "a b=c+d@e")]).is_ok());
    }
}
