//! What aws-auth says of one principal: each row that is about it, or seems to be, and whether it counts.

use super::Caller;
use crate::aws_auth::{Effect, IdentityMapping};
use crate::principal::{PrincipalArn, canonicalize};
use crate::world::World;

/// A line for each row about a principal, and for each section that cannot be read. `is_overridden` says whether an
/// access entry decides instead.
pub(super) fn rows(world: &World, caller: &Caller, is_overridden: bool) -> Vec<String> {
    let aws_auth = world.aws_auth();
    let mut lines = Vec::new();
    for row in aws_auth.mappings() {
        let place = format!("row {} of {} (line {})", row.index + 1, row.section, row.line);
        if row.arn.eq_ignore_ascii_case(caller.principal.canonical.as_str()) {
            let verdict = match aws_auth.shadowed_by(row) {
                Some(winner) => format!("shadowed by row {} of {} for the same ARN", winner.index + 1, winner.section),
                None if is_overridden => "overridden by the access entry".to_owned(),
                None => "decides".to_owned(),
            };
            lines.push(format!("{place}: {verdict}"));
        } else if let Some(why) = why_dead(row, caller) {
            lines.push(format!("{place}: matches nobody, because {why}"));
        }
    }
    if let Some(row) = aws_auth.account_mapped(caller.principal.canonical.account()) {
        let verdict = if is_overridden {
            "overridden by the access entry"
        } else if lines.iter().any(|line| line.ends_with("decides")) {
            "not asked, because a row of its own decides"
        } else {
            "decides: whoever is of the account comes in under the own ARN"
        };
        lines.push(format!("row {} of mapAccounts (line {}): {verdict}", row.index + 1, row.line));
    }
    let unreadable = aws_auth.problems.iter().filter(|problem| problem.kind.effect() == Effect::SectionUnreadable);
    lines.extend(unreadable.map(ToString::to_string));
    lines
}

/// Why a row that was probably meant for this principal is for nobody.
fn why_dead(row: &IdentityMapping, caller: &Caller) -> Option<String> {
    let canonical = &caller.principal.canonical;
    match PrincipalArn::parse(&row.arn) {
        // A user with another path is another user.
        Ok(arn) if arn.canonical_key() == canonical.canonical_key() => {
            Some("its ARN has a path, and a role's session does not say its path".to_owned())
        }
        Ok(arn)
            if arn.account() == canonical.account()
                && arn.name() == canonical.name()
                && arn.kind() == canonical.kind() =>
        {
            (arn.partition() != canonical.partition()).then(|| format!("its partition is `{}`", arn.partition()))
        }
        Ok(_) => None,
        Err(_) => {
            let (role, _) = canonicalize(&row.arn).ok()?;
            (role.canonical_key() == canonical.canonical_key())
                .then(|| "its ARN is a session's; rows name the role".to_owned())
        }
    }
}
