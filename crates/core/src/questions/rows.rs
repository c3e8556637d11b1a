//! What aws-auth says of one principal: each row that is about it, or seems to be, and whether it counts.

use super::Caller;
use crate::aws_auth::{AwsAuth, Effect, IdentityMapping, RowReport, RowStatus, Section};
use crate::principal::{PrincipalArn, canonicalize};
use crate::world::World;

/// A line for each row about a principal, and for each section that cannot be read. `is_overridden` says whether an
/// access entry decides instead.
pub(super) fn rows(world: &World, caller: &Caller, is_overridden: bool) -> Vec<String> {
    let aws_auth = world.aws_auth();
    let all = aws_auth.rows();
    let own: Vec<_> = all.iter().filter(|row| row.mapping.is_some_and(|row| is_about(row, caller))).collect();
    let mut lines: Vec<String> = own.iter().map(|row| line(row, aws_auth, is_overridden)).collect();
    let account = aws_auth.account_mapped(caller.principal.canonical.account());
    let account = account
        .and_then(|account| all.iter().find(|row| row.section == Section::Accounts && row.index == account.index));
    let has_live = own.iter().any(|row| row.status.counts());
    lines.extend(account.map(|row| {
        let verdict = match (is_overridden, has_live) {
            (true, _) => "overridden by the access entry",
            (false, true) => "not asked, because a row of its own decides",
            (false, false) => "decides: everybody of the account comes in under the own ARN, without groups",
        };
        format!("{}: {verdict}", place(row))
    }));
    let unreadable = aws_auth.problems.iter().filter(|problem| problem.kind.effect() == Effect::SectionUnreadable);
    lines.extend(unreadable.map(ToString::to_string));
    lines
}

fn place(row: &RowReport<'_>) -> String {
    format!("row {} of {} (line {})", row.index + 1, row.section, row.place.line)
}

fn line(row: &RowReport<'_>, aws_auth: &AwsAuth, is_overridden: bool) -> String {
    let shadow = row.mapping.and_then(|mapping| aws_auth.shadowed_by(mapping));
    let verdict = match (row.status, shadow) {
        (RowStatus::Dropped, _) => "dropped".to_owned(),
        (RowStatus::Dead, _) => "matches nobody".to_owned(),
        (_, Some(winner)) => {
            return format!(
                "{}: shadowed by row {} of {} (line {}), which is for the same ARN",
                place(row),
                winner.index + 1,
                winner.section,
                winner.line
            );
        }
        _ if is_overridden => "overridden by the access entry".to_owned(),
        (RowStatus::Ambiguous, _) => "one of several that may decide, at random for each request".to_owned(),
        _ => "decides".to_owned(),
    };
    let reasons: Vec<String> = row.reasons.iter().map(|problem| problem.kind.to_string()).collect();
    let because = if reasons.is_empty() { String::new() } else { format!("; {}", reasons.join("; ")) };
    format!("{}: {verdict}{because}", place(row))
}

/// Whether a row is for this principal, or was probably meant to be.
fn is_about(row: &IdentityMapping, caller: &Caller) -> bool {
    let canonical = &caller.principal.canonical;
    if row.arn.eq_ignore_ascii_case(canonical.as_str()) {
        return true;
    }
    let named = PrincipalArn::parse(&row.arn).ok().or_else(|| Some(canonicalize(&row.arn).ok()?.0));
    named.is_some_and(|arn| arn.canonical_key() == canonical.canonical_key())
}
