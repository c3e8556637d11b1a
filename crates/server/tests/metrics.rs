//! `/metrics` of a running server: each family moves when it must, has no label that a client chooses, and is in
//! `docs/operations.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::kubernetes::{AwsAuth, Kubernetes};
use common::webhook::{post, review, token_review};
use common::{Server, config};
use doorward_cluster::pki::Pki;
use doorward_identity::aws::{AwsConfig, StaticCredentials, StsLimits};
use doorward_identity::hosts::{Endpoint, LocalEndpoint};
use doorward_server::webhook::ClientAuth;
use doorward_server::{Config, IdentityProvider};
use doorward_sigv4::{Credentials, SecretKey};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::json;

/// Names with their labels, and values.
struct Samples(BTreeMap<String, f64>);

impl Samples {
    async fn of(server: &Server) -> Self {
        let text = server.get_ops("/metrics").await.text;
        assert!(text.ends_with("# EOF\n"), "{text}");
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}"))))
        };
        Self(text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect())
    }

    /// The value of a sample; what was never counted is zero.
    fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// Asks until it is so.
async fn until(server: &Server, what: &str, holds: impl Fn(&Samples) -> bool) -> Samples {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let samples = Samples::of(server).await;
        if holds(&samples) {
            return samples;
        }
        assert!(Instant::now() < deadline, "{what}: {:#?}", samples.0);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn ready(folder: &Path) -> Server {
    let server = Server::start_with(config(folder, ClientAuth::Required)).await;
    server.register("demo", "API").await;
    server
}

#[tokio::test]
async fn decisions_are_counted_by_outcome_timed_and_known_by_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let server = ready(folder.path()).await;
    let now = Timestamp::now();
    let ask = async |body| review(&server, folder.path(), "demo", &body).await.0;
    for token in [server.token(&server.admin, "demo", now), server.token(&server.admin, "other", now), "x".to_owned()] {
        assert_eq!(ask(token_review(&token)).await, 200);
    }
    let asked = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": { "user": "somebody", "nonResourceAttributes": { "verb": "get", "path": "/" } },
    });
    assert_eq!(ask(asked).await, 200);
    let samples = Samples::of(&server).await;
    for (name, value) in [
        ("authentications_total{outcome=\"granted\"}", 1.0),
        ("authentications_total{outcome=\"prefix\"}", 1.0),
        ("authorizations_total{outcome=\"not_a_principal\"}", 1.0),
        ("webhook_duration_seconds_count{webhook=\"authenticate\"}", 3.0),
        ("webhook_duration_seconds_bucket{le=\"+Inf\",webhook=\"authorize\"}", 1.0),
        ("cluster_webhook_calls_total{cluster=\"demo\",webhook=\"authenticate\"}", 3.0),
        ("cluster_webhook_calls_total{cluster=\"demo\",webhook=\"authorize\"}", 1.0),
        ("access_entries{cluster=\"demo\"}", 1.0),
    ] {
        assert_eq!(samples.get(&format!("doorward_{name}")), value, "{name}: {:#?}", samples.0);
    }
    let last =
        samples.get("doorward_cluster_webhook_last_call_timestamp_seconds{cluster=\"demo\",webhook=\"authorize\"}");
    assert!((last - now.as_second() as f64).abs() < 60.0, "{last}");
    assert!(samples.get("doorward_webhook_duration_seconds_sum{webhook=\"authenticate\"}") > 0.0);
    // A service that is called has its times: the registration, and what made the tokens' key is none.
    assert!(samples.get("doorward_api_duration_seconds_count{service=\"doorward\"}") >= 1.0);
    assert!(samples.get("doorward_store_commit_duration_seconds_count") >= 1.0);
    server.stop().await;
}

#[tokio::test]
async fn whoever_is_not_answered_is_counted_by_what_was_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let server = ready(folder.path()).await;
    let ask = async |certificate_of, body: &str| {
        post(&server, folder.path(), certificate_of, "/clusters/demo/authenticate", "application/json", body).await
    };
    assert_eq!(ask(Some("demo"), "{").await.unwrap().0, 400);
    assert_eq!(ask(Some("other"), "{}").await.unwrap().0, 403);
    assert!(ask(None, "{}").await.is_err(), "without a certificate TLS fails");
    let samples = until(&server, "the refusal by TLS", |samples| {
        samples.get("doorward_webhook_tls_refusals_total{reason=\"no_certificate\"}") == 1.0
    })
    .await;
    assert_eq!(samples.get("doorward_webhook_rejections_total{status=\"400\"}"), 1.0);
    assert_eq!(samples.get("doorward_webhook_rejections_total{status=\"403\"}"), 1.0);
    server.stop().await;
}

#[tokio::test]
async fn each_certificate_has_its_end_and_a_clients_is_known_once_it_was_shown() {
    let folder = tempfile::tempdir().unwrap();
    let server = ready(folder.path()).await;
    let pki = Pki::open(folder.path(), Timestamp::now()).unwrap();
    let client = "doorward_certificate_end_timestamp_seconds{certificate=\"client\",cluster=\"demo\"}";
    let before = Samples::of(&server).await;
    let own = |of| format!("doorward_certificate_end_timestamp_seconds{{certificate=\"{of}\",cluster=\"\"}}");
    assert_eq!(before.get(&own("authority")), pki.ca_ends().as_second() as f64);
    let names: [String; 0] = [];
    let webhook = pki.webhook(&names, Timestamp::now()).unwrap();
    assert_eq!(before.get(&own("webhook")), webhook.ends().as_second() as f64);
    assert!(!before.has(client));
    review(&server, folder.path(), "demo", &token_review("x")).await;
    let ends = pki.client(&"demo".parse().unwrap(), Timestamp::now()).unwrap().ends();
    assert_eq!(Samples::of(&server).await.get(client), ends.as_second() as f64);
    server.stop().await;
}

#[tokio::test]
async fn the_age_of_a_world_and_the_rows_of_its_aws_auth_follow_its_api_server() {
    const ROWS: &str = "- {rolearn: 'arn:aws:iam::123456789012:role/good', username: good, groups: []}\n\
                        - {rolearn: 'arn:aws:iam::123456789012:role/path/dead', username: dead, groups: []}\n\
                        - nonsense\n";
    let folder = tempfile::tempdir().unwrap();
    let kubernetes = Kubernetes::start(AwsAuth::Away).await;
    let server = ready(folder.path()).await;
    let registered =
        server.call("PUT", "/doorward/v1/clusters/old", &kubernetes.registration("API_AND_CONFIG_MAP")).await;
    assert_eq!(registered.status, 200, "{}", registered.text);
    let age = "doorward_world_age_seconds{cluster=\"old\"}";
    let of_aws_auth = "doorward_aws_auth_age_seconds{cluster=\"old\"}";
    let before = Samples::of(&server).await;
    assert_eq!((before.get(age), before.get(of_aws_auth)), (f64::INFINITY, f64::INFINITY));
    assert!(before.get("doorward_world_age_seconds{cluster=\"demo\"}") < 15.0, "it does not need aws-auth");
    assert!(!before.has("doorward_aws_auth_age_seconds{cluster=\"demo\"}"));

    kubernetes.says(AwsAuth::MapRoles(ROWS.to_owned()));
    let read = until(&server, "that aws-auth was read", |samples| samples.get(age) < 20.0).await;
    assert!(read.get(of_aws_auth) < 20.0);
    for (status, count) in [("live", 1.0), ("dead", 1.0), ("dropped", 1.0), ("shadowed", 0.0)] {
        let row = format!("doorward_aws_auth_rows{{cluster=\"old\",status=\"{status}\"}}");
        assert_eq!(read.get(&row), count, "{status}: {:#?}", read.0);
    }
    assert_eq!(read.get("doorward_aws_auth_stale_sections{cluster=\"old\"}"), 0.0);

    // A section that cannot be read is confirmed, too: its last good rows count, and it is called stale.
    kubernetes.says(AwsAuth::MapRoles("{".to_owned()));
    let stale = |samples: &Samples| samples.get("doorward_aws_auth_stale_sections{cluster=\"old\"}") == 1.0;
    until(&server, "that the section is stale", stale).await;

    kubernetes.says(AwsAuth::Away);
    let seen = Samples::of(&server).await.get(of_aws_auth);
    let later = until(&server, "that it ages", |samples| samples.get(of_aws_auth) > seen + 1.0).await;
    assert!(later.get(age) >= later.get(of_aws_auth) - 0.1);
    kubernetes.says(AwsAuth::Absent);
    until(&server, "that it is young again", |samples| samples.get(of_aws_auth) < seen + 1.0).await;
    server.stop().await;
}

#[tokio::test]
async fn the_store_is_confirmed_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = ready(folder.path()).await;
    let lag = "doorward_store_lag_seconds";
    let first = until(&server, "that it was asked", |samples| samples.get(lag) > 0.5).await.get(lag);
    until(&server, "that it was asked again", |samples| samples.get(lag) < first).await;
    assert_eq!(Samples::of(&server).await.get("doorward_store_lag_revisions"), 0.0);
    server.stop().await;
}

#[tokio::test]
async fn calls_to_sts_spend_a_budget_and_are_timed_unless_it_stopped_them() {
    let (aws_folder, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let aws = Server::start(aws_folder.path()).await;
    let url = LocalEndpoint::parse(&format!("http://{}", aws.addresses.api)).unwrap();
    // Strangers may spend two calls, and one more a second: fifty at once are too many.
    let limits = StsLimits { calls_per_second: 1, burst: 4, ..StsLimits::default() };
    let provider = AwsConfig { sts_endpoints: vec![url.clone()], sts: limits, ..AwsConfig::default() };
    let nobody = Credentials::new("AKIANOBODY".to_owned(), SecretKey::new("none".to_owned()), None).unwrap();
    let identity =
        IdentityProvider::Aws { config: Box::new(provider), credentials: Arc::new(StaticCredentials(nobody)) };
    let server = Server::start_with(Config { identity, ..config(folder.path(), ClientAuth::Required) }).await;
    server.register("demo", "API").await;
    let before = Samples::of(&server).await;
    assert_eq!(before.get("doorward_sts_budget_limit_calls"), 4.0);
    assert_eq!(before.get("doorward_sts_budget_calls{for=\"known\"}"), 4.0);
    assert_eq!(before.get("doorward_sts_budget_calls{for=\"strangers\"}"), 2.0);
    let stopped = "doorward_sts_calls_total{endpoint=\"local\",outcome=\"throttled_by_budget\"}";
    let endpoint = Endpoint::Local(url);
    let now = Timestamp::now();
    for number in 0..50 {
        // Each another token: of another moment.
        let at = now - jiff::SignedDuration::from_secs(number);
        let token = doorward_identity::token::encode(&endpoint, "us-west-2", &aws.admin, "demo", at).unwrap();
        review(&server, folder.path(), "demo", &token_review(token.expose_secret())).await;
        let spent = Samples::of(&server).await;
        if spent.get(stopped) >= 1.0 {
            assert!(spent.get("doorward_sts_budget_calls{for=\"strangers\"}") < 2.0, "{:#?}", spent.0);
            let calls: f64 =
                spent.0.iter().filter(|(name, _)| name.starts_with("doorward_sts_calls")).map(|s| s.1).sum();
            assert_eq!(spent.get("doorward_sts_call_duration_seconds_count"), calls - spent.get(stopped));
            server.stop().await;
            return aws.stop().await;
        }
    }
    panic!("the budget was not spent");
}

#[tokio::test]
async fn every_family_is_in_the_documentation() {
    let folder = tempfile::tempdir().unwrap();
    let server = ready(folder.path()).await;
    review(&server, folder.path(), "demo", &token_review("x")).await;
    let text = server.get_ops("/metrics").await.text;
    let families: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(families.len() > 20, "{families:?}");
    let documented = include_str!("../../../docs/operations.md");
    let missing: Vec<_> = families.iter().filter(|family| !documented.contains(&format!("`{family}"))).collect();
    assert!(missing.is_empty(), "not in docs/operations.md: {missing:?}");
    server.stop().await;
}
