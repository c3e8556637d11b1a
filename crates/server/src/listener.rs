//! Listening: the accept loop that all three addresses share, with its limits.
//!
//! Ours rather than a framework's because of what it has to bound: connections at once, the time a client may take for
//! its headers and for TLS, and the time that open connections get when the server stops.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::error::ServerError;

/// Connections that one address serves at once; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 4096;

/// How long a client may take to finish TLS, and to send the headers of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long requests in flight get when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers the requests of one address.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. `peer` is what TLS says of the client.
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Arc<Peer>,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

/// What is known of a connection's other end.
#[derive(Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The certificate that it showed and that was verified.
    pub certificate: Option<CertificateDer<'static>>,
}

/// Takes an address.
///
/// # Errors
/// Says what the address is for and which flag changes it.
pub async fn bind(address: SocketAddr, purpose: &'static str, flag: &'static str) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Listen { address, purpose, flag, source })
}

/// Serves an address until `stop` becomes true, then lets requests in flight finish.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    handler: Arc<H>,
    mut stop: watch::Receiver<bool>,
) {
    let limit = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let Ok(permit) = Arc::clone(&limit).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|&stop| stop) => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: what is open has to end first.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (tls, handler, watcher) = (tls.clone(), Arc::clone(&handler), graceful.watcher());
        tokio::spawn(async move {
            let _permit = permit;
            connection(stream, address, tls, handler, watcher).await;
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open when the server stopped");
    }
}

async fn connection<H: Handler>(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    handler: Arc<H>,
    watcher: Watcher,
) {
    // Answers are small and complete: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return http(stream, Peer { address, certificate: None }, handler, watcher).await;
    };
    match tokio::time::timeout(HEADER_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let certificate = shown.map(|certificate| certificate.clone().into_owned());
            http(stream, Peer { address, certificate }, handler, watcher).await;
        }
        Ok(Err(error)) => tracing::info!(%address, %error, "a client was refused by TLS"),
        Err(_) => tracing::info!(%address, "a client did not finish TLS in time"),
    }
}

async fn http<S, H>(stream: S, peer: Peer, handler: Arc<H>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let peer = Arc::new(peer);
    let address = peer.address;
    let service = service_fn(move |request| {
        let (handler, peer) = (Arc::clone(&handler), Arc::clone(&peer));
        async move { Ok::<_, std::convert::Infallible>(handler.handle(request, peer).await) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(64 * 1024);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(256).max_header_list_size(64 * 1024);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        tracing::debug!(%address, %error, "a connection ended badly");
    }
}
