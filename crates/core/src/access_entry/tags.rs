//! Tags of clusters and access entries.
//!
//! Source: API reference of TagResource: at most 50 tags; keys of 1 to 128 and values of at most 256 characters; the
//! prefix `aws:` belongs to AWS, in any case.

use std::collections::BTreeMap;

/// Keys and values, sorted by key.
pub type Tags = BTreeMap<String, String>;

/// The most tags a resource may have.
pub const MAX_TAGS: usize = 50;

/// Checks a set of tags.
///
/// # Errors
/// Says which rule is broken.
pub(super) fn checked_tags(tags: Tags) -> Result<Tags, TagError> {
    merge_tags(&Tags::new(), tags)
}

/// The tags of a resource after `TagResource`: new values replace old ones of the same key.
///
/// # Errors
/// Says which rule is broken; nothing is changed then.
pub fn merge_tags(current: &Tags, added: Tags) -> Result<Tags, TagError> {
    for (key, value) in &added {
        if !(1..=128).contains(&key.chars().count()) {
            return Err(TagError::Key(crate::arn::printable(key)));
        }
        if value.chars().count() > 256 {
            return Err(TagError::Value(crate::arn::printable(key)));
        }
        if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(TagError::Reserved(crate::arn::printable(key)));
        }
    }
    let mut merged = current.clone();
    merged.extend(added);
    if merged.len() > MAX_TAGS { Err(TagError::TooMany(merged.len())) } else { Ok(merged) }
}

/// A tag that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// A key of no or too many characters.
    #[error("The tag key `{0}` is invalid, it must have 1 to 128 characters")]
    Key(String),
    /// A value of too many characters.
    #[error("The value of the tag `{0}` is invalid, it must have at most 256 characters")]
    Value(String),
    /// A key of AWS's own.
    #[error("The tag key `{0}` is invalid, the prefix aws: is reserved for AWS use")]
    Reserved(String),
    /// More than [`MAX_TAGS`].
    #[error("A resource can have at most 50 tags, this would be {0}")]
    TooMany(usize),
}
