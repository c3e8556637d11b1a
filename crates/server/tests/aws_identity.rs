//! A server that lets AWS prove tokens, where AWS is another server: its STS really verifies signatures. Over TLS and
//! HTTP from end to end, with the calls counted where they arrive.
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

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::webhook::{review, token_review};
use common::{Server, between, config, encode};
use doorward_identity::aws::{AwsConfig, StaticCredentials, StsLimits};
use doorward_identity::hosts::{Endpoint, LocalEndpoint};
use doorward_server::webhook::ClientAuth;
use doorward_server::{Config, IdentityProvider};
use doorward_sigv4::{Credentials, SecretKey};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const VIEW: &str = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
const DEV: &str = "arn:aws:iam::123456789012:role/team/dev";

/// A server behind an STS, with the cluster `demo`, where the role `dev` may look at `carts`.
struct Doorward {
    folder: tempfile::TempDir,
    server: Server,
}

impl Doorward {
    async fn behind(sts: &str, limits: StsLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let aws =
            AwsConfig { sts_endpoints: vec![LocalEndpoint::parse(sts).unwrap()], sts: limits, ..AwsConfig::default() };
        let nobody = Credentials::new("AKIANOBODY".to_owned(), SecretKey::new("none".to_owned()), None).unwrap();
        let identity =
            IdentityProvider::Aws { config: Box::new(aws), credentials: Arc::new(StaticCredentials(nobody)) };
        let server = Server::start_with(Config { identity, ..config(folder.path(), ClientAuth::Required) }).await;
        server.register("demo", "API").await;
        let body = json!({ "principalArn": DEV }).to_string();
        let made = server.call("POST", "/clusters/demo/access-entries", &body).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let path = format!("/clusters/demo/access-entries/{}/access-policies", encode(DEV));
        let body = json!({ "policyArn": VIEW, "accessScope": { "type": "namespace", "namespaces": ["carts"] } });
        assert_eq!(server.call("POST", &path, &body.to_string()).await.status, 200);
        Self { folder, server }
    }

    async fn ask(&self, token: &str) -> (u16, Value) {
        review(&self.server, self.folder.path(), "demo", &token_review(token)).await
    }

    async fn metric(&self, line: &str) -> u64 {
        metric(&self.server, line).await
    }
}

async fn metric(server: &Server, line: &str) -> u64 {
    let text = server.get_ops("/metrics").await.text;
    let found = text.lines().find_map(|found| found.strip_prefix(line));
    found.map_or(0, |value| value.trim().parse().unwrap())
}

/// AWS: a server with the role `dev`, and credentials of a session of it.
async fn aws() -> (tempfile::TempDir, Server, Credentials, String) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let arn = server.create_role("/team/", "dev").await;
    assert_eq!(arn, DEV);
    let dev = server.assume(&arn, "me@x.com").await;
    let url = format!("http://{}", server.addresses.api);
    (folder, server, dev, url)
}

/// Something that answers the same to everybody, after a while.
async fn always(status_line: &str, body: &str, after: Duration) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 {status_line}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let calls = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (answer, counted) = (answer.clone(), Arc::clone(&counted));
            tokio::spawn(async move {
                let mut buffer = [0_u8; 65_536];
                if stream.read(&mut buffer).await.unwrap_or(0) > 0 {
                    counted.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(after).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    (url, calls)
}

fn token_for(url: &str, credentials: &Credentials, seconds_ago: i64) -> String {
    let endpoint = Endpoint::Local(LocalEndpoint::parse(url).unwrap());
    let at = Timestamp::now() - SignedDuration::from_secs(seconds_ago);
    let token = doorward_identity::token::encode(&endpoint, "us-west-2", credentials, "demo", at).unwrap();
    token.expose_secret().to_owned()
}

const API_OK: &str = "doorward_api_calls_total{outcome=\"ok\"}";

#[tokio::test]
async fn a_principal_of_aws_comes_in_by_the_entry_of_its_role_with_the_entrys_policies() {
    let (_aws, sts, dev, url) = aws().await;
    let doorward = Doorward::behind(&url, StsLimits::default()).await;
    let (status, answer) = doorward.ask(&sts.token(&dev, "demo", Timestamp::now())).await;
    assert_eq!((status, &answer["status"]["authenticated"]), (200, &json!(true)), "{answer}");
    let user = answer["status"]["user"].clone();
    assert_eq!(user["username"], "arn:aws:sts::123456789012:assumed-role/dev/me-x.com");
    assert_eq!(user["extra"]["canonicalArn"], json!(["arn:aws:iam::123456789012:role/dev"]));
    let extra: serde_json::Map<String, Value> =
        user["extra"].as_object().unwrap().iter().map(|(key, value)| (key.to_lowercase(), value.clone())).collect();
    for (namespace, allowed) in [("carts", true), ("shop", false)] {
        let asked = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {
                "user": user["username"], "uid": user["uid"], "extra": extra,
                "resourceAttributes": { "verb": "get", "version": "v1", "resource": "pods", "namespace": namespace },
            },
        });
        let (_, answer) = review(&doorward.server, doorward.folder.path(), "demo", &asked).await;
        assert_eq!(answer["status"]["allowed"], allowed, "{answer}");
    }
    // The entry's end counts at once, though the identity is remembered.
    let before = metric(&sts, API_OK).await;
    let token = sts.token(&dev, "demo", Timestamp::now() - SignedDuration::from_secs(1));
    assert_eq!(doorward.ask(&token).await.1["status"]["authenticated"], true);
    let path = format!("/clusters/demo/access-entries/{}", encode(DEV));
    assert_eq!(doorward.server.call("DELETE", &path, "").await.status, 200);
    let (status, answer) = doorward.ask(&token).await;
    assert_eq!((status, answer["status"]["authenticated"].as_bool()), (200, Some(false)));
    assert_eq!(metric(&sts, API_OK).await - before, 1);
    doorward.server.stop().await;
    sts.stop().await;
}

#[tokio::test]
async fn sts_itself_refuses_what_was_not_signed_for_this_cluster_or_with_this_secret() {
    let (_aws, sts, dev, url) = aws().await;
    let doorward = Doorward::behind(&url, StsLimits::default()).await;
    let (status, answer) = doorward.ask(&sts.token(&dev, "other", Timestamp::now())).await;
    assert_eq!((status, answer["status"]["authenticated"].as_bool()), (200, Some(false)));
    let error = answer["status"]["error"].as_str().unwrap();
    assert!(error.contains("`SignatureDoesNotMatch`; was it made for another cluster"), "{error}");
    // Nor is anybody of this server's own directory anybody to AWS.
    let own = token_for(&url, &doorward.server.admin, 0);
    let (status, answer) = doorward.ask(&own).await;
    assert_eq!((status, answer["status"]["authenticated"].as_bool()), (200, Some(false)));
    assert!(answer["status"]["error"].as_str().unwrap().contains("`InvalidClientTokenId`"), "{answer}");
    // Nor does this server's own STS count as AWS's.
    let own = doorward.server.token(&doorward.server.admin, "demo", Timestamp::now());
    let (_, answer) = doorward.ask(&own).await;
    assert!(answer["status"]["error"].as_str().unwrap().contains("not an STS endpoint"), "{answer}");
    assert_eq!(doorward.metric("doorward_sts_calls_total{endpoint=\"local\",outcome=\"sts_refused\"}").await, 2);
    doorward.server.stop().await;
    sts.stop().await;
}

#[tokio::test]
async fn sixty_four_copies_of_a_token_at_once_are_exactly_one_call() {
    let (_aws, sts, dev, url) = aws().await;
    let doorward = Doorward::behind(&url, StsLimits::default()).await;
    let before = metric(&sts, API_OK).await;
    let token = sts.token(&dev, "demo", Timestamp::now());
    let answers = join_all((0..64).map(|_| doorward.ask(&token))).await;
    assert!(answers.iter().all(|(status, answer)| *status == 200 && answer["status"]["authenticated"] == true));
    assert_eq!(metric(&sts, API_OK).await - before, 1);
    assert_eq!(doorward.metric("doorward_sts_calls_total{endpoint=\"local\",outcome=\"ok\"}").await, 1);
    doorward.server.stop().await;
    sts.stop().await;
}

#[tokio::test]
async fn throttling_is_429_and_no_decision_is_503() {
    let (_aws, sts, dev, url) = aws().await;
    sts.stop().await;
    for (status_line, body, expected) in [
        ("400 Bad Request", r#"{"Error":{"Code":"Throttling"}}"#, 429),
        ("429 Too Many Requests", "", 429),
        ("503 Service Unavailable", r#"{"Error":{"Code":"ThrottlingException"}}"#, 429),
        ("500 Internal Server Error", "", 503),
        ("302 Found", "", 503),
        ("200 OK", "{}", 503),
        ("403 Forbidden", "<html>a proxy</html>", 503),
        ("403 Forbidden", r#"{"Error":{"Code":"ExpiredToken"}}"#, 200),
    ] {
        let (url, _) = always(status_line, body, Duration::ZERO).await;
        let doorward = Doorward::behind(&url, StsLimits::default()).await;
        let (status, answer) = doorward.ask(&token_for(&url, &dev, 0)).await;
        assert_eq!(status, expected, "{status_line}: {answer}");
        if expected == 200 {
            assert_eq!(answer["status"]["authenticated"], false);
        }
        doorward.server.stop().await;
    }
    // Nobody there at all.
    let doorward = Doorward::behind(&url, StsLimits::default()).await;
    for attempt in 0..8 {
        let (status, answer) = doorward.ask(&token_for(&url, &dev, attempt)).await;
        assert_eq!(status, 503, "{answer}");
    }
    let ready = doorward.server.get_ops("/readyz?verbose").await;
    assert_eq!(ready.status, 200, "what is known is still answered");
    assert!(ready.text.contains("failed several times in a row"), "{}", ready.text);
    assert_eq!(doorward.metric("doorward_sts_calls_total{endpoint=\"local\",outcome=\"unreachable\"}").await, 5);
    assert_eq!(doorward.metric("doorward_sts_calls_total{endpoint=\"local\",outcome=\"breaker\"}").await, 3);
    doorward.server.stop().await;
}

#[tokio::test]
async fn a_spent_budget_is_429_without_a_call_and_known_tokens_go_on() {
    let (_aws, sts, dev, url) = aws().await;
    let limits = StsLimits { calls_per_second: 1, burst: 4, ..StsLimits::default() };
    let doorward = Doorward::behind(&url, limits).await;
    let before = metric(&sts, API_OK).await;
    // All of one moment, or two of them are the same token when a second passes.
    let start = Timestamp::now();
    let known = sts.token(&dev, "demo", start);
    assert_eq!(doorward.ask(&known).await.0, 200);
    let mut statuses = Vec::new();
    for attempt in 1..30 {
        let token = sts.token(&dev, "demo", start - SignedDuration::from_secs(attempt));
        statuses.push(doorward.ask(&token).await.0);
    }
    assert!(statuses.iter().all(|status| matches!(status, 200 | 429)), "{statuses:?}");
    let granted = statuses.iter().filter(|status| **status == 200).count() as u64;
    assert!(granted < 15 && statuses.contains(&429), "{statuses:?}");
    assert_eq!(metric(&sts, API_OK).await - before, granted + 1, "what was not allowed was not called");
    let (status, answer) = doorward.ask(&known).await;
    assert_eq!((status, answer["status"]["authenticated"].as_bool()), (200, Some(true)));
    doorward.server.stop().await;
    sts.stop().await;
}

#[tokio::test]
async fn what_is_taken_away_while_sts_is_asked_is_taken_away() {
    let identity = json!({
        "GetCallerIdentityResponse": {
            "GetCallerIdentityResult": {
                "Account": "123456789012", "Arn": "arn:aws:sts::123456789012:assumed-role/dev/me", "UserId": "AROAX:me",
            },
            "ResponseMetadata": { "RequestId": "r" },
        },
    });
    let (url, calls) = always("200 OK", &identity.to_string(), Duration::from_millis(800)).await;
    let doorward = Doorward::behind(&url, StsLimits::default()).await;
    let token = token_for(&url, &doorward.server.admin, 0);
    let delete = async {
        while calls.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let path = format!("/clusters/demo/access-entries/{}", encode(DEV));
        assert_eq!(doorward.server.call("DELETE", &path, "").await.status, 200);
    };
    let ((status, answer), ()) = tokio::join!(doorward.ask(&token), delete);
    assert_eq!((status, answer["status"]["authenticated"].as_bool()), (200, Some(false)), "{answer}");
    doorward.server.stop().await;
}

#[tokio::test]
async fn an_entry_for_a_principal_that_nobody_here_knows_is_made_and_only_once_for_the_same_callers() {
    let doorward = Doorward::behind("http://127.0.0.1:9", StsLimits::default()).await;
    let create = async |arn: &str| {
        let body = json!({ "principalArn": arn }).to_string();
        doorward.server.call("POST", "/clusters/demo/access-entries", &body).await
    };
    for (arn, status) in [
        ("arn:aws:iam::999999999999:user/div/alice", 200),
        ("arn:aws:iam::123456789012:role/dev", 409),
        ("arn:aws:iam::123456789012:role/other/DEV", 409),
        ("arn:aws:iam::123456789012:role/dev2", 200),
        // A user's path is in its callers' ARNs.
        ("arn:aws:iam::999999999999:user/alice", 200),
        ("arn:aws:iam::123456789012:assumed-role/dev/me", 400),
    ] {
        let made = create(arn).await;
        assert_eq!(made.status, status, "{arn}: {}", made.text);
    }
    // Whom the directory knows has an id there, which no caller of AWS has: its namesake in AWS is somebody else.
    let made = create("arn:aws:iam::123456789012:user/admin").await;
    assert_eq!(made.status, 200, "{}", made.text);
    doorward.server.stop().await;
}

#[tokio::test]
async fn somebody_of_aws_with_the_name_of_an_administrator_here_is_not_that_administrator() {
    let answer = |arn: &str, id: &str| {
        json!({
            "GetCallerIdentityResponse": {
                "GetCallerIdentityResult": { "Account": "123456789012", "Arn": arn, "UserId": id },
                "ResponseMetadata": { "RequestId": "r" },
            },
        })
        .to_string()
    };
    // The creator of a cluster has an entry, or is a hidden administrator, by the id of this directory.
    let folder = tempfile::tempdir().unwrap();
    let probe = Server::start(folder.path()).await;
    let form = "Action=GetCallerIdentity&Version=2011-06-15";
    let text = probe.query(&probe.admin, "sts", form).await.text;
    let arn = between(&text, "<Arn>", "</Arn>").to_owned();
    probe.stop().await;
    let (url, _) = always("200 OK", &answer(&arn, "AIDASOMEBODYELSE"), Duration::ZERO).await;
    let doorward = Doorward::behind(&url, StsLimits::default()).await;
    for (cluster, mode) in [("demo", "API"), ("old", "CONFIG_MAP")] {
        if cluster == "old" {
            doorward.server.register(cluster, mode).await;
        }
        let endpoint = Endpoint::Local(LocalEndpoint::parse(&url).unwrap());
        let signed =
            doorward_identity::token::encode(&endpoint, "us-west-2", &doorward.server.admin, cluster, Timestamp::now());
        let asked = token_review(signed.unwrap().expose_secret());
        let (status, answer) = review(&doorward.server, doorward.folder.path(), cluster, &asked).await;
        assert_ne!(answer["status"]["authenticated"], true, "{cluster}: {status} {answer}");
    }
    doorward.server.stop().await;
}
