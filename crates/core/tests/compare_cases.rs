//! The corpus `cases/migrate`: migrations and what they change; and certificates of them, true and forged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;
use std::path::Path;

use doorward_core::certificate::{Certificate, CertificateVerdict, CheckError, check};
use doorward_core::compare::{Comparison, Difference, Who, compare};
use doorward_core::world_document::WorldDocument;
use jiff::Timestamp;
use serde_json::{Value, json};

struct Case {
    name: String,
    before: WorldDocument,
    after: WorldDocument,
    differences: Vec<String>,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/migrate");
    let mut cases = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let list: Vec<Value> = serde_saphyr::from_str(&text).unwrap();
        cases.extend(list.iter().map(case));
    }
    assert!(cases.len() >= 20);
    cases
}

fn case(case: &Value) -> Case {
    let mut before = json!({"kind": "World", "version": 1, "authenticator": "eks"});
    before.as_object_mut().unwrap().extend(case["before"].as_object().unwrap().clone());
    let mut after = before.clone();
    after.as_object_mut().unwrap().extend(case["after"].as_object().unwrap().clone());
    Case {
        name: case["name"].as_str().unwrap().to_owned(),
        before: WorldDocument::parse(&before.to_string()).unwrap(),
        after: WorldDocument::parse(&after.to_string()).unwrap(),
        differences: case["differences"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect(),
    }
}

fn compared(case: &Case) -> Comparison {
    compare(&case.before.to_world().unwrap(), &case.after.to_world().unwrap())
}

fn in_short(difference: &Difference) -> String {
    match &difference.who {
        Who::Principal { arn, .. } => format!("{} {arn}", difference.kind),
        who => format!("{} {}", difference.kind, who.short()),
    }
}

fn certificate(case: &Case, accepted: &[String]) -> Certificate {
    let accepted: BTreeSet<String> = accepted.iter().cloned().collect();
    Certificate::new(&case.before, &case.after, compared(case), &accepted, Timestamp::UNIX_EPOCH)
}

#[test]
fn each_migration_changes_exactly_what_its_case_says() {
    for case in cases() {
        let comparison = compared(&case);
        let mut found: Vec<String> = comparison.differences.iter().map(in_short).collect();
        found.sort();
        let sentences: Vec<&str> = comparison.differences.iter().map(|one| one.sentence.as_str()).collect();
        assert_eq!(found, case.differences, "{}: {sentences:#?}", case.name);
    }
}

#[test]
fn the_certificate_of_each_case_holds_and_survives_being_written_down() {
    for case in cases() {
        let certificate = certificate(&case, &[]);
        let text = serde_json::to_string(&certificate).unwrap();
        let read: Certificate = serde_json::from_str(&text).unwrap();
        assert_eq!(read, certificate, "{}", case.name);
        let checked = check(&read).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let expected =
            if case.differences.is_empty() { CertificateVerdict::Equal } else { CertificateVerdict::Different };
        assert_eq!(checked.verdict, expected);
        let ids: Vec<String> = certificate.differences.iter().map(|one| one.id.clone()).collect();
        let accepted = self::certificate(&case, &ids);
        assert_eq!(accepted.open_differences().count(), 0);
        assert_ne!(check(&accepted).unwrap().verdict, CertificateVerdict::Different);
    }
}

/// The differences removed, the verdicts made to fit: the lie that must not pass.
fn without(certificate: &Certificate, at: usize) -> Certificate {
    let mut forged = certificate.clone();
    let removed = forged.differences.remove(at);
    let is_left = forged.differences.iter().any(|one| one.who == removed.who && one.kind == removed.kind);
    if !is_left {
        let verdict = forged.principals.iter_mut().find(|verdict| verdict.who == removed.who).unwrap();
        verdict.differs.retain(|kind| *kind != removed.kind);
    }
    if forged.differences.is_empty() {
        forged.verdict = CertificateVerdict::Equal;
    }
    forged
}

#[test]
fn no_difference_can_be_left_out() {
    for case in cases() {
        let certificate = certificate(&case, &[]);
        for at in 0..certificate.differences.len() {
            let error = check(&without(&certificate, at)).expect_err(&case.name);
            assert!(matches!(error, CheckError::Silent { .. }), "{}: {error}", case.name);
        }
    }
}

#[test]
fn no_principal_can_be_left_out() {
    for case in cases() {
        let certificate = certificate(&case, &[]);
        for at in 0..certificate.principals.len() {
            let mut forged = certificate.clone();
            let removed = forged.principals.remove(at);
            forged.differences.retain(|difference| difference.who != removed.who);
            if forged.differences.is_empty() {
                forged.verdict = CertificateVerdict::Equal;
            }
            assert!(matches!(check(&forged), Err(CheckError::Missing(_))), "{}: {:?}", case.name, removed.who);
        }
    }
}

#[test]
fn no_principal_can_be_called_absent_without_reason() {
    for case in cases() {
        let mut forged = certificate(&case, &[]);
        let Some(Who::Principal { arn, .. }) = forged.principals.first().map(|verdict| verdict.who.clone()) else {
            continue;
        };
        let removed = forged.principals.remove(0);
        forged.differences.retain(|difference| difference.who != removed.who);
        forged.verdict = if forged.differences.is_empty() { CertificateVerdict::Equal } else { forged.verdict };
        forged.absent.push(arn);
        assert!(matches!(check(&forged), Err(CheckError::NotAbsent(_))), "{}", case.name);
    }
}

fn one_with_differences() -> Certificate {
    let case = cases().into_iter().find(|case| case.name == "of two rows for one role the first is kept").unwrap();
    certificate(&case, &[])
}

#[test]
fn nothing_else_of_a_certificate_can_be_changed() {
    let honest = one_with_differences();
    check(&honest).unwrap();
    type Forgery = fn(&mut Certificate);
    let forgeries: [(&str, Forgery); 9] = [
        ("has the digest", |forged| forged.before.digest = "0".repeat(64)),
        ("the World after has the digest", |forged| forged.after.world.access_entries.clear()),
        ("the certificate's verdict", |forged| forged.verdict = CertificateVerdict::Equal),
        ("is accepted", |forged| forged.accepted.push("lost:role/dev:0000000000".to_owned())),
        ("the verdict on", |forged| forged.principals[0].differs.clear()),
        ("does not say what its id stands for", |forged| forged.differences[0].rules.clear()),
        ("shows no such difference", |forged| forged.differences[0].caller.session_name.clear()),
        ("version 2", |forged| forged.version = 2),
        ("does not say what its id stands for", |forged| forged.differences[1].identities = None),
    ];
    for (expected, forge) in forgeries {
        let mut forged = honest.clone();
        // The lost right comes first, the identity second.
        forge(&mut forged);
        match check(&forged) {
            Err(error) => assert!(error.to_string().contains(expected), "{expected}: {error}"),
            Ok(checked) => panic!("{expected}: {checked:?}"),
        }
    }
}
