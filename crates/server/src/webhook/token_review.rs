//! TokenReview, `authentication.k8s.io` v1 and v1beta1: the two differ in nothing that matters here.

use std::collections::BTreeMap;

use doorward_core::resolve::KubernetesIdentity;
use serde::{Deserialize, Serialize, Serializer};

use super::decision_id::{DecisionId, EXTRA_KEY};
use super::text::Text;

/// What kube-apiserver asks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenReview<'a> {
    #[serde(borrow)]
    pub(super) api_version: Text<'a>,
    #[serde(borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) spec: TokenReviewSpec<'a>,
}

#[derive(Deserialize)]
pub(super) struct TokenReviewSpec<'a> {
    #[serde(borrow, default)]
    pub(super) token: Text<'a>,
    #[serde(borrow, default)]
    pub(super) audiences: Vec<Text<'a>>,
}

/// What it is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenReviewAnswer<'a> {
    pub(super) api_version: &'a str,
    pub(super) kind: &'static str,
    pub(super) status: TokenReviewStatus<'a>,
}

#[derive(Default, Serialize)]
pub(super) struct TokenReviewStatus<'a> {
    pub(super) authenticated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<UserInfo>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) audiences: Vec<&'a str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) error: String,
}

#[derive(Serialize)]
pub(super) struct UserInfo {
    username: String,
    uid: String,
    groups: Vec<String>,
    #[serde(serialize_with = "as_lists")]
    extra: BTreeMap<&'static str, String>,
}

/// Each value as a list of one.
fn as_lists<S: Serializer>(extra: &BTreeMap<&'static str, String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(extra.iter().map(|(key, value)| (key, [value])))
}

impl UserInfo {
    /// The identity; with the decision's id, if the audit is to have that.
    pub(super) fn new(identity: KubernetesIdentity<'_>, decision: DecisionId) -> Self {
        let KubernetesIdentity { username, uid, groups, extra } = identity;
        let extra = extra.into_iter().map(|(key, value)| (key, value.into_owned()));
        let id = decision.is_for_audit().then(|| (EXTRA_KEY, decision.to_string()));
        Self { username, uid, groups: groups.into_owned(), extra: extra.chain(id).collect() }
    }
}
