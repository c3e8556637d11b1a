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

use bytes::Bytes;
use common::raw_sts::RawSts;
use common::{credentials, now};
use doorward_core::partition::Partition;
use doorward_core::principal::Principal;
use doorward_identity::aws::{AwsConfig, AwsProvider, IdentityError, Reply, StaticCredentials, read_caller_identity};
use doorward_identity::hosts::{Endpoint, LocalEndpoint};
use doorward_identity::token::encode;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    description: String,
    #[serde(default = "ok")]
    status: u16,
    arn: Option<String>,
    account: Option<String>,
    user_id: Option<String>,
    partition: Option<String>,
    body: Option<String>,
    replace: Option<(String, String)>,
    append: Option<String>,
    content_type: Option<String>,
    encoding: Option<String>,
    canonical: Option<String>,
    id_is: Option<String>,
    session: Option<String>,
    outcome: Option<String>,
}

fn ok() -> u16 {
    200
}

impl Case {
    fn body(&self) -> String {
        let mut body = self.body.clone().unwrap_or_else(|| {
            let or = |value: &Option<String>, default: &str| {
                serde_json::to_string(value.as_deref().unwrap_or(default)).unwrap()
            };
            let arn = or(&self.arn, "arn:aws:iam::123456789012:user/alice");
            let (account, id) = (or(&self.account, "123456789012"), or(&self.user_id, "AIDAEXAMPLE"));
            format!(
                r#"{{"GetCallerIdentityResponse":{{"GetCallerIdentityResult":{{"Account":{account},"Arn":{arn},"UserId":{id}}},"ResponseMetadata":{{"RequestId":"r"}}}}}}"#
            )
        });
        if let Some((old, new)) = &self.replace {
            assert!(body.contains(old), "{}: `{old}` is not in the body", self.id);
            body = body.replacen(old, new, 1);
        }
        body + self.append.as_deref().unwrap_or_default()
    }

    fn content_type(&self) -> Option<&str> {
        Some(self.content_type.as_deref().unwrap_or("application/json")).filter(|value| *value != "none")
    }

    fn partition(&self) -> Partition {
        Partition::from_name(self.partition.as_deref().unwrap_or("aws")).unwrap()
    }

    fn check(&self, outcome: Result<&Principal, &IdentityError>) -> Option<String> {
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
        let expected = match &self.outcome {
            Some(reason) => reason.clone(),
            None => format!(
                "{} {} {}",
                self.canonical.as_deref().unwrap(),
                self.id_is.as_deref().unwrap(),
                self.session.as_deref().unwrap()
            ),
        };
        (found != expected).then(|| format!("{} ({}): expected {expected}, was {found}", self.id, self.description))
    }
}

#[test]
fn every_answer_of_the_corpus_means_what_it_says() {
    let cases = cases();
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let reply = Reply {
                status: case.status,
                content_type: case.content_type().map(str::to_owned),
                is_encoded: case.encoding.is_some(),
                body: Bytes::from(case.body()),
            };
            case.check(read_caller_identity(&reply, case.partition(), common::KEY_ID).as_ref())
        })
        .collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
    assert!(cases.len() >= 80, "the corpus has shrunk to {}", cases.len());
}

#[tokio::test]
async fn and_means_the_same_when_it_comes_over_http() {
    let mut failures = Vec::new();
    for case in cases() {
        let mut head = format!("HTTP/1.1 {} Status\r\n", case.status);
        for (name, value) in [("content-type", case.content_type()), ("content-encoding", case.encoding.as_deref())] {
            if let Some(value) = value {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let body = if case.status == 204 { String::new() } else { case.body() };
        if case.status != 204 {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        let sts = RawSts::answering(format!("{head}location: http://127.0.0.1:1/\r\n\r\n{body}").into_bytes()).await;
        let endpoint = LocalEndpoint::parse(&sts.url).unwrap();
        let config =
            AwsConfig { partition: case.partition(), sts_endpoints: vec![endpoint.clone()], ..AwsConfig::default() };
        let provider = AwsProvider::new(config, Arc::new(StaticCredentials(credentials()))).unwrap();
        let token = encode(&Endpoint::Local(endpoint), "us-west-2", &credentials(), "demo", now()).unwrap();
        let outcome = provider.verify("demo", token.expose_secret(), now()).await;
        failures.extend(case.check(outcome.as_deref()));
        assert_eq!(sts.calls(), 1, "{}: one call, and no redirect followed", case.id);
    }
    assert!(failures.is_empty(), "{}:\n{}", failures.len(), failures.join("\n"));
}

fn cases() -> Vec<Case> {
    let folder = format!("{}/../../cases/sts-reply", env!("CARGO_MANIFEST_DIR"));
    ["identities.yaml", "refusals.yaml"]
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
            serde_saphyr::from_str::<Vec<Case>>(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
        })
        .collect()
}
