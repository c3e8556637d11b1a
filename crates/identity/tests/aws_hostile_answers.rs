//! What stands in STS's place and means ill, over real connections: no memory, no time, no trust for it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod common;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use common::raw_sts::{Behaviour, RawSts};
use common::{credentials, now};
use doorward_identity::aws::{AwsConfig, AwsProvider, StaticCredentials, StsLimits};
use doorward_identity::hosts::{Endpoint, LocalEndpoint};
use doorward_identity::token::encode;
use proptest::prelude::*;
use rustls::ServerConfig;
use secrecy::ExposeSecret as _;
use tokio_rustls::TlsAcceptor;

const GOOD: &str = r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"123456789012","Arn":"arn:aws:iam::123456789012:user/alice","UserId":"AIDAX"},"ResponseMetadata":{"RequestId":"r"}}}"#;

fn good() -> Vec<u8> {
    let length = GOOD.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{GOOD}").into_bytes()
}

fn config(sts: &RawSts, ca_file: Option<PathBuf>) -> AwsConfig {
    AwsConfig {
        sts_endpoints: vec![LocalEndpoint::parse(&sts.url).unwrap()],
        ca_file,
        sts: StsLimits { timeout_ms: 700, connect_timeout_ms: 500, ..StsLimits::default() },
        ..AwsConfig::default()
    }
}

async fn ask(sts: &RawSts, ca_file: Option<PathBuf>) -> String {
    let config = config(sts, ca_file);
    let endpoint = Endpoint::Local(config.sts_endpoints[0].clone());
    let provider = AwsProvider::new(config, Arc::new(StaticCredentials(credentials()))).unwrap();
    let token = encode(&endpoint, "us-west-2", &credentials(), "demo", now()).unwrap();
    let outcome = provider.verify("demo", token.expose_secret(), now()).await;
    outcome.map_or_else(|error| error.reason().to_owned(), |principal| principal.arn.clone())
}

#[tokio::test]
async fn the_double_itself_is_believed_when_it_answers_well() {
    let sts = RawSts::answering(good()).await;
    assert_eq!(ask(&sts, None).await, "arn:aws:iam::123456789012:user/alice");
    let requests = sts.requests.lock().await;
    let mut lines: Vec<&str> = requests[0].trim_end().split("\r\n").collect();
    assert!(lines[0].starts_with("GET /?Action=GetCallerIdentity&") && lines[0].ends_with(" HTTP/1.1"));
    lines.remove(0);
    lines.sort_unstable();
    let host = format!("host: {}", sts.url.strip_prefix("http://").unwrap());
    assert_eq!(lines, ["accept: application/json", host.as_str(), "x-k8s-aws-id: demo"], "and not one header more");
}

#[tokio::test]
async fn a_body_without_end_is_cut_off_at_64_kib() {
    for length in ["content-length: 1073741824", "transfer-encoding: chunked", "connection: close"] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{length}\r\n\r\n");
        let more = if length.starts_with("transfer") {
            [b"10000\r\n".as_slice(), &[b' '; 65_536], b"\r\n"].concat()
        } else {
            vec![b' '; 65_536]
        };
        let sts = RawSts::start(Behaviour::Endless(head.into_bytes(), more), None).await;
        assert_eq!(ask(&sts, None).await, "unreadable", "{length}");
        let sent = sts.sent.load(Ordering::SeqCst);
        assert!(sent < 16 * 1024 * 1024, "{length}: {sent} bytes were taken");
    }
}

#[tokio::test]
async fn headers_without_end_are_cut_off() {
    for (head, more) in [
        (
            "HTTP/1.1 200 OK\r\n",
            "x-more: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nx: ",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ),
    ] {
        let sts = RawSts::start(Behaviour::Endless(head.into(), more.repeat(100).into_bytes()), None).await;
        assert_eq!(ask(&sts, None).await, "unreachable");
        assert!(sts.sent.load(Ordering::SeqCst) < 16 * 1024 * 1024);
    }
}

#[tokio::test]
async fn whoever_is_slow_or_silent_or_promises_for_ever_runs_into_the_time_limit() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(50).into_bytes();
    for behaviour in [
        Behaviour::Silent,
        Behaviour::Slow(good()),
        Behaviour::Slow(
            [b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 200\r\n\r\n", GOOD.as_bytes()]
                .concat(),
        ),
        Behaviour::Endless(interim.clone(), interim),
    ] {
        let sts = RawSts::start(behaviour, None).await;
        let started = Instant::now();
        let outcome = ask(&sts, None).await;
        assert!(["timeout", "unreachable"].contains(&outcome.as_str()), "{outcome}");
        assert!(started.elapsed().as_millis() < 3_000);
    }
}

#[tokio::test]
async fn what_is_cut_off_or_is_no_http_is_no_answer() {
    let cut = |at: usize| good()[..at].to_vec();
    let two = [good(), good()].concat();
    for (answer, expected) in [
        (Vec::new(), "unreachable"),
        (cut(10), "unreachable"),
        (cut(good().len() - 1), "unreachable"),
        (b"GARBAGE\r\n\r\n".to_vec(), "unreachable"),
        (b"HTTP/9.9 200 OK\r\n\r\n".to_vec(), "unreachable"),
        (GOOD.as_bytes().to_vec(), "unreachable"),
        // Two lengths that disagree, or a length beside chunks: what one reader takes for a body another does not.
        (format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\ncontent-length: {}\r\n\r\n{GOOD}", GOOD.len()).into_bytes(), "unreachable"),
        (format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{GOOD}", GOOD.len()).into_bytes(), "unreadable"),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_vec(), "unreadable"),
        // What follows an answer is not taken for the next one; the connection is given up.
        (two, "arn:aws:iam::123456789012:user/alice"),
    ] {
        let sts = RawSts::answering(answer.clone()).await;
        assert_eq!(ask(&sts, None).await, expected, "{}", String::from_utf8_lossy(&answer));
    }
}

struct Issued {
    acceptor: TlsAcceptor,
    ca: PathBuf,
    _folder: tempfile::TempDir,
}

fn issue(name: &str) -> Issued {
    let issued = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, issued.cert.pem()).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    Issued { acceptor: TlsAcceptor::from(Arc::new(config)), ca, _folder: folder }
}

#[tokio::test]
async fn only_a_certificate_that_is_trusted_for_that_very_name_is_sent_a_token() {
    let (localhost, other) = (issue("localhost"), issue("sts.us-west-2.amazonaws.com"));
    let sts = RawSts::start(Behaviour::Answer(good()), Some(localhost.acceptor.clone())).await;
    assert_eq!(ask(&sts, Some(localhost.ca.clone())).await, "arn:aws:iam::123456789012:user/alice");
    assert_eq!(sts.calls(), 1);
    assert_eq!(ask(&sts, None).await, "unreachable", "not by the authorities of the web");
    assert_eq!(ask(&sts, Some(other.ca.clone())).await, "unreachable", "nor by another one");
    assert_eq!(sts.calls(), 1, "the token was not sent");
    let sts = RawSts::start(Behaviour::Answer(good()), Some(other.acceptor.clone())).await;
    assert_eq!(ask(&sts, Some(other.ca.clone())).await, "unreachable", "nor for another name");
    assert_eq!(sts.calls(), 0);
}

#[tokio::test]
async fn plain_words_on_a_tls_port_are_no_answer() {
    let mut sts = RawSts::answering(good()).await;
    let url = sts.url.replace("http://127.0.0.1", "https://localhost");
    sts.url = url;
    let outcome = ask(&sts, None).await;
    assert!(["timeout", "unreachable"].contains(&outcome.as_str()), "{outcome}");
}

#[tokio::test]
async fn a_file_without_certificates_stops_the_start() {
    let sts = RawSts::answering(good()).await;
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    for path in [empty, folder.path().join("absent.pem")] {
        let refused = AwsProvider::new(config(&sts, Some(path)), Arc::new(StaticCredentials(credentials())));
        assert!(refused.err().unwrap().to_string().contains("cannot read certificates"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever is changed in a good answer, nobody else comes out of it.
    #[test]
    fn a_changed_answer_never_names_another_account(at in 0_usize..GOOD.len(), byte in any::<u8>(), status in 100_u16..600) {
        let mut body = GOOD.as_bytes().to_vec();
        body[at] = byte;
        let reply = doorward_identity::aws::Reply {
            status,
            content_type: Some("application/json".to_owned()),
            is_encoded: false,
            body: body.into(),
        };
        let read = doorward_identity::aws::read_caller_identity(&reply, doorward_core::partition::Partition::Aws, "AKIA");
        if let Ok(principal) = read {
            prop_assert_eq!(status, 200);
            let account = principal.canonical.account();
            prop_assert_eq!(account.as_str(), "123456789012");
            prop_assert!(!principal.id.0.is_empty());
        }
    }

    #[test]
    fn no_answer_makes_it_panic(status in any::<u16>(), body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let reply = doorward_identity::aws::Reply { status, content_type: None, is_encoded: false, body: body.into() };
        let read = doorward_identity::aws::read_caller_identity(&reply, doorward_core::partition::Partition::Aws, "AKIA");
        prop_assert!(read.is_err());
    }
}
