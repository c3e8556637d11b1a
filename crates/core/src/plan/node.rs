//! Rows of nodes, and the types of entries that say the same.
//!
//! | username | groups | type |
//! |---|---|---|
//! | `system:node:{{EC2PrivateDNSName}}` | `system:bootstrappers`, `system:nodes` | EC2_LINUX |
//! | the same | and `eks:kube-proxy-windows` | EC2_WINDOWS |
//! | `system:node:{{SessionName}}` | and `system:node-proxier` | FARGATE_LINUX |
//! | the same | without | HYBRID_LINUX |
//!
//! Source: Amazon EKS user guide, "Create access entries" and "Apply the aws-auth ConfigMap". The type gives username
//! and groups, so whatever else a row has is lost, and said to be.

use super::known::Known;
use super::pattern::{Part, Pattern};
use super::principal::Mapped;
use super::stop::Stop;
use super::target::Target;
use super::verdict::{ChangeKind, KeepCode};
use crate::access_entry::EntryType;
use crate::aws_auth::IdentityMapping;
use crate::permissions::{MASTERS, NODE_PREFIX, NODES};
use crate::principal::PrincipalKind;
use crate::rbac::Binding;
use crate::username::Placeholder;

/// Makes the entry of a node of a row that is a node's; gives the principal back of one that is not.
///
/// # Errors
/// [`Stop`] for a node of another account than the cluster's, which EKS refuses.
pub(super) fn node(
    principal: Mapped,
    row: &IdentityMapping,
    known: &Known<'_>,
) -> Result<Result<Target, Mapped>, Stop> {
    let Some(kind) = entry_type(&principal, row) else { return Ok(Err(principal)) };
    let account = principal.arn.account();
    match known.account {
        Some(cluster) if cluster != account => {
            let reason = format!(
                "these are nodes of the account {account}, and EKS takes entries for nodes of the cluster's account \
                 {cluster} alone; with the mode API they cannot join"
            );
            let advice = "stay in the mode API_AND_CONFIG_MAP, or run the nodes with a role of the cluster's account";
            Err(Stop::kept(KeepCode::NodeOfOtherAccount, reason).advise(advice))
        }
        cluster => {
            let mut target = Target::new(principal, kind);
            if cluster.is_none() {
                let text =
                    format!("EKS takes nodes of the cluster's account alone, and that it is {account} is not known");
                target.changes(ChangeKind::Unverified, text);
            }
            lost_groups(&mut target, row, known);
            Ok(Ok(target))
        }
    }
}

fn entry_type(principal: &Mapped, row: &IdentityMapping) -> Option<EntryType> {
    if principal.arn.kind() != PrincipalKind::Role {
        return None;
    }
    let username = Pattern::new(&row.username, &principal.arn);
    let [Part::Text(prefix), name] = username.parts() else { return None };
    if prefix != NODE_PREFIX {
        return None;
    }
    let has = |wanted: &str| row.groups.iter().any(|group| group.as_str() == wanted);
    match name {
        Part::Instance if has("eks:kube-proxy-windows") => Some(EntryType::Ec2Windows),
        Part::Instance => Some(EntryType::Ec2Linux),
        Part::Session(Placeholder::SessionName) if has("system:node-proxier") => Some(EntryType::FargateLinux),
        Part::Session(Placeholder::SessionName) => Some(EntryType::HybridLinux),
        _ => None,
    }
}

fn lost_groups(target: &mut Target, row: &IdentityMapping, known: &Known<'_>) {
    let given = target.entry_type.default_groups();
    let kind = target.entry_type;
    for group in row.groups.iter().filter(|group| !given.iter().any(|given| given == group.as_str())) {
        let group = group.as_str();
        if group == "system:bootstrappers" && known.rbac.is_none_or(|_| all_have(group, &given, known)) {
            // What is bound to it, nodes have as nodes.
            continue;
        }
        let by = match (known.rbac, known.named.of_group(group)) {
            _ if group == MASTERS => "its members may do everything".to_owned(),
            (None, _) => "what is bound to it is not known".to_owned(),
            (_, []) => "no binding names it, so that only admission and audit can tell".to_owned(),
            (_, bindings) => {
                let names: Vec<String> = bindings.iter().map(ToString::to_string).collect();
                format!("named by {}", names.join(", "))
            }
        };
        target.changes(ChangeKind::Lost, format!("an entry of type {kind} does not have the group `{group}` ({by})"));
    }
    for group in given.iter().filter(|given| !row.groups.iter().any(|group| group.as_str() == given.as_str())) {
        let text = format!("an entry of type {kind} has the group `{group}`, and the row does not");
        target.changes(ChangeKind::Gained, text);
    }
}

/// Whether all that is bound to a group is bound to one of the others too.
fn all_have(group: &str, others: &[String], known: &Known<'_>) -> bool {
    let gives = |binding: &Binding| (binding.namespace.clone(), binding.role.clone());
    known.named.of_group(group).iter().all(|binding| {
        others
            .iter()
            .filter(|other| other.as_str() == NODES)
            .flat_map(|other| known.named.of_group(other))
            .any(|other| gives(other) == gives(binding))
    })
}
