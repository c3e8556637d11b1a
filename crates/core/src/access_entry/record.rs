//! An access entry with every field there: its stored form, and what one is made of.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AccessEntry, AccessPolicies, EntryType, Tags, Unusual, uuid};
use crate::principal::{PrincipalArn, PrincipalId};
use crate::username::Template;

/// An access entry in full: the JSON of this is what the store keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessEntryRecord {
    /// See [`AccessEntry::principal_arn`].
    pub principal_arn: PrincipalArn,
    /// See [`AccessEntry::principal_id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<PrincipalId>,
    /// See [`AccessEntry::type`].
    pub r#type: EntryType,
    /// See [`AccessEntry::username`].
    pub username: Template,
    /// See [`AccessEntry::kubernetes_groups`].
    pub kubernetes_groups: Vec<String>,
    /// See [`AccessEntry::tags`].
    pub tags: Tags,
    /// See [`AccessEntry::id`].
    pub id: String,
    /// See [`AccessEntry::created_by`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// See [`AccessEntry::created_at`].
    pub created_at: Timestamp,
    /// See [`AccessEntry::modified_at`].
    pub modified_at: Timestamp,
    /// See [`AccessEntry::access_policies`].
    #[serde(default)]
    pub access_policies: AccessPolicies,
}

impl AccessEntry {
    /// The entry in full.
    pub fn record(&self) -> AccessEntryRecord {
        AccessEntryRecord {
            principal_arn: self.principal_arn.clone(),
            principal_id: self.principal_id().map(|id| PrincipalId(id.to_owned())),
            r#type: self.r#type,
            username: self.username(),
            kubernetes_groups: self.kubernetes_groups().to_vec(),
            tags: self.tags().clone(),
            id: self.id().into_owned(),
            created_by: self.created_by().map(str::to_owned),
            created_at: self.created_at(),
            modified_at: self.modified_at(),
            access_policies: self.access_policies.clone(),
        }
    }
}

impl From<AccessEntryRecord> for AccessEntry {
    fn from(record: AccessEntryRecord) -> Self {
        let AccessEntryRecord { principal_arn, r#type, username, access_policies, .. } = record;
        let is_default = !username.is_verbatim() && username.as_str() == r#type.default_username_text(&principal_arn);
        let uuid = uuid::from_text(&record.id);
        let unusual = Unusual {
            username: (!is_default).then_some(username),
            kubernetes_groups: record.kubernetes_groups,
            tags: record.tags,
            id: uuid.is_none().then(|| record.id.into()),
        };
        Self {
            principal_arn,
            access_policies,
            principal_id: record.principal_id.map(|id| id.0.as_str().into()),
            created_by: record.created_by.map(Into::into),
            uuid: uuid.unwrap_or_default(),
            created_at: record.created_at.into(),
            modified_at: record.modified_at.into(),
            unusual: (unusual != Unusual::default()).then(|| Box::new(unusual)),
            r#type,
        }
    }
}

impl From<AccessEntry> for AccessEntryRecord {
    fn from(entry: AccessEntry) -> Self {
        entry.record()
    }
}
