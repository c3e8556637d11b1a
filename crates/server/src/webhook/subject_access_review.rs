//! SubjectAccessReview, `authorization.k8s.io` v1 and v1beta1. The two spell one field differently: `groups` was
//! `group`, and nothing here looks at it.

use std::fmt;

use doorward_core::authorize::Subject;
use doorward_core::rbac::{Attributes, NonResourceAttributes, ResourceAttributes};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::text::Text;

/// What kube-apiserver asks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubjectAccessReview<'a> {
    #[serde(borrow)]
    pub(super) api_version: Text<'a>,
    #[serde(borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) spec: SubjectAccessReviewSpec<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubjectAccessReviewSpec<'a> {
    #[serde(borrow, default)]
    pub(super) user: Text<'a>,
    #[serde(borrow, default)]
    uid: Text<'a>,
    #[serde(borrow, default)]
    extra: Option<Extra<'a>>,
    #[serde(borrow)]
    resource_attributes: Option<RawResourceAttributes<'a>>,
    #[serde(borrow)]
    non_resource_attributes: Option<RawNonResourceAttributes<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawResourceAttributes<'a> {
    #[serde(borrow)]
    verb: Text<'a>,
    #[serde(borrow)]
    group: Text<'a>,
    #[serde(borrow)]
    resource: Text<'a>,
    #[serde(borrow)]
    subresource: Text<'a>,
    #[serde(borrow)]
    namespace: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawNonResourceAttributes<'a> {
    #[serde(borrow)]
    verb: Text<'a>,
    #[serde(borrow)]
    path: Text<'a>,
}

/// Of the extra attributes those that say who somebody is. The others are read past.
#[derive(Default)]
struct Extra<'a> {
    principal_id: Only<'a>,
    canonical_arn: Only<'a>,
}

/// An attribute's value, which counts only if exactly one key spells it, in whatever case, and has exactly one value.
#[derive(Default)]
enum Only<'a> {
    #[default]
    Absent,
    One(Text<'a>),
    /// No value, several, or several keys.
    Unclear,
}

impl SubjectAccessReviewSpec<'_> {
    /// Who asks. kube-apiserver gives the keys of extra attributes in lower case.
    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            uid: &self.uid,
            principal_id: self.extra.as_ref().and_then(|extra| extra.principal_id.as_str()),
            canonical_arn: self.extra.as_ref().and_then(|extra| extra.canonical_arn.as_str()),
        }
    }

    /// What is asked; `None` unless it is exactly one of the two kinds.
    pub(super) fn attributes(&self) -> Option<Attributes<'_>> {
        match (&self.resource_attributes, &self.non_resource_attributes) {
            (Some(asked), None) => Some(Attributes::Resource(ResourceAttributes {
                verb: &asked.verb,
                group: &asked.group,
                resource: &asked.resource,
                subresource: &asked.subresource,
                namespace: &asked.namespace,
                name: &asked.name,
            })),
            (None, Some(asked)) => {
                Some(Attributes::NonResource(NonResourceAttributes { verb: &asked.verb, path: &asked.path }))
            }
            _ => None,
        }
    }
}

impl<'a> Only<'a> {
    fn as_str(&self) -> Option<&str> {
        match self {
            Self::One(value) => Some(value),
            Self::Absent | Self::Unclear => None,
        }
    }

    /// Another key that spells it.
    fn add(&mut self, value: Self) {
        *self = match (&self, value) {
            (Self::Absent, Self::One(value)) => Self::One(value),
            _ => Self::Unclear,
        };
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Extra<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Attributes;

        impl<'de> Visitor<'de> for Attributes {
            type Value = Extra<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("lists of texts by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extra<'de>, A::Error> {
                let mut extra = Extra::default();
                while let Some((key, value)) = map.next_entry::<Text<'de>, Only<'de>>()? {
                    if key.eq_ignore_ascii_case("principalid") {
                        extra.principal_id.add(value);
                    } else if key.eq_ignore_ascii_case("canonicalarn") {
                        extra.canonical_arn.add(value);
                    }
                }
                Ok(extra)
            }
        }

        deserializer.deserialize_map(Attributes)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Only<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;

        impl<'de> Visitor<'de> for Values {
            type Value = Only<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Only<'de>, A::Error> {
                let Some(first) = list.next_element()? else { return Ok(Only::Unclear) };
                let mut only = Only::One(first);
                while list.next_element::<Text<'de>>()?.is_some() {
                    only = Only::Unclear;
                }
                Ok(only)
            }
        }

        deserializer.deserialize_seq(Values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: &str) -> SubjectAccessReviewSpec<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_extra_attribute_counts_only_if_it_is_there_once_with_one_value() {
        assert_eq!(spec(r#"{"extra":{"principalid":["A"]}}"#).subject().principal_id, Some("A"));
        assert_eq!(spec(r#"{"extra":{"principalId":["A"]}}"#).subject().principal_id, Some("A"));
        let written_otherwise = r#"{"uid":"\u0041/","extra":{"x":[],"principal\u0049d":["\u0041"],"y":["A","B"]}}"#;
        assert_eq!(spec(written_otherwise).subject().principal_id, Some("A"));
        assert_eq!(spec(written_otherwise).subject().uid, "A/");
        for forged in [
            "{}",
            r#"{"extra":null}"#,
            r#"{"extra":{"principalid":[]}}"#,
            r#"{"extra":{"principalid":["A","B"]}}"#,
            r#"{"extra":{"principalid":["A"],"principalId":["B"]}}"#,
            r#"{"extra":{"principalid":["A"],"principalid":["A"]}}"#,
            r#"{"extra":{"principalid":[],"principalId":["A"]}}"#,
            r#"{"extra":{"sigs.k8s.io/aws-iam-authenticator/principalid":["A"]}}"#,
        ] {
            assert_eq!(spec(forged).subject().principal_id, None, "{forged}");
        }
    }

    #[test]
    fn an_extra_attribute_that_is_no_list_of_texts_is_refused_whatever_its_name() {
        for wrong in ["[]", r#"{"x":"A"}"#, r#"{"x":[1]}"#, r#"{"principalid":["A",{}]}"#, r#"{"x":null}"#] {
            let spec = format!(r#"{{"extra":{wrong}}}"#);
            assert!(serde_json::from_str::<SubjectAccessReviewSpec<'_>>(&spec).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_review_asks_for_a_resource_or_for_a_path_and_not_for_both() {
        assert!(spec(r#"{"resourceAttributes":{"verb":"get"}}"#).attributes().is_some());
        assert!(spec(r#"{"nonResourceAttributes":{"verb":"get","path":"/"}}"#).attributes().is_some());
        assert!(spec("{}").attributes().is_none());
        assert!(spec(r#"{"resourceAttributes":{},"nonResourceAttributes":{}}"#).attributes().is_none());
    }
}
