//! Runs the cases of `cases/aws-auth` (its README says what a case is).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

#[path = "common/aws_auth_case.rs"]
mod aws_auth_case;
mod common;

use aws_auth_case::{Caller, Case, Identity, cases};
use common::principal;
use doorward_core::aws_auth::{AwsAuth, Match};

#[test]
fn every_case_of_the_corpus_holds() {
    let mut failures = Vec::new();
    let cases = cases();
    for case in &cases {
        if let Err(failure) = run(case) {
            failures.push(format!("{} ({}): {failure}", case.id, case.says));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(cases.len() >= 30, "only {} cases were found", cases.len());
}

fn run(case: &Case) -> Result<(), String> {
    let aws_auth = case.aws_auth();
    for caller in &case.callers {
        let found = identity(&aws_auth, caller);
        let expected = match (&caller.is, &caller.refused) {
            (Some(identity), None) => Ok(identity),
            (None, Some(reason)) => Err(reason.as_str()),
            _ => return Err(format!("{} has neither or both of `is` and `refused`", caller.arn)),
        };
        if found.as_ref().map_err(|reason| *reason) != expected {
            return Err(format!("{} is {found:?}, expected {expected:?}", caller.arn));
        }
    }
    let stale: Vec<_> = aws_auth.stale_sections().map(|section| section.key()).collect();
    if stale != case.stale {
        return Err(format!("stale are {stale:?}, expected {:?}", case.stale));
    }
    let reported: Vec<_> = aws_auth.problems.iter().map(ToString::to_string).collect();
    if aws_auth.problems.len() != case.problems.len() {
        return Err(format!("expected {} problems, got {reported:#?}", case.problems.len()));
    }
    for (problem, expected) in aws_auth.problems.iter().zip(&case.problems) {
        let is_as_expected = problem.section.key() == expected.section
            && problem.row == expected.row
            && format!("{:?}", problem.kind.effect()) == expected.effect
            && problem.to_string().contains(&expected.says);
        if !is_as_expected {
            return Err(format!("expected a problem that says {:?}, got {problem:?}: {problem}", expected.says));
        }
    }
    Ok(())
}

fn identity(aws_auth: &AwsAuth, caller: &Caller) -> Result<Identity, &'static str> {
    let principal = principal(&caller.arn, &caller.access_key_id, caller.private_dns_name.clone());
    match aws_auth.find(&principal.canonical) {
        None => Err("not-mapped"),
        Some(Match::Account(_)) => Ok(Identity { username: principal.canonical.to_string(), groups: Vec::new() }),
        Some(Match::Mapping(row)) => match row.render(&principal) {
            Ok((username, groups)) => Ok(Identity { username, groups }),
            Err(_) => Err("template"),
        },
    }
}
