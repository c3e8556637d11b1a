//! The comparison of Worlds against trying: random pairs of Worlds, every caller and request of a small vocabulary.
//!
//! No difference that trying finds is missed, and each difference that is found holds when tried. Faults are put in on
//! purpose, by comparing Worlds from which something was left out, and each is caught. The seed is fixed;
//! `DOORWARD_SEED` (a number) chooses another one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

#[path = "compare/brute_force.rs"]
mod brute_force;
#[path = "compare/samples.rs"]
mod samples;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use doorward_core::compare::{Comparison, DifferenceKind, compare};
use doorward_core::rbac::BindingSubject;
use doorward_core::world::World;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use samples::{Sample, worlds};

fn search(samples: u32, stream: u8, check: impl Fn(&Sample) -> Result<(), String>) -> Result<(), String> {
    let seed = std::env::var("DOORWARD_SEED").map_or(2_026, |seed| seed.parse::<u64>().unwrap());
    let mut bytes = [stream; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: samples, failure_persistence: None, max_shrink_iters: 3_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let outcome = runner.run(&samples::sample(), |sample| check(&sample).map_err(TestCaseError::fail));
    outcome.map_err(|error| format!("DOORWARD_SEED={seed}\n{error}"))
}

/// Whether a comparison says of two Worlds what trying says.
fn agrees(before: &World, after: &World, comparison: &Comparison) -> Result<(), String> {
    let requests = brute_force::requests();
    for difference in &comparison.differences {
        if !brute_force::holds(before, after, difference) {
            return Err(format!("a false difference: {difference:#?}"));
        }
    }
    let mut tried: BTreeMap<_, BTreeSet<DifferenceKind>> = BTreeMap::new();
    for (who, caller) in brute_force::callers(before, after, comparison) {
        let kinds = brute_force::kinds(before, after, &caller.principal(), &requests);
        let Some(verdict) = comparison.principals.iter().find(|verdict| verdict.who == who) else {
            return Err(format!("nobody compared {who:?}"));
        };
        for kind in &kinds {
            if !verdict.differs.contains(kind) {
                return Err(format!(
                    "a false equal: {kind} of {who:?} as {caller:?}, found only {:?}",
                    verdict.differs
                ));
            }
        }
        for difference in comparison.differences.iter().filter(|one| one.who == who && one.session.is_none()) {
            let asked: Vec<_> = difference.request.iter().map(|request| request.attributes()).collect();
            let of_this = brute_force::kinds(before, after, &caller.principal(), &asked);
            // A literal name can happen to be what a template makes of one session.
            let is_about_names = difference.kind == DifferenceKind::IdentityChanged;
            if !is_about_names && !caller.session_name.is_empty() && !of_this.contains(&difference.kind) {
                return Err(format!("not of every session, not of {caller:?}: {difference:#?}"));
            }
        }
        tried.entry(who).or_default().extend(kinds);
    }
    Ok(())
}

fn check(samples: u32, stream: u8) {
    let tally: RefCell<BTreeMap<String, u32>> = RefCell::default();
    let outcome = search(samples, stream, |sample| {
        let (before, after) = worlds(sample);
        let comparison = compare(&before, &after);
        let kinds: BTreeSet<_> = comparison.differences.iter().map(|difference| difference.kind).collect();
        let mut tally = tally.borrow_mut();
        for kind in kinds {
            *tally.entry(kind.to_string()).or_default() += 1;
        }
        if comparison.is_equal() {
            *tally.entry("equal".to_owned()).or_default() += 1;
        }
        drop(tally);
        agrees(&before, &after, &comparison)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let tally = tally.into_inner();
    println!("{samples} pairs: {tally:?}");
    for outcome in [
        "equal",
        "locked-out",
        "let-in",
        "bypass-lost",
        "bypass-gained",
        "lost",
        "gained",
        "node-lost",
        "node-gained",
        "policy-lost",
        "policy-gained",
        "identity-changed",
    ] {
        let times = tally.get(outcome).copied().unwrap_or_default();
        assert!(times * 500 >= samples, "only {times} of {samples} pairs with {outcome}: {tally:?}");
    }
    assert!(!tally.contains_key("undecided"));
}

#[test]
fn five_thousand_random_pairs_of_worlds_are_compared_as_trying_does() {
    check(5_000, 1);
}

#[test]
fn five_thousand_other_random_pairs_of_worlds_are_compared_as_trying_does() {
    check(5_000, 2);
}

#[test]
fn a_world_is_equal_to_itself() {
    let outcome = search(500, 3, |sample| {
        let (before, _) = worlds(sample);
        let comparison = compare(&before, &before);
        if comparison.is_equal() { Ok(()) } else { Err(format!("{:#?}", comparison.differences)) }
    });
    outcome.unwrap();
}

#[test]
fn a_difference_has_its_id_whenever_it_is_found_and_no_other_has_it() {
    let outcome = search(500, 4, |sample| {
        let (before, after) = worlds(sample);
        let (first, again) = (compare(&before, &after), compare(&before, &after));
        let ids: BTreeSet<&str> = first.differences.iter().map(|difference| difference.id.as_str()).collect();
        if first != again || ids.len() != first.differences.len() { Err(format!("{first:#?}")) } else { Ok(()) }
    });
    outcome.unwrap();
}

/// Something that a faulty comparison would not look at.
type Fault = (&'static str, fn(&mut Sample));

fn halves(sample: &mut Sample, change: impl Fn(&mut samples::Half)) {
    change(&mut sample.before);
    change(&mut sample.after);
}

const FAULTS: [Fault; 10] = [
    ("names of objects", |sample| {
        halves(sample, |half| half.bound.iter_mut().for_each(|bound| bound.rule.resource_names.clear()));
    }),
    ("subresources", |sample| {
        halves(sample, |half| {
            for resource in half.bound.iter_mut().flat_map(|bound| &mut bound.rule.resources) {
                *resource = resource.split('/').next().unwrap().to_owned();
            }
        });
    }),
    ("namespaces of bindings", |sample| {
        halves(sample, |half| half.bound.iter_mut().for_each(|bound| bound.namespace = None));
    }),
    ("scopes of policies", |sample| {
        halves(sample, |half| {
            half.entries.iter_mut().flat_map(|entry| &mut entry.policies).for_each(|(_, scope)| scope.clear());
        });
    }),
    ("stars of patterns", |sample| {
        halves(sample, |half| {
            for pattern in half.entries.iter_mut().flat_map(|entry| &mut entry.policies).flat_map(|(_, list)| list) {
                if pattern.contains('*') {
                    *pattern = "dev-1";
                }
            }
        });
    }),
    ("bindings to users", |sample| {
        halves(sample, |half| half.bound.retain(|bound| !matches!(bound.subject, BindingSubject::User(_))));
    }),
    ("paths", |sample| {
        halves(sample, |half| half.bound.retain(|bound| bound.rule.non_resource_urls.is_empty()));
    }),
    ("the order of rows", |sample| halves(sample, |half| half.rows.reverse())),
    ("that sessions lose their @", |sample| {
        halves(sample, |half| {
            for row in &mut half.rows {
                row.username = row.username.replace("{{SessionName}}", "{{SessionNameRaw}}");
            }
        });
    }),
    ("unique ids", |sample| {
        halves(sample, |half| half.entries.iter_mut().for_each(|entry| entry.id = None));
    }),
];

#[test]
fn a_comparison_that_leaves_something_out_is_caught() {
    for (what, leave_out) in FAULTS {
        let outcome = search(3_000, 5, |sample| {
            let (before, after) = worlds(sample);
            let mut faulty = sample.clone();
            leave_out(&mut faulty);
            let (faulty_before, faulty_after) = worlds(&faulty);
            agrees(&before, &after, &compare(&faulty_before, &faulty_after))
        });
        let error = outcome.err().unwrap_or_else(|| panic!("nobody noticed that {what} were left out"));
        assert!(
            error.contains("a false") || error.contains("nobody compared") || error.contains("not of every"),
            "{error}"
        );
    }
}
