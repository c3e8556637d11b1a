//! The cases of `cases/eks-api`, over HTTP: each file is a conversation with one server.
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

use std::collections::BTreeMap;
use std::path::Path;

use common::{Server, assert_holds};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Conversation {
    description: String,
    clusters: BTreeMap<String, String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    users: Vec<String>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    it: String,
    call: String,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    answer: Option<Value>,
}

#[tokio::test]
async fn every_conversation_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/eks-api");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(files.len() >= 6, "the corpus is not there");
    for file in files {
        let conversation: Conversation = serde_saphyr::from_str(&std::fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        hold(&file, conversation).await;
    }
}

async fn hold(file: &Path, conversation: Conversation) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    for (name, mode) in &conversation.clusters {
        server.register(name, mode).await;
    }
    for role in &conversation.roles {
        let (path, name) = role.rsplit_once('/').unwrap();
        server.create_role(&format!("{path}/"), name).await;
    }
    for user in &conversation.users {
        let (path, name) = user.rsplit_once('/').unwrap();
        let path = common::encode(&format!("{path}/"));
        let form = format!("Action=CreateUser&Version=2010-05-08&UserName={name}&Path={path}");
        assert_eq!(server.query(&server.admin, "iam", &form).await.status, 200);
    }
    let mut remembered = String::new();
    for step in &conversation.steps {
        let place = format!("{}: {}: {}", file.display(), conversation.description, step.it);
        let call = expand(&step.call, &remembered);
        let (method, path) = call.split_once(' ').unwrap();
        let body = step.body.as_ref().map(ToString::to_string).unwrap_or_default();
        let response = server.call(method, path, &body).await;
        let expected_status = step.status.unwrap_or(if step.error.is_some() { 400 } else { 200 });
        assert_eq!(response.status, expected_status, "{place}: {}", response.text);
        assert_eq!(response.error_type, step.error, "{place}: {}", response.text);
        assert_eq!(response.content_type, "application/json", "{place}");
        assert!(!response.request_id.is_empty(), "{place}");
        let json = response.json();
        if let Some(message) = &step.message {
            assert_eq!(json["message"], Value::from(message.as_str()), "{place}");
        }
        if let Some(answer) = &step.answer {
            assert_holds(answer, &json, &place);
        }
        if let Some(token) = json["nextToken"].as_str().or(json["accessEntry"]["accessEntryArn"].as_str()) {
            remembered = token.to_owned();
        }
    }
    server.stop().await;
}

/// `{arn:…}` is percent-encoded as the SDKs do; `{last}` is the token or entry ARN that the last answer gave.
fn expand(call: &str, remembered: &str) -> String {
    let mut out = String::new();
    let mut rest = call;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after.split_once('}').unwrap();
        out.push_str(before);
        out.push_str(&common::encode(if inside == "last" { remembered } else { inside }));
        rest = after;
    }
    out + rest
}
