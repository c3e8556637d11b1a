//! From a verified principal to a Kubernetes identity.
//!
//! Source: Amazon EKS user guide, "Change authentication mode": with both sources an access entry alone counts for its
//! principal, aws-auth is asked for everybody else. Identity fields as EKS's authenticator sets them.

use std::collections::BTreeMap;

use crate::access_entry::AccessEntry;
use crate::aws_auth::MappingKind;
use crate::principal::Principal;
use crate::username::RenderError;
use crate::world::World;

/// Who somebody is in the cluster: what a TokenReview answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesIdentity {
    /// The username.
    pub username: String,
    /// `aws-iam-authenticator:ACCOUNT:ID`.
    pub uid: String,
    /// The groups, without those that the API server adds itself (`system:authenticated`).
    pub groups: Vec<String>,
    /// Extra attributes; each value is one element of a list.
    pub extra: BTreeMap<&'static str, String>,
}

/// What let somebody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An access entry, named by its principal ARN.
    AccessEntry(String),
    /// A row of aws-auth.
    IdentityMapping(MappingKind),
}

/// A principal that is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// As whom.
    pub identity: KubernetesIdentity,
    /// By what.
    pub source: Source,
}

/// Why a verified principal is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither an entry nor a row of aws-auth is about this principal.
    #[error("identity is not mapped")]
    NotMapped,
    /// An entry or row is, but its username or groups cannot be filled in for this session.
    #[error("the username of {by} cannot be filled in: {error}")]
    Username {
        /// The entry or row.
        by: String,
        /// What is missing.
        error: RenderError,
    },
}

impl Refusal {
    /// A short name for metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotMapped => "not_mapped",
            Self::Username { .. } => "username",
        }
    }
}

/// Gives the Kubernetes identity of a verified principal.
///
/// An entry is found by the principal's unique id. If it is there, aws-auth is not asked, even if the entry's username
/// cannot be filled in.
///
/// # Errors
/// [`Refusal`] if nothing maps the principal.
pub fn resolve(world: &World, caller: &Principal) -> Result<Resolved, Refusal> {
    if world.mode().uses_access_entries() {
        if let Some(entry) = world.entry_of_caller(caller) {
            return by_entry(entry, caller);
        }
    }
    if world.mode().uses_aws_auth() {
        return by_aws_auth(world, caller);
    }
    Err(Refusal::NotMapped)
}

fn by_entry(entry: &AccessEntry, caller: &Principal) -> Result<Resolved, Refusal> {
    let username = entry
        .username
        .render(caller)
        .map_err(|error| Refusal::Username { by: format!("the access entry of `{}`", entry.principal_arn), error })?;
    Ok(Resolved {
        identity: identity(caller, username, entry.kubernetes_groups.clone()),
        source: Source::AccessEntry(entry.principal_arn.as_str().to_owned()),
    })
}

fn by_aws_auth(world: &World, caller: &Principal) -> Result<Resolved, Refusal> {
    let mapped = world.aws_auth().find(&caller.canonical).ok_or(Refusal::NotMapped)?;
    let (username, groups) = mapped
        .render(caller)
        .map_err(|error| Refusal::Username { by: mapped.kind().to_string(), error })?;
    Ok(Resolved { identity: identity(caller, username, groups), source: Source::IdentityMapping(mapped.kind()) })
}

fn identity(caller: &Principal, username: String, groups: Vec<String>) -> KubernetesIdentity {
    let extra = BTreeMap::from([
        ("accessKeyId", caller.access_key_id.clone()),
        ("arn", caller.arn.clone()),
        ("canonicalArn", caller.canonical.as_str().to_owned()),
        ("principalId", caller.id.0.clone()),
        ("sessionName", caller.session_name.clone()),
        ("sigs.k8s.io/aws-iam-authenticator/principalId", caller.id.0.clone()),
    ]);
    let uid = format!("{UID_PREFIX}{}:{}", caller.canonical.account(), caller.id);
    KubernetesIdentity { username, uid, groups, extra }
}

/// What every uid of an IAM principal begins with.
pub(crate) const UID_PREFIX: &str = "aws-iam-authenticator:";
