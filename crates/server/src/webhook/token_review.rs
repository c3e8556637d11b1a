//! TokenReview, `authentication.k8s.io` v1 and v1beta1: the two differ in nothing that matters here.

use std::collections::BTreeMap;

use doorward_core::resolve::KubernetesIdentity;
use serde::{Deserialize, Serialize};

/// What kube-apiserver asks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenReview {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) spec: TokenReviewSpec,
}

#[derive(Deserialize)]
pub(super) struct TokenReviewSpec {
    #[serde(default)]
    pub(super) token: String,
    #[serde(default)]
    pub(super) audiences: Vec<String>,
}

/// What it is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenReviewAnswer<'a> {
    pub(super) api_version: &'a str,
    pub(super) kind: &'static str,
    pub(super) status: TokenReviewStatus,
}

#[derive(Default, Serialize)]
pub(super) struct TokenReviewStatus {
    pub(super) authenticated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<UserInfo>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) audiences: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) error: String,
}

#[derive(Serialize)]
pub(super) struct UserInfo {
    username: String,
    uid: String,
    groups: Vec<String>,
    extra: BTreeMap<&'static str, [String; 1]>,
}

impl From<KubernetesIdentity<'_>> for UserInfo {
    fn from(identity: KubernetesIdentity<'_>) -> Self {
        Self {
            username: identity.username,
            uid: identity.uid,
            groups: identity.groups.into_owned(),
            extra: identity.extra.into_iter().map(|(key, value)| (key, [value.into_owned()])).collect(),
        }
    }
}
