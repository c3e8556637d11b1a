//! Why the directory did not change, in the kinds that IAM answers with.

use std::fmt;

use crate::policy::PolicyError;
use crate::printable::printable;
use crate::random::RandomError;

use super::tags::TagError;

/// Why the directory did not change. Nothing has changed when one of these comes back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// IAM's `EntityAlreadyExists`. Names that differ only in case are the same name.
    #[error("{kind} `{name}` already exists")]
    AlreadyExists {
        /// What exists.
        kind: EntityKind,
        /// The name that was asked for.
        name: String,
    },
    /// IAM's `NoSuchEntity`.
    #[error("{kind} `{name}` cannot be found")]
    NoSuchEntity {
        /// What was looked for.
        kind: EntityKind,
        /// Under which name.
        name: String,
    },
    /// IAM's `DeleteConflict`.
    #[error("the {must_delete_first} must be deleted first")]
    DeleteConflict {
        /// What is in the way: `policies`, `access keys` or `instances`.
        must_delete_first: &'static str,
    },
    /// IAM's `LimitExceeded`.
    #[error("the quota {quota} of {limit} would be exceeded")]
    LimitExceeded {
        /// The quota as IAM names it.
        quota: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// A name, path or text with characters or a length that IAM does not allow.
    #[error("the {field} `{value}` is not one that IAM allows")]
    Invalid {
        /// Which parameter, in the spelling of IAM's messages: `roleName`, `path`, …
        field: &'static str,
        /// At most 200 characters of it, in printable form.
        value: String,
    },
    /// IAM's `MalformedPolicyDocument`.
    #[error(transparent)]
    MalformedPolicy(#[from] PolicyError),
    /// A trust policy names a user or role that does not exist.
    #[error("the trust policy names `{0}`, which does not exist")]
    UnknownPrincipal(String),
    /// Tags that IAM does not allow.
    #[error(transparent)]
    Tags(#[from] TagError),
    /// No id could be drawn.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl DirectoryError {
    pub(super) fn invalid(field: &'static str, value: &str) -> Self {
        Self::Invalid { field, value: printable(value) }
    }

    /// `NoSuchEntity` for a name that somebody asked for, and that may be anything.
    pub fn no_such(kind: EntityKind, name: &str) -> Self {
        Self::NoSuchEntity { kind, name: printable(name) }
    }
}

/// What the directory holds, as IAM's messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityKind {
    /// An account.
    Account,
    /// An IAM user.
    User,
    /// An IAM role.
    Role,
    /// An inline policy of a user.
    UserPolicy,
    /// An inline policy of a role.
    RolePolicy,
    /// An access key.
    AccessKey,
    /// An EC2 instance.
    Instance,
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "account",
            Self::User => "user",
            Self::Role => "role",
            Self::UserPolicy => "user policy",
            Self::RolePolicy => "role policy",
            Self::AccessKey => "access key",
            Self::Instance => "instance",
        })
    }
}
