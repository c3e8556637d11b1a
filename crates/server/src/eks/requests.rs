//! The bodies of requests, read once.
//!
//! Permissions are asked for with what is read here, and what is checked and executed is the same value.

use doorward_core::access_entry::{AccessEntryError, AccessEntryUpdate, NewAccessEntry, Tags};
use doorward_core::access_policy::AccessPolicyArn;
use doorward_core::access_scope::AccessScope;
use doorward_identity::object::Object;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::parameters::body;
use crate::api::ApiError;

/// CreateAccessEntry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Create {
    pub(crate) body: CreateBody,
    pub(crate) parsed: Result<NewAccessEntry, AccessEntryError>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateBody {
    pub(crate) principal_arn: Option<String>,
    pub(crate) kubernetes_groups: Option<Vec<String>>,
    pub(crate) tags: Option<Tags>,
    pub(crate) username: Option<String>,
    pub(crate) r#type: Option<String>,
    pub(crate) client_request_token: Option<String>,
}

impl Create {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ApiError> {
        let body: CreateBody = body(bytes)?;
        let parsed = NewAccessEntry::parse(
            body.principal_arn.as_deref().unwrap_or_default(),
            body.r#type.as_deref(),
            body.username.as_deref(),
            body.kubernetes_groups.as_deref(),
            body.tags.clone().unwrap_or_default(),
        );
        Ok(Self { body, parsed })
    }
}

/// UpdateAccessEntry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Update {
    pub(crate) body: UpdateBody,
    pub(crate) parsed: Result<AccessEntryUpdate, AccessEntryError>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateBody {
    pub(crate) kubernetes_groups: Option<Vec<String>>,
    pub(crate) username: Option<String>,
}

impl Update {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ApiError> {
        let body: UpdateBody = body(bytes)?;
        let parsed = AccessEntryUpdate::parse(body.username.as_deref(), body.kubernetes_groups.as_deref());
        Ok(Self { body, parsed })
    }
}

/// AssociateAccessPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Association {
    pub(crate) body: AssociateBody,
    pub(crate) parsed: Result<(AccessPolicyArn, AccessScope), AccessEntryError>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssociateBody {
    pub(crate) policy_arn: Option<String>,
    #[serde(default, deserialize_with = "object")]
    pub(crate) access_scope: Option<ScopeBody>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct ScopeBody {
    pub(crate) r#type: Option<String>,
    pub(crate) namespaces: Option<Vec<String>>,
}

impl Association {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ApiError> {
        let body: AssociateBody = body(bytes)?;
        let parsed = body.parse();
        Ok(Self { body, parsed })
    }
}

impl AssociateBody {
    fn parse(&self) -> Result<(AccessPolicyArn, AccessScope), AccessEntryError> {
        let policy_arn = AccessPolicyArn::parse(self.policy_arn.as_deref().unwrap_or_default())?;
        let scope = self.access_scope.as_ref();
        let kind = scope.and_then(|scope| scope.r#type.as_deref()).unwrap_or_default();
        let namespaces = scope.and_then(|scope| scope.namespaces.as_deref()).unwrap_or_default();
        Ok((policy_arn, AccessScope::parse(kind, namespaces)?))
    }
}

/// UpdateClusterConfig.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateConfig {
    #[serde(default, deserialize_with = "object")]
    pub(crate) access_config: Option<AccessConfigBody>,
    pub(crate) client_request_token: Option<String>,
    #[serde(flatten)]
    pub(crate) other: serde_json::Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessConfigBody {
    pub(crate) authentication_mode: Option<String>,
}

/// TagResource.
#[derive(Deserialize)]
pub(super) struct TagBody {
    pub(super) tags: Option<Tags>,
}

/// A member that is an object, if it is there.
fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|Object(value)| value))
}
