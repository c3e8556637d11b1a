//! Runs the cases of `cases/aws-auth` (its README says what a case is).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::principal;
use doorward_core::aws_auth::{self, AwsAuth, Match};
use serde::Deserialize;

type Data = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    says: String,
    #[serde(default)]
    before: Vec<Option<Data>>,
    data: Option<Data>,
    callers: Vec<Caller>,
    #[serde(default)]
    problems: Vec<ExpectedProblem>,
    #[serde(default)]
    stale: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Caller {
    arn: String,
    #[serde(default)]
    access_key_id: String,
    private_dns_name: Option<String>,
    is: Option<Identity>,
    refused: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Identity {
    username: String,
    #[serde(default)]
    groups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedProblem {
    section: String,
    row: Option<usize>,
    effect: String,
    says: String,
}

#[test]
fn every_case_of_the_corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/aws-auth");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let mut failures = Vec::new();
    let mut count = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let cases: Vec<Case> = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        for case in cases {
            count += 1;
            if let Err(failure) = run(&case) {
                failures.push(format!("{} ({}): {failure}", case.id, case.says));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count >= 30, "only {count} cases were found");
}

fn run(case: &Case) -> Result<(), String> {
    let read = |data: &Option<Data>| aws_auth::parse(data.as_ref().unwrap_or(&Data::new()));
    let states = case.before.iter().chain([&case.data]);
    let aws_auth = states.map(read).reduce(|before, now| now.with_last_good(&before)).unwrap();

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
