//! What the directory holds.

use std::collections::BTreeMap;
use std::fmt;

use doorward_core::account_id::AccountId;
use doorward_core::partition::Partition;
use doorward_core::principal::{PrincipalArn, PrincipalId};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::tags::Tags;
use crate::policy::{IdentityPolicy, TrustPolicy};

/// Shortest and longest life of a role's session, in seconds.
pub const SESSION_DURATION: std::ops::RangeInclusive<u32> = 900..=43_200;

/// The inline policies of a user or role, by name.
pub type InlinePolicies = BTreeMap<String, IdentityPolicy>;

/// An account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    /// Its twelve digits.
    pub id: AccountId,
    /// The partition of all that it holds, as ARNs spell it.
    #[serde(with = "partition_name")]
    pub partition: Partition,
    /// When it was made.
    pub created: Timestamp,
}

/// An IAM user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// Account, path and name.
    pub arn: PrincipalArn,
    /// `AIDA…`, never given twice.
    pub id: PrincipalId,
    /// When it was made.
    pub created: Timestamp,
    /// Whether everything in the account is allowed to this user, whatever policies say.
    #[serde(default)]
    pub is_administrator: bool,
    /// Inline policies.
    #[serde(default)]
    pub policies: InlinePolicies,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// An IAM role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Role {
    /// Account, path and name.
    pub arn: PrincipalArn,
    /// `AROA…`, never given twice.
    pub id: PrincipalId,
    /// When it was made.
    pub created: Timestamp,
    /// Who may assume it.
    pub trust: TrustPolicy,
    /// The unique ids of the users and roles that the trust policy names, as they were when it was written. One that
    /// is deleted and made again is a stranger with the same name.
    #[serde(default)]
    pub trusted_ids: BTreeMap<PrincipalArn, PrincipalId>,
    /// What it is for; empty where nobody said.
    #[serde(default)]
    pub description: String,
    /// Longest session, in seconds, within [`SESSION_DURATION`].
    pub max_session_duration: u32,
    /// Inline policies.
    #[serde(default)]
    pub policies: InlinePolicies,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A long-term access key.
///
/// There is no `Serialize` here on purpose: only the stored form, which the store alone writes, has the secret.
#[derive(Clone)]
pub struct AccessKey {
    /// `AKIA…`.
    pub id: String,
    /// The account of its owner.
    pub account: AccountId,
    /// Who signs with it.
    pub owner: KeyOwner,
    /// The secret, 40 characters.
    pub secret: SecretString,
    /// Whether it may be used.
    pub status: KeyStatus,
    /// When it was made.
    pub created: Timestamp,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, owner, status, .. } = self;
        f.debug_struct("AccessKey")
            .field("id", id)
            .field("owner", owner)
            .field("status", status)
            .finish_non_exhaustive()
    }
}

/// Who signs with an access key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum KeyOwner {
    /// The account itself.
    Root,
    /// A user, by name and by unique id: a key never passes to a new user of the same name.
    User {
        /// The user's name.
        name: String,
        /// The user's unique id.
        id: PrincipalId,
    },
}

/// Whether an access key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyStatus {
    /// It may.
    Active,
    /// It may not, until it is made active again.
    Inactive,
}

impl KeyStatus {
    /// As IAM spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Inactive => "Inactive",
        }
    }
}

/// An EC2 instance: what node usernames need to know of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instance {
    /// `i-` and 8 or 17 lower-case hexadecimal digits.
    pub id: String,
    /// The account it runs in.
    pub account: AccountId,
    /// The unique id of the role it runs with.
    pub role_id: PrincipalId,
    /// Its private DNS name.
    pub private_dns_name: String,
}

mod partition_name {
    use doorward_core::partition::Partition;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(partition: &Partition, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(partition.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Partition, D::Error> {
        let name = String::deserialize(deserializer)?;
        Partition::from_name(&name).ok_or_else(|| D::Error::custom("unknown partition"))
    }
}
