//! What becomes of each row of aws-auth, and why.

use serde::{Deserialize, Serialize};

use crate::aws_auth::Section;
use crate::principal::PrincipalArn;

/// What becomes of one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RowVerdict {
    /// The row's section.
    pub section: Section,
    /// Its place in the section's list, from 0.
    pub index: usize,
    /// Its line within the section's text, from 1.
    pub line: usize,
    /// The ARN or the account as it is written; empty for a row that has none.
    pub arn: String,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Why.
    pub reason: String,
    /// What is not the same afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What a person can do about it, where something is to be decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl RowVerdict {
    /// Whether somebody must decide: the row stays, or something is lost or gained.
    pub fn needs_a_decision(&self) -> bool {
        let is_serious = |change: &Change| matches!(change.kind, ChangeKind::Lost | ChangeKind::Gained);
        matches!(self.outcome, Outcome::Kept { .. }) || self.changes.iter().any(is_serious)
    }
}

/// What becomes of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "becomes", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// An access entry is made of it, or one that exists is made equal to it.
    Entry {
        /// The entry's principal.
        principal_arn: PrincipalArn,
        /// Whether the directory knows the principal. Where it does not, the path is not known, and the ARN is the
        /// row's own.
        verified: bool,
    },
    /// An account becomes an entry for each of its principals that is known and has no row.
    Entries {
        /// The entries' principals.
        principal_arns: Vec<PrincipalArn>,
    },
    /// An entry says the same already.
    Covered {
        /// The entry's principal.
        principal_arn: PrincipalArn,
    },
    /// An entry says something else and counts instead of the row today.
    Overridden {
        /// The entry's principal.
        principal_arn: PrincipalArn,
        /// What the entry would take to say what the row says.
        differences: Vec<String>,
    },
    /// Nothing: it lets nobody in.
    Dropped {
        /// Why not, for programs.
        code: DropCode,
    },
    /// It stays in aws-auth, because no entry can say it.
    Kept {
        /// Why not, for programs.
        code: KeepCode,
    },
}

/// Why a row lets nobody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropCode {
    /// It cannot be read.
    Unreadable,
    /// Another row for the same ARN counts.
    Shadowed,
    /// Its ARN has a role's path, and no session tells it.
    Path,
    /// Its ARN is none.
    NotAnArn,
    /// Its ARN names a session.
    Session,
    /// Its ARN names something that cannot call.
    NotAPrincipal,
    /// Its ARN is of another partition than the cluster.
    Partition,
    /// The directory knows the account, and no such principal in it.
    NoSuchPrincipal,
    /// Its username can never be filled in for this principal.
    Username,
    /// The authentication mode does not use aws-auth.
    Mode,
}

/// Why a row stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepCode {
    /// A role of an AWS service: EKS refuses entries for them.
    ServiceLinkedRole,
    /// Entries are for roles and users.
    NeitherRoleNorUser,
    /// EKS takes nodes of the cluster's account only.
    NodeOfOtherAccount,
    /// It makes somebody a node that no type of entry makes one.
    ActsAsNode,
    /// It lets in sessions of EC2 instances alone; an entry would let in every session.
    InstancesOnly,
    /// A group depends on the session.
    GroupTemplate,
    /// The role certainly has a path, and nobody knows which.
    PathUnknown,
    /// An entry of another type exists.
    EntryType,
    /// Which row counts is random.
    Ambiguous,
    /// Entries cannot stand for an account.
    Account,
    /// EKS would refuse the entry otherwise.
    Refused,
}

/// Something that is not the same afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// What kind of difference it is.
    pub kind: ChangeKind,
    /// What it is.
    pub text: String,
}

/// What kind of difference a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Something that could be done cannot be done any more.
    Lost,
    /// Something that could not be done can be done.
    Gained,
    /// `system:masters` passed every authorizer; a policy is asked like any other.
    BypassLost,
    /// The username or the groups read otherwise: audit, admission and whoever else looks at them sees it.
    IdentityChanged,
    /// Only if a thing outside the plan is as it should be.
    Unverified,
}
