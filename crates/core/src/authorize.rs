//! Whether an access policy allows a request.
//!
//! Source: Amazon EKS user guide, "Associate access policies with access entries": policies only ever allow, beside
//! RBAC; several add up. EKS binds a policy to the principal's id, not to the username, which is why an impersonated
//! user has none of the impersonator's policies.

use std::fmt;

use crate::access_entry::{AccessEntry, AssociatedAccessPolicy};
use crate::access_scope::AccessScope;
use crate::principal::PrincipalId;
use crate::rbac::Attributes;
use crate::resolve::UID_PREFIX;
use crate::world::World;

/// Who asks, as a SubjectAccessReview says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The uid that the token webhook gave.
    pub uid: &'a str,
    /// The one value of `principalId` among the extra attributes; none where it is absent or there are several.
    pub principal_id: Option<&'a str>,
}

/// What the access policies say to a request. Never "deny": RBAC has its own word.
#[derive(Clone, Copy, Debug)]
pub enum Decision<'a> {
    /// A policy allows it.
    Allow(Grant<'a>),
    /// No policy allows it, and why none was found.
    NoOpinion(NoOpinion),
}

/// The association that allows a request. Its text is the reason that EKS gives.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    /// The entry.
    pub entry: &'a AccessEntry,
    /// The association.
    pub association: &'a AssociatedAccessPolicy,
    /// The caller's unique id.
    pub principal_id: &'a str,
}

impl fmt::Display for Grant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binding = match self.association.access_scope {
            AccessScope::Cluster => "ClusterRoleBinding",
            AccessScope::Namespaces(_) => "RoleBinding",
        };
        let policy = &self.association.policy_arn;
        write!(
            f,
            "EKS Access Policy: allowed by {binding} \"{}+{policy}\" of ClusterRole \"{policy}\" to User \"{}\"",
            self.entry.principal_arn, self.principal_id
        )
    }
}

/// Why no policy allows a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoOpinion {
    /// The caller did not come in as an IAM principal, or is impersonated.
    NotAPrincipal,
    /// The mode does not use access entries.
    Mode,
    /// The principal has no access entry.
    NoEntry,
    /// It has one, and none of its policies covers the request.
    NotCovered,
}

impl NoOpinion {
    /// A short name for metrics and logs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotAPrincipal => "not_a_principal",
            Self::Mode => "mode",
            Self::NoEntry => "no_entry",
            Self::NotCovered => "not_covered",
        }
    }
}

/// Decides a request by the access policies of the caller's entry.
pub fn authorize<'a>(world: &'a World, subject: Subject<'a>, asked: &Attributes<'_>) -> Decision<'a> {
    let Some(principal_id) = subject.verified_principal_id() else {
        return Decision::NoOpinion(NoOpinion::NotAPrincipal);
    };
    if !world.mode().uses_access_entries() {
        return Decision::NoOpinion(NoOpinion::Mode);
    }
    let Some(entry) = world.entry_by_id(&PrincipalId(principal_id.to_owned())) else {
        return Decision::NoOpinion(NoOpinion::NoEntry);
    };
    for (name, association) in &entry.access_policies {
        if !association.access_scope.contains(asked) {
            continue;
        }
        let Some(policy) = world.catalogue().find(name) else { continue };
        if policy.rules.iter().any(|rule| rule.covers(asked)) {
            return Decision::Allow(Grant { entry, association, principal_id });
        }
    }
    Decision::NoOpinion(NoOpinion::NotCovered)
}

impl<'a> Subject<'a> {
    /// The unique id, if uid and extra attribute both name it. One of them alone is not what the token webhook gives.
    fn verified_principal_id(&self) -> Option<&'a str> {
        let (_, id) = self.uid.strip_prefix(UID_PREFIX)?.split_once(':')?;
        (!id.is_empty() && self.principal_id == Some(id)).then_some(id)
    }
}
