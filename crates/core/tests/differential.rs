//! The decision engine against a slow second one: random Worlds, random requests, no disagreement.
//!
//! The seed is fixed, so a failure comes again; `DOORWARD_SEED` (a number) chooses another one. What fails is shrunk to
//! its minimal case and printed with the seed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

#[path = "differential/reference.rs"]
mod reference;
#[path = "differential/rules.rs"]
mod rules;
#[path = "differential/worlds.rs"]
mod worlds;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;

use doorward_core::access_policy::Catalogue;
use doorward_core::access_scope::NamespacePattern;
use doorward_core::authorize::{Decision, authorize};
use doorward_core::resolve::{Refusal, Source, resolve};
use doorward_core::world::World;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use reference::{Caller, Cluster, Resolved, Subject};
use rules::Asked;

/// How often each outcome was seen.
type Tally = RefCell<BTreeMap<String, u32>>;

fn count(tally: &Tally, outcome: &str) {
    *tally.borrow_mut().entry(outcome.to_owned()).or_default() += 1;
}

/// Runs random cases until `samples` have passed; the first that fails is shrunk and printed.
fn search<S: Strategy>(samples: u32, strategy: &S, check: impl Fn(&S::Value) -> Result<(), TestCaseError>)
where
    S::Value: Debug,
{
    let seed = std::env::var("DOORWARD_SEED").map_or(2_026, |seed| seed.parse::<u64>().unwrap());
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: samples, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    if let Err(error) = runner.run(strategy, |sample| check(&sample)) {
        panic!("DOORWARD_SEED={seed}\n{error}");
    }
}

/// Asserts that every named outcome makes up a share between the two, so that no generator is blind to one.
fn assert_shares(tally: Tally, at_least: u32, expected: &[(&str, std::ops::Range<f64>)]) {
    let tally = tally.into_inner();
    let total: u32 = tally.values().sum();
    println!("{total} cases: {tally:?}");
    assert!(total >= at_least, "{total} cases, expected {at_least}");
    for (outcome, range) in expected {
        let share = f64::from(tally.get(*outcome).copied().unwrap_or_default()) / f64::from(total);
        assert!(range.contains(&share), "{:.1} % of {outcome}, expected {range:?}", share * 100.0);
    }
}

#[test]
fn a_rule_covers_exactly_what_the_documents_say() {
    let tally = Tally::default();
    let requests = prop::collection::vec(rules::asked(), 1..=40);
    search(2_400, &(rules::rule(), requests), |(rule, requests)| {
        for asked in requests {
            let expected = reference::allows(rule, asked);
            count(&tally, if expected { "covered" } else { "not covered" });
            prop_assert_eq!(rule.covers(&asked.attributes()), expected, "{:?}", asked);
        }
        Ok(())
    });
    assert_shares(tally, 40_000, &[("covered", 0.03..0.6), ("not covered", 0.3..0.97)]);
}

#[test]
fn every_short_namespace_pattern_matches_exactly_the_right_short_names() {
    let words = |letters: &'static str, longest: u32| {
        let mut words = vec![String::new()];
        for length in 1..=longest {
            let longer: Vec<String> = words
                .iter()
                .filter(|word| word.len() + 1 == length as usize)
                .flat_map(|word| letters.chars().map(move |letter| format!("{word}{letter}")))
                .collect();
            words.extend(longer);
        }
        words
    };
    let names = words("ab", 6);
    let tally = Tally::default();
    for pattern in words("ab*", 5) {
        let Ok(parsed) = NamespacePattern::parse(&pattern) else {
            assert_eq!(pattern, "");
            continue;
        };
        for name in &names {
            let expected = reference::matches(&pattern, name);
            count(&tally, if expected { "match" } else { "no match" });
            assert_eq!(parsed.matches(name), expected, "`{pattern}` `{name}`");
        }
    }
    assert_shares(tally, 40_000, &[("match", 0.1..0.9)]);
}

#[test]
fn authorize_agrees_with_the_reference_on_a_hundred_thousand_requests() {
    let tally = Tally::default();
    let requests = prop::collection::vec((worlds::subject(), rules::asked()), 1..=80);
    search(2_800, &(worlds::cluster(), requests), |(cluster, requests)| {
        let world = worlds::build(cluster);
        for (subject, asked) in requests {
            count(&tally, check_decision(&world, cluster, subject, asked)?);
        }
        Ok(())
    });
    assert_shares(
        tally,
        100_000,
        &[
            ("allowed", 0.15..0.6),
            ("not_covered", 0.1..0.6),
            ("no_entry", 0.02..0.4),
            ("mode", 0.02..0.4),
            ("not_a_principal", 0.02..0.3),
        ],
    );
}

fn check_decision(
    world: &World,
    cluster: &Cluster,
    subject: &Subject,
    asked: &Asked,
) -> Result<&'static str, TestCaseError> {
    let expected = reference::authorize(cluster, subject, asked);
    let decided = doorward_core::authorize::Subject {
        uid: &subject.uid,
        principal_id: subject.principal_id.as_deref(),
        canonical_arn: subject.canonical_arn.as_deref(),
    };
    match (authorize(world, decided, &asked.attributes()), expected) {
        (Decision::NoOpinion(why), Err(expected)) => {
            prop_assert_eq!(why.reason(), expected, "{:?} {:?}", subject, asked);
            Ok(why.reason())
        }
        (Decision::Allow(grant), Ok(grants)) => {
            let named = (grant.entry.principal_arn.to_string(), grant.association.policy_arn.name().to_owned());
            prop_assert!(grants.contains(&named), "{:?} is not among {:?}", named, grants);
            prop_assert_eq!(Some(grant.principal_id), subject.principal_id.as_deref());
            Ok("allowed")
        }
        (decision, expected) => {
            prop_assert!(false, "{:?} {:?}: decided {:?}, expected {:?}", subject, asked, decision, expected);
            Ok("")
        }
    }
}

#[test]
fn the_policies_that_aws_prints_decide_as_their_tables_read() {
    let printed: BTreeMap<_, _> =
        Catalogue::built_in().iter().map(|policy| (policy.name.clone(), policy.rules.clone())).collect();
    let tally = Tally::default();
    let requests = prop::collection::vec(rules::asked(), 1..=80);
    search(600, &(worlds::scoped_policies(), requests), |(policies, requests)| {
        let cluster = worlds::one_entry(policies.clone(), printed.clone());
        let world = worlds::build_with(&cluster, Catalogue::built_in());
        let subject = worlds::subject_of(&worlds::one_caller());
        for asked in requests {
            count(&tally, check_decision(&world, &cluster, &subject, asked)?);
        }
        Ok(())
    });
    assert_shares(tally, 20_000, &[("allowed", 0.05..0.7), ("not_covered", 0.3..0.95)]);
}

#[test]
fn resolve_agrees_with_the_reference() {
    let tally = Tally::default();
    let callers = prop::collection::vec(worlds::caller(), 1..=30);
    search(2_000, &(worlds::cluster(), callers), |(cluster, callers)| {
        let world = worlds::build(cluster);
        for caller in callers {
            let principal = worlds::principal(caller);
            let expected = reference::resolve(cluster, caller);
            let outcome = match &expected {
                Ok((_, _, by)) => by.split(' ').next().unwrap().to_owned(),
                Err(why) => (*why).to_owned(),
            };
            count(&tally, &outcome);
            prop_assert_eq!(&shortened(&world, caller), &expected, "{:?}", principal);
        }
        Ok(())
    });
    assert_shares(
        tally,
        20_000,
        &[
            ("entry", 0.1..0.6),
            ("mapRoles", 0.02..0.5),
            ("mapUsers", 0.02..0.5),
            ("mapAccounts", 0.02..0.4),
            ("creator", 0.003..0.2),
            ("username", 0.01..0.3),
            ("not mapped", 0.05..0.6),
        ],
    );
}

/// Our answer in the reference's words. Of the identity's other fields the uid is checked here.
fn shortened(world: &World, caller: &Caller) -> Resolved {
    let principal = worlds::principal(caller);
    let resolved = match resolve(world, &principal) {
        Ok(resolved) => resolved,
        Err(Refusal::NotMapped) => return Err("not mapped"),
        Err(Refusal::Username { .. }) => return Err("username"),
    };
    let by = match resolved.source {
        Source::AccessEntry(entry) => format!("entry {}", entry.principal_arn),
        Source::Creator => "creator".to_owned(),
        Source::IdentityMapping { section, index, .. } => format!("{section} {index}"),
    };
    let identity = resolved.identity;
    assert_eq!(identity.uid, format!("aws-iam-authenticator:{}:{}", caller.account(), caller.id()));
    for expected in [("principalId", caller.id().into()), ("canonicalArn", caller.canonical().into())] {
        assert!(identity.extra.contains(&expected), "{expected:?}");
    }
    Ok((identity.username, identity.groups.into_owned(), by))
}
