//! The verdict over every row, and the entries that come of them.

use std::collections::HashSet;

use super::accounts;
use super::entry::{EntrySteps, converge, create, differences, is_unfinished};
use super::known::Known;
use super::principal::spelled;
use super::row;
use super::stop::Stop;
use super::target::Target;
use super::verdict::{DropCode, KeepCode, Outcome, RowVerdict};
use crate::access_entry::AccessEntry;
use crate::aws_auth::{Effect, IdentityMapping, MappedAccount, Problem, Section};

/// A row that is judged, and the entries that are to be made of it.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) verdict: RowVerdict,
    pub(super) made: Vec<(Target, EntrySteps)>,
}

/// Judges every row, in the order of aws-auth.
pub(super) fn judge(known: &Known<'_>) -> Vec<Judged> {
    let aws_auth = known.world.aws_auth();
    let mappings = aws_auth.mappings().map(|row| mapping(row, known));
    let accounts = aws_auth.accounts.iter().map(|row| account(row, known));
    let read: HashSet<(Section, usize)> = aws_auth
        .mappings()
        .map(|row| (row.section, row.index))
        .chain(aws_auth.accounts.iter().map(|row| (Section::Accounts, row.index)))
        .collect();
    let unreadable = aws_auth.problems.iter().filter_map(|problem| {
        let lets_nobody_in = matches!(problem.kind.effect(), Effect::RowDropped | Effect::RowDead);
        let index = problem.row.filter(|_| lets_nobody_in)?;
        (!read.contains(&(problem.section, index))).then(|| unread(problem, index))
    });
    let mut judged: Vec<Judged> = mappings.chain(accounts).chain(unreadable).collect();
    judged.sort_by_key(|judged| (judged.verdict.section, judged.verdict.index));
    judged.dedup_by_key(|judged| (judged.verdict.section, judged.verdict.index));
    judged
}

fn mapping(row: &IdentityMapping, known: &Known<'_>) -> Judged {
    let verdict = |outcome, reason: String| RowVerdict {
        section: row.section,
        index: row.index,
        line: row.line,
        arn: row.arn.clone(),
        outcome,
        reason,
        changes: Vec::new(),
        advice: None,
    };
    if !known.world.mode().uses_aws_auth() {
        return Judged {
            verdict: verdict(Outcome::Dropped { code: DropCode::Mode }, NOT_USED.to_owned()),
            made: vec![],
        };
    }
    match row::target(row, known) {
        Ok(target) => become_entry(target, known, verdict),
        Err(stop) => {
            let overriding = matches!(stop.outcome, Outcome::Kept { .. }).then(|| overriding(row, known)).flatten();
            let (outcome, reason, advice) = match overriding {
                Some(entry) => {
                    let differences = vec![format!("no entry can say what the row says: {}", stop.reason)];
                    let principal_arn = entry.principal_arn.clone();
                    (Outcome::Overridden { principal_arn, differences }, OVERRIDDEN.to_owned(), None)
                }
                None => (stop.outcome, stop.reason, stop.advice),
            };
            Judged { verdict: RowVerdict { advice, ..verdict(outcome, reason) }, made: vec![] }
        }
    }
}

const NOT_USED: &str = "the authentication mode is API, which does not use aws-auth: nobody comes in by this row";
const OVERRIDDEN: &str = "an entry of the same principal exists and counts instead of the row today; that stays so";

/// The entry that counts instead of a row.
fn overriding<'a>(row: &IdentityMapping, known: &Known<'a>) -> Option<&'a AccessEntry> {
    let arn = spelled(&row.arn).ok()?;
    known.world.mode().uses_access_entries().then(|| known.entry_of(&arn)).flatten()
}

fn become_entry(mut target: Target, known: &Known<'_>, verdict: impl Fn(Outcome, String) -> RowVerdict) -> Judged {
    let principal_arn = target.principal.arn.clone();
    let verified = target.principal.verified;
    let Some(entry) = known.entry_of(&principal_arn) else {
        let outcome = Outcome::Entry { principal_arn, verified };
        let reason = description(&target);
        let changes = std::mem::take(&mut target.changes);
        let steps = create(&target, known);
        return Judged { verdict: RowVerdict { changes, ..verdict(outcome, reason) }, made: vec![(target, steps)] };
    };
    let principal_arn = entry.principal_arn.clone();
    let differences = differences(entry, &target);
    if differences.is_empty() {
        let reason = "an entry of the same principal says the same already".to_owned();
        return Judged { verdict: verdict(Outcome::Covered { principal_arn }, reason), made: vec![] };
    }
    let is_unfinished = is_unfinished(entry, known);
    if known.world.mode().uses_access_entries() && !is_unfinished {
        let outcome = Outcome::Overridden { principal_arn, differences };
        return Judged { verdict: verdict(outcome, OVERRIDDEN.to_owned()), made: vec![] };
    }
    if entry.r#type != target.entry_type {
        let reason = format!(
            "an entry of type {} exists, the row wants {}, and a type cannot change; as soon as the mode uses entries, \
             the entry counts",
            entry.r#type, target.entry_type
        );
        let stop = Stop::kept(KeepCode::EntryType, reason).advise("delete that entry first");
        let advice = stop.advice.clone();
        return Judged { verdict: RowVerdict { advice, ..verdict(stop.outcome, stop.reason) }, made: vec![] };
    }
    let reason = if is_unfinished {
        format!("a migration began with its entry and did not finish: {}", differences.join("; "))
    } else {
        format!("an entry exists, does not count yet, and is made equal to the row: {}", differences.join("; "))
    };
    let changes = std::mem::take(&mut target.changes);
    let steps = converge(entry, &target, known);
    let outcome = Outcome::Entry { principal_arn, verified };
    Judged { verdict: RowVerdict { changes, ..verdict(outcome, reason) }, made: vec![(target, steps)] }
}

/// An entry in a few words.
fn description(target: &Target) -> String {
    let mut parts = vec![format!("type {}", target.entry_type)];
    parts.extend(target.username.iter().map(|username| format!("username `{username}`")));
    if !target.groups.is_empty() {
        let groups: Vec<String> = target.groups.iter().map(|group| format!("`{group}`")).collect();
        parts.push(format!("groups {}", groups.join(", ")));
    }
    parts.extend(
        target
            .policies
            .iter()
            .map(|(arn, policy)| format!("policy {} ({})", arn.name(), super::entry::scope_text(&policy.scope))),
    );
    parts.join(", ")
}

fn account(row: &MappedAccount, known: &Known<'_>) -> Judged {
    let verdict = |outcome, reason: String| RowVerdict {
        section: Section::Accounts,
        index: row.index,
        line: row.line,
        arn: row.account.to_string(),
        outcome,
        reason,
        changes: Vec::new(),
        advice: None,
    };
    if !known.world.mode().uses_aws_auth() {
        return Judged {
            verdict: verdict(Outcome::Dropped { code: DropCode::Mode }, NOT_USED.to_owned()),
            made: vec![],
        };
    }
    let targets = match accounts::targets(row, known) {
        Ok(targets) => targets,
        Err(Stop { outcome, reason, advice }) => {
            return Judged { verdict: RowVerdict { advice, ..verdict(outcome, reason) }, made: vec![] };
        }
    };
    let principal_arns = targets.iter().map(|target| target.principal.arn.clone()).collect();
    let reason = format!(
        "each of its {} principals that are known and have no row gets an entry; the row stays for everybody else",
        targets.len()
    );
    let mut verdict = verdict(Outcome::Entries { principal_arns }, reason);
    verdict.changes.push(accounts::loss());
    verdict.advice = Some("the row is left as it is unless you accept the loss with `--accept-loss`".to_owned());
    let missing = targets.into_iter().filter(|target| known.entry_of(&target.principal.arn).is_none());
    let made = missing.map(|target| {
        let steps = create(&target, known);
        (target, steps)
    });
    Judged { verdict, made: made.collect() }
}

fn unread(problem: &Problem, index: usize) -> Judged {
    let verdict = RowVerdict {
        section: problem.section,
        index,
        line: problem.line,
        arn: String::new(),
        outcome: Outcome::Dropped { code: DropCode::Unreadable },
        reason: format!("it lets nobody in: {}", problem.kind),
        changes: Vec::new(),
        advice: None,
    };
    Judged { verdict, made: vec![] }
}

/// Whether a row lets in somebody who would not come in without it.
pub(super) fn is_live(verdict: &RowVerdict) -> bool {
    match &verdict.outcome {
        Outcome::Kept { .. } | Outcome::Entries { .. } => true,
        Outcome::Entry { .. } | Outcome::Covered { .. } | Outcome::Overridden { .. } | Outcome::Dropped { .. } => false,
    }
}

/// Whether a row can be removed once the entries are there. One that refuses its principal stays: without it, a row
/// for the account could let the principal in.
pub(super) fn is_removable(verdict: &RowVerdict) -> bool {
    let refuses = matches!(verdict.outcome, Outcome::Dropped { code: DropCode::Username });
    !is_live(verdict) && !refuses
}

/// Whether the mode cannot change without taking access away at once.
pub(super) fn blocks_the_mode(verdict: &RowVerdict) -> bool {
    matches!(verdict.outcome, Outcome::Kept { code: KeepCode::EntryType })
}
