//! The corpus of `cases/token/` over HTTP, where AWS proves tokens: each is asked about as kube-apiserver would, on a
//! listener of its own, with an STS behind it that really verifies signatures and counts who asks. What is refused for
//! its form is refused without a call, and the metrics say why.
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
#[path = "../../identity/tests/common/token_case.rs"]
mod token_case;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use common::{Server, config};
use doorward_core::partition::Partition;
use doorward_identity::Verifier;
use doorward_identity::aws::{AwsConfig, AwsProvider, Reply, StaticCredentials, Transport, TransportError};
use doorward_server::body::BodyReader;
use doorward_server::engine::Engine;
use doorward_server::listener::{bind, serve};
use doorward_server::metrics::Metrics;
use doorward_server::ops::Ops;
use doorward_server::view::{Limits, UnknownPrincipals};
use doorward_server::webhook::{ClientAuth, MAX_BODY, Webhooks};
use doorward_server::{Config, IdentityProvider};
use doorward_sigv4::{Credentials, PayloadHash, Presented, Request, SecretKey, Window};
use doorward_store::{SqliteOptions, SqliteStore};
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use serde_json::{Value, json};
use token_case::{Case, FILES, SESSION_KEY_ID, cases, local_endpoints};
use tokio::sync::watch;

const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// When the tokens of the corpus are made.
fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn credentials() -> Credentials {
    Credentials::new(KEY_ID.to_owned(), SecretKey::new(SECRET.to_owned()), None).unwrap()
}

/// AWS's STS, with one secret for a long-lived key and for a session.
struct Sts {
    partition: Partition,
    calls: AtomicUsize,
}

impl Sts {
    fn answer(&self, request: &http::Request<Bytes>) -> (u16, Value) {
        let headers: Vec<(&str, &[u8])> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let signed = Request {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query().unwrap(),
            headers: &headers,
            body_sha256: PayloadHash::of(request.body()),
        };
        let refused = (403, json!({ "Error": { "Code": "SignatureDoesNotMatch", "Type": "Sender" } }));
        let Ok(Some(presented)) = Presented::from_request(&signed) else { return refused };
        let is_known = match presented.session_token() {
            None => presented.access_key_id() == KEY_ID,
            Some(token) => presented.access_key_id() == SESSION_KEY_ID && !token.is_empty(),
        };
        let secret = SecretKey::new(SECRET.to_owned());
        if !is_known || presented.verify(&signed, &secret, now(), &Window::API).is_err() {
            return refused;
        }
        let result = json!({ "Account": common::ACCOUNT, "Arn": alice(self.partition), "UserId": "AIDAALICE" });
        let metadata = json!({ "RequestId": "r" });
        let answer = json!({ "GetCallerIdentityResult": result, "ResponseMetadata": metadata });
        (200, json!({ "GetCallerIdentityResponse": answer }))
    }
}

impl Transport for Sts {
    fn send(&self, request: http::Request<Bytes>, _: usize) -> BoxFuture<'_, Result<Reply, TransportError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let (status, body) = self.answer(&request);
        let content_type = Some("application/json".to_owned());
        let reply = Reply { status, content_type, is_encoded: false, body: Bytes::from(body.to_string()) };
        Box::pin(async move { Ok(reply) })
    }
}

fn alice(partition: Partition) -> String {
    format!("arn:{partition}:iam::{}:user/alice", common::ACCOUNT)
}

/// A store with the cluster `demo` and an entry for the `alice` of every partition.
async fn prepared(folder: &tempfile::TempDir) -> Arc<Engine> {
    let identity = IdentityProvider::Aws {
        config: Box::new(AwsConfig::default()),
        credentials: Arc::new(StaticCredentials(credentials())),
    };
    let server = Server::start_with(Config { identity, ..config(folder.path(), ClientAuth::Off) }).await;
    server.register("demo", "API").await;
    for partition in Partition::ALL {
        let body = json!({ "principalArn": alice(partition) }).to_string();
        let made = server.call("POST", "/clusters/demo/access-entries", &body).await;
        assert_eq!(made.status, 200, "{}", made.text);
    }
    server.stop().await;
    let path = folder.path().join("doorward.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    Arc::new(Engine::open(Arc::new(store), Limits::default(), UnknownPrincipals::ByArn).await.unwrap())
}

/// What became of a token.
struct Fate {
    status: u16,
    answer: Value,
    /// Counts of the metrics by name and labels.
    metrics: BTreeMap<String, u64>,
    /// Requests that STS saw.
    calls: usize,
}

impl Fate {
    async fn of(engine: &Arc<Engine>, case: &Case) -> Self {
        let partition = case.partition();
        let sts = Arc::new(Sts { partition, calls: AtomicUsize::new(0) });
        let aws = AwsConfig { partition, sts_endpoints: local_endpoints(), ..AwsConfig::default() };
        let transport: Arc<dyn Transport> = sts.clone();
        let provider = AwsProvider::with_transport(aws, transport, Arc::new(StaticCredentials(credentials()))).unwrap();
        let metrics = Arc::<Metrics>::default();
        let counted = Arc::clone(&metrics);
        let provider = provider.with_observer(Arc::new(move |endpoint, outcome| counted.sts_call(endpoint, outcome)));
        let verifier = Arc::new(Verifier::Aws(Box::new(provider)));
        let webhooks = Webhooks {
            engine: Arc::clone(engine),
            verifier: Arc::clone(&verifier),
            client_auth: ClientAuth::Off,
            metrics: Arc::clone(&metrics),
            clock: now,
            bodies: BodyReader::new(MAX_BODY),
        };
        let ops = Ops { engine: Arc::clone(engine), verifier, metrics };
        let (stop, stopped) = watch::channel(false);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (hooks, health) = (bind(any, "", "").await.unwrap(), bind(any, "", "").await.unwrap());
        let (hooks_at, health_at) = (hooks.local_addr().unwrap(), health.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let hooks = serve(hooks, None, Arc::new(webhooks), stopped.clone());
            tokio::join!(hooks, serve(health, None, Arc::new(ops), stopped));
        });
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": case.token() },
        });
        let request = http::Request::post(format!("http://{hooks_at}/clusters/demo/authenticate"))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(review.to_string())))
            .unwrap();
        let (status, body) = exchange(request).await;
        let answer = serde_json::from_str(&body).unwrap_or(Value::String(body));
        let request = http::Request::get(format!("http://{health_at}/metrics")).body(Full::default()).unwrap();
        let (_, metrics) = exchange(request).await;
        let metrics = metrics
            .lines()
            .filter(|line| line.starts_with("doorward_authentications_") || line.starts_with("doorward_sts_calls_"))
            .filter_map(|line| line.rsplit_once(' ').map(|(name, count)| (name.to_owned(), count.parse().unwrap())))
            .collect();
        stop.send_replace(true);
        served.await.unwrap();
        Self { status, answer, metrics, calls: sts.calls.load(Ordering::SeqCst) }
    }

    /// What is wrong with it, if anything is.
    fn fault(&self, case: &Case) -> Option<String> {
        let expected = case.expected_of_sts();
        let (outcome, calls) = match expected.as_str() {
            "accepted" => ("granted", 1),
            "sts_refused" => ("sts_refused", 1),
            reason => (reason, 0),
        };
        let status = &self.answer["status"];
        let found = format!(
            "{} authenticated {} calls {} metrics {:?}",
            self.status, status["authenticated"], self.calls, self.metrics
        );
        let mut metrics = vec![
            (format!("doorward_authentications_total{{outcome=\"{outcome}\"}}"), 1),
            ("doorward_log_lines_lost_total".to_owned(), 0),
        ];
        let sts: Vec<_> = self.metrics.iter().filter(|(name, _)| name.starts_with("doorward_sts_calls")).collect();
        if calls == 1 {
            let heard = if expected == "accepted" { "ok" } else { "sts_refused" };
            if !sts.iter().any(|(name, count)| name.ends_with(&format!("outcome=\"{heard}\"}}")) && **count == 1) {
                return Some(format!("{}: the call is not counted: {found}", case.id));
            }
            metrics.push((sts[0].0.clone(), 1));
        }
        let is_right = self.status == 200
            && status["authenticated"] == json!(expected == "accepted")
            && status["user"].is_null() != (expected == "accepted")
            && status["error"].is_null() == (expected == "accepted")
            && self.calls == calls
            && self.metrics == metrics.into_iter().collect();
        (!is_right).then(|| format!("{} ({}): expected {expected}, was {found}", case.id, case.description))
    }
}

async fn exchange(request: http::Request<Full<Bytes>>) -> (u16, String) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn what_is_refused_for_its_form_is_refused_without_a_call_and_the_metrics_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let engine = prepared(&folder).await;
    let (mut faults, mut outcomes, mut accepted) = (Vec::new(), BTreeSet::new(), 0);
    let all: Vec<Case> = FILES.into_iter().flat_map(cases::<Case>).collect();
    for case in &all {
        let fate = Fate::of(&engine, case).await;
        faults.extend(fate.fault(case));
        accepted += usize::from(fate.answer["status"]["authenticated"] == json!(true));
        outcomes.insert(case.expected_of_sts());
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), all.len(), faults.join("\n"));
    assert!(all.len() > 160 && accepted >= 30, "the corpus has shrunk to {} with {accepted} good ones", all.len());
    // So many reasons there are, whatever is sent.
    assert!(outcomes.len() > 18 && outcomes.len() < 30, "{outcomes:?}");
}

#[test]
fn every_vector_of_awss_authenticator_is_a_case() {
    let ids: BTreeSet<String> =
        FILES.into_iter().flat_map(cases::<Case>).map(|case| number(&case.id).to_owned()).collect();
    let vectors = (1..=38).map(|vector| format!("T{vector:02}")).chain((1..=10).map(|vector| format!("H{vector:02}")));
    let missing: Vec<_> = vectors.filter(|vector| !ids.contains(vector)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// `T02` of `T02c`.
fn number(id: &str) -> &str {
    id.trim_end_matches(|c: char| c.is_ascii_lowercase())
}
