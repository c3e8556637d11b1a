//! Who must never be locked out by a change: whoever makes it, the last administrator, and every node.
//!
//! A proof says who loses what; some of that may be meant, and is accepted. What is looked at here is not a matter of
//! taste: without it nobody could take the change back, or the cluster would lose its nodes.
//!
//! Sources: Amazon EKS user guide, "Change authentication mode" (an entry counts instead of a row), and the demands of
//! those who lost a cluster to an edit of aws-auth: never without an administrator, never without a node's role.

use std::fmt;

use crate::directory::Directory;
use crate::permissions::{NODE_PREFIX, NODES, PermissionSet, permissions};
use crate::principal::{Principal, PrincipalArn};
use crate::questions::Caller;
use crate::rbac::{Attributes, ResourceAttributes};
use crate::world::World;

/// Somebody who has access before a change, needs it, and has it no more afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockOut {
    /// Whoever makes the change could not take it back.
    Caller {
        /// The caller's ARN.
        arn: String,
        /// What it could not do any more.
        lost: String,
    },
    /// Somebody may do everything before, and nobody afterwards.
    LastAdministrator,
    /// A role whose instances are nodes before, and not afterwards.
    Node {
        /// The role.
        arn: String,
    },
}

impl fmt::Display for LockOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller { arn, lost } => {
                write!(f, "you (`{arn}`) could not {lost} any more, and so could not take the change back")
            }
            Self::LastAdministrator => f.write_str("nobody would be left who may do everything in the cluster"),
            Self::Node { arn } => write!(f, "nodes that run with `{arn}` would not be nodes any more"),
        }
    }
}

/// Whom a change from one World to another would lock out. `caller` is whoever makes it; somebody who has no access
/// by entries or aws-auth before has none to lose.
pub fn lock_outs(before: &World, after: &World, caller: Option<&Principal>) -> Vec<LockOut> {
    let mut found: Vec<LockOut> = caller.and_then(|caller| caller_lost(before, after, caller)).into_iter().collect();
    if has_administrator(before, |_| true) && !has_administrator(after, |_| true) {
        found.push(LockOut::LastAdministrator);
    }
    let nodes = node_roles(before).into_iter().filter(|(_, node)| is_node(before, node) && !is_node(after, node));
    found.extend(nodes.map(|(arn, _)| LockOut::Node { arn }));
    found
}

/// What it takes to change a cluster's access back: aws-auth, and the bindings that stand for groups.
const NEEDED: [(&str, ResourceAttributes<'static>); 3] = [
    ("read the ConfigMap aws-auth", aws_auth("get")),
    ("change the ConfigMap aws-auth", aws_auth("update")),
    ("remove ClusterRoleBindings", {
        let group = "rbac.authorization.k8s.io";
        let (subresource, namespace, name) = ("", "", "");
        ResourceAttributes { verb: "delete", group, resource: "clusterrolebindings", subresource, namespace, name }
    }),
];

const fn aws_auth(verb: &'static str) -> ResourceAttributes<'static> {
    let (group, subresource) = ("", "");
    ResourceAttributes { verb, group, resource: "configmaps", subresource, namespace: "kube-system", name: "aws-auth" }
}

fn caller_lost(before: &World, after: &World, caller: &Principal) -> Option<LockOut> {
    let had = permissions(before, caller).ok()?.permissions;
    let arn = caller.arn.clone();
    let Ok(has) = permissions(after, caller) else {
        return Some(LockOut::Caller { arn, lost: "enter the cluster".to_owned() });
    };
    let may = |set: &PermissionSet<'_>, asked| set.decide(&Attributes::Resource(asked)).is_allowed();
    let is_lost = |asked| may(&had, asked) && !may(&has.permissions, asked);
    let (lost, _) = NEEDED.into_iter().find(|(_, asked)| is_lost(*asked))?;
    Some(LockOut::Caller { arn, lost: lost.to_owned() })
}

/// Whether an entry or a row that counts gives somebody everything, of those who `exist`. An entry with a unique id counts
/// only if the World's directory knows its principal by that.
pub fn has_administrator(world: &World, exists: impl Fn(&PrincipalArn) -> bool) -> bool {
    // A request for the name `*` is covered by nothing but a rule for everything.
    let everything = ResourceAttributes { verb: "*", group: "*", resource: "*", ..ResourceAttributes::default() };
    let is_there = |principal: &&Principal| {
        // A session's canonical ARN is that of its role.
        exists(&principal.canonical)
    };
    named(world).iter().filter(is_there).any(|principal| {
        permissions(world, principal)
            .is_ok_and(|access| access.permissions.decide(&Attributes::Resource(everything)).is_allowed())
    })
}

/// Everybody whom an entry or a row names, as if calling. Rows that name nobody are left out.
fn named(world: &World) -> Vec<Principal> {
    let entries = world.entries().map(|entry| entry.principal_arn.as_str());
    let rows = world.aws_auth().mappings().map(|row| row.arn.as_str());
    entries.chain(rows).filter_map(|arn| calling(arn, world.directory())).collect()
}

/// A principal as if it called; as an instance, because that may be what it is.
fn calling(arn: &str, directory: &Directory) -> Option<Principal> {
    const INSTANCE: &str = "i-0123456789abcdef0";
    let caller = Caller::parse(arn, None, directory).ok()?;
    let is_role = !caller.principal.session_name.is_empty();
    let caller = if is_role { Caller::parse(arn, Some(INSTANCE), directory).ok()? } else { caller };
    let private_dns_name = is_role.then(|| format!("{INSTANCE}.ec2.internal"));
    Some(Principal { private_dns_name, ..caller.principal })
}

/// The roles of nodes, each with an instance that calls.
fn node_roles(world: &World) -> Vec<(String, Principal)> {
    let rows = world.aws_auth().mappings().filter(|row| {
        row.username.as_str().starts_with(NODE_PREFIX) && row.groups.iter().any(|group| group.as_str() == NODES)
    });
    let entries = world.entries().filter(|entry| entry.r#type.is_for_nodes());
    let mut arns: Vec<&str> = entries.map(|entry| entry.principal_arn.as_str()).collect();
    arns.extend(rows.map(|row| row.arn.as_str()));
    arns.sort_unstable();
    arns.dedup();
    let node = |arn: &str| Some((arn.to_owned(), calling(arn, world.directory())?));
    arns.into_iter().filter_map(node).collect()
}

fn is_node(world: &World, node: &Principal) -> bool {
    permissions(world, node).is_ok_and(|access| access.permissions.is_node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authentication_mode::AuthenticationMode;
    use crate::aws_auth::Authenticator;
    use crate::world_document::{AwsAuthDocument, EntryDocument, WorldDocument};

    const NODE_ROW: &str = "- {rolearn: 'arn:aws:iam::123456789012:role/node', \
                            username: 'system:node:{{EC2PrivateDNSName}}', groups: ['system:nodes']}\n";
    const ADMIN_ROW: &str =
        "- {rolearn: 'arn:aws:iam::123456789012:role/admin', username: admin, groups: ['system:masters']}\n";

    fn world(rows: &str, entries: &[(&str, &str, &str)]) -> World {
        let mut document = WorldDocument::new(AuthenticationMode::ApiAndConfigMap, Authenticator::Eks);
        let data = [("mapRoles".to_owned(), rows.to_owned())];
        document.aws_auth = Some(AwsAuthDocument { data: data.into() });
        for (name, kind, username) in entries {
            let arn = format!("arn:aws:iam::123456789012:role/{name}").parse_principal();
            document.access_entries.push(EntryDocument::new(arn, kind, username, vec!["system:nodes".to_owned()]));
        }
        document.to_world().unwrap()
    }

    trait ParsePrincipal {
        fn parse_principal(&self) -> crate::principal::PrincipalArn;
    }

    impl ParsePrincipal for String {
        fn parse_principal(&self) -> crate::principal::PrincipalArn {
            crate::principal::PrincipalArn::parse(self).unwrap()
        }
    }

    fn admin() -> Principal {
        calling("arn:aws:iam::123456789012:role/admin", &Directory::default()).unwrap()
    }

    #[test]
    fn what_stays_locks_out_nobody() {
        let before = world(&format!("{NODE_ROW}{ADMIN_ROW}"), &[]);
        assert_eq!(lock_outs(&before, &before, Some(&admin())), []);
        let node = ("node", "EC2_LINUX", "system:node:{{EC2PrivateDNSName}}");
        assert_eq!(lock_outs(&before, &world(ADMIN_ROW, &[node]), Some(&admin())), []);
    }

    #[test]
    fn the_caller_the_last_administrator_and_a_node_are_each_told() {
        let before = world(&format!("{NODE_ROW}{ADMIN_ROW}"), &[]);
        let without_admin = lock_outs(&before, &world(NODE_ROW, &[]), Some(&admin()));
        assert!(
            matches!(&without_admin[..], [LockOut::Caller { .. }, LockOut::LastAdministrator]),
            "{without_admin:?}"
        );
        let without_node = lock_outs(&before, &world(ADMIN_ROW, &[]), None);
        assert!(matches!(&without_node[..], [LockOut::Node { arn }] if arn.ends_with("role/node")), "{without_node:?}");
    }

    #[test]
    fn a_caller_who_comes_in_and_can_do_less_is_locked_out_too() {
        let before = world(ADMIN_ROW, &[]);
        let other = ADMIN_ROW.replace("role/admin", "role/other");
        let weak = ADMIN_ROW.replace("system:masters", "viewers");
        let found = lock_outs(&before, &world(&format!("{weak}{other}"), &[]), Some(&admin()));
        assert!(matches!(&found[..], [LockOut::Caller { lost, .. }] if lost.contains("aws-auth")), "{found:?}");
    }

    #[test]
    fn an_entry_of_another_type_does_not_make_a_node() {
        let before = world(&format!("{NODE_ROW}{ADMIN_ROW}"), &[]);
        let standard = ("node", "STANDARD", "somebody");
        let found = lock_outs(&before, &world(&format!("{NODE_ROW}{ADMIN_ROW}"), &[standard]), None);
        assert!(matches!(&found[..], [LockOut::Node { .. }]), "{found:?}");
    }

    #[test]
    fn whoever_had_no_access_has_none_to_lose() {
        let stranger = calling("arn:aws:iam::123456789012:user/x", &Directory::default()).unwrap();
        assert_eq!(lock_outs(&world(ADMIN_ROW, &[]), &world(ADMIN_ROW, &[]), Some(&stranger)), []);
    }
}
