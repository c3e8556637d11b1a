//! SubjectAccessReview, `authorization.k8s.io` v1 and v1beta1. The two spell one field differently: `groups` was
//! `group`, and nothing here looks at it.

use std::collections::BTreeMap;

use doorward_core::authorize::Subject;
use doorward_core::rbac::{Attributes, NonResourceAttributes, ResourceAttributes};
use serde::{Deserialize, Serialize};

/// What kube-apiserver asks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubjectAccessReview {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) spec: SubjectAccessReviewSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubjectAccessReviewSpec {
    #[serde(default)]
    pub(super) user: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    extra: Option<BTreeMap<String, Vec<String>>>,
    resource_attributes: Option<RawResourceAttributes>,
    non_resource_attributes: Option<RawNonResourceAttributes>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct RawResourceAttributes {
    verb: String,
    group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawNonResourceAttributes {
    verb: String,
    path: String,
}

impl SubjectAccessReviewSpec {
    /// Who asks. kube-apiserver gives the keys of extra attributes in lower case.
    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            uid: &self.uid,
            principal_id: self.only_extra("principalid"),
            canonical_arn: self.only_extra("canonicalarn"),
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

    /// The one value of an extra attribute, if exactly one key spells it in whatever case and has exactly one value.
    fn only_extra(&self, name: &str) -> Option<&str> {
        let mut found = self.extra.iter().flatten().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        match (found.next().map(|(_, values)| values.as_slice()), found.next()) {
            (Some([value]), None) => Some(value),
            _ => None,
        }
    }
}

/// What it is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubjectAccessReviewAnswer<'a> {
    pub(super) api_version: &'a str,
    pub(super) kind: &'static str,
    pub(super) status: SubjectAccessReviewStatus,
}

#[derive(Default, Serialize)]
pub(super) struct SubjectAccessReviewStatus {
    pub(super) allowed: bool,
    /// Empty unless allowed: kubectl shows it in its refusal, and EKS says nothing there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: &str) -> SubjectAccessReviewSpec {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_extra_attribute_counts_only_if_it_is_there_once_with_one_value() {
        assert_eq!(spec(r#"{"extra":{"principalid":["A"]}}"#).subject().principal_id, Some("A"));
        assert_eq!(spec(r#"{"extra":{"principalId":["A"]}}"#).subject().principal_id, Some("A"));
        for forged in [
            "{}",
            r#"{"extra":null}"#,
            r#"{"extra":{"principalid":[]}}"#,
            r#"{"extra":{"principalid":["A","B"]}}"#,
            r#"{"extra":{"principalid":["A"],"principalId":["B"]}}"#,
            r#"{"extra":{"sigs.k8s.io/aws-iam-authenticator/principalid":["A"]}}"#,
        ] {
            assert_eq!(spec(forged).subject().principal_id, None, "{forged}");
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
