//! Rows for nodes, and what a cluster needs from aws-auth as a whole: nodes that may join, and somebody who may repair it.
//!
//! Sources: Kubernetes, "Using Node Authorization"; Amazon EKS user guide, the rows that it prints for EC2, Windows,
//! Fargate and hybrid nodes.

use super::{At, Code, Findings, Live, LiveRow, Severity};
use crate::arn::printable;
use crate::aws_auth::{AwsAuth, SectionState};
use crate::permissions::{MASTERS, NODE_PREFIX, NODES};
use crate::username::Placeholder;

const BOOTSTRAPPERS: &str = "system:bootstrappers";
/// The groups that AWS gives to nodes.
const OF_NODES: [&str; 4] = [BOOTSTRAPPERS, NODES, "system:node-proxier", "eks:kube-proxy-windows"];

/// Looks at the rows for nodes, and for what is missing.
pub(super) fn check(aws_auth: &AwsAuth, live: &Live<'_>, found: &mut Findings) {
    for row in &live.rows {
        node_row(row, found);
    }
    // A section that cannot be read has been told already, and nothing is known of its rows.
    if crate::aws_auth::Section::ALL.into_iter().any(|section| aws_auth.state(section) == SectionState::Unreadable) {
        return;
    }
    if !live.rows.iter().any(is_node) {
        found.add(Code::NoNodes, At::CONFIG_MAP, "no row lets nodes in".to_owned());
    }
    // Nodes that are administrators, which is told, are nobody who repairs a cluster.
    if !live.rows.iter().any(|row| has_group(row, MASTERS) && !is_node(row)) {
        found.add(Code::NoAdministrators, At::CONFIG_MAP, "no row for people is in `system:masters`".to_owned());
    }
}

fn has_group(row: &LiveRow<'_>, name: &str) -> bool {
    row.mapping.groups.iter().any(|group| group.as_str() == name)
}

fn has_node_name(row: &LiveRow<'_>) -> bool {
    let name = row.mapping.username.as_str();
    name.strip_prefix(NODE_PREFIX).is_some_and(|rest| {
        [Placeholder::Ec2PrivateDnsName, Placeholder::SessionName, Placeholder::SessionNameRaw]
            .iter()
            .any(|placeholder| placeholder.as_str() == rest)
    })
}

/// Whether a row is one for nodes, well written.
pub(super) fn is_node(row: &LiveRow<'_>) -> bool {
    has_node_name(row) && has_group(row, NODES)
}

/// Whether a group is one that AWS gives to nodes.
pub(super) fn is_group_of_nodes(group: &str) -> bool {
    OF_NODES.contains(&group)
}

fn node_row(row: &LiveRow<'_>, found: &mut Findings) {
    let username = row.mapping.username.as_str();
    if has_group(row, NODES) && !has_node_name(row) {
        let message = format!("the group is `{NODES}`, and the username `{}`", printable(username));
        found.add(Code::NodeUsername, row.username_at(), message);
    }
    if !username.starts_with(NODE_PREFIX) {
        return;
    }
    if !has_group(row, NODES) {
        found.add(Code::NodeGroups, row.at(None), format!("the row has a node's username and not the group `{NODES}`"));
    } else if !has_group(row, BOOTSTRAPPERS) {
        let message = format!("the row has a node's username and not the group `{BOOTSTRAPPERS}`");
        let diagnostic = found.add(Code::NodeGroups, row.at(None), message);
        diagnostic.severity = Severity::Warning;
        diagnostic.consequence = "A node that asks for its first certificate may be refused.".into();
    }
    for (at, group) in row.mapping.groups.iter().enumerate().filter(|(_, group)| !is_group_of_nodes(group.as_str())) {
        let place = row.mapping.places.groups.get(at).copied();
        let message = format!("nodes are in the group `{}`", printable(group.as_str()));
        let diagnostic = found.add(Code::NodeExtra, row.at(place), message);
        if group.as_str() == MASTERS {
            diagnostic.severity = Severity::Error;
            diagnostic.consequence = "Every node, and whoever can run code on one, is an administrator.".into();
        }
    }
}
