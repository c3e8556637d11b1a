//! One token, asked about over HTTP: a webhook listener over an engine, where AWS proves who made it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use doorward_identity::Verifier;
use doorward_identity::aws::{AwsConfig, AwsProvider, StaticCredentials};
use doorward_server::body::BodyReader;
use doorward_server::engine::Engine;
use doorward_server::health::Health;
use doorward_server::listener::{bind, serve};
use doorward_server::metrics::Metrics;
use doorward_server::ops::Ops;
use doorward_server::view::{Limits, UnknownPrincipals};
use doorward_server::webhook::{AuditIds, ClientAuth, Decisions, MAX_BODY, Webhooks};
use doorward_server::{Config, IdentityProvider};
use doorward_sigv4::{Credentials, SecretKey};
use doorward_store::{SqliteOptions, SqliteStore};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Server, config};

pub const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// When the tokens are made and judged.
pub fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

pub fn credentials() -> Credentials {
    Credentials::new(KEY_ID.to_owned(), SecretKey::new(SECRET.to_owned()), None).unwrap()
}

/// The store of a server with the cluster `demo`, and entries for some of AWS's principals.
pub async fn prepared(folder: &Path, mode: &str, principals: &[String]) -> Arc<Engine> {
    let identity = IdentityProvider::Aws {
        config: Box::new(AwsConfig::default()),
        credentials: Arc::new(StaticCredentials(credentials())),
    };
    let server = Server::start_with(Config { identity, ..config(folder, ClientAuth::Off) }).await;
    server.register("demo", mode).await;
    for principal in principals {
        let body = json!({ "principalArn": principal }).to_string();
        let made = server.call("POST", "/clusters/demo/access-entries", &body).await;
        assert_eq!(made.status, 200, "{}", made.text);
    }
    server.stop().await;
    let store = SqliteStore::open(&folder.join("doorward.db"), SqliteOptions::default()).unwrap();
    Arc::new(Engine::open(Arc::new(store), Limits::default(), UnknownPrincipals::ByArn).await.unwrap())
}

/// What became of a token.
pub struct Fate {
    pub status: u16,
    /// The review, or the text of what is none.
    pub answer: Value,
    /// Counts of authentications and of calls to STS, by the metrics' names and labels.
    pub metrics: BTreeMap<String, u64>,
}

/// Asks about a token as kube-apiserver does, on listeners of its own.
pub async fn ask(engine: &Arc<Engine>, provider: AwsProvider, token: &str) -> Fate {
    let metrics = Arc::<Metrics>::default();
    let counted = Arc::clone(&metrics);
    let provider =
        provider.with_observer(Arc::new(move |endpoint, outcome, took| counted.sts_call(endpoint, outcome, took)));
    let verifier = Arc::new(Verifier::Aws(Box::new(provider)));
    let webhooks = Webhooks {
        engine: Arc::clone(engine),
        verifier: Arc::clone(&verifier),
        client_auth: ClientAuth::Off,
        metrics: Arc::clone(&metrics),
        clock: now,
        decisions: Decisions::new(0, AuditIds::Off),
        bodies: BodyReader::new(MAX_BODY),
    };
    let ops = Ops { health: Arc::new(Health::new(Arc::clone(engine), verifier, metrics)) };
    let (stop, stopped) = watch::channel(false);
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let (hooks, health) = (bind(any, "", "").await.unwrap(), bind(any, "", "").await.unwrap());
    let (hooks_at, health_at) = (hooks.local_addr().unwrap(), health.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let hooks = serve(hooks, None, Arc::new(webhooks), stopped.clone());
        tokio::join!(hooks, serve(health, None, Arc::new(ops), stopped));
    });
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": token },
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
    Fate { status, answer, metrics }
}

async fn exchange(request: http::Request<Full<Bytes>>) -> (u16, String) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}
