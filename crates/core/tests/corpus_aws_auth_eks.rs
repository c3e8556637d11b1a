//! Runs the cases of `cases/aws-auth-eks` (its README says what a case is).
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
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::aws_auth::{Authenticator, AwsAuth, Effect, Match, RowStatus, Section, SectionState, parse_as};
use doorward_core::resolve::{Refusal, resolve};
use doorward_core::world::World;
use serde::Deserialize;

type Data = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    says: String,
    data: Option<Data>,
    callers: Vec<Caller>,
    #[serde(default)]
    rows: Vec<ExpectedRow>,
    #[serde(default)]
    lost: Vec<String>,
    #[serde(default)]
    ignored: Vec<Ignored>,
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
    one_of: Option<Vec<Identity>>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Identity {
    #[serde(default)]
    username: String,
    #[serde(default)]
    groups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedRow {
    at: String,
    status: String,
    says: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ignored {
    at: String,
    says: String,
}

#[test]
fn every_case_of_the_corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/aws-auth-eks");
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
    assert!(count >= 50, "only {count} cases were found");
}

fn run(case: &Case) -> Result<(), String> {
    let aws_auth = parse_as(case.data.as_ref().unwrap_or(&Data::new()), Authenticator::Eks);
    let world = World::new(AuthenticationMode::ConfigMap).with_aws_auth(aws_auth.clone());
    for caller in &case.callers {
        check_caller(&world, &aws_auth, caller)?;
    }
    let lost = Section::ALL.into_iter().filter(|section| aws_auth.state(*section) == SectionState::Unreadable);
    let lost: Vec<_> = lost.map(Section::key).collect();
    if lost != case.lost {
        return Err(format!("lost are {lost:?}, expected {:?}: {:?}", case.lost, aws_auth.problems));
    }
    check_rows(case, &aws_auth)
}

fn check_caller(world: &World, aws_auth: &AwsAuth, caller: &Caller) -> Result<(), String> {
    let principal = principal(&caller.arn, &caller.access_key_id, caller.private_dns_name.clone());
    let found = resolve(world, &principal)
        .map(|resolved| Identity {
            username: resolved.identity.username,
            groups: resolved.identity.groups.into_owned(),
        })
        .map_err(|refusal| match refusal {
            Refusal::NotMapped => "not-mapped",
            Refusal::Username { .. } => "template",
        });
    let candidates = aws_auth.candidates(&principal.canonical);
    let expected = match (&caller.is, &caller.refused, &caller.one_of) {
        (Some(identity), None, None) => Ok(identity.clone()),
        (None, Some(reason), None) => Err(reason.as_str()),
        (None, None, Some(identities)) => {
            let possible: Vec<Identity> = candidates
                .iter()
                .map(|candidate| match candidate {
                    Match::Mapping(row) => {
                        let (username, groups) = row.render(&principal).unwrap();
                        Identity { username, groups }
                    }
                    Match::Account(_) => panic!("an account is never one of several"),
                })
                .collect();
            if possible != *identities {
                return Err(format!("{} is one of {possible:?}, expected {identities:?}", caller.arn));
            }
            return if found.as_ref() == Ok(&possible[0]) {
                Ok(())
            } else {
                Err(format!("{found:?} is not the first"))
            };
        }
        _ => return Err(format!("{} has none or several of `is`, `refused` and `oneOf`", caller.arn)),
    };
    if candidates.len() > 1 {
        return Err(format!("{} has {} candidates", caller.arn, candidates.len()));
    }
    if found == expected { Ok(()) } else { Err(format!("{} is {found:?}, expected {expected:?}", caller.arn)) }
}

fn check_rows(case: &Case, aws_auth: &AwsAuth) -> Result<(), String> {
    let reports = aws_auth.rows();
    let mut expected = case.rows.iter();
    for report in reports.iter().filter(|report| report.status != RowStatus::Live) {
        let at = format!("{}/{}", report.section.key(), report.index);
        let says: Vec<_> = report.reasons.iter().map(ToString::to_string).collect();
        let is_expected = expected.next().is_some_and(|row| {
            row.at == at
                && row.status == format!("{:?}", report.status)
                && says.iter().any(|text| text.contains(&row.says))
        });
        if !is_expected {
            return Err(format!("{at} is {:?}: {says:?}", report.status));
        }
    }
    if let Some(row) = expected.next() {
        return Err(format!("{} is not {}: {:?}", row.at, row.status, aws_auth.problems));
    }
    let ignored: Vec<_> = aws_auth
        .problems
        .iter()
        .filter(|problem| matches!(problem.kind.effect(), Effect::KeyIgnored | Effect::TextIgnored))
        .collect();
    let are_expected = ignored.len() == case.ignored.len()
        && ignored.iter().zip(&case.ignored).all(|(problem, expected)| {
            problem.section.key() == expected.at && problem.to_string().contains(&expected.says)
        });
    if are_expected { Ok(()) } else { Err(format!("ignored are {ignored:?}")) }
}
