//! Watching and editing aws-auth, and the files of `init`, on a real kube-apiserver.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod common;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use common::{ApiServer, TOKEN};
use doorward_cluster::config_map::{AwsAuthConfigMap, ConfigMapError, Mode};
use doorward_cluster::init::{Init, init};
use doorward_cluster::kubeconfig::stored::StoredKubeconfig;
use doorward_cluster::pki::{Pki, client_of};
use doorward_cluster::watch::{AwsAuthWatch, Health, Timing, WatchState};
use doorward_core::aws_auth::edit::{Duplicates, EditError, NewMapping, Which, create_mapping, delete_mapping};
use jiff::Timestamp;

/// Two API servers at once are too much for a small machine.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const ADMIN: &str = "arn:aws:iam::123456789012:role/admin";

fn start() -> ApiServer {
    ApiServer::start(tempfile::tempdir().unwrap(), Vec::new())
}

async fn client(server: &ApiServer) -> kube::Client {
    StoredKubeconfig::load(&server.kubeconfig(), None).unwrap().client().await.unwrap()
}

async fn wait_for(watch: &AwsAuthWatch, what: &str, is_it: impl Fn(&WatchState) -> bool) -> WatchState {
    let mut state = watch.state();
    let waited = tokio::time::timeout(Duration::from_secs(40), state.wait_for(|state| is_it(state))).await;
    match waited {
        Ok(found) => found.unwrap().clone(),
        Err(_) => panic!("not seen: {what}; the state is {:?}", watch.state().borrow()),
    }
}

fn is_connected(state: &WatchState) -> bool {
    matches!(state.health, Health::Connected { .. })
}

fn is_absent(state: &WatchState) -> bool {
    is_connected(state) && state.observed.as_ref().is_some_and(|observed| observed.data.is_none())
}

fn has_role(state: &WatchState, name: &str) -> bool {
    let data = state.observed.as_ref().and_then(|observed| observed.data.as_ref());
    is_connected(state) && data.and_then(|data| data.get("mapRoles")).is_some_and(|roles| roles.contains(name))
}

fn add(arn: &str) -> impl Fn(&BTreeMap<String, String>) -> Result<doorward_core::aws_auth::edit::Edited, EditError> {
    let arn = arn.to_owned();
    move |data| {
        let new = NewMapping { arn: &arn, username: "someone", groups: &[] };
        create_mapping(data, &new, Duplicates::Shadow)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_auth_is_seen_as_it_changes_and_edits_keep_what_is_not_theirs() {
    let _one = ONE_AT_A_TIME.lock().await;
    let server = start();
    let client = client(&server).await;
    let watch = AwsAuthWatch::start(client.clone(), Timing::default());
    wait_for(&watch, "that there is none", is_absent).await;
    let config_map = AwsAuthConfigMap::new(client);
    assert_eq!(config_map.read().await.unwrap(), None);

    config_map.edit(Mode::DryRun, add(ADMIN)).await.unwrap();
    assert_eq!(config_map.read().await.unwrap(), None);
    let nothing = config_map.edit(Mode::Apply, |data| delete_mapping(data, ADMIN, Which::First)).await;
    assert_eq!(nothing, Err(ConfigMapError::Edit(EditError::NotFound(ADMIN.to_owned()))));

    config_map.edit(Mode::Apply, add(ADMIN)).await.unwrap();
    let made = wait_for(&watch, "that it was made", |state| has_role(state, "role/admin")).await;
    assert!(made.observed.unwrap().resource_version.is_some());

    server.kubectl(&["-n", "kube-system", "label", "cm", "aws-auth", "team=us"]).unwrap();
    server.kubectl(&["-n", "kube-system", "annotate", "cm", "aws-auth", "note=kept"]).unwrap();
    let patch = r##"{"data":{"other":"kept","mapUsers":"# nobody yet\n[]\n"},"binaryData":{"blob":"AAE="}}"##;
    server.kubectl(&["-n", "kube-system", "patch", "cm", "aws-auth", "-p", patch]).unwrap();

    // Many at once: each has to see what the others wrote.
    let names: Vec<String> = (0..6).map(|number| format!("arn:aws:iam::123456789012:role/r{number}")).collect();
    let edits = names.iter().map(|name| config_map.edit(Mode::Apply, add(name)));
    for edit in futures::future::join_all(edits).await {
        edit.unwrap();
    }
    let all = wait_for(&watch, "all rows", |state| names.iter().all(|name| has_role(state, name))).await;
    let data = all.observed.unwrap().data.unwrap();
    assert_eq!((data["other"].as_str(), data["mapUsers"].as_str()), ("kept", "# nobody yet\n[]\n"));
    let object = server.kubectl(&["-n", "kube-system", "get", "cm", "aws-auth", "-o", "json"]).unwrap();
    let object: serde_json::Value = serde_json::from_str(&object).unwrap();
    assert_eq!(object["binaryData"]["blob"], "AAE=");
    assert_eq!(object["metadata"]["labels"]["team"], "us");
    assert_eq!(object["metadata"]["annotations"]["note"], "kept");

    let before = config_map.read().await.unwrap();
    let version = |object: &serde_json::Value| object["metadata"]["resourceVersion"].clone();
    config_map.edit(Mode::DryRun, add("arn:aws:iam::123456789012:role/dry")).await.unwrap();
    config_map.edit(Mode::Apply, |data| delete_mapping(data, "absent", Which::All)).await.unwrap();
    assert_eq!(config_map.read().await.unwrap(), before);
    let after = server.kubectl(&["-n", "kube-system", "get", "cm", "aws-auth", "-o", "json"]).unwrap();
    assert_eq!(version(&serde_json::from_str(&after).unwrap()), version(&object), "nothing was written");

    server.kubectl(&["-n", "kube-system", "delete", "cm", "aws-auth"]).unwrap();
    wait_for(&watch, "that it was deleted", is_absent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_while_the_api_server_is_away_is_seen_when_it_is_back() {
    let _one = ONE_AT_A_TIME.lock().await;
    let mut server = start();
    let client = client(&server).await;
    let config_map = AwsAuthConfigMap::new(client.clone());
    config_map.edit(Mode::Apply, add(ADMIN)).await.unwrap();
    let watch = AwsAuthWatch::start(client, Timing::default());
    wait_for(&watch, "the row", |state| has_role(state, "role/admin")).await;

    server.kill_kube_apiserver();
    let failing = wait_for(&watch, "the failure", |state| matches!(state.health, Health::Failing { .. })).await;
    assert!(failing.observed.unwrap().data.is_some(), "what was seen last is kept");
    let error = config_map.edit(Mode::Apply, add("arn:aws:iam::123456789012:role/x")).await.unwrap_err();
    assert!(!format!("{error} {:?}", failing.health).contains(TOKEN));

    // Deleted behind everybody's back, and the history up to there thrown away.
    assert_eq!(server.etcdctl(&["del", "/registry/configmaps/kube-system/aws-auth"]).trim(), "1");
    for filler in ["a", "b", "c"] {
        server.etcdctl(&["put", "filler", filler]);
    }
    let status: serde_json::Value =
        serde_json::from_str(&server.etcdctl(&["endpoint", "status", "-w", "json"])).unwrap();
    let revision = status[0]["Status"]["header"]["revision"].to_string();
    server.etcdctl(&["compact", &revision]);
    server.start_kube_apiserver();
    wait_for(&watch, "that it was deleted", is_absent).await;

    config_map.edit(Mode::Apply, add(ADMIN)).await.unwrap();
    wait_for(&watch, "that it was made again", |state| has_role(state, "role/admin")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_hangs_is_noticed_and_silence_is_no_failure() {
    let _one = ONE_AT_A_TIME.lock().await;
    let server = start();
    let client = client(&server).await;
    let second = Duration::from_secs(1);
    let watch = AwsAuthWatch::start(client, Timing { list: 2 * second, silence: second, ..Timing::default() });
    let mut state = watch.state();
    wait_for(&watch, "that there is none", is_absent).await;
    state.mark_unchanged();
    let confirmed = watch.confirmed().at().unwrap();
    tokio::time::sleep(4 * second).await;
    assert!(!state.has_changed().unwrap(), "what is known already is not told again");
    let again = watch.confirmed().at().unwrap().duration_since(confirmed);
    assert!(again > jiff::SignedDuration::from_secs(1), "it is confirmed all the same, and was not: {again}");

    server.signal_kube_apiserver("STOP");
    let failing = wait_for(&watch, "the failure", |state| matches!(state.health, Health::Failing { .. })).await;
    assert!(format!("{:?}", failing.health).contains("no answer within 2 s"), "{failing:?}");
    server.signal_kube_apiserver("CONT");
    wait_for(&watch, "that it is back", is_absent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_refuses_is_told_with_its_own_words() {
    let _one = ONE_AT_A_TIME.lock().await;
    let server = start();
    let text = std::fs::read_to_string(server.kubeconfig()).unwrap();
    let other = server.folder.path().join("other");
    std::fs::write(&other, text.replace(TOKEN, "another-token")).unwrap();
    let client = StoredKubeconfig::load(&other, Some("c")).unwrap().client().await.unwrap();
    let watch = AwsAuthWatch::start(client.clone(), Timing::default());
    let state = wait_for(&watch, "the refusal", |state| matches!(state.health, Health::Failing { .. })).await;
    assert!(format!("{:?}", state.health).contains("Unauthorized"), "{state:?}");
    assert_eq!(state.observed, None);
    let error = AwsAuthConfigMap::new(client).read().await.unwrap_err().to_string();
    assert!(error.contains("Unauthorized") && !error.contains("another-token"), "{error}");

    // A server that is not the one that the kubeconfig trusts.
    let folder = tempfile::tempdir().unwrap();
    let stranger = Pki::open(folder.path(), Timestamp::now()).unwrap();
    std::fs::write(server.folder.path().join("ca.crt"), stranger.ca_pem()).unwrap();
    let client = StoredKubeconfig::load(&server.kubeconfig(), None).unwrap().client().await.unwrap();
    let error = AwsAuthConfigMap::new(client).read().await.unwrap_err().to_string();
    assert!(error.contains("certificate") && !error.contains(TOKEN), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kube_apiserver_started_with_the_files_of_init_asks_the_webhooks_and_is_known() {
    let _one = ONE_AT_A_TIME.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    let cluster = "eks-workshop".parse().unwrap();
    let what = Init {
        data_dir: &data,
        cluster: &cluster,
        webhook_addr: &address,
        out: &out,
        installed_at: None,
        force: false,
    };
    init(&what, Timestamp::now()).unwrap();
    let calls = webhooks(listener, &data);
    let flags = std::fs::read_to_string(out.join("flags")).unwrap();
    let flags = flags.lines().filter(|line| line.starts_with("--")).map(str::to_owned).collect();
    let server = ApiServer::start(folder, flags);

    let text = std::fs::read_to_string(server.kubeconfig()).unwrap();
    let caller = server.folder.path().join("caller");
    std::fs::write(&caller, text.replace(TOKEN, "a-callers-token")).unwrap();
    let client = StoredKubeconfig::load(&caller, None).unwrap().client().await.unwrap();
    let read = AwsAuthConfigMap::new(client).read().await;
    assert_eq!(read, Ok(None), "the webhooks say who it is and that it may");

    let calls: Vec<(String, String)> = calls.try_iter().collect();
    for path in ["/clusters/eks-workshop/authenticate", "/clusters/eks-workshop/authorize"] {
        let call = calls.iter().find(|(called, _)| called.split('?').next() == Some(path));
        assert_eq!(call.expect(path).1, "eks-workshop", "the client certificate names the cluster");
    }
}

/// Webhooks that let everybody in and tell who called: the path, and the cluster of the client's certificate.
fn webhooks(listener: TcpListener, data: &std::path::Path) -> mpsc::Receiver<(String, String)> {
    let pki = Pki::open(data, Timestamp::now()).unwrap();
    let pair = pki.webhook(&[], Timestamp::now()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(pki.ca_der().unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(vec![pair.certificate_der().unwrap()], pair.key_der().unwrap())
        .unwrap();
    let config = Arc::new(config);
    let (sender, calls) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (config, sender) = (config.clone(), sender.clone());
            std::thread::spawn(move || answer(stream.unwrap(), config, &sender));
        }
    });
    calls
}

fn answer(
    stream: std::net::TcpStream,
    config: Arc<rustls::ServerConfig>,
    calls: &mpsc::Sender<(String, String)>,
) -> Option<()> {
    let mut tls = rustls::StreamOwned::new(rustls::ServerConnection::new(config).unwrap(), stream);
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        tls.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    let head = String::from_utf8(request).unwrap();
    let path = head.split(' ').nth(1)?.to_owned();
    let certificate = tls.conn.peer_certificates()?.first()?.clone();
    calls.send((path.clone(), client_of(&certificate)?.to_string())).ok()?;
    let body = if path.contains("authenticate") {
        r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","status":{"authenticated":true,"user":{"username":"caller","uid":"1"}}}"#
    } else {
        r#"{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","status":{"allowed":true}}"#
    };
    let length = body.len();
    write!(tls, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").ok()?;
    tls.conn.send_close_notify();
    tls.flush().ok()
}
