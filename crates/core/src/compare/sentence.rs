//! Differences in words.

use super::difference::{Difference, DifferenceKind, Identity};
use super::principals::Who;

/// What the difference means for whoever reviews it. If principals of other accounts
/// have the same name, its account is told.
pub(super) fn of(difference: &Difference, has_namesakes: bool) -> String {
    let mut who = format!("`{}`", difference.who.short());
    if let (true, Who::Principal { arn, .. }) = (has_namesakes, &difference.who) {
        who = format!("{who} of {}", arn.account());
    }
    if let Some(session) = &difference.session {
        who = format!("{who} in a session named `{session}`");
    }
    let request = difference.request.as_ref().map(ToString::to_string).unwrap_or_default();
    let policies = difference.policies.join("; ");
    let identity = |identity: &Option<Identity>| identity.as_ref().map(Identity::to_string).unwrap_or_default();
    let (before, after) = (identity(&difference.before), identity(&difference.after));
    match difference.kind {
        DifferenceKind::LockedOut if request.is_empty() => format!("{who} came in as {before}; after: is not let in"),
        DifferenceKind::LockedOut => format!("{who} came in as {before} and could {request}; after: is not let in"),
        DifferenceKind::LetIn if request.is_empty() => format!("{who} was not let in; after: comes in as {after}"),
        DifferenceKind::LetIn => format!("{who} was not let in; after: comes in as {after} and can {request}"),
        DifferenceKind::BypassLost => {
            format!("{who} was in `system:masters`, which passes every authorizer unasked; after: is not")
        }
        DifferenceKind::BypassGained => {
            format!("{who} was not in `system:masters`; after: is, and passes every authorizer unasked")
        }
        DifferenceKind::Lost => format!("{who} could {request}; after: cannot"),
        DifferenceKind::Gained => format!("{who} could not {request}; after: can"),
        DifferenceKind::NodeLost => format!("{who} was a node to the Node authorizer; after: is not"),
        DifferenceKind::NodeGained => format!("{who} was not a node to the Node authorizer; after: is"),
        DifferenceKind::PolicyLost => {
            format!("{who} had {policies}, of which AWS does not print all rules; after: has not")
        }
        DifferenceKind::PolicyGained => {
            format!("{who} had not {policies}, of which AWS does not print all rules; after: has")
        }
        DifferenceKind::IdentityChanged => {
            let seen_by = match difference.seen_by.as_slice() {
                [] => "audit logs and admission".to_owned(),
                bindings => format!("audit logs, admission, {}", bindings.join(", ")),
            };
            format!("{who} was {before}; after: is {after} (seen by {seen_by})")
        }
        DifferenceKind::Undecided => format!("{who} may gain or lose access: the rules are too entangled to decide it"),
    }
}
