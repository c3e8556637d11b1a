//! A permission or a key that is taken away while a request waits for its turn to write.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use doorward_core::account_id::AccountId;
use doorward_core::partition::Partition;
use doorward_identity::directory::{Change as DirectoryChange, KeyStatus, NewUser};
use doorward_identity::hosts::StsHosts;
use doorward_identity::random::OsRandom;
use doorward_identity::session::SessionKey;
use doorward_identity::{LocalProvider, Verifier};
use doorward_sigv4::{Credentials, PayloadHash, Request, SecretKey, sign_headers};
use doorward_store::{SqliteOptions, SqliteStore};
use http::{HeaderMap, HeaderName, Method};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::entry::Api;
use super::http::Incoming;
use super::query_services;
use crate::body::BodyReader;
use crate::change::Change;
use crate::engine::{Engine, Event};
use crate::error::WriteError;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::query::Service;
use crate::view::{Limits, UnknownPrincipals, View};

const USER: &str = "bob";

fn account() -> AccountId {
    "123456789012".parse().unwrap()
}

fn event() -> Event {
    let (by, access_key_id) = ("test".to_owned(), String::new());
    let request_id = crate::bootstrap::random_id().unwrap();
    Event { by, access_key_id, action: "test".to_owned(), request_id, at: Timestamp::now() }
}

/// A server with one user that may do everything, and that user's key.
async fn server(folder: &std::path::Path) -> (Arc<Api>, Credentials) {
    let store = SqliteStore::open(&folder.join("db"), SqliteOptions::default()).unwrap();
    let engine =
        Arc::new(Engine::open(Arc::new(store), Limits::default(), UnknownPrincipals::default()).await.unwrap());
    let now = Timestamp::now();
    let change = async |make: &(dyn Fn(&View) -> DirectoryChange + Sync)| {
        let plan = |view: &View| Ok::<_, WriteError>(((), vec![Change::Directory(make(view))]));
        engine.write(event(), plan).await.unwrap();
    };
    change(&|view| view.directory.create_account(account(), Partition::Aws, now).unwrap().0).await;
    let new = NewUser { account: account(), path: "/", name: USER, tags: &[], is_administrator: false };
    change(&|view| view.directory.create_user(&new, now, &mut OsRandom).unwrap().0).await;
    let allow = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    change(&|view| view.directory.put_user_policy(account(), USER, "p", allow).unwrap().0).await;
    change(&|view| view.directory.create_access_key(account(), USER, now, &mut OsRandom).unwrap().0).await;
    let view = engine.view_owned();
    let key = view.directory.access_keys_of(view.directory.user(account(), USER).unwrap()).next().unwrap().clone();
    let secret = SecretKey::new(key.secret.expose_secret().to_owned());
    let sessions = Arc::new(SessionKey::from_bytes([1; 32]));
    let hosts = StsHosts { partition: Partition::Aws, local: Vec::new() };
    let verifier = Arc::new(Verifier::Local(Box::new(LocalProvider::new(hosts, Arc::clone(&sessions)))));
    let health = Arc::new(Health::new(Arc::clone(&engine), verifier, Arc::new(Metrics::default())));
    let api = Arc::new(Api { engine, sessions, health, bodies: BodyReader::new(super::MAX_BODY) });
    (api, Credentials::new(key.id.clone(), secret, None).unwrap())
}

fn signed(credentials: &Credentials, service: &str, method: Method, path: &str, body: &'static str) -> Incoming {
    let headers: &[(&str, &[u8])] = &[("host", b"localhost")];
    let body_sha256 = PayloadHash::of(body.as_bytes());
    let request = Request { method: method.as_str(), path, query: "", headers, body_sha256 };
    let signed = sign_headers(&request, credentials, "us-west-2", service, Timestamp::now()).unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("host", "localhost".to_owned()), ("authorization", signed.authorization), ("x-amz-date", signed.x_amz_date)]
    {
        headers.insert(HeaderName::from_static(name), value.parse().unwrap());
    }
    Incoming { method, path: path.to_owned(), query: String::new(), headers, body: body.as_bytes().into() }
}

/// What is answered to a write that waits while something is taken away. Without that it would not find what it names.
async fn answer_after(service: &'static str, taken: fn(&View) -> DirectoryChange) -> Option<&'static str> {
    let folder = tempfile::tempdir().unwrap();
    let (api, credentials) = server(folder.path()).await;
    let incoming = match service {
        "iam" => signed(&credentials, "iam", Method::POST, "/", "Action=DeleteUser&Version=2010-05-08&UserName=none"),
        _ => signed(&credentials, "eks", Method::DELETE, "/clusters/none", ""),
    };
    let (begin, begun) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let engine = Arc::clone(&api.engine);
    let taking = tokio::spawn(async move {
        let plan = move |view: &View| {
            begin.send(()).unwrap();
            wait.recv().unwrap();
            Ok::<_, WriteError>(((), vec![Change::Directory(taken(view))]))
        };
        engine.write(event(), plan).await.unwrap();
    });
    tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
    let asking = tokio::spawn(async move {
        let now = Timestamp::now();
        match service {
            "iam" => query_services::answer(&api, &incoming, Service::Iam, now, "r").await.error_type,
            _ => api.json_service(&incoming, now, "r").await.error_type,
        }
    });
    // Long enough for it to be let in and to wait behind what is being taken.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!asking.is_finished(), "it does not wait for its turn");
    go.send(()).unwrap();
    taking.await.unwrap();
    asking.await.unwrap()
}

// Two of the threads wait: one in the middle of a plan, one for its turn to plan.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_write_that_waited_is_refused_if_its_permission_is_gone() {
    let policy = |view: &View| view.directory.delete_user_policy(account(), USER, "p").unwrap().0;
    assert_eq!(answer_after("eks", policy).await, Some("AccessDeniedException"));
    assert_eq!(answer_after("iam", policy).await, Some("AccessDenied"));
}

// Two of the threads wait: one in the middle of a plan, one for its turn to plan.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_write_that_waited_is_refused_if_its_key_is_gone() {
    let key = |view: &View| {
        let user = view.directory.user(account(), USER).unwrap();
        let id = &view.directory.access_keys_of(user).next().unwrap().id;
        view.directory.update_access_key(account(), USER, id, KeyStatus::Inactive).unwrap().0
    };
    assert_eq!(answer_after("eks", key).await, Some("UnrecognizedClientException"));
    assert_eq!(answer_after("iam", key).await, Some("InvalidClientTokenId"));
}

// Two of the threads wait: one in the middle of a plan, one for its turn to plan.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_write_that_waited_goes_on_if_something_else_changed() {
    let other = |view: &View| view.directory.tag_user(account(), USER, Vec::new()).unwrap().0;
    assert_eq!(answer_after("eks", other).await, Some("ResourceNotFoundException"));
    assert_eq!(answer_after("iam", other).await, Some("NoSuchEntity"));
}
