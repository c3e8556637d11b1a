//! The cases of `cases/token-review/`, over TLS as kube-apiserver calls.
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

use common::webhook::{Posted, send};
use common::{Server, assert_holds, config};
use doorward_server::webhook::ClientAuth;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    description: String,
    method: Option<String>,
    path: Option<String>,
    content_type: Option<String>,
    body: String,
    status: u16,
    answer: Option<Value>,
}

#[tokio::test]
async fn every_review_is_answered_as_it_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cases/token-review/webhook.yaml");
    let cases: Vec<Case> = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(config(folder.path(), ClientAuth::Required)).await;
    server.register("demo", "API").await;
    let arn = server.create_role("/team/", "dev").await;
    let body = json!({ "principalArn": arn }).to_string();
    assert_eq!(server.call("POST", "/clusters/demo/access-entries", &body).await.status, 200);
    let dev = server.assume(&arn, "me@x.com").await;
    let (good, bad) = (server.token(&dev, "demo", Timestamp::now()), server.token(&dev, "other", Timestamp::now()));
    let mut ids = Vec::new();
    for case in cases {
        let place = format!("{}: {}", case.id, case.description);
        let path = case.path.as_deref().unwrap_or("/clusters/demo/authenticate");
        let posted = Posted {
            certificate_of: path.split('/').nth(2),
            method: case.method.as_deref().unwrap_or("POST"),
            path,
            content_type: case.content_type.as_deref().unwrap_or("application/json"),
            body: &case.body.replace("{token}", &good).replace("{bad}", &bad),
        };
        let (status, text) = send(&server, folder.path(), &posted).await.unwrap();
        assert_eq!(status, case.status, "{place}: {text}");
        assert!(!text.contains(&good) && !text.contains(&bad), "{place}: {text}");
        if let Some(answer) = &case.answer {
            assert_holds(answer, &serde_json::from_str(&text).unwrap(), &place);
        }
        ids.push(case.id);
    }
    assert!(["W01", "W02", "W03"].iter().all(|number| ids.iter().any(|id| id.starts_with(number))), "{ids:?}");
    server.stop().await;
}
