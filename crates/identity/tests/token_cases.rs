//! The corpus of `cases/token/`: every vector has the outcome that stands beside it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::token_case::{Case, FILES, cases, local_endpoints};
use common::{World, account, now, sessions};
use doorward_core::partition::Partition;
use doorward_identity::hosts::{Endpoint, StsHosts};
use doorward_identity::token::{PREFIX, decode, encode, verify_local};
use doorward_sigv4::{Credentials, SecretKey};
use secrecy::ExposeSecret as _;
use serde::Deserialize;

#[test]
fn every_token_of_the_corpus_is_accepted_or_refused_as_it_says() {
    let mut failures = Vec::new();
    let mut count = 0;
    for file in FILES {
        for case in cases::<Case>(file) {
            let outcome = run(&case);
            let expected = case.expected();
            if outcome != expected {
                failures.push(format!("{} ({}): expected {expected}, was {outcome}", case.id, case.description));
            }
            count += 1;
        }
    }
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
    assert!(count > 140, "the corpus has shrunk to {count}");
}

fn run(case: &Case) -> String {
    let world = World::new();
    let token = case.token();
    let hosts = StsHosts { partition: case.partition(), local: local_endpoints() };
    let verified = decode(&token, &hosts, now())
        .and_then(|token| verify_local(&world.directory, &sessions(), &token, "demo", now()));
    match verified {
        Ok(principal) => {
            assert_eq!(principal.arn, format!("arn:aws:iam::{}:user/alice", account()));
            "accepted".to_owned()
        }
        Err(error) => {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("AKIA") && !shown.contains("https://s"), "{shown}");
            error.reason().to_owned()
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    id: String,
    host: String,
    region: String,
    url: Option<String>,
    session_token: Option<String>,
    signature: String,
}

#[test]
fn golden_tokens_are_made_and_verified_to_the_byte() {
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    for golden in cases::<Golden>("golden.yaml") {
        let secret = SecretKey::new(common::SECRET.to_owned());
        let is_temporary = golden.session_token.is_some();
        let credentials = Credentials::new("AKIDEXAMPLE".to_owned(), secret, golden.session_token).unwrap();
        let endpoint = Endpoint::of_region(&golden.region).unwrap();
        assert_eq!(endpoint.authority(), golden.host);
        let token = encode(&endpoint, &golden.region, &credentials, "conformance", at).unwrap();
        let url = URL_SAFE_NO_PAD.decode(token.expose_secret().strip_prefix(PREFIX).unwrap()).unwrap();
        let url = String::from_utf8(url).unwrap();
        assert!(url.ends_with(&format!("&X-Amz-Signature={}", golden.signature)), "{}", golden.id);
        if let Some(expected) = golden.url {
            assert_eq!(url, expected, "{}", golden.id);
        }
        if !is_temporary {
            let mut world = World::new();
            world.key("alice", "AKIDEXAMPLE", common::SECRET);
            let partition = if golden.region.starts_with("cn") { Partition::AwsCn } else { Partition::Aws };
            let hosts = StsHosts { partition, local: Vec::new() };
            let token = decode(token.expose_secret(), &hosts, at).unwrap();
            assert!(verify_local(&world.directory, &sessions(), &token, "conformance", at).is_ok());
        }
    }
}
