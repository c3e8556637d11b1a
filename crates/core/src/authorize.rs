//! Whether an access policy allows a request.
//!
//! Source: Amazon EKS user guide, "Associate access policies with access entries": policies only ever allow, beside
//! RBAC; several add up. EKS binds a policy to the principal's id, not to the username, which is why an impersonated
//! user has none of the impersonator's policies.

use std::fmt;

use crate::access_entry::{AccessEntry, AssociatedAccessPolicy};
use crate::access_scope::AccessScope;
use crate::rbac::{Asked, Attributes};
use crate::resolve::UID_PREFIX;
use crate::world::World;

/// Who asks, as a SubjectAccessReview says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The uid that the token webhook gave.
    pub uid: &'a str,
    /// The one value of `principalId` among the extra attributes; none where it is absent or there are several.
    pub principal_id: Option<&'a str>,
    /// The one value of `canonicalArn` likewise; only entries without a unique id are found by it.
    pub canonical_arn: Option<&'a str>,
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
    let by_arn = || subject.canonical_arn.and_then(|arn| world.entry_by_canonical_arn(arn));
    let Some(entry) = world.entry_by_id(principal_id).or_else(by_arn) else {
        return Decision::NoOpinion(NoOpinion::NoEntry);
    };
    let request = Asked::new(asked);
    let allows = |association: &&AssociatedAccessPolicy| {
        association.access_scope.contains(asked) && world.catalogue().allows(&association.policy_arn, &request)
    };
    match entry.access_policies.iter().find(allows) {
        Some(association) => Decision::Allow(Grant { entry, association, principal_id }),
        None => Decision::NoOpinion(NoOpinion::NotCovered),
    }
}

impl<'a> Subject<'a> {
    /// The unique id, if uid and extra attribute both name it. One of them alone is not what the token webhook gives.
    fn verified_principal_id(&self) -> Option<&'a str> {
        let (_, id) = self.uid.strip_prefix(UID_PREFIX)?.split_once(':')?;
        (!id.is_empty() && self.principal_id == Some(id)).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_entry::{NewAccessEntry, Tags};
    use crate::access_policy::{AccessPolicyArn, Catalogue};
    use crate::authentication_mode::AuthenticationMode;
    use crate::partition::Partition;
    use crate::principal::PrincipalId;
    use crate::rbac::{NonResourceAttributes, ResourceAttributes};
    use jiff::Timestamp;

    const UID: &str = "aws-iam-authenticator:123456789012:AROADEV";

    fn world(mode: AuthenticationMode, policies: &[(&str, AccessScope)]) -> World {
        let arn = "arn:aws:iam::123456789012:role/dev";
        let request = NewAccessEntry::parse(arn, None, None, None, Tags::new()).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let id = Some(PrincipalId("AROADEV".to_owned()));
        let mut entry = AccessEntry::new(request, id, "uuid".to_owned(), now).unwrap();
        for (name, scope) in policies {
            let arn = AccessPolicyArn::new(Partition::Aws, name);
            entry = entry.associated(&arn, scope.clone(), Catalogue::built_in(), Partition::Aws, now).unwrap().0;
        }
        World::new(mode).with_entry(entry)
    }

    fn namespaces(list: &[&str]) -> AccessScope {
        AccessScope::parse("namespace", &list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn caller() -> Subject<'static> {
        Subject { uid: UID, principal_id: Some("AROADEV"), canonical_arn: None }
    }

    fn ask<'a>(verb: &'a str, resource: &'a str, namespace: &'a str) -> Attributes<'a> {
        Attributes::Resource(ResourceAttributes { verb, resource, namespace, ..ResourceAttributes::default() })
    }

    fn allowed(world: &World, subject: Subject<'_>, asked: &Attributes<'_>) -> bool {
        matches!(authorize(world, subject, asked), Decision::Allow(_))
    }

    #[test]
    fn several_policies_add_up_each_within_its_scope() {
        let world = world(
            AuthenticationMode::Api,
            &[("AmazonEKSViewPolicy", namespaces(&["carts"])), ("AmazonEKSEditPolicy", namespaces(&["ui", "dev-*"]))],
        );
        for (verb, resource, namespace, expected) in [
            ("get", "pods", "carts", true),
            ("delete", "pods", "carts", false),
            ("delete", "pods", "ui", true),
            ("delete", "pods", "dev-1", true),
            ("delete", "pods", "dev", false),
            ("list", "pods", "", false),
            ("get", "secrets", "carts", false),
            ("get", "secrets", "ui", true),
            ("get", "nodes", "", false),
        ] {
            assert_eq!(allowed(&world, caller(), &ask(verb, resource, namespace)), expected, "{verb} {namespace}");
        }
    }

    #[test]
    fn cluster_admin_may_do_everything_paths_included() {
        let world =
            world(AuthenticationMode::ApiAndConfigMap, &[("AmazonEKSClusterAdminPolicy", AccessScope::Cluster)]);
        assert!(allowed(&world, caller(), &ask("escalate", "clusterroles", "")));
        let path = Attributes::NonResource(NonResourceAttributes { verb: "get", path: "/metrics" });
        assert!(allowed(&world, caller(), &path));
    }

    #[test]
    fn cluster_admin_within_namespaces_reaches_nothing_outside_them() {
        let world = world(AuthenticationMode::Api, &[("AmazonEKSClusterAdminPolicy", namespaces(&["a"]))]);
        assert!(allowed(&world, caller(), &ask("delete", "secrets", "a")));
        assert!(!allowed(&world, caller(), &ask("get", "nodes", "")));
        let path = Attributes::NonResource(NonResourceAttributes { verb: "get", path: "/metrics" });
        assert!(!allowed(&world, caller(), &path));
    }

    #[test]
    fn a_policy_whose_rules_are_unknown_grants_nothing() {
        let world = world(AuthenticationMode::Api, &[("AmazonEMRJobPolicy", AccessScope::Cluster)]);
        assert!(!allowed(&world, caller(), &ask("get", "pods", "a")));
    }

    #[test]
    fn without_uid_or_principal_id_or_with_other_ones_nobody_has_policies() {
        let world = world(AuthenticationMode::Api, &[("AmazonEKSClusterAdminPolicy", AccessScope::Cluster)]);
        for (uid, principal_id) in [
            ("", None),
            ("", Some("AROADEV")),
            (UID, None),
            (UID, Some("AROAOTHER")),
            ("AROADEV", Some("AROADEV")),
            ("aws-iam-authenticator:123456789012:", Some("")),
            ("aws-iam-authenticator:123456789012:AROADEV:x", Some("AROADEV")),
        ] {
            let subject = Subject { uid, principal_id, canonical_arn: None };
            assert!(!allowed(&world, subject, &ask("get", "pods", "a")), "{uid} {principal_id:?}");
        }
    }

    #[test]
    fn the_mode_config_map_has_no_policies() {
        let world = world(AuthenticationMode::ConfigMap, &[("AmazonEKSClusterAdminPolicy", AccessScope::Cluster)]);
        let decision = authorize(&world, caller(), &ask("get", "pods", "a"));
        assert!(matches!(decision, Decision::NoOpinion(NoOpinion::Mode)));
    }

    #[test]
    fn the_reason_is_the_text_that_eks_writes_to_the_audit_log() {
        let world = world(AuthenticationMode::Api, &[("AmazonEKSViewPolicy", AccessScope::Cluster)]);
        let Decision::Allow(grant) = authorize(&world, caller(), &ask("get", "pods", "a")) else { panic!("refused") };
        let policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
        assert_eq!(
            grant.to_string(),
            format!(
                "EKS Access Policy: allowed by ClusterRoleBinding \"arn:aws:iam::123456789012:role/dev+{policy}\" of \
                 ClusterRole \"{policy}\" to User \"AROADEV\""
            )
        );
    }
}
