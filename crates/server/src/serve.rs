//! Starting and stopping: store, keys, listeners, watches, in this order, and back.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use doorward_cluster::pki::Pki;
use doorward_core::partition::Partition;
use doorward_identity::aws::AwsProvider;
use doorward_identity::hosts::{LocalEndpoint, StsHosts};
use doorward_identity::{LocalProvider, SessionKey, Verifier};
use doorward_store::{Sealed, SqliteOptions, SqliteStore, Store, StoreError};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::api::{self, Api};
use crate::aws_auth_watch::follow_all;
use crate::body::BodyReader;
use crate::bootstrap::{ensure_account, make_folder, random, server_name, session_key};
use crate::config::{Config, IdentityProvider, Storage};
use crate::engine::Engine;
use crate::error::ServerError;
use crate::health::Health;
use crate::listener::{bind, serve};
use crate::metrics::Metrics;
use crate::ops::Ops;
use crate::secrets::{AUTHORITY, SESSION_KEY, is_secret};
use crate::usage::Keeper;
use crate::view::UnknownPrincipals;
use crate::webhook::{self, Decisions, Webhooks};
use crate::webhook_tls::{keep_fresh, webhook_tls};

/// Where the server listens, once it does.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// The AWS APIs.
    pub api: SocketAddr,
    /// The webhooks.
    pub webhook: SocketAddr,
    /// Health and metrics.
    pub ops: SocketAddr,
}

/// Runs the server until `stop` becomes true, then drains and closes the store.
///
/// `started` is told the addresses once everything is ready to answer.
///
/// # Errors
/// If it cannot start. What fails later is logged and survived.
pub async fn run(
    config: Config,
    stop: watch::Receiver<bool>,
    started: impl FnOnce(Addresses),
) -> Result<(), ServerError> {
    // Addresses first: a busy port is the commonest mistake, and nothing has happened yet.
    let api = bind(config.api, "the API", "--api").await?;
    let webhook = bind(config.webhook, "the webhooks", "--webhook").await?;
    let ops = bind(config.ops, "health and metrics", "--ops").await?;
    let addresses = Addresses {
        api: local(&api, config.api),
        webhook: local(&webhook, config.webhook),
        ops: local(&ops, config.ops),
    };
    let config = Config { api: addresses.api, webhook: addresses.webhook, ops: addresses.ops, ..config };

    make_folder(&config.data_dir)?;
    let store = open_store(&config).await?;
    if store.is_shared() {
        share_secrets(store.as_ref(), &config.data_dir).await?;
    }
    let engine = Arc::new(Engine::open(Arc::clone(&store), config.limits, unknown_principals(&config)).await?);
    // Servers of one store may start at the same moment: whoever makes the account second has to hear of the first.
    let hear = async {
        engine.follow(stop.clone()).await;
        std::future::pending().await
    };
    tokio::select! {
        made = ensure_account(&engine, &config) => made,
        never = hear => never,
    }?;
    let server = if store.is_shared() { Some(server_name(&config.data_dir)?) } else { None };
    let name = server.clone().unwrap_or_default();
    let usage = Keeper::restore(&engine, server, Timestamp::now()).await;
    let sessions = Arc::new(session_key(&config.data_dir)?);
    let (tls, certificates) = webhook_tls(&config)?;
    let tls = Arc::new(ArcSwap::from_pointee(tls));
    let metrics = Arc::<Metrics>::default();
    let verifier = Arc::new(verifier(&config, &sessions, &metrics)?);

    let health = Arc::new(Health::new(Arc::clone(&engine), Arc::clone(&verifier), Arc::clone(&metrics)));
    health.certificates.store(Some(Arc::new(certificates)));
    let api_handler = Arc::new(Api {
        engine: Arc::clone(&engine),
        sessions,
        health: Arc::clone(&health),
        bodies: BodyReader::new(api::MAX_BODY),
    });
    let webhook_handler = Arc::new(Webhooks {
        engine: Arc::clone(&engine),
        verifier,
        client_auth: config.client_auth,
        metrics,
        clock: jiff::Timestamp::now,
        decisions: Decisions::new(random_number()?, config.audit_ids),
        bodies: BodyReader::new(webhook::MAX_BODY),
    });
    let api_address = addresses.api.to_string();
    let known_certificates = Arc::clone(&health.certificates);
    let ops_handler = Arc::new(Ops { health });
    store.settle();
    started(addresses);
    tokio::join!(
        serve(api, None, api_handler, stop.clone()),
        serve(webhook, Some(Arc::clone(&tls)), webhook_handler, stop.clone()),
        keep_fresh(tls, known_certificates, &config, stop.clone()),
        serve(ops, None, ops_handler, stop.clone()),
        follow_all(Arc::clone(&engine), stop.clone()),
        engine.follow(stop.clone()),
        engine.announce(&name, &api_address, stop.clone()),
        engine.measure_lag(stop.clone()),
        usage.run(&engine, stop),
    );
    store.close().await;
    Ok(())
}

async fn open_store(config: &Config) -> Result<Arc<dyn Store>, ServerError> {
    let store = match &config.storage {
        Storage::DataDir => Arc::new(open_database(&config.data_dir).await?) as Arc<dyn Store>,
        Storage::Given(store) => Arc::clone(store),
    };
    Ok(match &config.sealing_keys {
        None => store,
        Some(keys) => Arc::new(Sealed::new(store, Arc::clone(keys), is_secret)),
    })
}

/// Opening checks the whole file, which blocks.
async fn open_database(data_dir: &Path) -> Result<SqliteStore, ServerError> {
    let path = data_dir.join("doorward.db");
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&path, SqliteOptions::default()));
    Ok(opened.await.map_err(|_| StoreError::Closed)??)
}

/// What every server of a store must have alike.
async fn share_secrets(store: &dyn Store, data_dir: &Path) -> Result<(), ServerError> {
    SESSION_KEY.share(store, data_dir, || session_key(data_dir).map(drop)).await?;
    AUTHORITY.share(store, data_dir, || Ok(Pki::open(data_dir, Timestamp::now()).map(drop)?)).await
}

/// A number that no other server has.
fn random_number() -> Result<u64, ServerError> {
    let [a, b, c, d, e, f, g, h, ..] = random()?;
    Ok(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
}

fn local(listener: &tokio::net::TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

/// Who proves tokens.
fn verifier(config: &Config, sessions: &Arc<SessionKey>, metrics: &Arc<Metrics>) -> Result<Verifier, ServerError> {
    let IdentityProvider::Aws { config: aws, credentials } = &config.identity else {
        return Ok(Verifier::Local(Box::new(LocalProvider::new(sts_hosts(config), Arc::clone(sessions)))));
    };
    let metrics = Arc::clone(metrics);
    let aws = AwsProvider::new(aws.as_ref().clone(), Arc::clone(credentials))?;
    Ok(Verifier::Aws(Box::new(
        aws.with_observer(Arc::new(move |endpoint, outcome, took| metrics.sts_call(endpoint, outcome, took))),
    )))
}

/// AWS's principals are not in the local directory, and IAM need not let this server ask for them.
fn unknown_principals(config: &Config) -> UnknownPrincipals {
    match config.identity {
        IdentityProvider::Local => UnknownPrincipals::Refused,
        IdentityProvider::Aws { .. } => UnknownPrincipals::ByArn,
    }
}

/// The STS addresses for which tokens may be signed: AWS's own, and ours under each name that clients use for it.
fn sts_hosts(config: &Config) -> StsHosts {
    let port = config.api.port();
    let own =
        [format!("http://{}", config.api), format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")];
    let own = own.iter().filter_map(|url| LocalEndpoint::parse(url).ok());
    StsHosts { partition: Partition::Aws, local: own.chain(config.api_urls.iter().cloned()).collect() }
}
