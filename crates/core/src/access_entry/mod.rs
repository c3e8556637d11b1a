//! Access entries: which IAM principal gets into a cluster, as which Kubernetes identity, with which access policies.
//!
//! Source: Amazon EKS user guide, "Grant IAM users access to Kubernetes with EKS access entries", and the API reference
//! of AccessEntry and AssociatedAccessPolicy. Everything here is a function of values: a change gives a new entry.

mod association;
mod entry_type;
mod error;
mod request;
mod tags;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::principal::{PrincipalArn, PrincipalId, PrincipalKind};
use crate::username::Template;

pub use association::AssociatedAccessPolicy;
pub use entry_type::EntryType;
pub use error::AccessEntryError;
pub(crate) use request::reserved_prefix;
pub use request::{AccessEntryUpdate, NewAccessEntry};
pub use tags::{MAX_TAGS, TagError, Tags, merge_tags};

/// One access entry with its associated access policies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessEntry {
    /// The principal, with its real path.
    pub principal_arn: PrincipalArn,
    /// The principal's unique id at the time of creation: EKS recognises callers by it, not by the ARN, so that a
    /// role that was deleted and made again is not let in. Absent where nobody could look it up; then the ARN decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<PrincipalId>,
    /// What the entry is for.
    pub r#type: EntryType,
    /// The Kubernetes username, possibly with placeholders.
    pub username: Template,
    /// The Kubernetes groups, taken literally.
    pub kubernetes_groups: Vec<String>,
    /// Tags; they have no effect on access.
    pub tags: Tags,
    /// The last segment of the entry's own ARN; an entry that is deleted and made again has another one.
    pub id: String,
    /// What made it: a digest of the request's `clientRequestToken` and content. The same request again, sent because
    /// its answer was lost, is answered with this entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When groups, username or tags last changed.
    pub modified_at: Timestamp,
    /// The associated access policies by the policy's name, and therefore sorted by its ARN.
    #[serde(default)]
    pub access_policies: BTreeMap<String, AssociatedAccessPolicy>,
}

impl AccessEntry {
    /// Makes an entry of a checked request.
    ///
    /// `principal_id` is the unique id that the directory gives, `id` the last segment of the entry's ARN.
    ///
    /// # Errors
    /// If no default username can be made of the principal.
    pub fn new(
        request: NewAccessEntry,
        principal_id: Option<PrincipalId>,
        id: String,
        now: Timestamp,
    ) -> Result<Self, AccessEntryError> {
        let username = match request.username {
            Some(username) => username,
            None => request.r#type.default_username(&request.principal_arn)?,
        };
        Ok(Self {
            kubernetes_groups: request.kubernetes_groups.unwrap_or_else(|| request.r#type.default_groups()),
            principal_arn: request.principal_arn,
            principal_id,
            r#type: request.r#type,
            username,
            tags: request.tags,
            id,
            created_by: None,
            created_at: now,
            modified_at: now,
            access_policies: BTreeMap::new(),
        })
    }

    /// The entry after `UpdateAccessEntry`. What the request leaves out stays; an empty list of groups clears them.
    ///
    /// # Errors
    /// For a type whose identity cannot be set.
    pub fn updated(&self, update: AccessEntryUpdate, now: Timestamp) -> Result<Self, AccessEntryError> {
        self.r#type.accepts(update.username.is_some(), update.kubernetes_groups.is_some())?;
        Ok(Self {
            username: update.username.unwrap_or_else(|| self.username.clone()),
            kubernetes_groups: update.kubernetes_groups.unwrap_or_else(|| self.kubernetes_groups.clone()),
            modified_at: now,
            ..self.clone()
        })
    }

    /// The entry's own ARN. The principal's path is not part of it.
    pub fn arn(&self, cluster: &crate::cluster::Cluster) -> String {
        let kind = match self.principal_arn.kind() {
            PrincipalKind::Role => "role",
            PrincipalKind::User => "user",
            PrincipalKind::Root => "root",
            PrincipalKind::FederatedUser => "federated-user",
        };
        format!(
            "arn:{}:eks:{}:{}:access-entry/{}/{kind}/{}/{}/{}",
            cluster.partition,
            cluster.region,
            cluster.account,
            cluster.name,
            self.principal_arn.account(),
            self.principal_arn.name(),
            self.id
        )
    }
}

#[cfg(test)]
mod tests;
