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
use common::{World, account, credentials, now, sessions};
use doorward_core::partition::Partition;
use doorward_identity::hosts::{Endpoint, LocalEndpoint, StsHosts};
use doorward_identity::token::{PREFIX, decode, encode, verify_local};
use doorward_sigv4::{Credentials, PayloadHash, Request, SecretKey, presign};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    description: String,
    partition: Option<String>,
    scheme: Option<String>,
    host: Option<String>,
    path: Option<String>,
    region: Option<String>,
    cluster: Option<String>,
    session_token: Option<usize>,
    signed_at: Option<i64>,
    expires: Option<String>,
    replace: Option<(String, String)>,
    append: Option<String>,
    #[serde(default)]
    drop: Vec<String>,
    #[serde(default)]
    capital_signature: bool,
    encoded_append: Option<String>,
    encoded_insert: Option<String>,
    #[serde(default)]
    trailing_bits: bool,
    pad_to: Option<usize>,
    token: Option<String>,
    #[serde(default)]
    accepted: bool,
    refused: Option<String>,
}

#[test]
fn every_token_of_the_corpus_is_accepted_or_refused_as_it_says() {
    let mut failures = Vec::new();
    let mut count = 0;
    for file in ["shape.yaml", "hosts.yaml"] {
        for case in cases::<Case>(file) {
            assert_ne!(case.accepted, case.refused.is_some(), "{}: one outcome", case.id);
            let outcome = run(&case);
            let expected = case.refused.clone().unwrap_or_else(|| "accepted".to_owned());
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
    let token = case.token.clone().unwrap_or_else(|| make(case));
    let partition = case.partition.as_deref().unwrap_or("aws");
    let local = [
        "http://127.0.0.1:8090",
        "https://sts.example.org:8443/sub/path",
        "https://vpce-0c-d.sts.us-west-2.vpce.amazonaws.com",
    ];
    let hosts = StsHosts {
        partition: Partition::from_name(partition).unwrap(),
        local: local.map(|url| LocalEndpoint::parse(url).unwrap()).to_vec(),
    };
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

/// A signed URL with the case's mutations, encoded; independent of the encoder under test.
fn make(case: &Case) -> String {
    let or = |value: &Option<String>, default: &str| value.clone().unwrap_or_else(|| default.to_owned());
    let (scheme, host) = (or(&case.scheme, "https"), or(&case.host, "sts.us-west-2.amazonaws.com"));
    let (path, cluster) = (or(&case.path, "/"), or(&case.cluster, "demo"));
    let signed_at = now() + SignedDuration::from_secs(case.signed_at.unwrap_or(0));
    let expires = case.expires.as_ref().and_then(|text| text.parse().ok()).unwrap_or(60);
    let credentials = match case.session_token {
        Some(length) => {
            let secret = SecretKey::new(common::SECRET.to_owned());
            Credentials::new("ASIAIOSFODNN7EXAMPLE".to_owned(), secret, Some("A".repeat(length))).unwrap()
        }
        None => credentials(),
    };
    let request = Request {
        method: "GET",
        path: &path,
        query: "Action=GetCallerIdentity&Version=2011-06-15",
        headers: &[("host", host.as_bytes()), ("x-k8s-aws-id", cluster.as_bytes())],
        body_sha256: PayloadHash::empty(),
    };
    let query = presign(&request, &credentials, &or(&case.region, "us-west-2"), "sts", signed_at, expires).unwrap();
    let mut url = format!("{scheme}://{host}{path}?{query}");
    if let Some(raw) = &case.expires {
        url = url.replace(&format!("X-Amz-Expires={expires}"), &format!("X-Amz-Expires={raw}"));
    }
    for name in &case.drop {
        let (place, query) = url.split_once('?').unwrap();
        let left: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with(&format!("{name}="))).collect();
        url = format!("{place}?{}", left.join("&"));
    }
    if case.capital_signature {
        let (before, signature) = url.split_once("X-Amz-Signature=").unwrap();
        url = format!("{before}X-Amz-Signature={}", signature.to_ascii_uppercase());
    }
    if let Some((old, new)) = &case.replace {
        assert!(url.contains(old), "{}: `{old}` is not in the URL", case.id);
        url = url.replace(old, new);
    }
    url.push_str(case.append.as_deref().unwrap_or_default());
    if case.trailing_bits && url.len().is_multiple_of(3) {
        url = url.replace("X-Amz-Expires=60", "X-Amz-Expires=6");
    }
    if let Some(length) = case.pad_to {
        let bytes = (length - PREFIX.len()) * 3 / 4;
        url.push_str("&x=");
        url.extend(std::iter::repeat_n('a', bytes - url.len()));
    }
    let mut encoded = URL_SAFE_NO_PAD.encode(&url);
    if case.trailing_bits {
        let last = encoded.pop().unwrap();
        encoded.push(char::from(last as u8 + 1));
    }
    encoded.push_str(case.encoded_append.as_deref().unwrap_or_default());
    encoded.insert_str(10, case.encoded_insert.as_deref().unwrap_or_default());
    let mut token = format!("{PREFIX}{encoded}");
    if let Some(length) = case.pad_to {
        token.extend(std::iter::repeat_n('A', length - token.len()));
    }
    token
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

fn cases<T: for<'de> Deserialize<'de>>(file: &str) -> Vec<T> {
    let path = format!("{}/../../cases/token/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
