//! The API address: signatures, permissions, durability, and what is answered to nonsense.
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

use common::{Server, between, config, encode};
use doorward_server::view::Limits;
use doorward_server::webhook::ClientAuth;
use doorward_sigv4::{Credentials, PayloadHash, Request, SecretKey, sign_headers};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

async fn start() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    (folder, server)
}

#[tokio::test]
async fn a_call_without_a_good_signature_is_refused_and_learns_nothing() {
    let (_folder, server) = start().await;
    let host = server.addresses.api.to_string();
    let signed = |path: &str, credentials: &Credentials, service: &str, at: Timestamp| {
        let headers: &[(&str, &[u8])] = &[("host", host.as_bytes())];
        let request = Request { method: "GET", path, query: "", headers, body_sha256: PayloadHash::empty() };
        let signed = sign_headers(&request, credentials, "us-west-2", service, at).unwrap();
        vec![("authorization", signed.authorization), ("x-amz-date", signed.x_amz_date)]
    };
    let now = Timestamp::now();
    let stranger = Credentials::new("AKIASTRANGER".to_owned(), SecretKey::new("x".repeat(40)), None).unwrap();
    let other_path = signed("/clusters/x", &server.admin, "eks", now);
    for (what, path, headers, code) in [
        ("unsigned", "/clusters", Vec::new(), "MissingAuthenticationTokenException"),
        ("unsigned, and nothing there", "/nothing", Vec::new(), "MissingAuthenticationTokenException"),
        ("unknown key", "/clusters", signed("/clusters", &stranger, "eks", now), "UnrecognizedClientException"),
        ("signed for another path", "/clusters", other_path, "InvalidSignatureException"),
        ("another service", "/clusters", signed("/clusters", &server.admin, "s3", now), "InvalidSignatureException"),
        (
            "too old",
            "/clusters",
            signed("/clusters", &server.admin, "eks", now - SignedDuration::from_mins(16)),
            "InvalidSignatureException",
        ),
        (
            "no signature at all",
            "/clusters",
            vec![("authorization", "AWS4-HMAC-SHA256 x".to_owned())],
            "IncompleteSignatureException",
        ),
    ] {
        let response = server.send("GET", path, &headers, "").await;
        assert_eq!(response.status, 403, "{what}: {}", response.text);
        assert_eq!(response.error_type.as_deref(), Some(code), "{what}: {}", response.text);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_was_not_signed_is_refused() {
    let (_folder, server) = start().await;
    let host = server.addresses.api.to_string();
    let headers: &[(&str, &[u8])] = &[("host", host.as_bytes())];
    let path = "/clusters/demo/update-config";
    let body_sha256 = PayloadHash::of(b"{}");
    let request = Request { method: "POST", path, query: "", headers, body_sha256 };
    let signed = sign_headers(&request, &server.admin, "us-west-2", "eks", Timestamp::now()).unwrap();
    let headers = [("authorization", signed.authorization), ("x-amz-date", signed.x_amz_date)];
    let response = server.send("POST", path, &headers, r#"{"accessConfig":{"authenticationMode":"API"}}"#).await;
    assert_eq!(response.error_type.as_deref(), Some("InvalidSignatureException"));
    server.stop().await;
}

#[tokio::test]
async fn only_who_is_allowed_may_call_and_the_refusal_has_awss_wording() {
    let (_folder, server) = start().await;
    server.register("demo", "API").await;
    let arn = server.create_role("/", "operator").await;
    let operator = server.assume(&arn, "me").await;
    let list = async || server.call_as(&operator, "eks", "GET", "/clusters/demo/access-entries", "").await;
    let refused = list().await;
    assert_eq!((refused.status, refused.error_type.as_deref()), (403, Some("AccessDeniedException")));
    assert_eq!(
        refused.json()["message"],
        "User: arn:aws:sts::123456789012:assumed-role/operator/me is not authorized to perform: \
         eks:ListAccessEntries on resource: arn:aws:eks:us-west-2:123456789012:cluster/demo because no identity-based \
         policy allows the eks:ListAccessEntries action"
    );
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"eks:List*","Resource":"*"}}"#;
    let form = format!(
        "Action=PutRolePolicy&Version=2010-05-08&RoleName=operator&PolicyName=p&PolicyDocument={}",
        encode(policy)
    );
    assert_eq!(server.query(&server.admin, "iam", &form).await.status, 200);
    assert_eq!(list().await.status, 200);
    let body = json!({ "principalArn": arn }).to_string();
    let grab = server.call_as(&operator, "eks", "POST", "/clusters/demo/access-entries", &body).await;
    assert_eq!(grab.error_type.as_deref(), Some("AccessDeniedException"), "{}", grab.text);
    let escalate = server.query(&operator, "iam", &form).await;
    assert_eq!(escalate.status, 403, "{}", escalate.text);
    server.stop().await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let (folder, server) = start().await;
    server.register("demo", "API").await;
    let arn = server.create_role("/", "dev").await;
    let body = json!({ "principalArn": arn, "kubernetesGroups": ["g"] }).to_string();
    let created = server.call("POST", "/clusters/demo/access-entries", &body).await.json();
    let session = server.assume(&arn, "me").await;
    server.stop().await;
    let server = Server::start(folder.path()).await;
    let path = format!("/clusters/demo/access-entries/{}", encode(&arn));
    let found = server.call("GET", &path, "").await.json();
    assert_eq!(found, created);
    let identity = server.query(&session, "sts", "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!(between(&identity.text, "<Arn>", "</Arn>"), "arn:aws:sts::123456789012:assumed-role/dev/me");
    server.stop().await;
}

#[tokio::test]
async fn a_cluster_registered_again_under_its_name_inherits_nothing() {
    let (folder, server) = start().await;
    server.register("demo", "API").await;
    let arn = server.create_role("/", "dev").await;
    let body = json!({ "principalArn": arn }).to_string();
    assert_eq!(server.call("POST", "/clusters/demo/access-entries", &body).await.status, 200);
    assert_eq!(server.call("DELETE", "/clusters/demo", "").await.status, 200);
    server.stop().await;
    let server = Server::start(folder.path()).await;
    server.register("demo", "API").await;
    let entries = server.call("GET", "/clusters/demo/access-entries", "").await.json();
    assert_eq!(entries["accessEntries"], json!(["arn:aws:iam::123456789012:user/administrator"]));
    server.stop().await;
}

#[tokio::test]
async fn the_first_start_leaves_a_profile_that_nobody_else_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, server) = start().await;
    let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    for file in ["aws/credentials", "aws/config", "session.key", "doorward.db"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
    let profile = std::fs::read_to_string(folder.path().join("aws/config")).unwrap();
    assert!(profile.contains(&format!("endpoint_url = http://{}", server.addresses.api)), "{profile}");
    server.stop().await;
}

#[tokio::test]
async fn a_busy_port_is_named_with_the_flag_that_changes_it() {
    let (_folder, server) = start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), ClientAuth::Off);
    config.webhook = server.addresses.webhook;
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let error = doorward_server::run(config, stopped, |_| {}).await.unwrap_err().to_string();
    assert!(error.contains(&server.addresses.webhook.to_string()) && error.contains("`--webhook`"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing may be begun");
    server.stop().await;
}

#[tokio::test]
async fn health_and_metrics_answer_and_say_what_is_wrong() {
    let (_folder, server) = start().await;
    assert_eq!(server.get_ops("/livez").await.text, "ok\n");
    assert_eq!(server.get_ops("/readyz").await.text, "ok\n");
    server.register("demo", "API_AND_CONFIG_MAP").await;
    let verbose = server.get_ops("/readyz?verbose").await;
    assert_eq!(verbose.status, 200);
    assert!(
        verbose
            .text
            .contains("[+] store ok\n[+] agreement with the store ok\n[+] certificates ok\n[!] aws-auth of demo "),
        "{}",
        verbose.text
    );
    assert_eq!(server.get_ops("/nothing").await.status, 404);
    let metrics = server.get_ops("/metrics").await.text;
    assert!(metrics.contains("doorward_api_calls_total{outcome=\"ok\"} 1"), "{metrics}");
    server.stop().await;
}

#[tokio::test]
async fn a_kubeconfig_that_names_a_file_or_is_none_is_refused() {
    let (_folder, server) = start().await;
    let good: Value = serde_json::from_str(&common::registration("API")).unwrap();
    let text = good["kubeconfig"].as_str().unwrap();
    for (what, kubeconfig) in [
        ("nothing", String::new()),
        ("no kubeconfig", "hello".to_owned()),
        ("no context of that name", text.replace("doorward", "other")),
        ("a token from a file", text.replace("token: t", "tokenFile: /etc/hostname")),
        ("a key from a file", text.replace("token: t", "client-key: /etc/hostname")),
        ("a CA from a file", text.replace("{server:", "{certificate-authority: /etc/hostname, server:")),
        ("a program", text.replace("token: t", "exec: {apiVersion: client.authentication.k8s.io/v1, command: id}")),
        ("no verification", text.replace("{server:", "{insecure-skip-tls-verify: true, server:")),
    ] {
        let mut body = good.clone();
        body["kubeconfig"] = json!(kubeconfig);
        let response = server.call("PUT", "/doorward/v1/clusters/demo", &body.to_string()).await;
        assert_eq!(response.error_type.as_deref(), Some("InvalidParameterException"), "{what}: {}", response.text);
    }
    server.register("demo", "API").await;
    server.stop().await;
}

#[tokio::test]
async fn a_cluster_has_no_more_entries_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), ClientAuth::Off);
    config.limits = Limits { access_entries: 2 };
    let server = Server::start_with(config).await;
    server.register("demo", "API").await;
    let create = async |name: &str| {
        let body = json!({ "principalArn": server.create_role("/", name).await }).to_string();
        server.call("POST", "/clusters/demo/access-entries", &body).await
    };
    assert_eq!(create("first").await.status, 200);
    let refused = create("second").await;
    assert_eq!((refused.status, refused.error_type.as_deref()), (400, Some("ResourceLimitExceededException")));
    server.stop().await;
}

#[tokio::test]
async fn what_is_too_large_to_be_kept_is_the_callers_mistake_and_what_is_kept_can_be_changed() {
    let (_folder, server) = start().await;
    server.register("demo", "API").await;
    let arn = server.create_role("/", "dev").await;
    let entries = "/clusters/demo/access-entries";
    let entry = format!("{entries}/{}", encode(&arn));
    let groups = |count: usize| (0..count).map(|at| format!("{at:0>250}")).collect::<Vec<_>>();
    let limit = (400, Some("ResourceLimitExceededException"));
    let outcome = async |method: &str, path: &str, body: Value| {
        let response = server.call(method, path, &body.to_string()).await;
        assert!(response.text.len() < 512 * 1024);
        (response.status, response.error_type)
    };
    let (status, error) =
        outcome("POST", entries, json!({ "principalArn": arn, "kubernetesGroups": groups(1_600) })).await;
    assert_eq!((status, error.as_deref()), limit);
    // As large as may be, and that again in its place.
    for (path, body) in [
        (entries, json!({ "principalArn": arn, "kubernetesGroups": groups(1_500) })),
        (&entry, json!({ "kubernetesGroups": groups(1_499) })),
    ] {
        assert_eq!(outcome("POST", path, body).await, (200, None));
    }
    let (status, error) = outcome("POST", &entry, json!({ "kubernetesGroups": groups(1_600) })).await;
    assert_eq!((status, error.as_deref()), limit);
    let namespaces: Vec<_> = (0..1_000).map(|at| format!("n{at:0>50}")).collect();
    let scope = json!({ "type": "namespace", "namespaces": namespaces });
    let body =
        json!({ "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy", "accessScope": scope });
    let (status, error) = outcome("POST", &format!("{entry}/access-policies"), body.clone()).await;
    assert_eq!((status, error.as_deref()), limit);
    assert_eq!(outcome("POST", &entry, json!({ "kubernetesGroups": [] })).await, (200, None));
    assert_eq!(outcome("POST", &format!("{entry}/access-policies"), body).await, (200, None));
    assert_eq!(outcome("DELETE", &entry, Value::Null).await, (200, None));
    // A cluster's record is bounded by its registration.
    for (member, value) in [
        ("certificateAuthority", json!("x".repeat(200_000))),
        ("tags", json!({ "large": "x".repeat(300) })),
        ("tags", json!({ "aws:x": "x" })),
    ] {
        let mut registration: Value = serde_json::from_str(&common::registration("API")).unwrap();
        registration[member] = value;
        let (status, error) = outcome("PUT", "/doorward/v1/clusters/large", registration).await;
        assert_eq!((status, error.as_deref()), (400, Some("InvalidParameterException")), "{member}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_beyond_every_limit_is_refused() {
    let (_folder, server) = start().await;
    let body = "x".repeat(2 * 1024 * 1024);
    let response = server.call("POST", "/clusters/demo/access-entries", &body).await;
    assert_eq!(response.status, 413);
    assert_eq!(response.content_type, "application/json");
    server.stop().await;
}
