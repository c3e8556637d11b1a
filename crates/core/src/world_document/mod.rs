//! A World as a document: what `world export` prints, `--world` reads, and a migration is computed on.
//!
//! One JSON object holds everything that decides access, each part in the form in which its owner prints it: access
//! entries as DescribeAccessEntry does, aws-auth as the ConfigMap's `data`, RBAC objects as kubectl does. A document
//! says what was *read*; [`WorldDocument::to_world`] makes the value that decides. RBAC, aws-auth and the directory can
//! be absent (`null`), which is not the same as empty: nobody looked, or there is none.

mod aws_auth;
mod digest;
mod error;
mod pieces;
mod rbac;
mod read;
mod to_world;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access_entry::Tags;
use crate::access_policy::AccessPolicyArn;
use crate::access_scope::AccessScope;
use crate::authentication_mode::AuthenticationMode;
use crate::aws_auth::Authenticator;
use crate::directory::KnownPrincipal;
use crate::principal::{PrincipalArn, PrincipalId};

pub use aws_auth::{ConfigMapError, config_map_data};
pub use error::WorldDocumentError;
pub use pieces::{access_entries, aws_auth_data, directory, rbac_objects};

/// The authenticator of a name in documents and flags: `eks` or `doorward`.
pub fn authenticator_named(name: &str) -> Option<Authenticator> {
    [Authenticator::Eks, Authenticator::Doorward].into_iter().find(|one| authenticator_name(*one) == name)
}

/// The name of an authenticator in documents and flags.
pub fn authenticator_name(authenticator: Authenticator) -> &'static str {
    match authenticator {
        Authenticator::Eks => "eks",
        Authenticator::Doorward => "doorward",
    }
}

/// The version of the format.
pub const VERSION: u64 = 1;

/// Everything that decides access on one cluster at one moment, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Value")]
pub struct WorldDocument {
    /// What it is; written first, so that whoever opens the file knows.
    pub(crate) kind: Kind,
    /// [`VERSION`].
    pub(crate) version: u64,
    /// Which cluster it was read from, where that is known. It has no effect on access.
    pub cluster: Option<ClusterIdentity>,
    /// The authentication mode.
    pub authentication_mode: AuthenticationMode,
    /// Whose rules aws-auth is read by.
    pub authenticator: Authenticator,
    /// Whoever made the cluster, where that makes a hidden administrator: in the mode `CONFIG_MAP`, and only known of a
    /// Doorward cluster. EKS does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<KnownPrincipal>,
    /// The access entries, sorted by principal ARN.
    pub access_entries: Vec<EntryDocument>,
    /// aws-auth; none where there is no such ConfigMap.
    pub aws_auth: Option<AwsAuthDocument>,
    /// The RBAC objects, sorted by kind, namespace and name; none where nobody read them.
    pub rbac: Option<Vec<Value>>,
    /// The principals of IAM; none where nobody asked. An account of which one is listed is known completely.
    pub directory: Option<Vec<KnownPrincipal>>,
}

/// What a document is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// The only kind.
    #[default]
    World,
}

/// A cluster's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterIdentity {
    /// Its name.
    pub name: String,
    /// Its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
}

/// The ConfigMap `kube-system/aws-auth`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsAuthDocument {
    /// Its `data`.
    pub data: BTreeMap<String, String>,
}

/// An access entry as EKS accepted it: nothing of it is checked again. Types and policies that are newer than this
/// program are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryDocument {
    /// The principal.
    pub principal_arn: PrincipalArn,
    /// The type, such as `STANDARD`.
    pub r#type: String,
    /// The Kubernetes username, possibly with placeholders.
    pub username: String,
    /// The Kubernetes groups.
    pub kubernetes_groups: Vec<String>,
    /// The associated access policies, sorted by the policy's ARN.
    pub associated_access_policies: Vec<AssociationDocument>,
    /// Tags; they have no effect on access.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// The entry's own ARN, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_entry_arn: Option<String>,
    /// When it was made, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it last changed, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
}

/// An associated access policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociationDocument {
    /// The policy, known or not.
    pub policy_arn: AccessPolicyArn,
    /// Where it counts.
    pub access_scope: AccessScope,
    /// When it was associated, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub associated_at: Option<Timestamp>,
    /// When its scope last changed, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
}

impl WorldDocument {
    /// A document in which nobody has access, and nothing else is known.
    pub fn new(authentication_mode: AuthenticationMode, authenticator: Authenticator) -> Self {
        Self {
            kind: Kind::World,
            version: VERSION,
            cluster: None,
            authentication_mode,
            authenticator,
            creator: None,
            access_entries: Vec::new(),
            aws_auth: None,
            rbac: None,
            directory: None,
        }
    }

    /// Reads a document from JSON, or YAML.
    ///
    /// # Errors
    /// [`WorldDocumentError`] that names the place.
    pub fn parse(text: &str) -> Result<Self, WorldDocumentError> {
        read::document(&pieces::value(text)?)
    }

    /// The access entry of a principal, by its exact ARN.
    pub fn entry(&self, principal: &PrincipalArn) -> Option<&EntryDocument> {
        self.access_entries.iter().find(|entry| entry.principal_arn == *principal)
    }

    /// The unique id of a principal, where the directory knows it.
    pub fn unique_id(&self, principal: &PrincipalArn) -> Option<&PrincipalId> {
        let key = principal.canonical_key();
        let known = self.directory.iter().flatten().find(|known| known.arn.canonical_key() == key);
        known.and_then(|known| known.unique_id.as_ref())
    }

    /// The document as JSON for people, with a newline at its end.
    pub fn to_json(&self) -> String {
        // Its parts are texts, lists and maps with text keys, which JSON has all.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl EntryDocument {
    /// An entry of which only this is known.
    pub fn new(principal_arn: PrincipalArn, r#type: &str, username: &str, kubernetes_groups: Vec<String>) -> Self {
        Self {
            principal_arn,
            r#type: r#type.to_owned(),
            username: username.to_owned(),
            kubernetes_groups,
            associated_access_policies: Vec::new(),
            tags: Tags::new(),
            access_entry_arn: None,
            created_at: None,
            modified_at: None,
        }
    }
}

impl AssociationDocument {
    /// An association of which only this is known.
    pub fn new(policy_arn: AccessPolicyArn, access_scope: AccessScope) -> Self {
        Self { policy_arn, access_scope, associated_at: None, modified_at: None }
    }
}

impl TryFrom<Value> for WorldDocument {
    type Error = WorldDocumentError;

    fn try_from(value: Value) -> Result<Self, WorldDocumentError> {
        read::document(&value)
    }
}

#[cfg(test)]
mod tests;
