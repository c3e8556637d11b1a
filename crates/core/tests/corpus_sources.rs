//! Runs the cases of `cases/sources` (its README says what a case is).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

#[path = "common/source_case.rs"]
mod source_case;

use doorward_core::principal::Principal;
use doorward_core::resolve::{Refusal, resolve};
use source_case::{Identity, cases};

#[test]
fn every_case_of_the_corpus_holds() {
    let mut failures = Vec::new();
    for case in cases() {
        let world = case.world();
        for caller in &case.callers {
            let (account, user_id) = (caller.account(), caller.user_id());
            let principal = Principal::from_caller_identity(&caller.arn, account, &user_id, "").unwrap();
            let found = match resolve(&world, &principal) {
                Ok(resolved) => {
                    Ok(Identity { username: resolved.identity.username, groups: resolved.identity.groups.into_owned() })
                }
                Err(Refusal::NotMapped) => Err("not-mapped"),
                Err(Refusal::Username { .. }) => Err("template"),
            };
            let is_as_expected = match (&caller.is, &caller.refused) {
                (Some(identity), None) => found.as_ref() == Ok(identity),
                (None, Some(reason)) => found.as_ref() == Err(&reason.as_str()),
                _ => panic!("{}: {} has neither or both of `is` and `refused`", case.id, caller.arn),
            };
            if !is_as_expected {
                failures.push(format!("{} ({}): {} is {found:?}", case.id, case.says, caller.arn));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
