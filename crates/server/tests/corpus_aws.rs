//! What AWS says of a caller decides a TokenReview: the corpora of `cases/sts-reply/`, `cases/principal-arn/`,
//! `cases/aws-auth/` and `cases/sources/` over HTTP, asked about as kube-apiserver would, with an
//! AWS behind the listener that answers what the case says and counts who asks.
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

#[path = "../../core/tests/common/aws_auth_case.rs"]
mod aws_auth_case;
mod common;
#[path = "../../identity/tests/common/raw_sts.rs"]
mod raw_sts;
#[path = "../../identity/tests/common/reply_case.rs"]
mod reply_case;
#[path = "../../core/tests/common/source_case.rs"]
mod source_case;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use common::hook::{self, Fate, SECRET, credentials, now};
use doorward_core::partition::Partition;
use doorward_core::world::World;
use doorward_identity::aws::{
    AwsConfig, AwsProvider, NodesConfig, Reply, RoleCheck, StaticCredentials, Transport, TransportError,
};
use doorward_identity::hosts::{Endpoint, LocalEndpoint};
use doorward_server::engine::Engine;
use doorward_sigv4::{Credentials, SecretKey};
use futures::future::BoxFuture;
use raw_sts::{Behaviour, RawSts};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

/// AWS, as far as it is asked: one caller, and instances with their private names.
struct Aws {
    caller: Value,
    instances: Mutex<BTreeMap<String, String>>,
    sts_calls: AtomicUsize,
    ec2_calls: AtomicUsize,
}

impl Aws {
    fn naming(arn: &str, account: &str, user_id: &str) -> Arc<Self> {
        let result = json!({ "Account": account, "Arn": arn, "UserId": user_id });
        let answer = json!({ "GetCallerIdentityResult": result, "ResponseMetadata": { "RequestId": "r" } });
        Arc::new(Self {
            caller: json!({ "GetCallerIdentityResponse": answer }),
            instances: Mutex::default(),
            sts_calls: AtomicUsize::new(0),
            ec2_calls: AtomicUsize::new(0),
        })
    }

    fn instances(&self, body: &[u8]) -> String {
        let body = String::from_utf8(body.to_vec()).unwrap();
        let known = self.instances.lock().unwrap();
        let asked = known.iter().filter(|(id, _)| body.contains(&format!("={id}")));
        let items: Vec<String> = asked
            .map(|(id, name)| format!("<item><ownerId>123456789012</ownerId><instancesSet><item><instanceId>{id}</instanceId><privateDnsName>{name}</privateDnsName><iamInstanceProfile><arn>arn:aws:iam::123456789012:instance-profile/nodes</arn></iamInstanceProfile></item></instancesSet></item>"))
            .collect();
        format!(
            "<DescribeInstancesResponse><reservationSet>{}</reservationSet></DescribeInstancesResponse>",
            items.concat()
        )
    }

    fn provider(self: &Arc<Self>, partition: Partition) -> AwsProvider {
        let role_check = RoleCheck::AccountOnly;
        let nodes = NodesConfig { region: "us-west-2".to_owned(), ec2_endpoint: None, iam_endpoint: None, role_check };
        let nodes = Some(nodes).filter(|_| partition == Partition::Aws);
        let sts_endpoints = vec![sts()];
        let config = AwsConfig { partition, nodes, sts_endpoints, ..AwsConfig::default() };
        let transport: Arc<dyn Transport> = self.clone();
        AwsProvider::with_transport(config, transport, Arc::new(StaticCredentials(credentials()))).unwrap()
    }
}

impl Transport for Aws {
    fn send(&self, request: http::Request<Bytes>, _: usize) -> BoxFuture<'_, Result<Reply, TransportError>> {
        let is_ec2 = request.headers()["host"].to_str().unwrap().starts_with("ec2.");
        let (calls, media_type, body) = if is_ec2 {
            (&self.ec2_calls, "text/xml", self.instances(request.body()))
        } else {
            (&self.sts_calls, "application/json", self.caller.to_string())
        };
        calls.fetch_add(1, Ordering::SeqCst);
        let content_type = Some(media_type.to_owned());
        Box::pin(async move { Ok(Reply { status: 200, content_type, is_encoded: false, body: body.into() }) })
    }
}

fn sts() -> LocalEndpoint {
    LocalEndpoint::parse("http://127.0.0.1:9").unwrap()
}

fn token(endpoint: LocalEndpoint, access_key_id: &str) -> String {
    let key = Credentials::new(access_key_id.to_owned(), SecretKey::new(SECRET.to_owned()), None).unwrap();
    let token = doorward_identity::token::encode(&Endpoint::Local(endpoint), "us-west-2", &key, "demo", now());
    token.unwrap().expose_secret().to_owned()
}

async fn ask(engine: &Arc<Engine>, aws: &Arc<Aws>, partition: Partition, access_key_id: &str) -> Fate {
    let access_key_id = if access_key_id.is_empty() { hook::KEY_ID } else { access_key_id };
    let fate = hook::ask(engine, aws.provider(partition), &token(sts(), access_key_id)).await;
    assert_eq!(aws.sts_calls.swap(0, Ordering::SeqCst), 1, "every good token is one call");
    fate
}

fn put(engine: &Engine, world: impl Fn(&World) -> World) {
    engine.observe(&"demo".parse().unwrap(), |cluster| {
        cluster.world = world(&cluster.world);
        cluster.aws_auth.seen = true;
    });
}

/// An engine whose cluster lets everybody of the account in under their own ARNs.
async fn hospitable(folder: &tempfile::TempDir) -> Arc<Engine> {
    let engine = hook::prepared(folder.path(), "API_AND_CONFIG_MAP", &[]).await;
    let accounts = BTreeMap::from([("mapAccounts".to_owned(), "['123456789012']".to_owned())]);
    let aws_auth = doorward_core::aws_auth::parse(&accounts);
    put(&engine, |world| world.with_aws_auth(aws_auth.clone()));
    engine
}

/// What is seen of a fate: the identity, or the status and why.
fn seen(fate: &Fate) -> String {
    let status = &fate.answer["status"];
    let outcome = fate.metrics.keys().find_map(|name| {
        name.strip_prefix("doorward_authentications_total{outcome=\"")
            .map(|rest| rest.trim_end_matches("\"}").to_owned())
    });
    let outcome = outcome.unwrap_or_default();
    if status["authenticated"] == json!(true) {
        assert_eq!(outcome, "granted");
        let extra = |key: &str| status["user"]["extra"][key][0].as_str().unwrap_or_default().to_owned();
        let (canonical, id, session) = (extra("canonicalArn"), extra("principalId"), extra("sessionName"));
        return format!("{} {canonical} {id} {session}", fate.status);
    }
    if fate.status == 200 {
        assert!(status["user"].is_null() && !status["error"].is_null(), "{}", fate.answer);
    }
    format!("{} {outcome}", fate.status)
}

#[tokio::test]
async fn what_sts_answers_decides_a_review_as_the_corpus_says() {
    let folder = tempfile::tempdir().unwrap();
    let engine = hospitable(&folder).await;
    let mut faults = Vec::new();
    for case in reply_case::cases() {
        let (answer, spaces) = (case.bytes(), vec![b' '; 16 * 1024]);
        let behaviour = if case.endless { Behaviour::Endless(answer, spaces) } else { Behaviour::Answer(answer) };
        let sts = RawSts::start(behaviour, None).await;
        let endpoint = LocalEndpoint::parse(&sts.url).unwrap();
        let config =
            AwsConfig { partition: case.partition(), sts_endpoints: vec![endpoint.clone()], ..AwsConfig::default() };
        let provider = AwsProvider::new(config, Arc::new(StaticCredentials(credentials()))).unwrap();
        let fate = hook::ask(&engine, provider, &token(endpoint, hook::KEY_ID)).await;
        let expected = match case.outcome.as_deref() {
            None => {
                let of = |value: &Option<String>| value.clone().unwrap();
                format!("200 {} {} {}", of(&case.canonical), of(&case.id_is), of(&case.session))
            }
            Some("throttled_by_aws") => "429 throttled".to_owned(),
            Some("unreadable" | "server_error") => "503 undecided".to_owned(),
            Some(reason) => format!("200 {reason}"),
        };
        let found = seen(&fate);
        if found != expected || sts.calls() != 1 {
            let calls = sts.calls();
            faults.push(format!("{} ({}): {found}, {calls} calls, not {expected}", case.id, case.description));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[derive(Deserialize)]
struct ArnCase {
    id: String,
    arn: String,
    kind: Option<String>,
    canonical: Option<String>,
    #[serde(default)]
    session: String,
}

#[tokio::test]
async fn the_arn_that_sts_names_is_read_as_the_corpus_says() {
    let folder = tempfile::tempdir().unwrap();
    let engine = hospitable(&folder).await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cases/principal-arn/canonical.yaml");
    let cases: Vec<ArnCase> = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut faults = Vec::new();
    for case in cases {
        let sections: Vec<&str> = case.arn.trim().splitn(6, ':').collect();
        let section = |number: usize| sections.get(number).copied().unwrap_or_default();
        let account = if section(4).is_empty() { "123456789012" } else { section(4) };
        let id = match case.kind.as_deref() {
            Some("user") => "AIDAEXAMPLE".to_owned(),
            Some("root") => account.to_owned(),
            Some("federated-user") => format!("{account}:{}", case.arn.rsplit_once('/').unwrap().1),
            _ => format!("AROAEXAMPLE:{}", case.arn.rsplit_once('/').map_or("", |(_, session)| session)),
        };
        let partition = Partition::from_name(section(1)).unwrap_or(Partition::Aws);
        // A role itself calls nothing: STS names its sessions.
        let is_caller = case.kind.as_deref() != Some("role") || !case.session.is_empty();
        let expected = match case.canonical.filter(|_| is_caller) {
            Some(canonical) => {
                format!(
                    "200 {canonical} {} {}",
                    id.split_once(':').filter(|_| !case.session.is_empty()).map_or(id.as_str(), |(id, _)| id),
                    case.session
                )
            }
            None => "200 not_a_principal".to_owned(),
        };
        let found = seen(&ask(&engine, &Aws::naming(&case.arn, account, &id), partition, "").await);
        if found != expected {
            faults.push(format!("{} {:?}: {found}, not {expected}", case.id, case.arn));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The username and the groups of who is let in, or why nobody is, in the words of the corpora.
fn identity(fate: &Fate) -> (String, Vec<String>) {
    let user = &fate.answer["status"]["user"];
    let groups = user["groups"].as_array().into_iter().flatten().map(|group| group.as_str().unwrap().to_owned());
    match seen(fate).as_str() {
        "200 not_mapped" => ("refused: not-mapped".to_owned(), Vec::new()),
        "200 username" => ("refused: template".to_owned(), Vec::new()),
        other => (user["username"].as_str().unwrap_or(other).to_owned(), groups.collect()),
    }
}

fn expected(is: Option<(&str, &[String])>, refused: Option<&str>) -> (String, Vec<String>) {
    is.map_or_else(
        || (format!("refused: {}", refused.unwrap()), Vec::new()),
        |(username, groups)| (username.to_owned(), groups.to_vec()),
    )
}

#[tokio::test]
async fn aws_auth_lets_callers_in_as_the_corpus_says() {
    let folder = tempfile::tempdir().unwrap();
    let engine = hook::prepared(folder.path(), "CONFIG_MAP", &[]).await;
    let mut faults = Vec::new();
    for case in aws_auth_case::cases() {
        let aws_auth = case.aws_auth();
        put(&engine, |world| world.with_aws_auth(aws_auth.clone()));
        for caller in &case.callers {
            let sections: Vec<&str> = caller.arn.splitn(6, ':').collect();
            let (account, resource) = (sections[4], sections[5]);
            let last = resource.rsplit_once('/').map_or("", |(_, last)| last);
            let id = match resource.split('/').next() {
                Some("assumed-role") => format!("AROAEXAMPLE:{last}"),
                Some("federated-user") => format!("{account}:{last}"),
                Some("user") => "AIDAEXAMPLE".to_owned(),
                _ => account.to_owned(),
            };
            let aws = Aws::naming(&caller.arn, account, &id);
            if let Some(name) = &caller.private_dns_name {
                aws.instances.lock().unwrap().insert(last.to_owned(), name.clone());
            }
            let partition = Partition::from_name(sections[1]).unwrap();
            let found = identity(&ask(&engine, &aws, partition, &caller.access_key_id).await);
            let is = caller.is.as_ref().map(|is| (is.username.as_str(), is.groups.as_slice()));
            let expected = expected(is, caller.refused.as_deref());
            if found != expected {
                faults.push(format!("{} {}: {found:?}, not {expected:?}", case.id, caller.arn));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn entries_and_aws_auth_are_asked_in_the_order_of_the_corpus() {
    let folder = tempfile::tempdir().unwrap();
    let engine = hook::prepared(folder.path(), "API_AND_CONFIG_MAP", &[]).await;
    let mut faults = Vec::new();
    for case in source_case::cases() {
        let world = case.world();
        put(&engine, |_| world.clone());
        for caller in &case.callers {
            let aws = Aws::naming(&caller.arn, caller.account(), &caller.user_id());
            let found = identity(&ask(&engine, &aws, Partition::Aws, "").await);
            let is = caller.is.as_ref().map(|is| (is.username.as_str(), is.groups.as_slice()));
            let expected = expected(is, caller.refused.as_deref());
            if found != expected {
                faults.push(format!("{} {}: {found:?}, not {expected:?}", case.id, caller.arn));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
