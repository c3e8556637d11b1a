//! Hostile input on all three addresses, byte by byte: framing that does not frame, headers and paths that are none,
//! bodies without bottom, HTTP/2 by its worst. Whatever comes, the server answers that it is the client's mistake or
//! hangs up, never with an error of its own, and goes on answering others.
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

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use common::Server;
use doorward_cluster::pki::Pki;
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// More than this is not sent to anybody who still listens.
const ENOUGH: usize = 64 * 1024 * 1024;

/// The addresses, and how to speak to them.
struct Target {
    folder: tempfile::TempDir,
    server: Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Api,
    Webhook,
    Ops,
}

const DOORS: [Door; 3] = [Door::Api, Door::Webhook, Door::Ops];

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Target {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path()).await;
        server.register("demo", "API").await;
        Self { folder, server }
    }

    fn address(&self, door: Door) -> SocketAddr {
        match door {
            Door::Api => self.server.addresses.api,
            Door::Webhook => self.server.addresses.webhook,
            Door::Ops => self.server.addresses.ops,
        }
    }

    async fn connect(&self, door: Door, alpn: &[u8]) -> Box<dyn Stream> {
        let stream = TcpStream::connect(self.address(door)).await.unwrap();
        if door != Door::Webhook {
            return Box::new(stream);
        }
        let mut roots = RootCertStore::empty();
        roots.add(Pki::open(self.folder.path(), Timestamp::now()).unwrap().ca_der().unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![alpn.to_vec()];
        let name = ServerName::try_from("127.0.0.1").unwrap();
        Box::new(TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap())
    }

    /// Sends bytes and hears the rest, until the server hangs up.
    async fn say(&self, door: Door, bytes: &[u8]) -> Vec<u8> {
        let (mut from, mut to) = tokio::io::split(self.connect(door, b"http/1.1").await);
        let mut heard = Vec::new();
        // Who is refused early does not read on: neither a failed write nor a reset is of interest.
        let write = async {
            let _ = to.write_all(bytes).await;
        };
        let read = async {
            let _ = from.read_to_end(&mut heard).await;
        };
        tokio::join!(write, read);
        heard
    }

    /// Sends frames of HTTP/2, and hears all that there is to hear until the server has answered two pings behind them,
    /// or has hung up.
    async fn say_frames(&self, door: Door, frames: &[u8]) -> Vec<u8> {
        let mut stream = self.connect(door, b"h2").await;
        let _ = stream.write_all(&[PREFACE, &SETTINGS, frames].concat()).await;
        let mut heard = Vec::new();
        for word in [b"are you ", b"there?  "] {
            let _ = stream.write_all(&frame(PING, 0, 0, word)).await;
            while !heard.windows(word.len()).any(|window| window == word) {
                match stream.read_buf(&mut heard).await {
                    Ok(0) | Err(_) => return heard,
                    Ok(_) => {}
                }
            }
        }
        heard
    }

    /// Whether everybody else is still served.
    async fn assert_serves_others(&self, after: &str) {
        let live = self.server.get_ops("/livez").await;
        assert_eq!((live.status, live.text.as_str()), (200, "ok\n"), "after {after}");
        assert_eq!(self.server.call("GET", "/clusters", "").await.status, 200, "after {after}");
        let review = common::webhook::token_review("none").to_string();
        let path = "/clusters/demo/authenticate";
        let json = "application/json";
        let asked = common::webhook::post(&self.server, self.folder.path(), None, path, json, &review);
        assert_eq!(asked.await.unwrap().0, 200, "after {after}");
    }
}

/// The status of an answer in HTTP/1, if there is one.
fn status(heard: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(heard);
    let line = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&text);
    let (version, rest) = line.split_once(' ')?;
    assert!(matches!(version, "HTTP/1.1" | "HTTP/1.0"), "{line}");
    rest.get(..3)?.parse().ok()
}

fn request(line: &str, headers: &[u8], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n").into_bytes();
    bytes.extend_from_slice(headers);
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn chunked(rest: &[u8]) -> Vec<u8> {
    let head = b"POST /clusters/demo/authenticate HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                 content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    [head.as_slice(), rest].concat()
}

const JSON: &[u8] = b"content-type: application/json\r\n";
const HOOK: &str = "POST /clusters/demo/authenticate";
const SIGNED: &str = "authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-west-2/eks/aws4_request, \
                      SignedHeaders=host;x-amz-date, \
                      Signature=0123456789012345678901234567890123456789012345678901234567890123\r\n";

/// Requests that nobody honest sends.
fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let head = |line: &str, headers: &[u8]| request(line, headers, b"");
    let many = |count: usize| (0..count).map(|at| format!("x{at}: a\r\n")).collect::<String>().into_bytes();
    let raw = |text: &str| text.as_bytes().to_vec();
    let dates = "x-amz-date: 20260101T000000Z\r\n";
    vec![
        ("a header of 200 KB", head("GET /clusters", &[b"x: ", [b'a'; 200_000].as_slice(), b"\r\n"].concat())),
        ("3,000 headers", head("GET /clusters", &many(3_000))),
        ("90 headers", head("GET /clusters", &many(90))),
        ("a header of 60 KB", head("GET /clusters", &[b"x: ", [b'a'; 60_000].as_slice(), b"\r\n"].concat())),
        ("a path of 70 KB", head(&format!("GET /clusters/{}", "a".repeat(70_000)), b"")),
        ("a path of 60 KB", head(&format!("GET /clusters/{}", "a".repeat(60_000)), b"")),
        ("a query of 15,000 pairs", head(&format!("GET /clusters?{}", "a=b&".repeat(15_000)), b"")),
        ("a query of equals signs", head(&format!("GET /clusters?{}", "=".repeat(10_000)), b"")),
        ("escapes without digits", head("GET /clusters/%?a=%zz&%=%", b"")),
        ("escapes that are not UTF-8", head("GET /clusters/%ff%fe?%ff=%fe", b"")),
        ("an escaped NUL", head("GET /clusters/%00/access-entries/%00", b"")),
        ("a raw NUL in the path", head("GET /clusters/\0", b"")),
        ("a path that is not UTF-8", [b"GET /clusters/\xff\xfe HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".as_slice()].concat()),
        ("a path of dots", head("GET /clusters/../../../../etc/passwd", b"")),
        ("a path of slashes", head(&format!("GET {}", "/".repeat(10_000)), b"")),
        ("a header that is not UTF-8", head("GET /clusters", b"authorization: \xff\xfe\r\n")),
        ("a NUL in a header", head("GET /clusters", b"x: a\0b\r\n")),
        ("a header with no name", head("GET /clusters", b": a\r\n")),
        ("a folded header", head("GET /clusters", b"x: a\r\n b\r\n")),
        ("a header that ends with a bare line feed", head("GET /clusters", b"x: a\n\ny: b\r\n")),
        ("two hosts", head("GET /clusters", b"host: b\r\n")),
        ("no host", raw("GET /clusters HTTP/1.1\r\nconnection: close\r\n\r\n")),
        ("HTTP/0.9", raw("GET /\r\n")),
        ("HTTP/1.0", raw("GET /clusters HTTP/1.0\r\n\r\n")),
        ("HTTP/3.0", raw("GET /clusters HTTP/3.0\r\nhost: a\r\n\r\n")),
        ("TLS in plain, or twice", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
        ("a method of control characters", head("G\x01T /clusters", b"")),
        ("a method of 5,000 letters", head(&format!("{} /clusters", "A".repeat(5_000)), b"")),
        ("CONNECT", raw("CONNECT evil.example:443 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")),
        ("OPTIONS *", raw("OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")),
        ("TRACE", head("TRACE /clusters", b"cookie: a=b\r\n")),
        ("a URL in place of the path", head("GET http://evil.example/clusters", b"")),
        ("an upgrade to HTTP/2", raw("GET /clusters HTTP/1.1\r\nhost: a\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\nconnection: upgrade, http2-settings, close\r\n\r\n")),
        ("an upgrade to a web socket", raw("GET /clusters HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade, close\r\n\r\n")),
        ("two lengths", raw("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd")),
        ("a negative length", raw("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\nabcd")),
        ("a length that overflows", raw("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\nabcd")),
        ("a length of 9 GB", raw(&format!("{HOOK} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9999999999\r\n\r\nabcd"))),
        ("a length and chunks", raw("POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nhost: b\r\n\r\n")),
        ("two transfer encodings", raw("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n")),
        ("a transfer encoding that nobody knows", raw("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n")),
        ("a chunk whose length is none", chunked(b"ZZZ\r\nabc\r\n0\r\n\r\n")),
        ("a chunk whose length overflows", chunked(b"FFFFFFFFFFFFFFFFFF\r\nabc\r\n")),
        ("a chunk that is longer than it says", chunked(b"2\r\nabcdef\r\n0\r\n\r\n")),
        ("a chunk with an endless extension", chunked(&[b"1;".as_slice(), &[b'a'; 100_000], b"\r\nx\r\n0\r\n\r\n"].concat())),
        ("endless trailers", chunked(&[b"0\r\n".as_slice(), "x: y\r\n".repeat(50_000).as_bytes(), b"\r\n"].concat())),
        ("chunks of one byte, 300,000 of them", chunked(&[b"1\r\na\r\n".repeat(300_000).as_slice(), b"0\r\n\r\n"].concat())),
        ("a body of 2 MB", request(HOOK, JSON, &[b'a'; 2_000_000])),
        ("JSON of 200,000 brackets", request(HOOK, JSON, &[b'['; 200_000])),
        ("JSON of 40,000 objects", request(HOOK, JSON, "{\"a\":".repeat(40_000).as_bytes())),
        ("JSON that is not UTF-8", request(HOOK, JSON, b"{\"kind\":\"\xff\"}")),
        ("JSON with half of a character", request(HOOK, JSON, br#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"\ud800"}}"#)),
        ("JSON behind a byte order mark", request(HOOK, JSON, b"\xef\xbb\xbf{}")),
        ("a number without end", request(HOOK, JSON, &[b"{\"a\":".as_slice(), &[b'9'; 200_000], b"}"].concat())),
        ("a number of no size", request(HOOK, JSON, b"{\"a\":1e999999999}")),
        ("an UTF-16 body", request(HOOK, JSON, b"\xff\xfe{\0}\0")),
        ("a compressed body", request(HOOK, b"content-type: application/json\r\ncontent-encoding: gzip\r\n", b"\x1f\x8b\x08\0")),
        ("no media type", request(HOOK, b"", b"{}")),
        ("two media types", request(HOOK, &[JSON, JSON].concat(), b"{}")),
        ("a media type of nonsense", request(HOOK, b"content-type: ;;;,\xff\r\n", b"{}")),
        ("an expectation", request(HOOK, &[JSON, b"expect: 100-continue\r\n"].concat(), b"{}")),
        ("an expectation that nobody knows", request(HOOK, &[JSON, b"expect: the worst\r\n"].concat(), b"{}")),
        ("a signature of nonsense", head("GET /clusters", &[b"authorization: AWS4-HMAC-SHA256 Credential=", "A/".repeat(2_000).as_bytes(), b",SignedHeaders=,Signature=\r\n"].concat())),
        ("a scheme without a signature", head("GET /clusters", b"authorization: AWS4-HMAC-SHA256\r\n")),
        ("a signature without a date", head("GET /clusters", SIGNED.as_bytes())),
        ("a signature with two dates", head("GET /clusters", format!("{SIGNED}{dates}{dates}").as_bytes())),
        ("two signatures", head("GET /clusters", format!("{SIGNED}{SIGNED}{dates}").as_bytes())),
        ("a date that is none", head("GET /clusters", format!("{SIGNED}x-amz-date: 99999999T999999Z\r\n").as_bytes())),
        ("a signature of 50,000 signed headers", head("GET /clusters", format!("authorization: AWS4-HMAC-SHA256 Credential=A/20260101/us-west-2/eks/aws4_request, SignedHeaders={}, Signature=00\r\n{dates}", "a;".repeat(25_000)).as_bytes())),
        ("a signature in the query that is none", head("GET /?Action=GetCallerIdentity&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=%zz", b"")),
        ("a form without a signature", request("POST /", b"content-type: application/x-www-form-urlencoded\r\n", b"Action=GetCallerIdentity&Version=2011-06-15")),
        ("a form of 100,000 pairs", request("POST /", SIGNED.as_bytes(), "a=b&".repeat(100_000).as_bytes())),
        ("what follows a request", [head("POST /", b""), b"GARBAGE".repeat(1_000)].concat()),
    ]
}

#[tokio::test]
async fn whatever_comes_over_http_1_is_the_clients_mistake_and_others_are_served() {
    let target = Target::start().await;
    let before = series(&target).await;
    let mut faults = Vec::new();
    for (what, bytes) in requests() {
        for door in DOORS {
            let heard = target.say(door, &bytes).await;
            let fault = match status(&heard) {
                None if heard.is_empty() => None,
                None => Some("what is no answer".to_owned()),
                // The health of the server is nobody's mistake.
                Some(200) if door == Door::Ops => None,
                Some(status) if (400..500).contains(&status) => None,
                Some(status) => Some(status.to_string()),
            };
            faults.extend(fault.map(|fault| format!("{door:?}: {what}: {fault}: {}", String::from_utf8_lossy(&heard))));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    target.assert_serves_others("all of them").await;
    // What went wrong is counted, by names of ours: far fewer than there were requests.
    let new: Vec<String> = series(&target).await.difference(&before).cloned().collect();
    let ours = [
        "authentications_total{outcome=",
        "api_calls_total{outcome=",
        "webhook_rejections_total{status=",
        // The cluster that is registered, of which somebody asked in between.
        "cluster_webhook_last_call_timestamp_seconds{cluster=\"demo\"",
    ];
    let is_ours = |name: &String| ours.iter().any(|ours| name.strip_prefix("doorward_").unwrap().starts_with(ours));
    assert!(new.iter().all(is_ours) && new.len() < 24, "the metrics have grown: {new:#?}");
    target.server.stop().await;
}

/// The names and labels of all metrics.
async fn series(target: &Target) -> BTreeSet<String> {
    let text = target.server.get_ops("/metrics").await.text;
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name.to_owned()).collect()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A frame of HTTP/2: RFC 9113, section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A field without compression: RFC 7541, section 6.2.2, with lengths below 127.
fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let length = |text: &[u8]| u8::try_from(text.len()).unwrap();
    assert!(name.len() < 127 && value.len() < 127);
    [&[0, length(name)], name, &[length(value)], value].concat()
}

/// The fields of a request for the list of clusters.
fn fields() -> Vec<u8> {
    [field(b":method", b"GET"), field(b":scheme", b"https"), field(b":authority", b"a"), field(b":path", b"/clusters")]
        .concat()
}

const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS_FRAME: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The first digit of the status of the first answer among some frames: RFC 7541, appendices A and B.
fn answered(mut heard: &[u8]) -> Option<u8> {
    while let Some((head, rest)) = heard.split_at_checked(9) {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let payload = rest.get(..length)?;
        if head[3] == HEADERS {
            return Some(match (payload[0], payload.get(2)) {
                (0x88..=0x8a, _) => 2,
                (0x8b, _) => 3,
                (0x8c | 0x8d, _) => 4,
                (0x8e, _) => 5,
                // A literal: digits below 3 have five bits, the others six.
                (_, Some(first)) if payload[1] & 0x80 != 0 => match first >> 2 {
                    0b01_1010 => 4,
                    0b01_1011 => 5,
                    0b01_1001 => 3,
                    _ => first >> 3,
                },
                (_, first) => first.unwrap() - b'0',
            });
        }
        heard = &rest[length..];
    }
    None
}

/// What breaks the rules of HTTP/2 once, behind a preface and settings.
fn breaches() -> Vec<(&'static str, Vec<u8>)> {
    let request = |fields: Vec<u8>| frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields);
    let with = |name: &[u8], value: &[u8]| request([fields(), field(name, value)].concat());
    vec![
        ("a frame that is longer than may be", frame(0, 0, 1, &[0; 20_000])),
        ("a frame of 16 MB that does not come", vec![0xff, 0xff, 0xff, HEADERS, 0, 0, 0, 0, 1]),
        ("a frame of an unknown kind, then nothing", frame(0xee, 0xff, 1, b"?")),
        ("data for a stream that is not open", frame(0, END_STREAM, 5, b"x")),
        ("headers for stream 0", frame(HEADERS, END_STREAM | END_HEADERS, 0, &fields())),
        ("headers for a stream of the server's", frame(HEADERS, END_STREAM | END_HEADERS, 2, &fields())),
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, &fields())),
        (
            "headers in the middle of others",
            [frame(HEADERS, END_STREAM, 1, &fields()), frame(PING, 0, 0, &[0; 8])].concat(),
        ),
        ("a stream that depends on itself", frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 0])),
        ("a promise of a client's", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])),
        ("a ping of 7 bytes", frame(PING, 0, 0, &[0; 7])),
        ("settings of 5 bytes", frame(SETTINGS_FRAME, 0, 0, &[0; 5])),
        ("settings for a stream", frame(SETTINGS_FRAME, 0, 1, &[])),
        ("a window that overflows", frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])),
        ("a window that grows by nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("fields that are no compression", request(vec![0xff; 200])),
        ("an index that is not there", request(vec![0x80 | 126])),
        ("a table of 4 GB", request([vec![0x3f, 0xff, 0xff, 0xff, 0xff, 0x0f], fields()].concat())),
        ("no path", request([field(b":method", b"GET"), field(b":scheme", b"https")].concat())),
        (
            "an empty path",
            request([field(b":method", b"GET"), field(b":scheme", b"https"), field(b":path", b"")].concat()),
        ),
        (
            "a path without a slash",
            request([field(b":method", b"GET"), field(b":scheme", b"https"), field(b":path", b"clusters")].concat()),
        ),
        (
            "a path with a NUL",
            request([field(b":method", b"GET"), field(b":scheme", b"https"), field(b":path", b"/\0")].concat()),
        ),
        ("two paths", with(b":path", b"/livez")),
        ("a pseudo header that nobody knows", with(b":evil", b"x")),
        ("a status of a client's", with(b":status", b"200")),
        ("a name in capitals", with(b"Authorization", b"x")),
        ("a name with a line break", with(b"a\r\nb", b"x")),
        ("a value with a line break", with(b"x", b"a\r\nhost: b")),
        ("an empty name", with(b"", b"x")),
        ("a header of the connection", with(b"connection", b"close")),
        ("a transfer encoding", with(b"transfer-encoding", b"chunked")),
        ("a length that is not the body's", with(b"content-length", b"5")),
        ("a host beside the authority", with(b"host", b"b")),
        ("CONNECT", request([field(b":method", b"CONNECT"), field(b":authority", b"evil.example:443")].concat())),
        ("a parting word", frame(GO_AWAY, 0, 0, &[0; 8])),
        ("garbage", b"GET / HTTP/1.1\r\n\r\n".repeat(10)),
    ]
}

#[tokio::test]
async fn whoever_breaks_the_rules_of_http_2_harms_nobody_else() {
    let target = Target::start().await;
    // What breaks no rule is answered, and the answer can be read.
    for door in DOORS {
        let heard = target.say_frames(door, &frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields())).await;
        assert_eq!(answered(&heard), Some(4), "{door:?}: {:?}", String::from_utf8_lossy(&heard));
    }
    for (what, bytes) in breaches() {
        for door in DOORS {
            let heard = target.say_frames(door, &bytes).await;
            let class = answered(&heard);
            // The health of the server is nobody's mistake.
            let is_fine = matches!(class, None | Some(4)) || (class, door) == (Some(2), Door::Ops);
            assert!(is_fine, "{door:?}: {what}: {class:?} {:?}", String::from_utf8_lossy(&heard));
        }
        target.assert_serves_others(what).await;
    }
    target.server.stop().await;
}

/// Sends the same again and again; how much was sent until nobody wanted any more.
async fn flood(target: &Target, door: Door, first: &[u8], again: impl Fn(u32) -> Vec<u8>) -> usize {
    let (mut from, mut to) = tokio::io::split(target.connect(door, b"h2").await);
    let listen = tokio::spawn(async move {
        let mut heard = [0; 65_536];
        while from.read(&mut heard).await.is_ok_and(|length| length > 0) {}
    });
    let mut sent = 0;
    let _ = to.write_all(&[PREFACE, &SETTINGS, first].concat()).await;
    for turn in 0.. {
        let bytes = again(turn);
        // Whoever has hung up does not read on.
        if sent > ENOUGH || listen.is_finished() || to.write_all(&bytes).await.is_err() {
            break;
        }
        sent += bytes.len();
    }
    listen.abort();
    sent
}

#[tokio::test]
async fn headers_without_an_end_are_not_collected() {
    let target = Target::start().await;
    for door in DOORS {
        let start = frame(HEADERS, END_STREAM, 1, &fields());
        let more = frame(CONTINUATION, 0, 1, &field(b"x", &[b'a'; 100]).repeat(100));
        let sent = flood(&target, door, &start, |_| more.clone()).await;
        assert!(sent < ENOUGH, "{door:?} took {sent} bytes of headers");
    }
    target.assert_serves_others("endless headers").await;
    target.server.stop().await;
}

#[tokio::test]
async fn requests_that_are_taken_back_at_once_are_not_served_for_ever() {
    let target = Target::start().await;
    for door in DOORS {
        let again = |turn: u32| {
            let streams = (0..500).map(|at| turn * 1_000 + at * 2 + 1);
            streams
                .flat_map(|stream| {
                    let open = frame(HEADERS, END_STREAM | END_HEADERS, stream, &fields());
                    [open, frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
                })
                .collect()
        };
        let sent = flood(&target, door, b"", again).await;
        assert!(sent < ENOUGH, "{door:?} took {sent} bytes of requests");
    }
    target.assert_serves_others("requests taken back").await;
    target.server.stop().await;
}

#[tokio::test]
async fn hundreds_of_bodies_at_once_are_held_to_a_bound_and_small_requests_go_on() {
    let target = Target::start().await;
    // Each sends as much as one body may have, but for the last byte.
    let head =
        format!("POST /clusters HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", 1024 * 1024);
    let mut held = Vec::new();
    let (mut refused, mut told) = (0, 0);
    for _ in 0..100 {
        let mut stream = target.connect(Door::Api, b"").await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let _ = stream.write_all(&vec![b' '; 1024 * 1024 - 1]).await;
        held.push(stream);
    }
    target.assert_serves_others("100 bodies that do not end").await;
    // The last bytes: who is held is asked for a signature, who was not is told to come again.
    for mut stream in held {
        let _ = stream.write_all(b" ").await;
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        match status(&heard) {
            // Refused while it was still sending, so that the answer was lost.
            None => refused += 1,
            Some(429) => (refused, told) = (refused + 1, told + 1),
            Some(status) => assert_eq!(status, 403, "{}", String::from_utf8_lossy(&heard)),
        }
    }
    assert!((30..100).contains(&refused), "{refused} were refused, {told} of them were told");
    target.server.stop().await;
}
