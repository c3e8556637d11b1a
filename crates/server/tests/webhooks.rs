//! The webhooks over TLS, as kube-apiserver calls them: who is let in, and what is refused on the way.
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

use common::webhook::{post, review, token_review};
use common::{Server, config, encode};
use doorward_server::Config;
use doorward_server::webhook::{AuditIds, ClientAuth};
use doorward_sigv4::{Credentials, SecretKey};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const VIEW: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";

struct Ready {
    folder: tempfile::TempDir,
    server: Server,
    dev: Credentials,
}

/// A server with the cluster `demo`, and a role that may look at `carts`.
async fn ready() -> Ready {
    ready_with(AuditIds::Off).await
}

async fn ready_with(audit_ids: AuditIds) -> Ready {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(Config { audit_ids, ..config(folder.path(), ClientAuth::Required) }).await;
    server.register("demo", "API").await;
    let arn = server.create_role("/team/", "dev").await;
    let body = json!({ "principalArn": arn }).to_string();
    assert_eq!(server.call("POST", "/clusters/demo/access-entries", &body).await.status, 200);
    let path = format!("/clusters/demo/access-entries/{}/access-policies", encode(&arn));
    let body = json!({ "policyArn": VIEW, "accessScope": { "type": "namespace", "namespaces": ["carts"] } });
    assert_eq!(server.call("POST", &path, &body.to_string()).await.status, 200);
    let dev = server.assume(&arn, "me@x.com").await;
    Ready { folder, server, dev }
}

#[tokio::test]
async fn a_token_becomes_the_identity_of_its_access_entry() {
    let Ready { folder, server, dev } = ready().await;
    let token = server.token(&dev, "demo", Timestamp::now());
    let mut asked = token_review(&token);
    asked["spec"]["audiences"] = json!(["https://kubernetes.default.svc.cluster.local", "vault"]);
    let (status, answer) = review(&server, folder.path(), "demo", &asked).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["apiVersion"], "authentication.k8s.io/v1");
    assert_eq!(answer["kind"], "TokenReview");
    assert_eq!(answer["status"]["authenticated"], true, "{answer}");
    assert_eq!(answer["status"]["audiences"], json!(["https://kubernetes.default.svc.cluster.local"]));
    let user = &answer["status"]["user"];
    assert_eq!(user["username"], "arn:aws:sts::123456789012:assumed-role/dev/me-x.com");
    assert_eq!(user["groups"], json!([]));
    assert_eq!(user["extra"]["sessionName"], json!(["me@x.com"]));
    assert_eq!(user["extra"]["arn"], json!(["arn:aws:sts::123456789012:assumed-role/dev/me@x.com"]));
    assert_eq!(user["extra"]["canonicalArn"], json!(["arn:aws:iam::123456789012:role/dev"]));
    let id = user["extra"]["principalId"][0].as_str().unwrap();
    assert!(id.starts_with("AROA"));
    assert_eq!(user["uid"], format!("aws-iam-authenticator:123456789012:{id}"));

    asked["apiVersion"] = json!("authentication.k8s.io/v1beta1");
    let (_, answer) = review(&server, folder.path(), "demo", &asked).await;
    assert_eq!(answer["apiVersion"], "authentication.k8s.io/v1beta1");
    server.stop().await;
}

#[tokio::test]
async fn a_token_that_is_not_good_here_and_now_is_refused_with_status_200() {
    let Ready { folder, server, dev } = ready().await;
    let now = Timestamp::now();
    let good = server.token(&dev, "demo", now);
    let stranger = Credentials::new("AKIAIOSFODNN7EXAMPLE".to_owned(), SecretKey::new("x".repeat(40)), None).unwrap();
    let flipped = {
        let middle = good.len() / 2;
        let other = if good.as_bytes()[middle] == b'A' { 'B' } else { 'A' };
        format!("{}{other}{}", &good[..middle], &good[middle + 1..])
    };
    for (what, token) in [
        ("nothing", String::new()),
        ("not a token", "Bearer abc".to_owned()),
        ("a byte changed", flipped),
        ("made for another cluster", server.token(&dev, "other", now)),
        ("too old", server.token(&dev, "demo", now - SignedDuration::from_mins(16))),
        ("from the future", server.token(&dev, "demo", now + SignedDuration::from_mins(6))),
        ("of an unknown key", server.token(&stranger, "demo", now)),
        ("far too long", format!("{good}{}", "A".repeat(20_000))),
    ] {
        let (status, answer) = review(&server, folder.path(), "demo", &token_review(&token)).await;
        assert_eq!(status, 200, "{what}: {answer}");
        assert_eq!(answer["status"]["authenticated"], false, "{what}");
        let error = answer["status"]["error"].as_str().unwrap();
        let tells = token.len() > 11 && error.contains(&token[token.len() - 11..]);
        assert!(!error.is_empty() && error.len() < 300 && !tells, "{what}: {error}");
        assert!(answer["status"]["user"].is_null(), "{what}");
    }
    let (_, answer) = review(&server, folder.path(), "demo", &token_review(&good)).await;
    assert_eq!(answer["status"]["authenticated"], true);
    server.stop().await;
}

#[tokio::test]
async fn who_has_no_entry_any_more_is_refused_at_once_with_the_same_token() {
    let Ready { folder, server, dev } = ready().await;
    let token = server.token(&dev, "demo", Timestamp::now());
    let authenticated = async || {
        let (_, answer) = review(&server, folder.path(), "demo", &token_review(&token)).await;
        answer["status"]["authenticated"].as_bool().unwrap()
    };
    assert!(authenticated().await);
    let path = format!("/clusters/demo/access-entries/{}", encode("arn:aws:iam::123456789012:role/team/dev"));
    assert_eq!(server.call("DELETE", &path, "").await.status, 200);
    assert!(!authenticated().await);
    server.stop().await;
}

#[tokio::test]
async fn a_role_made_again_does_not_inherit_the_entry() {
    let Ready { folder, server, dev } = ready().await;
    let old = server.token(&dev, "demo", Timestamp::now());
    let form = "Action=DeleteRole&Version=2010-05-08&RoleName=dev";
    assert_eq!(server.query(&server.admin, "iam", form).await.status, 200);
    let arn = server.create_role("/team/", "dev").await;
    let new = server.token(&server.assume(&arn, "me").await, "demo", Timestamp::now());
    for token in [old, new] {
        let (_, answer) = review(&server, folder.path(), "demo", &token_review(&token)).await;
        assert_eq!(answer["status"]["authenticated"], false, "{answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_policy_allows_within_its_scope_and_says_nothing_otherwise() {
    let Ready { folder, server, dev } = ready().await;
    let token = server.token(&dev, "demo", Timestamp::now());
    let (_, answer) = review(&server, folder.path(), "demo", &token_review(&token)).await;
    let user = &answer["status"]["user"];
    let id = user["extra"]["principalId"][0].as_str().unwrap();
    let ask = |version: &str, verb: &str, namespace: &str, uid: &Value, extra: Value| {
        json!({
            "apiVersion": format!("authorization.k8s.io/{version}"),
            "kind": "SubjectAccessReview",
            "spec": {
                "user": user["username"], "uid": uid, "extra": extra,
                "resourceAttributes": { "verb": verb, "resource": "pods", "version": "v1", "namespace": namespace },
            },
        })
    };
    // kube-apiserver gives the keys of extra attributes in lower case.
    let extra = json!({ "principalid": [id] });
    for (version, verb, namespace, uid, extra, allowed) in [
        ("v1", "list", "carts", &user["uid"], extra.clone(), true),
        ("v1beta1", "list", "carts", &user["uid"], extra.clone(), true),
        ("v1", "delete", "carts", &user["uid"], extra.clone(), false),
        ("v1", "list", "ui", &user["uid"], extra.clone(), false),
        ("v1", "list", "", &user["uid"], extra.clone(), false),
        ("v1", "list", "carts", &json!(""), extra.clone(), false),
        ("v1", "list", "carts", &user["uid"], json!({}), false),
        ("v1", "list", "carts", &user["uid"], json!({ "principalid": ["AROAOTHER"] }), false),
    ] {
        let asked = ask(version, verb, namespace, uid, extra);
        let (status, answer) = review(&server, folder.path(), "demo", &asked).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["status"]["allowed"], allowed, "{asked}");
        assert_eq!(answer["apiVersion"], asked["apiVersion"]);
        assert!(answer["status"]["denied"].is_null());
        if allowed {
            let reason = answer["status"]["reason"].as_str().unwrap();
            assert!(reason.starts_with("EKS Access Policy: allowed by RoleBinding \"arn:aws:iam::"), "{reason}");
        } else {
            assert!(answer["status"]["reason"].is_null());
        }
    }
    server.stop().await;
}

/// What a server answers to a token of `dev` and to a review of what its policy allows: the reason, and the keys of the
/// extra attributes.
async fn answers_with(audit_ids: AuditIds) -> (String, Vec<String>) {
    let Ready { folder, server, dev } = ready_with(audit_ids).await;
    let token = server.token(&dev, "demo", Timestamp::now());
    let (_, answer) = review(&server, folder.path(), "demo", &token_review(&token)).await;
    let user = &answer["status"]["user"];
    let asked = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {
            "user": user["username"], "uid": user["uid"], "extra": user["extra"],
            "resourceAttributes": { "verb": "list", "resource": "pods", "version": "v1", "namespace": "carts" },
        },
    });
    let (_, answer) = review(&server, folder.path(), "demo", &asked).await;
    assert_eq!(answer["status"]["allowed"], true, "{answer}");
    server.stop().await;
    let keys = user["extra"].as_object().unwrap().keys().cloned().collect();
    (answer["status"]["reason"].as_str().unwrap().to_owned(), keys)
}

#[tokio::test]
async fn ids_of_decisions_are_in_answers_only_where_somebody_asked_for_them() {
    let (reason, keys) = answers_with(AuditIds::Off).await;
    let policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
    let eks = format!(
        "EKS Access Policy: allowed by RoleBinding \"arn:aws:iam::123456789012:role/team/dev+{policy}\" of \
                       ClusterRole \"{policy}\" to User \""
    );
    assert!(reason.starts_with(&eks) && reason.ends_with('"'), "{reason}");
    assert!(!keys.iter().any(|key| key.starts_with("doorward")), "{keys:?}");

    let (with_id, with_key) = answers_with(AuditIds::On).await;
    let (own, id) = with_id.strip_suffix(')').unwrap().split_once(" (decision ").unwrap();
    assert!(own.starts_with(&eks) && own.ends_with('"'), "{with_id}");
    // What the process is called, and the number of the decision: the one after the token's.
    assert!(id.len() == 18 && id.ends_with("-2"), "{id}");
    assert_eq!(with_key.len(), keys.len() + 1);
    assert!(with_key.contains(&"doorward.io/decision-id".to_owned()), "{with_key:?}");
}

#[tokio::test]
async fn only_the_api_server_of_a_cluster_may_ask_about_it() {
    let Ready { folder, server, dev } = ready().await;
    server.register("other", "API").await;
    let body = token_review(&server.token(&dev, "demo", Timestamp::now())).to_string();
    let path = "/clusters/demo/authenticate";
    let ask = async |certificate: Option<&str>| {
        post(&server, folder.path(), certificate, path, "application/json", &body).await
    };
    assert!(ask(None).await.is_err(), "without a certificate TLS must fail");
    let (status, text) = ask(Some("other")).await.unwrap();
    assert_eq!(status, 403, "{text}");
    assert_eq!(ask(Some("demo")).await.unwrap().0, 200);
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_review_is_refused_with_a_status_of_its_own() {
    let Ready { folder, server, .. } = ready().await;
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(300 * 1024));
    let deep = "[".repeat(100_000);
    let pod = r#"{"apiVersion":"v1","kind":"Pod","spec":{}}"#;
    let other = r#"{"apiVersion":"authentication.k8s.io/v2","kind":"TokenReview","spec":{}}"#;
    let swapped = r#"{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{}}"#;
    for (path, content_type, body, expected) in [
        ("/", "application/json", "{}", 404),
        ("/clusters/demo", "application/json", "{}", 404),
        ("/clusters/demo/authenticate/", "application/json", "{}", 404),
        ("/clusters/demo%2Fx/authenticate", "application/json", "{}", 404),
        ("/clusters/demo/authenticate", "text/plain", "{}", 415),
        ("/clusters/demo/authenticate", "application/json", "", 400),
        ("/clusters/demo/authenticate", "application/json", "{}", 400),
        ("/clusters/demo/authenticate", "application/json", "[]", 400),
        ("/clusters/demo/authenticate", "application/json", &deep, 400),
        ("/clusters/demo/authenticate", "application/json", pod, 400),
        ("/clusters/demo/authenticate", "application/json", other, 400),
        ("/clusters/demo/authenticate", "application/json", swapped, 400),
        ("/clusters/demo/authenticate", "application/json", &huge, 413),
    ] {
        let (status, text) = post(&server, folder.path(), Some("demo"), path, content_type, body).await.unwrap();
        assert_eq!(status, expected, "{path} {content_type}: {text}");
    }
    let (status, _) = post(
        &server,
        folder.path(),
        Some("nowhere"),
        "/clusters/nowhere/authenticate",
        "application/json",
        &token_review("x").to_string(),
    )
    .await
    .unwrap();
    assert_eq!(status, 404);
    server.stop().await;
}

#[tokio::test]
async fn while_aws_auth_was_never_read_nobody_unknown_is_refused_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(config(folder.path(), ClientAuth::Required)).await;
    server.register("demo", "API_AND_CONFIG_MAP").await;
    let arn = server.create_role("/", "unknown").await;
    let token = server.token(&server.assume(&arn, "me").await, "demo", Timestamp::now());
    // Nothing is known of aws-auth, so "not mapped" cannot be said: the API server is to ask again.
    let (status, _) = review(&server, folder.path(), "demo", &token_review(&token)).await;
    assert_eq!(status, 503);
    // An entry alone counts for its principal, whatever aws-auth may say.
    let administrator = server.token(&server.admin, "demo", Timestamp::now());
    let (status, answer) = review(&server, folder.path(), "demo", &token_review(&administrator)).await;
    assert_eq!((status, &answer["status"]["authenticated"]), (200, &json!(true)));
    server.stop().await;
}
