//! What an entry must be so that it means what a row means.

use std::collections::{BTreeMap, BTreeSet};

use super::pattern::Pattern;
use super::principal::Mapped;
use super::verdict::{Change, ChangeKind};
use crate::access_entry::EntryType;
use crate::access_policy::AccessPolicyArn;
use crate::access_scope::AccessScope;

/// An entry to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) principal: Mapped,
    pub(super) entry_type: EntryType,
    /// None for the type's default.
    pub(super) username: Option<String>,
    pub(super) groups: BTreeSet<String>,
    pub(super) policies: BTreeMap<AccessPolicyArn, Policy>,
    /// Names that are bound to something, and have others in the entry.
    pub(super) renamed: Vec<Renamed>,
    pub(super) changes: Vec<Change>,
}

/// A policy to be associated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) scope: AccessScope,
    /// The groups that it replaces, whose bindings tide over the moment before it is associated.
    pub(super) replaces: BTreeSet<String>,
}

/// A name that an entry cannot have, whose bindings are to be copied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Renamed {
    /// A group.
    Group(String),
    /// Usernames.
    Users(Pattern),
}

impl Target {
    pub(super) fn new(principal: Mapped, entry_type: EntryType) -> Self {
        let mut target = Self {
            principal,
            entry_type,
            username: None,
            groups: BTreeSet::new(),
            policies: BTreeMap::new(),
            renamed: Vec::new(),
            changes: Vec::new(),
        };
        if !target.principal.verified {
            target.changes(
                ChangeKind::Unverified,
                format!(
                    "the path and the spelling of `{}` are not verified: nothing is known of the account {} (if they \
                     are others, EKS refuses the entry); give them with `--directory`",
                    target.principal.arn,
                    target.principal.arn.account()
                ),
            );
        }
        target
    }

    /// Notes something that is not the same afterwards.
    pub(super) fn changes(&mut self, kind: ChangeKind, text: impl Into<String>) {
        self.changes.push(Change { kind, text: text.into() });
    }

    /// Adds a policy; one that is there already counts in both scopes then.
    pub(super) fn policy(&mut self, arn: AccessPolicyArn, scope: AccessScope, replaces: &str) {
        let policy =
            self.policies.entry(arn).or_insert_with(|| Policy { scope: scope.clone(), replaces: BTreeSet::new() });
        policy.replaces.insert(replaces.to_owned());
        policy.scope = match (&policy.scope, scope) {
            (AccessScope::Namespaces(some), AccessScope::Namespaces(more)) => {
                let more = more.iter().filter(|pattern| !some.contains(pattern));
                AccessScope::Namespaces(some.iter().chain(more).cloned().collect())
            }
            _ => AccessScope::Cluster,
        };
    }

    /// Whether it may do everything, so that nothing else it has can add to that.
    pub(super) fn is_admin(&self) -> bool {
        self.policies.iter().any(|(arn, policy)| arn.name() == CLUSTER_ADMIN && policy.scope == AccessScope::Cluster)
    }
}

/// The policy that allows everything.
pub(super) const CLUSTER_ADMIN: &str = "AmazonEKSClusterAdminPolicy";
