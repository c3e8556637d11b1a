//! Everything an identity may do in a cluster, as a finite list: what RBAC binds to its username and groups, and what
//! its access policies grant.
//!
//! Sources: Kubernetes documentation, "Using RBAC Authorization" (rules only allow and add up; a RoleBinding counts in
//! its namespace and for no path) and "Authorization" (the group `system:masters` passes every authorizer); Amazon EKS
//! user guide, "Associate access policies with access entries". A request is allowed exactly if one of the permissions
//! covers it, so that `can-i`, `who-can` and the proof of a migration ask this list and nothing else.

use std::fmt;

use crate::access_entry::{AccessEntry, AssociatedAccessPolicy};
use crate::access_policy::AccessPolicy;
use crate::access_scope::AccessScope;
use crate::principal::Principal;
use crate::rbac::{Attributes, Binding, BindingSubject, PolicyRule, Rbac, Role};
use crate::resolve::{KubernetesIdentity, Refusal, Resolved, Source, resolve, resolve_all};
use crate::world::World;

/// The group whose members no authorizer is asked about.
pub const MASTERS: &str = "system:masters";
/// The group that the API server adds to everybody who is authenticated.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of nodes; with a username that begins with [`NODE_PREFIX`] it makes a node for the Node authorizer.
pub const NODES: &str = "system:nodes";
/// What the username of a node begins with.
pub const NODE_PREFIX: &str = "system:node:";

/// Where a permission counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope<'a> {
    /// Everywhere, cluster-wide requests and paths included.
    Cluster,
    /// In one namespace.
    Namespace(&'a str),
    /// Where an association of an access policy says.
    Access(&'a AccessScope),
}

impl Scope<'_> {
    /// Whether a request is within the scope.
    pub fn contains(&self, asked: &Attributes<'_>) -> bool {
        match (self, asked) {
            (Self::Cluster, _) => true,
            (Self::Namespace(namespace), Attributes::Resource(asked)) => asked.namespace == *namespace,
            (Self::Namespace(_), Attributes::NonResource(_)) => false,
            (Self::Access(scope), asked) => scope.contains(asked),
        }
    }
}

/// What gives a permission.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// RBAC.
    Binding {
        /// The binding.
        binding: &'a Binding,
        /// Its subject that matched.
        subject: &'a BindingSubject,
        /// The role that it gives.
        role: &'a Role,
    },
    /// An access policy.
    AccessPolicy {
        /// The entry.
        entry: &'a AccessEntry,
        /// The association.
        association: &'a AssociatedAccessPolicy,
        /// The policy.
        policy: &'a AccessPolicy,
    },
}

impl fmt::Display for By<'_> {
    /// In the words of the reason that the API server gives.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binding { binding, subject, .. } => write!(f, "{binding} of {} to {subject}", binding.role),
            Self::AccessPolicy { entry, association, .. } => {
                write!(
                    f,
                    "access policy {} of the access entry of `{}`",
                    association.policy_arn.name(),
                    entry.principal_arn
                )?;
                match &association.access_scope {
                    AccessScope::Cluster => f.write_str(" in the whole cluster"),
                    AccessScope::Namespaces(patterns) => {
                        let names: Vec<&str> = patterns.iter().map(|pattern| pattern.as_str()).collect();
                        write!(f, " in {}", names.join(", "))
                    }
                }
            }
        }
    }
}

/// One rule, where it counts, and what gives it.
#[derive(Clone, Copy, Debug)]
pub struct Permission<'a> {
    /// The rule.
    pub rule: &'a PolicyRule,
    /// Where it counts.
    pub scope: Scope<'a>,
    /// What gives it.
    pub by: By<'a>,
}

impl Permission<'_> {
    /// Whether it allows a request.
    pub fn covers(&self, asked: &Attributes<'_>) -> bool {
        self.scope.contains(asked) && self.rule.covers(asked)
    }
}

/// Everything that one identity may do.
#[derive(Clone, Debug, Default)]
pub struct PermissionSet<'a> {
    /// Whether it is a member of `system:masters`: everything is allowed, and nothing is asked. This is a bypass, not a
    /// permission.
    pub is_master: bool,
    /// Whether it is a node to the Node authorizer, which lets it do what the pods on it need. That is decided by what
    /// runs where, so it is not in the list.
    pub is_node: bool,
    /// What RBAC and access policies allow.
    pub permissions: Vec<Permission<'a>>,
    /// Associated access policies whose rules AWS does not print: what they allow is not in the list.
    pub unknown: Vec<&'a AssociatedAccessPolicy>,
}

impl<'a> PermissionSet<'a> {
    /// What RBAC allows to a username and groups; `system:authenticated` is added to the groups, as the API server does.
    pub fn of_rbac(rbac: &'a Rbac, username: &str, groups: &[String]) -> Self {
        let mut set = Self {
            is_master: groups.iter().any(|group| group == MASTERS),
            is_node: username.starts_with(NODE_PREFIX) && groups.iter().any(|group| group == NODES),
            ..Self::default()
        };
        let mut groups: Vec<&str> = groups.iter().map(String::as_str).chain([AUTHENTICATED]).collect();
        groups.sort_unstable();
        groups.dedup();
        let bound = rbac.bound_to_user(username).chain(groups.into_iter().flat_map(|group| rbac.bound_to_group(group)));
        for one in bound {
            let scope = one.binding.namespace.as_deref().map_or(Scope::Cluster, Scope::Namespace);
            let by = By::Binding { binding: one.binding, subject: one.subject, role: one.role };
            set.permissions.extend(one.role.rules.iter().map(|rule| Permission { rule, scope, by }));
        }
        set
    }

    /// Adds what the policies of an access entry allow.
    #[must_use]
    pub fn with_policies_of(mut self, world: &'a World, entry: &'a AccessEntry) -> Self {
        for association in &entry.access_policies {
            match world.catalogue().find(association.policy_arn.name()) {
                Some(policy) if !policy.grants_nothing() => {
                    let scope = Scope::Access(&association.access_scope);
                    let by = By::AccessPolicy { entry, association, policy };
                    self.permissions.extend(policy.rules.iter().map(|rule| Permission { rule, scope, by }));
                }
                _ => self.unknown.push(association),
            }
        }
        self
    }

    /// What allows a request.
    pub fn decide(&self, asked: &Attributes<'_>) -> Verdict<'a> {
        if self.is_master {
            return Verdict::Master;
        }
        self.permissions
            .iter()
            .find(|permission| permission.covers(asked))
            .map_or(Verdict::No, |permission| Verdict::Allowed(*permission))
    }
}

/// What the lists say to one request.
#[derive(Clone, Copy, Debug)]
pub enum Verdict<'a> {
    /// The caller is a member of `system:masters`.
    Master,
    /// This permission covers it.
    Allowed(Permission<'a>),
    /// Nothing does.
    No,
}

impl Verdict<'_> {
    /// Whether the request is allowed.
    pub fn is_allowed(&self) -> bool {
        !matches!(self, Self::No)
    }
}

/// A principal that is let in, and everything it may do.
#[derive(Clone, Debug)]
pub struct Access<'a> {
    /// As whom, and by what.
    pub resolved: Resolved<'static>,
    /// What it may do.
    pub permissions: PermissionSet<'a>,
}

/// Everything a principal may do in a World: its Kubernetes identity, RBAC for that identity, and the policies of its
/// access entry if that is how it comes in.
///
/// # Errors
/// [`Refusal`] if the principal is not let in at all.
pub fn permissions<'a>(world: &'a World, caller: &Principal) -> Result<Access<'a>, Refusal> {
    Ok(of_resolved(world, caller, resolve(world, caller)?.into_owned()))
}

/// The same for every identity that the principal may be given: see [`resolve_all`]. Never empty.
pub fn permissions_all<'a>(world: &'a World, caller: &Principal) -> Vec<Result<Access<'a>, Refusal>> {
    let all = resolve_all(world, caller).into_iter();
    all.map(|resolved| resolved.map(|resolved| of_resolved(world, caller, resolved.into_owned()))).collect()
}

/// The same for one identity that the principal may be given.
pub(crate) fn of_resolved<'a>(world: &'a World, caller: &Principal, resolved: Resolved<'static>) -> Access<'a> {
    let KubernetesIdentity { username, groups, .. } = &resolved.identity;
    let mut permissions = PermissionSet::of_rbac(world.rbac(), username, groups);
    if let (Source::AccessEntry(_), Some(entry)) = (&resolved.source, world.entry_of_caller(caller)) {
        permissions = permissions.with_policies_of(world, entry);
    }
    Access { resolved, permissions }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_entry::{NewAccessEntry, Tags};
    use crate::access_policy::{AccessPolicyArn, Catalogue};
    use crate::authentication_mode::AuthenticationMode;
    use crate::partition::Partition;
    use crate::rbac::{NonResourceAttributes, ResourceAttributes};
    use jiff::Timestamp;
    use std::sync::Arc;

    const RBAC: &str = r#"
{kind: ClusterRole, metadata: {name: reader}, rules: [
  {apiGroups: [""], resources: [pods], verbs: [get]}, {nonResourceURLs: [/metrics], verbs: [get]}]}
---
{kind: ClusterRoleBinding, metadata: {name: all}, roleRef: {kind: ClusterRole, name: reader},
 subjects: [{kind: Group, name: devs}]}
---
{kind: RoleBinding, metadata: {name: one, namespace: shop}, roleRef: {kind: ClusterRole, name: reader},
 subjects: [{kind: User, name: me}, {kind: Group, name: 'system:authenticated'}]}
"#;

    fn ask<'a>(resource: &'a str, namespace: &'a str) -> Attributes<'a> {
        Attributes::Resource(ResourceAttributes { verb: "get", resource, namespace, ..ResourceAttributes::default() })
    }

    const METRICS: Attributes<'static> =
        Attributes::NonResource(NonResourceAttributes { verb: "get", path: "/metrics" });

    #[test]
    fn a_role_binding_counts_in_its_namespace_and_for_no_path() {
        let rbac = Rbac::parse(RBAC).unwrap();
        let me = PermissionSet::of_rbac(&rbac, "me", &[]);
        assert!(me.decide(&ask("pods", "shop")).is_allowed());
        assert!(!me.decide(&ask("pods", "other")).is_allowed());
        assert!(!me.decide(&ask("pods", "")).is_allowed());
        assert!(!me.decide(&METRICS).is_allowed());
        let devs = PermissionSet::of_rbac(&rbac, "x", &["devs".to_owned()]);
        assert!(devs.decide(&ask("pods", "")).is_allowed() && devs.decide(&METRICS).is_allowed());
    }

    #[test]
    fn whoever_is_let_in_is_authenticated() {
        let rbac = Rbac::parse(RBAC).unwrap();
        assert!(PermissionSet::of_rbac(&rbac, "anybody", &[]).decide(&ask("pods", "shop")).is_allowed());
    }

    #[test]
    fn masters_pass_without_a_permission() {
        let rbac = Rbac::default();
        let set = PermissionSet::of_rbac(&rbac, "me", &[MASTERS.to_owned()]);
        assert!(matches!(set.decide(&ask("nodes", "")), Verdict::Master));
        assert!(set.permissions.is_empty());
    }

    #[test]
    fn policies_and_rbac_add_up_and_a_policy_without_rules_is_named() {
        let arn = "arn:aws:iam::123456789012:role/dev";
        let groups = vec!["devs".to_owned()];
        let request = NewAccessEntry::parse(arn, None, None, Some(&groups), Tags::new()).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let mut entry = AccessEntry::new(request, None, "uuid".to_owned(), now).unwrap();
        for name in ["AmazonEKSEditPolicy", "AmazonEMRJobPolicy"] {
            let policy = AccessPolicyArn::new(Partition::Aws, name);
            let scope = AccessScope::parse("namespace", &["ui".to_owned()]).unwrap();
            entry = entry.associated(&policy, scope, Catalogue::built_in(), Partition::Aws, now).unwrap().0;
        }
        let world =
            World::new(AuthenticationMode::Api).with_rbac(Arc::new(Rbac::parse(RBAC).unwrap())).with_entry(entry);
        let session = "arn:aws:sts::123456789012:assumed-role/dev/s";
        let caller = Principal::from_caller_identity(session, "123456789012", "AROADEV:s", "").unwrap();
        let access = permissions(&world, &caller).unwrap();
        assert!(access.permissions.decide(&ask("secrets", "ui")).is_allowed());
        assert!(!access.permissions.decide(&ask("secrets", "shop")).is_allowed());
        assert!(access.permissions.decide(&ask("pods", "shop")).is_allowed());
        assert_eq!(access.permissions.unknown.len(), 1);
        let stranger = "arn:aws:iam::123456789012:user/x";
        let stranger = Principal::from_caller_identity(stranger, "123456789012", "AIDAX", "").unwrap();
        assert_eq!(permissions(&world, &stranger).unwrap_err(), Refusal::NotMapped);
    }
}
