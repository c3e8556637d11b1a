//! Starting and stopping: store, keys, listeners, watches, in this order, and back.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use doorward_cluster::pki::Pki;
use doorward_core::partition::Partition;
use doorward_identity::hosts::{LocalEndpoint, StsHosts};
use doorward_store::{SqliteOptions, SqliteStore, Store, StoreError};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::api::Api;
use crate::aws_auth_watch::follow_all;
use crate::bootstrap::{ensure_account, make_folder, session_key};
use crate::config::Config;
use crate::engine::Engine;
use crate::error::ServerError;
use crate::listener::{bind, serve};
use crate::metrics::Metrics;
use crate::ops::Ops;
use crate::webhook::{ClientAuth, Webhooks};

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
    let store: Arc<dyn Store> = Arc::new(open_store(&config.data_dir).await?);
    let engine = Arc::new(Engine::open(Arc::clone(&store)).await?);
    ensure_account(&engine, &config).await?;
    let sessions = Arc::new(session_key(&config.data_dir)?);
    let tls = webhook_tls(&config)?;
    let metrics = Arc::<Metrics>::default();

    let api_handler =
        Arc::new(Api { engine: Arc::clone(&engine), sessions: Arc::clone(&sessions), metrics: Arc::clone(&metrics) });
    let webhook_handler = Arc::new(Webhooks {
        engine: Arc::clone(&engine),
        sessions,
        hosts: sts_hosts(&config),
        client_auth: config.client_auth,
        metrics: Arc::clone(&metrics),
    });
    let ops_handler = Arc::new(Ops { engine: Arc::clone(&engine), metrics });
    started(addresses);
    tokio::join!(
        serve(api, None, api_handler, stop.clone()),
        serve(webhook, Some(tls), webhook_handler, stop.clone()),
        serve(ops, None, ops_handler, stop.clone()),
        follow_all(engine, stop),
    );
    store.close().await;
    Ok(())
}

/// Opening checks the whole file, which blocks.
async fn open_store(data_dir: &Path) -> Result<SqliteStore, ServerError> {
    let path = data_dir.join("doorward.db");
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&path, SqliteOptions::default()));
    Ok(opened.await.map_err(|_| StoreError::Closed)??)
}

fn local(listener: &tokio::net::TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

/// The STS addresses for which tokens may be signed: AWS's own, and ours under each name that clients use for it.
fn sts_hosts(config: &Config) -> StsHosts {
    let port = config.api.port();
    let own =
        [format!("http://{}", config.api), format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")];
    let own = own.iter().filter_map(|url| LocalEndpoint::parse(url).ok());
    StsHosts { partition: Partition::Aws, local: own.chain(config.api_urls.iter().cloned()).collect() }
}

/// TLS of the webhooks, asking for a client certificate of our own CA unless that is switched off.
fn webhook_tls(config: &Config) -> Result<TlsAcceptor, ServerError> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !config.webhook.ip().is_unspecified() {
        names.push(config.webhook.ip().to_string());
    }
    names.extend(config.webhook_names.iter().cloned());
    let now = jiff::Timestamp::now();
    let pki = Pki::open(&config.data_dir, now)?;
    let certificate = pki.webhook(&names, now)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let mut tls = match config.client_auth {
        ClientAuth::Off => builder.with_no_client_auth(),
        ClientAuth::Required => {
            let mut roots = RootCertStore::empty();
            roots.add(pki.ca_der()?)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| rustls::Error::General(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    }
    .with_single_cert(vec![certificate.certificate_der()?], certificate.key_der()?)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(tls)))
}
