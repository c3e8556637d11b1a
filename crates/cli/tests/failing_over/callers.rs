//! People who ask an API server, each time with a token that it has not seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use doorward_identity::hosts::Endpoint;
use doorward_identity::token;
use doorward_lab::LabDir;
use doorward_sigv4::Credentials;
use jiff::{SignedDuration, Timestamp};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use secrecy::ExposeSecret as _;
use tokio::task::JoinHandle;

/// For which tokens are signed in turn.
const REGIONS: [&str; 8] = [
    "us-west-2",
    "us-east-1",
    "us-east-2",
    "eu-west-1",
    "eu-central-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "sa-east-1",
];
/// How far back the oldest token is signed: they are good for 15 minutes.
const AGES: u64 = 600;
/// Between two calls of somebody who asks all the time.
const PAUSE: Duration = Duration::from_millis(100);

/// An API server, and the tokens that it has been shown.
pub(crate) struct ApiServer {
    client: Client,
    begun: Timestamp,
    tokens: AtomicU64,
}

impl ApiServer {
    pub(crate) async fn of(dir: &LabDir) -> Self {
        let kubeconfig = Kubeconfig::read_from(dir.admin_kubeconfig()).unwrap();
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        // Whoever asks brings a token.
        config.auth_info = AuthInfo::default();
        Self { client: Client::try_from(config).unwrap(), begun: Timestamp::now(), tokens: AtomicU64::new(0) }
    }

    /// Lists the pods of a namespace.
    pub(crate) async fn ask(&self, credentials: &Credentials) -> Result<(), String> {
        // Of another second or region each time, or it would be a token that kube-apiserver remembers for ten seconds.
        let number = self.tokens.fetch_add(1, Ordering::Relaxed);
        let at = self.begun - SignedDuration::from_secs(i64::try_from(number % AGES).unwrap());
        let region = REGIONS[usize::try_from(number / AGES).unwrap() % REGIONS.len()];
        let endpoint = Endpoint::of_region(region).unwrap();
        let token = token::encode(&endpoint, region, credentials, "demo", at).unwrap();
        let bearer = format!("Bearer {}", token.expose_secret());
        let request = http::Request::get("/api/v1/namespaces/carts/pods").header("authorization", bearer);
        let request = request.body(Vec::new()).unwrap();
        self.client.request_text(request).await.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// Somebody who was not let in.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Between which moments.
    pub(crate) asked: Instant,
    pub(crate) answered: Instant,
    #[expect(dead_code, reason = "shown by Debug to whoever reads of a failure")]
    pub(crate) error: String,
}

/// Somebody who asks all the time.
pub(crate) struct Caller {
    let_in: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    calling: JoinHandle<Vec<Refusal>>,
}

impl Caller {
    pub(crate) fn start(server: Arc<ApiServer>, credentials: Credentials) -> Self {
        let (let_in, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (counted, stopped) = (Arc::clone(&let_in), Arc::clone(&stop));
        let calling = tokio::spawn(async move {
            let mut refusals = Vec::new();
            let mut ticks = tokio::time::interval(PAUSE);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while !stopped.load(Ordering::Relaxed) {
                ticks.tick().await;
                let asked = Instant::now();
                match server.ask(&credentials).await {
                    Ok(()) => drop(counted.fetch_add(1, Ordering::Relaxed)),
                    Err(error) => refusals.push(Refusal { asked, answered: Instant::now(), error }),
                }
            }
            refusals
        });
        Self { let_in, stop, calling }
    }

    /// How often it was let in.
    pub(crate) fn let_in(&self) -> u64 {
        self.let_in.load(Ordering::Relaxed)
    }

    /// Stops; every refusal.
    pub(crate) async fn stop(self) -> Vec<Refusal> {
        self.stop.store(true, Ordering::Relaxed);
        self.calling.await.unwrap()
    }
}
