//! From a row of mapRoles or mapUsers to the entry that means the same.

use std::collections::BTreeSet;

use super::groups::set_groups;
use super::known::Known;
use super::node::node;
use super::principal::{principal, spelled};
use super::stop::Stop;
use super::target::{Renamed, Target};
use super::username::set_username;
use super::verdict::{ChangeKind, DropCode, KeepCode};
use crate::access_entry::EntryType;
use crate::aws_auth::{IdentityMapping, Match};

/// Makes the entry that means what a row means.
///
/// # Errors
/// [`Stop`] if the row lets nobody in, or no entry can say it.
pub(super) fn target(row: &IdentityMapping, known: &Known<'_>) -> Result<Target, Stop> {
    if let Some(winner) = known.world.aws_auth().shadowed_by(row) {
        let reason = format!(
            "row {} of {} (line {}) is for the same ARN, and the last one counts",
            winner.index + 1,
            winner.section,
            winner.line
        );
        return Err(Stop::dropped(DropCode::Shadowed, reason));
    }
    refuse_ambiguous(row, known)?;
    let principal = principal(&row.arn, known.world.directory(), known.partition)?;
    let principal = match node(principal, row, known)? {
        Ok(target) => return Ok(target),
        Err(principal) => principal,
    };
    let mut target = Target::new(principal, EntryType::Standard);
    set_groups(&mut target, row, known)?;
    set_username(&mut target, &row.username, known)?;
    unknown_bindings(&mut target, known);
    Ok(target)
}

/// Of several rows that may count, one becomes the entry if all say the same.
fn refuse_ambiguous(row: &IdentityMapping, known: &Known<'_>) -> Result<(), Stop> {
    let Ok(arn) = spelled(&row.arn) else { return Ok(()) };
    let candidates: Vec<&IdentityMapping> = known
        .world
        .aws_auth()
        .candidates(&arn)
        .into_iter()
        .filter_map(|found| match found {
            Match::Mapping(row) => Some(row),
            Match::Account(_) => None,
        })
        .collect();
    let Some(first) = candidates.first().filter(|_| candidates.len() > 1) else { return Ok(()) };
    let says = |row: &IdentityMapping| (row.username.clone(), row.groups.iter().cloned().collect::<BTreeSet<_>>());
    if candidates.iter().any(|other| says(other) != says(first)) {
        let numbers: Vec<String> = candidates.iter().map(|row| (row.index + 1).to_string()).collect();
        let reason = format!(
            "the rows {} of {} are for the same principal in different case, and which of them counts is random, request \
             by request",
            numbers.join(", "),
            row.section
        );
        return Err(
            Stop::kept(KeepCode::Ambiguous, reason).advise("remove all but the one that is meant, and plan again")
        );
    }
    if (first.section, first.index) != (row.section, row.index) {
        let reason = format!("row {} of {} (line {}) says the same", first.index + 1, first.section, first.line);
        return Err(Stop::dropped(DropCode::Shadowed, reason));
    }
    Ok(())
}

/// Bindings that nobody read cannot be copied. An administrator loses nothing by that.
fn unknown_bindings(target: &mut Target, known: &Known<'_>) {
    if known.rbac.is_some() || target.is_admin() {
        return;
    }
    let names: Vec<String> = target
        .renamed
        .iter()
        .map(|renamed| match renamed {
            Renamed::Group(group) => format!("the group `{group}`"),
            Renamed::Users(users) => format!("the username `{}`", users.written()),
        })
        .collect();
    if !names.is_empty() {
        let text = format!("whatever is bound to {}: RBAC is not known, give it with `--rbac`", names.join(" and "));
        target.changes(ChangeKind::Lost, text);
    }
}
