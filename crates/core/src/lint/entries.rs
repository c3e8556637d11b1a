//! What an access entry would refuse of a row that counts: notes for those who want to migrate.

use super::nodes::{is_group_of_nodes, is_node};
use super::{Code, Findings, Live, LiveRow};
use crate::access_entry::reserved_prefix;
use crate::arn::printable;
use crate::permissions::MASTERS;
use crate::principal::PrincipalKind;

/// Looks at each row that counts. Nodes have types of entries that know their names and groups.
pub(super) fn check(live: &Live<'_>, found: &mut Findings) {
    for row in &live.rows {
        if is_service_linked(row) {
            let message = format!("`{}` is a service-linked role", row.principal);
            found.add(Code::ServiceLinked, row.at(row.mapping.places.arn), message);
        }
        let is_node = is_node(row);
        if !is_node {
            username(row, found);
        }
        let groups = row.mapping.groups.iter().enumerate();
        for (at, group) in groups.filter(|(_, group)| !is_node || !is_group_of_nodes(group.as_str())) {
            let Some(prefix) = reserved_prefix(group.as_str()) else { continue };
            let place = row.mapping.places.groups.get(at).copied();
            let message = format!("the group `{}` begins with `{prefix}`", printable(group.as_str()));
            let diagnostic = found.add(Code::ReservedGroup, row.at(place), message);
            diagnostic.consequence = if group.as_str() == MASTERS {
                "In an access entry AmazonEKSClusterAdminPolicy takes its place.".into()
            } else {
                "In an access entry another group, or an access policy, takes its place.".into()
            };
        }
    }
}

fn username(row: &LiveRow<'_>, found: &mut Findings) {
    let username = &row.mapping.username;
    if let Some(prefix) = reserved_prefix(username.as_str()) {
        let message = format!("the username `{}` begins with `{prefix}`", printable(username.as_str()));
        found.add(Code::ReservedUsername, row.username_at(), message);
    } else if let Err(error) = username.check_for_entry() {
        found.add(Code::EntryTemplate, row.username_at(), printable(&error.to_string()));
    }
}

/// By its path, which callers do not tell and a row that counts does not have, or by the name that AWS gives.
fn is_service_linked(row: &LiveRow<'_>) -> bool {
    const NAME: &str = "AWSServiceRoleFor";
    let begins = |text: &str| text.get(..NAME.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(NAME));
    row.principal.kind() == PrincipalKind::Role
        && (row.principal.is_service_linked_role() || begins(row.principal.name()))
}
