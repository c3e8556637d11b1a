//! The groups of an entry: the row's own, and for those that EKS refuses what stands for them.
//!
//! | group of the row | in the entry |
//! |---|---|
//! | one that EKS takes | the same |
//! | `system:authenticated` | nothing: the API server gives it to everybody |
//! | `system:masters` | AmazonEKSClusterAdminPolicy in the whole cluster |
//! | another reserved one, whose bindings give exactly what an access policy gives | that policy |
//! | another one that EKS refuses | `migrated:` and the group, with a copy of every binding that names it |

use std::sync::Arc;

use super::known::Known;
use super::pattern::Pattern;
use super::stop::Stop;
use super::target::{CLUSTER_ADMIN, Renamed, Target};
use super::username::{refuse_empty, refuse_instances};
use super::verdict::{ChangeKind, KeepCode};
use crate::access_entry::{AccessEntry, NewAccessEntry, Tags};
use crate::access_policy::AccessPolicyArn;
use crate::access_scope::AccessScope;
use crate::aws_auth::IdentityMapping;
use crate::permissions::{AUTHENTICATED, MASTERS, NODE_PREFIX, NODES};
use crate::principal::{PrincipalArn, PrincipalKind};
use crate::rbac::{Binding, BindingSubject};

/// Gives the entry what the groups of the row give.
///
/// # Errors
/// [`Stop`] if a group depends on the session, or makes the caller a node.
pub(super) fn set_groups(target: &mut Target, row: &IdentityMapping, known: &Known<'_>) -> Result<(), Stop> {
    let principal = target.principal.arn.clone();
    let mut groups = Vec::with_capacity(row.groups.len());
    for template in &row.groups {
        let pattern = Pattern::new(template, &principal);
        refuse_instances(&pattern, &principal)?;
        refuse_empty(&pattern, known)?;
        let Some(group) = pattern.literal() else {
            let reason = format!("the group `{template}` differs from session to session, and those of entries do not");
            let advice = "write the groups out in a row for each role, or bind to usernames instead";
            return Err(Stop::kept(KeepCode::GroupTemplate, reason).advise(advice));
        };
        // Nothing can be bound to a group without a name.
        if !group.is_empty() {
            groups.push(group.to_owned());
        }
    }
    refuse_node(row, &principal, &groups)?;
    // First, because it says whether the others matter.
    groups.sort_by_key(|group| group != MASTERS);
    for group in &groups {
        set_group(target, group, known)?;
    }
    Ok(())
}

fn set_group(target: &mut Target, group: &str, known: &Known<'_>) -> Result<(), Stop> {
    if group == MASTERS {
        masters(target);
    } else if group == AUTHENTICATED {
        // Whoever is let in has it.
    } else if is_accepted(&target.principal.arn, group) {
        target.groups.insert(group.to_owned());
    } else {
        return replaced(target, group, known);
    }
    Ok(())
}

fn masters(target: &mut Target) {
    let arn = AccessPolicyArn::new(target.principal.arn.partition(), CLUSTER_ADMIN);
    target.policy(arn, AccessScope::Cluster, MASTERS);
    target.changes(
        ChangeKind::BypassLost,
        "members of `system:masters` are not asked for any permission, not even while the authorization webhook is \
         away; the policy allows everything, and is asked",
    );
}

/// Stands in for a group that entries refuse.
fn replaced(target: &mut Target, group: &str, known: &Known<'_>) -> Result<(), Stop> {
    let bindings = known.named.of_group(group);
    if let Some(rbac) = known.rbac
        && let Some((policy, scope)) = known.policies.equal_to(bindings, rbac, target.principal.arn.partition())
    {
        let text = format!("the group `{group}` becomes the policy {}, which gives exactly the same", policy.name());
        target.policy(policy, scope, group);
        target.changes(ChangeKind::IdentityChanged, text);
        return Ok(());
    }
    let replacement = known.names.group(group);
    if !is_accepted(&target.principal.arn, &replacement) {
        let reason = format!("no entry can have the group `{group}`, nor `{replacement}` in its place");
        return Err(Stop::kept(KeepCode::Refused, reason).advise("shorten it in aws-auth, and plan again"));
    }
    let copied = match (known.rbac, bindings.len()) {
        (None, _) => "its bindings are not known",
        (_, 0) => "no binding names it",
        (_, 1) => "the binding that names it is copied",
        _ => "the bindings that name it are copied",
    };
    target.changes(ChangeKind::IdentityChanged, format!("the group `{group}` becomes `{replacement}`: {copied}"));
    if let Some(gains) = gains_by_copies(target, bindings, &replacement, known) {
        let text = format!(
            "`{gains}` has an entry with the group `{replacement}` and gains what is bound to `{group}`; take the group from \
             the entry, if that is not meant"
        );
        target.changes(ChangeKind::Gained, text);
    }
    if group == NODES {
        let text =
            "`system:nodes` without a node's username: the NodeRestriction admission takes it for a node no more";
        target.changes(ChangeKind::IdentityChanged, text);
    }
    target.groups.insert(replacement);
    target.renamed.push(Renamed::Group(group.to_owned()));
    Ok(())
}

/// The first other principal whose entry has the new group already, without everything that the copies give. Entries of
/// an earlier plan have it: bindings are copied before entries are made.
fn gains_by_copies(
    target: &Target,
    bindings: &[&Binding],
    replacement: &str,
    known: &Known<'_>,
) -> Option<PrincipalArn> {
    let is_copy = |copy: &Binding, binding: &Binding| {
        (&copy.role, &copy.namespace) == (&binding.role, &binding.namespace)
            && copy.subjects.iter().any(|subject| matches!(subject, BindingSubject::Group(name) if name == replacement))
    };
    let all = known.world.rbac().bindings();
    if bindings.iter().all(|binding| all.iter().any(|copy| is_copy(copy, binding))) {
        return None;
    }
    let has_it = |entry: &&Arc<AccessEntry>| {
        entry.principal_arn != target.principal.arn
            && entry.kubernetes_groups().iter().any(|group| group == replacement)
    };
    known.world.entries().find(has_it).map(|entry| entry.principal_arn.clone())
}

/// To the Node authorizer, a username and a group make a node.
fn refuse_node(row: &IdentityMapping, principal: &PrincipalArn, groups: &[String]) -> Result<(), Stop> {
    let pattern = Pattern::new(&row.username, principal);
    let username = pattern.written();
    // Who can have no such username at all is refused for that.
    if pattern.is_for_instances() && principal.kind() != PrincipalKind::Role {
        return Ok(());
    }
    if !username.starts_with(NODE_PREFIX) || !groups.iter().any(|group| group == NODES) {
        return Ok(());
    }
    let reason = format!("`{}` with `system:nodes` is a node, and no type of entry makes this one", row.username);
    let advice = "nodes of EC2 have the username `system:node:{{EC2PrivateDNSName}}`, those of Fargate and hybrid nodes \
                  `system:node:{{SessionName}}`";
    Err(Stop::kept(KeepCode::ActsAsNode, reason).advise(advice))
}

fn is_accepted(principal: &PrincipalArn, group: &str) -> bool {
    let groups = [group.to_owned()];
    NewAccessEntry::parse(principal.as_str(), None, None, Some(&groups), Tags::new()).is_ok()
}
