//! Listening: the accept loop that all three addresses share, with its limits.
//!
//! Ours rather than a framework's because of what it has to bound: connections at once and those of one client, the
//! time a client may take for its headers and for TLS, and the time that open connections get when the server stops.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use doorward_cluster::pki::{client_of, end_of};
use doorward_core::cluster_name::ClusterName;
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::error::ServerError;
use crate::per_client::PerClient;
use crate::webhook_tls::refusal_reason;

/// Connections that one address serves at once; more wait in the system's queue.
const MAX_CONNECTIONS: u32 = 4096;

/// Connections of one client, a quarter of all. An API server needs a handful.
const MAX_CONNECTIONS_OF_A_CLIENT: u32 = MAX_CONNECTIONS / 4;

/// Requests of one HTTP/2 connection at once. All that come as its headers can take 8 MiB.
const MAX_STREAMS: u32 = 128;

/// The headers of one request, in bytes. A session token of 4 KiB and an ARN in the path fit many times.
const MAX_HEADERS: u32 = 64 * 1024;

/// Requests that a client took back before they were looked at, and those that were answered by an error of HTTP/2: with
/// more of either the connection ends.
const MAX_RESETS: usize = 32;

/// Bytes of bodies that an HTTP/2 connection may have sent before they are read: the largest review. Hyper's own is a
/// megabyte for each connection.
const MAX_UNREAD: u32 = 256 * 1024;

/// How long clients are waited for.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// Until TLS is finished, and until the headers of a request are there: of the first, and in HTTP/1 of each.
    headers: Duration,
    /// Between two requests of a connection in HTTP/2. An API server keeps its one connection for 90 seconds, and is let
    /// to close it first.
    idle: Duration,
}

/// How long all three addresses wait.
const PATIENCE: Patience = Patience { headers: Duration::from_secs(10), idle: Duration::from_secs(100) };

/// How long requests in flight get when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// TLS of an address; new connections take what is there when they come.
pub type Tls = Arc<ArcSwap<ServerConfig>>;

/// Answers the requests of one address.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. `peer` is what TLS says of the client.
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Arc<Peer>,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;

    /// Takes note that a client did not get through TLS; `reason` is from a closed list.
    fn refused_by_tls(&self, _reason: &'static str) {}
}

/// What is known of a connection's other end.
#[derive(Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The cluster whose API server it is, by the certificate that it showed and that was verified. Read once for a
    /// connection: to take a certificate apart costs more than most decisions.
    pub client: Option<ClusterName>,
    /// When that certificate ends.
    pub client_ends: Option<Timestamp>,
}

/// Takes an address.
///
/// # Errors
/// Says what the address is for and which flag changes it.
pub async fn bind(address: SocketAddr, purpose: &'static str, flag: &'static str) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Listen { address, purpose, flag, source })
}

/// Serves an address until `stop` becomes true, then lets requests in flight finish.
pub async fn serve<H: Handler>(listener: TcpListener, tls: Option<Tls>, handler: Arc<H>, stop: watch::Receiver<bool>) {
    serve_within(listener, tls, handler, stop, MAX_CONNECTIONS_OF_A_CLIENT).await;
}

async fn serve_within<H: Handler>(
    listener: TcpListener,
    tls: Option<Tls>,
    handler: Arc<H>,
    mut stop: watch::Receiver<bool>,
    most_of_a_client: u32,
) {
    let clients = PerClient::new(most_of_a_client);
    let limit = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    loop {
        let accept = async {
            let permit = Arc::clone(&limit).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (Ok(permit), accepted) = (tokio::select! {
            accepted = accept => accepted,
            _ = stop.wait_for(|&stop| stop) => break,
        }) else {
            break;
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
        let Some(counted) = clients.admit(address.ip()) else {
            tracing::debug!(%address, most = most_of_a_client, "a client has too many connections, this one is closed");
            continue;
        };
        let (tls, handler, stop) = (tls.clone(), Arc::clone(&handler), stop.clone());
        tokio::spawn(async move {
            let _held = (permit, counted);
            connection(stream, address, tls, handler, stop).await;
        });
    }
    drop(listener);
    // Every connection holds a permit until it ends.
    if tokio::time::timeout(DRAIN_TIMEOUT, limit.acquire_many(MAX_CONNECTIONS)).await.is_err() {
        tracing::warn!("connections were still open when the server stopped");
    }
}

async fn connection<H: Handler>(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<Tls>,
    handler: Arc<H>,
    stop: watch::Receiver<bool>,
) {
    // Answers are small and complete: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return http(stream, Peer { address, client: None, client_ends: None }, handler, stop, PATIENCE).await;
    };
    match tokio::time::timeout(PATIENCE.headers, TlsAcceptor::from(tls.load_full()).accept(stream)).await {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let client = shown.and_then(|certificate| client_of(certificate));
            let client_ends = shown.and_then(|certificate| end_of(certificate));
            http(stream, Peer { address, client, client_ends }, handler, stop, PATIENCE).await;
        }
        Ok(Err(error)) => {
            let reason = refusal_reason(&error);
            handler.refused_by_tls(reason);
            tracing::info!(%address, reason, %error, "a client was refused by TLS");
        }
        Err(_) => {
            handler.refused_by_tls("timeout");
            tracing::info!(%address, reason = "timeout", "a client did not finish TLS in time");
        }
    }
}

async fn http<S, H>(stream: S, peer: Peer, handler: Arc<H>, mut stop: watch::Receiver<bool>, patience: Patience)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let peer = Arc::new(peer);
    let address = peer.address;
    let activity = Arc::new(Activity::new(patience));
    let service = service_fn({
        let activity = Arc::clone(&activity);
        move |request: Request<Incoming>| {
            let (handler, peer) = (Arc::clone(&handler), Arc::clone(&peer));
            let running = Running::new(&activity, request.version());
            async move {
                let _running = running;
                Ok::<_, std::convert::Infallible>(handler.handle(request, peer).await)
            }
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    // Hyper's own limit for headers would set a timer for each request; `Activity` bounds the same with one.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_HEADERS as usize);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS).max_header_list_size(MAX_HEADERS);
    http2.initial_connection_window_size(MAX_UNREAD).initial_stream_window_size(MAX_UNREAD);
    http2.max_pending_accept_reset_streams(MAX_RESETS).max_local_error_reset_streams(MAX_RESETS);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = close(&activity, &mut stop) => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(DRAIN_TIMEOUT, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%address, %error, "a connection ended badly");
    }
}

/// What a connection is doing, and until when it may do nothing.
///
/// Two numbers that requests write and one timer reads now and then. To set a timer for each request, and to wake
/// whoever watches, would cost more than most decisions.
struct Activity {
    began: Instant,
    patience: Patience,
    /// Requests that are being answered.
    running: AtomicU32,
    /// Milliseconds after it began: until then it may stay although nothing is being answered.
    quiet_until: AtomicU64,
}

impl Activity {
    fn new(patience: Patience) -> Self {
        let quiet_until = AtomicU64::new(millis(patience.headers));
        Self { began: Instant::now(), patience, running: AtomicU32::new(0), quiet_until }
    }

    /// Returns when nothing was asked for too long: no headers were finished since it began, or since the last answer.
    async fn quiet_for_too_long(&self) {
        // Requests that come change how long it may be quiet, and wake nobody: so it is looked at in between.
        let look = self.patience.headers.min(self.patience.idle);
        loop {
            let left = self.quiet_until.load(Ordering::Acquire).saturating_sub(millis(self.began.elapsed()));
            let is_quiet = self.running.load(Ordering::Acquire) == 0;
            if is_quiet && left == 0 {
                return;
            }
            let wait = if is_quiet { Duration::from_millis(left).min(look) } else { look };
            tokio::time::sleep(wait).await;
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A request of a connection while it is being answered.
struct Running {
    activity: Arc<Activity>,
    /// How long the connection may be quiet after it.
    patience: Duration,
}

impl Running {
    fn new(activity: &Arc<Activity>, version: Version) -> Self {
        activity.running.fetch_add(1, Ordering::AcqRel);
        let Patience { headers, idle } = activity.patience;
        let patience = if version == Version::HTTP_2 { idle } else { headers };
        Self { activity: Arc::clone(activity), patience }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let quiet_until = millis(self.activity.began.elapsed() + self.patience);
        self.activity.quiet_until.store(quiet_until, Ordering::Release);
        self.activity.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Returns when a connection is to be closed: nothing was asked for too long, or the server stops.
async fn close(activity: &Activity, stop: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = activity.quiet_for_too_long() => {}
        _ = stop.wait_for(|&stop| stop) => {}
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

    /// Answers after a while.
    struct Slow(Duration);

    impl Handler for Slow {
        async fn handle(self: Arc<Self>, _: Request<Incoming>, _: Arc<Peer>) -> Response<Full<Bytes>> {
            tokio::time::sleep(self.0).await;
            Response::new(Full::new(Bytes::from_static(b"done")))
        }
    }

    fn peer() -> Peer {
        Peer { address: SocketAddr::from(([127, 0, 0, 1], 1)), client: None, client_ends: None }
    }

    /// What a connection that sent `bytes` hears, and after how long it is closed. Time does not pass by itself here.
    async fn talk(bytes: &[u8], answers_after: Duration) -> (Vec<u8>, Duration) {
        let (mut client, stream) = tokio::io::duplex(256 * 1024);
        let (_never, stop) = watch::channel(false);
        tokio::spawn(http(stream, peer(), Arc::new(Slow(answers_after)), stop, PATIENCE));
        let began = Instant::now();
        client.write_all(bytes).await.unwrap();
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        (heard, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_asks_nothing_is_sent_away() {
        let unfinished = [PREFACE, b"\0\0\x01\x01\0\0\0\0\x01\x82"].concat();
        for bytes in [b"".as_slice(), b"PRI * HT", b"GET / HTTP/1.1\r\nHost: a\r\n", PREFACE, &unfinished] {
            let (_, open) = talk(bytes, Duration::ZERO).await;
            assert!(open <= PATIENCE.headers + DRAIN_TIMEOUT + Duration::from_secs(1), "{bytes:?} {open:?}");
        }
    }

    #[tokio::test]
    async fn a_client_that_takes_back_its_requests_as_fast_as_it_makes_them_is_sent_away() {
        // A stream with the headers of `GET /`, and its end before anybody looked at it.
        let taken_back = |stream: u32| {
            let id = stream.to_be_bytes();
            let headers = [b"\0\0\x06\x01\x05".as_slice(), &id, b"\x82\x84\x86\x41\x01a"].concat();
            [headers, [b"\0\0\x04\x03\0".as_slice(), &id, b"\0\0\0\x08"].concat()].concat()
        };
        let streams: Vec<u8> = (0..200).flat_map(|stream| taken_back(2 * stream + 1)).collect();
        let (heard, _) = talk(&[PREFACE, &streams].concat(), Duration::ZERO).await;
        // GOAWAY (7) with ENHANCE_YOUR_CALM (11).
        let goaway = heard.windows(17).any(|frame| frame[3] == 7 && frame[13..17] == [0, 0, 0, 11]);
        assert!(goaway, "{heard:?}");
    }

    /// Hyper answers these before any handler could, and offers nothing to change the answer (`Server::on_error`).
    #[tokio::test(start_paused = true)]
    async fn what_is_no_http_is_answered_with_a_status_and_no_body() {
        let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(64 * 1024));
        let cases = [("GET / HTTP/1.1\r\na b: c\r\n\r\n", "400"), ("GET / HTTP/x\r\n\r\n", "400"), (&long, "431")];
        for (bytes, status) in cases {
            let (heard, _) = talk(bytes.as_bytes(), Duration::ZERO).await;
            let heard = String::from_utf8(heard).unwrap();
            assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")) && heard.ends_with("\r\n\r\n"), "{heard}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_takes_long_is_waited_for() {
        let (heard, open) = talk(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", PATIENCE.headers * 3).await;
        assert!(heard.ends_with(b"done"), "{heard:?}");
        assert!(open >= PATIENCE.headers * 3, "{open:?}");
    }

    /// Asks once over HTTP/2 in real time, with a handler that takes `answers_after`, and waits until the server closes.
    async fn ask_once(answers_after: Duration, patience: Patience) -> Bytes {
        let (client, stream) = tokio::io::duplex(64 * 1024);
        let (_never, stop) = watch::channel(false);
        tokio::spawn(http(stream, peer(), Arc::new(Slow(answers_after)), stop, patience));
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client)).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = Request::get("http://a/").body(Full::<Bytes>::default()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        // The client would keep the connection: that it ends is the server's doing.
        connection.await.unwrap().unwrap();
        drop(sender);
        body
    }

    /// Whether a connection is served: who has too many hears nothing.
    async fn is_served(stream: &mut TcpStream) -> bool {
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut heard = [0; 12];
        stream.read_exact(&mut heard).await.is_ok_and(|_| heard == *b"HTTP/1.1 200")
    }

    #[tokio::test]
    async fn a_client_cannot_take_all_connections_and_another_is_served_meanwhile() {
        let any = SocketAddr::from(([0, 0, 0, 0], 0));
        let listener = TcpListener::bind(any).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (end, stop) = watch::channel(false);
        let served = tokio::spawn(serve_within(listener, None, Arc::new(Slow(Duration::ZERO)), stop, 3));
        let connect = async |from: [u8; 4]| {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind(SocketAddr::from((from, 0))).unwrap();
            socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await.unwrap()
        };
        let mut held = Vec::new();
        for _ in 0..3 {
            let mut stream = connect([127, 0, 0, 2]).await;
            assert!(is_served(&mut stream).await);
            held.push(stream);
        }
        assert!(!is_served(&mut connect([127, 0, 0, 2]).await).await);
        assert!(is_served(&mut connect([127, 0, 0, 3]).await).await);
        end.send_replace(true);
        drop(held);
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_asks_nothing_more_after_its_request_is_closed() {
        let short = Patience { headers: Duration::from_secs(3_600), idle: Duration::from_millis(50) };
        assert_eq!(ask_once(Duration::ZERO, short).await, "done");
    }

    #[tokio::test]
    async fn a_request_that_takes_longer_than_connections_may_idle_is_answered_first() {
        let short = Patience { headers: Duration::from_millis(50), idle: Duration::from_millis(50) };
        assert_eq!(ask_once(Duration::from_millis(500), short).await, "done");
    }
}
