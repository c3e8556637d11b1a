//! Access entries: which IAM principal gets into a cluster, as which Kubernetes identity, with which access policies.
//!
//! Source: Amazon EKS user guide, "Grant IAM users access to Kubernetes with EKS access entries", and the API reference
//! of AccessEntry and AssociatedAccessPolicy. Everything here is a function of values: a change gives a new entry.
//!
//! A server may hold a million entries in memory, so [`AccessEntry`] keeps once what can be derived and puts aside what
//! most entries do not have. [`AccessEntryRecord`] is the same with every field there: how an entry is stored, and how
//! one is made of its parts.

mod association;
mod entry_type;
mod error;
mod moment;
mod policies;
mod record;
mod request;
mod tags;
mod uuid;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::principal::{Principal, PrincipalArn, PrincipalId, PrincipalKind};
use crate::short_text::ShortText;
use crate::username::{RenderError, Template};

pub use association::AssociatedAccessPolicy;
pub use entry_type::EntryType;
pub use error::AccessEntryError;
pub use moment::Moment;
pub use policies::AccessPolicies;
pub use record::AccessEntryRecord;
pub(crate) use request::reserved_prefix;
pub use request::{AccessEntryUpdate, NewAccessEntry};
pub use tags::{MAX_TAGS, TagError, Tags, merge_tags};

/// One access entry with its associated access policies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "AccessEntryRecord", from = "AccessEntryRecord")]
pub struct AccessEntry {
    /// The principal, with its real path.
    pub principal_arn: PrincipalArn,
    /// The associated access policies.
    pub access_policies: AccessPolicies,
    principal_id: Option<ShortText>,
    created_by: Option<Box<str>>,
    uuid: [u8; 16],
    created_at: Moment,
    modified_at: Moment,
    /// What most entries do not have; none where there is none of it.
    unusual: Option<Box<Unusual>>,
    /// What the entry is for.
    pub r#type: EntryType,
}

/// What an entry has that most do not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Unusual {
    /// A username that is not the type's default for the principal.
    username: Option<Template>,
    kubernetes_groups: Vec<String>,
    tags: Tags,
    /// An id that is no UUID.
    id: Option<Box<str>>,
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
        let record = AccessEntryRecord {
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
            access_policies: AccessPolicies::default(),
        };
        Ok(record.into())
    }

    /// The entry after `UpdateAccessEntry`. What the request leaves out stays; an empty list of groups clears them.
    ///
    /// # Errors
    /// For a type whose identity cannot be set.
    pub fn updated(&self, update: AccessEntryUpdate, now: Timestamp) -> Result<Self, AccessEntryError> {
        self.r#type.accepts(update.username.is_some(), update.kubernetes_groups.is_some())?;
        let before = self.record();
        let record = AccessEntryRecord {
            username: update.username.unwrap_or(before.username),
            kubernetes_groups: update.kubernetes_groups.unwrap_or(before.kubernetes_groups),
            modified_at: now,
            ..before
        };
        Ok(record.into())
    }

    /// The principal's unique id at the time of creation: EKS recognises callers by it, not by the ARN, so that a role
    /// that was deleted and made again is not let in. Absent where nobody could look it up; then the ARN decides.
    pub fn principal_id(&self) -> Option<&str> {
        self.principal_id.as_ref().map(ShortText::as_str)
    }

    /// Whether this is the principal's unique id, sooner than by reading it.
    pub(crate) fn has_principal_id(&self, id: &str) -> bool {
        self.principal_id.as_ref().is_some_and(|own| own.as_bytes() == id.as_bytes())
    }

    /// The Kubernetes username, possibly with placeholders.
    pub fn username(&self) -> Template {
        match self.unusual.as_ref().and_then(|unusual| unusual.username.as_ref()) {
            Some(username) => username.clone(),
            None => {
                let text = self.r#type.default_username_text(&self.principal_arn);
                // Only a username that parses is left out, so that the other way cannot be reached.
                Template::parse(&text).unwrap_or_else(|_| Template::verbatim(&text))
            }
        }
    }

    /// The username of a caller who comes in by this entry: what [`Self::username`] gives, without a copy of it.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub(crate) fn username_of(&self, caller: &Principal) -> Result<String, RenderError> {
        match self.unusual.as_ref().and_then(|unusual| unusual.username.as_ref()) {
            Some(username) => username.render(caller),
            None => self.r#type.default_username_of(&self.principal_arn, caller),
        }
    }

    /// The Kubernetes groups, taken literally.
    pub fn kubernetes_groups(&self) -> &[String] {
        self.unusual.as_ref().map_or(&[], |unusual| &unusual.kubernetes_groups)
    }

    /// Tags; they have no effect on access.
    pub fn tags(&self) -> &Tags {
        const NONE: &Tags = &Tags::new();
        self.unusual.as_ref().map_or(NONE, |unusual| &unusual.tags)
    }

    /// The last segment of the entry's own ARN; an entry that is deleted and made again has another one.
    pub fn id(&self) -> Cow<'_, str> {
        match self.unusual.as_ref().and_then(|unusual| unusual.id.as_deref()) {
            Some(id) => id.into(),
            None => uuid::to_text(self.uuid).into(),
        }
    }

    /// What made it: a digest of the request's `clientRequestToken` and content. The same request again, sent because
    /// its answer was lost, is answered with this entry.
    pub fn created_by(&self) -> Option<&str> {
        self.created_by.as_deref()
    }

    /// When it was made.
    pub fn created_at(&self) -> Timestamp {
        self.created_at.into()
    }

    /// When groups, username or tags last changed.
    pub fn modified_at(&self) -> Timestamp {
        self.modified_at.into()
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
            self.id()
        )
    }
}

#[cfg(test)]
mod tests;
