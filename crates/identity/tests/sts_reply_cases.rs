//! The corpus of `cases/sts-reply/`: read as values, and again as they come over HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod common;
#[path = "common/reply_case.rs"]
mod reply_case;

use bytes::Bytes;
use common::raw_sts::{Behaviour, RawSts};
use common::{credentials, now};
use doorward_core::principal::Principal;
use doorward_identity::aws::{AwsConfig, AwsProvider, IdentityError, Reply, StaticCredentials, read_caller_identity};
use doorward_identity::hosts::{Endpoint, LocalEndpoint};
use doorward_identity::token::encode;
use reply_case::{Case, cases};
use secrecy::ExposeSecret as _;
use std::sync::Arc;

fn check_outcome(case: &Case, outcome: Result<&Principal, &IdentityError>) -> Option<String> {
    let found = match outcome {
        Ok(principal) => {
            assert_eq!(principal.access_key_id, common::KEY_ID);
            format!("{} {} {}", principal.canonical, principal.id, principal.session_name)
        }
        Err(error) => {
            assert!(!error.to_string().contains('\n'), "{error}");
            error.reason().to_owned()
        }
    };
    let expected = match &case.outcome {
        Some(reason) => reason.clone(),
        None => format!(
            "{} {} {}",
            case.canonical.as_deref().unwrap(),
            case.id_is.as_deref().unwrap(),
            case.session.as_deref().unwrap()
        ),
    };
    (found != expected).then(|| format!("{} ({}): expected {expected}, was {found}", case.id, case.description))
}

#[test]
fn every_answer_of_the_corpus_means_what_it_says() {
    let cases = cases();
    let failures: Vec<String> = cases
        .iter()
        .filter(|case| !case.is_about_receiving())
        .filter_map(|case| {
            let reply = Reply {
                status: case.status,
                content_type: case.content_type().map(str::to_owned),
                is_encoded: case.encoding.is_some(),
                body: Bytes::from(case.body()),
            };
            check_outcome(case, read_caller_identity(&reply, case.partition(), common::KEY_ID).as_ref())
        })
        .collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
    assert!(cases.len() >= 80, "the corpus has shrunk to {}", cases.len());
}

#[tokio::test]
async fn and_means_the_same_when_it_comes_over_http() {
    let mut failures = Vec::new();
    for case in cases() {
        let spaces = vec![b' '; 16 * 1024];
        let behaviour =
            if case.endless { Behaviour::Endless(case.bytes(), spaces) } else { Behaviour::Answer(case.bytes()) };
        let sts = RawSts::start(behaviour, None).await;
        let endpoint = LocalEndpoint::parse(&sts.url).unwrap();
        let config =
            AwsConfig { partition: case.partition(), sts_endpoints: vec![endpoint.clone()], ..AwsConfig::default() };
        let provider = AwsProvider::new(config, Arc::new(StaticCredentials(credentials()))).unwrap();
        let token = encode(&Endpoint::Local(endpoint), "us-west-2", &credentials(), "demo", now()).unwrap();
        let outcome = provider.verify("demo", token.expose_secret(), now()).await;
        failures.extend(check_outcome(&case, outcome.as_deref()));
        assert_eq!(sts.calls(), 1, "{}: one call, and no redirect followed", case.id);
    }
    assert!(failures.is_empty(), "{}:\n{}", failures.len(), failures.join("\n"));
}
