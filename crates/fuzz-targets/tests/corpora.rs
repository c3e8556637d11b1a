//! Every committed input, and some thousand made of them, through its target: stable, bounded, the same in every run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use doorward_fuzz_targets::mutate::{Mutator, Numbers};
use doorward_fuzz_targets::{TARGETS, corpus};

#[test]
fn no_committed_input_and_nothing_made_of_them_breaks_a_property() {
    for target in TARGETS {
        let inputs: Vec<Vec<u8>> = corpus::read(target.name).into_iter().map(|(_, input)| input).collect();
        assert!(inputs.len() >= 5, "{} has {} inputs", target.name, inputs.len());
        let mutator = Mutator::new(inputs.clone());
        let mut numbers = Numbers(2_026);
        for input in inputs.into_iter().chain((0..1_500).map(|_| mutator.make(&mut numbers))) {
            if catch_unwind(|| (target.run)(&input)).is_err() {
                panic!("{}: {:?}", target.name, String::from_utf8_lossy(&input));
            }
        }
    }
}

#[test]
fn the_corpora_reach_what_is_accepted_and_what_is_refused() {
    for (name, expected) in [
        ("token", &["verified", "signature", "unknown_key", "too_old", "host", "duplicate_parameter"][..]),
        ("query", &["read", "refused", "empty"]),
        ("query_request", &["answered", "changed", "MissingAction", "MalformedQueryString", "ValidationError"]),
        ("arn", &["role", "session", "user", "root", "federated user", "access policy", "no ARN", "no caller"]),
        ("sigv4", &["verified", "not verified", "malformed", "unsigned"]),
        ("token_review", &["granted", "signature", "prefix", "bad request"]),
        (
            "subject_access_review",
            &["allowed", "not_covered", "not_a_principal", "no_entry", "malformed", "bad request"],
        ),
        ("aws_auth", &["read", "read with problems", "unreadable", "empty"]),
        ("aws_auth_edit", &["added", "rewritten", "account added", "refused", "unreadable", "cannot be edited"]),
        (
            "eks_request",
            &[
                "changed",
                "answered",
                "InvalidParameterException",
                "ResourceNotFoundException",
                "SerializationException",
            ],
        ),
        ("policy", &["identity policy that allows", "identity policy that denies", "trust policy", "refused"]),
        ("sts_reply", &["believed", "not a principal", "refused", "throttled", "undecided"]),
        ("route", &["an operation", "an association", "tags", "UnknownOperationException"]),
    ] {
        let target = TARGETS.into_iter().find(|target| target.name == name).unwrap();
        let reached: BTreeSet<_> = corpus::read(name).iter().map(|(_, input)| (target.run)(input)).collect();
        for outcome in expected {
            assert!(reached.contains(outcome), "{name}: no input reaches `{outcome}`, only {reached:?}");
        }
    }
}

#[test]
fn every_target_has_a_file_for_cargo_fuzz() {
    for target in TARGETS {
        let path = corpus::folder().join(format!("fuzz_targets/{}.rs", target.name));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("doorward_fuzz_targets::{}(data)", target.name)), "{}", path.display());
    }
}
