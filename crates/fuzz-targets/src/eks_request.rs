//! Requests of the EKS API and of Doorward's own, by an administrator whose signature held.

use doorward_core::arn::Arn;
use doorward_server::api::ApiError;
use doorward_server::change::Change;
use doorward_server::health::Signs;
use doorward_server::view::View;
use doorward_server::{eks, own};
use doorward_store::{Item, Key, Revision, Versioned};
use http::Method;
use serde_json::Value;

use crate::world::{WORLD, now};
use crate::{Outcome, assert_is_a_message};

const RESERVED: [&str; 5] = ["system:", "eks:", "aws:", "amazon:", "iam:"];

/// The input is `METHOD PATH?QUERY`, a line break and a body.
///
/// A refusal is a user's mistake and a short message; only operations that write change anything; what they change can
/// be stored and reads back as it was; an entry has no reserved username or group; what an answer shows is what the next
/// one shows; no answer shows a cluster's kubeconfig.
pub fn eks_request(data: &[u8]) -> Outcome {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (line, body) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    let Some((method, target)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(' ')) else {
        return "no request";
    };
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return "no method" };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match run(&WORLD.view, &method, path, query, body) {
        Ok((answer, changes)) => check(&answer, &changes, &method),
        Err(error) => {
            assert!(error.status.is_client_error(), "a user's mistake is answered {}", error.status);
            assert_is_a_message(&error.message);
            error.code
        }
    }
}

fn run(view: &View, method: &Method, path: &str, query: &str, body: &[u8]) -> Result<(Value, Vec<Change>), ApiError> {
    let new_id = "11111111-2222-4333-8444-555555555555";
    let call = eks::Call { caller: &WORLD.alice, now: now(), region: "us-west-2", new_id, query };
    if path.starts_with("/doorward/") {
        own::run(&own::Route::parse(method, path, body)?, view, Signs::default, &call)
    } else {
        eks::run(&eks::Route::parse(method, path, query, body)?, view, &call)
    }
}

fn check(answer: &Value, changes: &[Change], method: &Method) -> Outcome {
    let text = answer.to_string();
    assert!(!text.contains("a-kubeconfig-that-must-not-be-seen"));
    assert!(changes.is_empty() || method != Method::GET, "a GET changes something");
    for change in changes {
        check_stored(change);
    }
    let after = WORLD.view.after(changes);
    for change in changes {
        match change {
            Change::PutEntry(cluster, entry) => {
                let is_reserved = |text: &str| RESERVED.iter().any(|prefix| text.starts_with(prefix));
                assert!(entry.r#type.is_for_nodes() || !is_reserved(entry.username().as_str()), "{}", entry.username());
                assert!(
                    entry.r#type.is_for_nodes() || !entry.kubernetes_groups().iter().any(|group| is_reserved(group))
                );
                let encoded = doorward_sigv4::query::encode(entry.principal_arn.as_str());
                let path = format!("/clusters/{cluster}/access-entries/{encoded}");
                let (shown, _) = run(&after, &Method::GET, &path, "", b"").expect("an entry that was put can be read");
                if let Some(made) = answer.get("accessEntry") {
                    assert_eq!(Some(made), shown.get("accessEntry"));
                }
                let arn = shown["accessEntry"]["accessEntryArn"].as_str().unwrap();
                Arn::parse(arn).expect("the ARN of an entry is one");
            }
            Change::PutCluster(record) => {
                let (shown, _) = run(&after, &Method::GET, &format!("/clusters/{}", record.name), "", b"").unwrap();
                Arn::parse(shown["cluster"]["arn"].as_str().unwrap()).expect("the ARN of a cluster is one");
                assert!(record.tags.len() <= 50 && !record.tags.keys().any(|key| key.is_empty()));
            }
            _ => {}
        }
    }
    if changes.is_empty() { "answered" } else { "changed" }
}

/// What is stored reads back as what was stored.
fn check_stored(change: &Change) {
    let key: Key = change.key().expect("what was accepted has a key");
    let Some(document) = change.document().expect("what was accepted can be stored") else { return };
    let value = Versioned { document: document.clone(), revision: Revision(1) };
    let read = Change::from_stored(&Item { key: key.clone(), value }).expect("what was stored can be read");
    let read = read.expect("what was stored is known");
    assert_eq!(read.key().ok(), Some(key));
    assert_eq!(read.document().unwrap().map(|again| again.json().to_owned()), Some(document.json().to_owned()));
}
