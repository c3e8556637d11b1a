//! TokenReview, `authentication.k8s.io` v1 and v1beta1: the two differ in nothing that matters here.

use std::borrow::Cow;

use doorward_core::resolve::KubernetesIdentity;
use serde::ser::SerializeMap as _;
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
    pub(super) user: Option<UserInfo<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) audiences: Vec<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) error: &'a str,
}

impl<'a> TokenReviewStatus<'a> {
    pub(super) fn refused(error: &'a str) -> Self {
        Self { error, ..Self::default() }
    }
}

/// The identity; with the decision's id, if the audit is to have that.
#[derive(Serialize)]
pub(super) struct UserInfo<'a> {
    username: &'a str,
    uid: &'a str,
    groups: &'a [String],
    #[serde(serialize_with = "as_lists")]
    extra: Extra<'a>,
}

/// Extra attributes, and the id that may be one of them.
type Extra<'a> = (&'a [(&'static str, Cow<'a, str>)], DecisionId);

/// Each value as a list of one.
fn as_lists<S: Serializer>((extra, decision): &Extra<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (key, value) in *extra {
        map.serialize_entry(key, &[value])?;
    }
    if decision.is_for_audit() {
        map.serialize_entry(EXTRA_KEY, &[decision.to_string()])?;
    }
    map.end()
}

impl<'a> UserInfo<'a> {
    pub(super) fn new(identity: &'a KubernetesIdentity<'a>, decision: DecisionId) -> Self {
        let KubernetesIdentity { username, uid, groups, extra } = identity;
        Self { username, uid, groups, extra: (extra, decision) }
    }
}
