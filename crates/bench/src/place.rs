//! A server with so many access entries, and one role that calls.
//!
//! Entries and the principals of the write measurements are written by the store's own transactions, as the server
//! would have, before it starts; over the API a million of them would take longer than everything else together.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_cluster::pki::Pki;
use doorward_core::access_entry::{AccessEntry, NewAccessEntry, Tags};
use doorward_core::access_policy::{AccessPolicyArn, Catalogue};
use doorward_core::access_scope::AccessScope;
use doorward_core::cluster_name::ClusterName;
use doorward_core::partition::Partition;
use doorward_core::principal::PrincipalId;
use doorward_identity::directory::{Change as DirectoryChange, Object, User};
use doorward_identity::hosts::{Endpoint, LocalEndpoint};
use doorward_identity::token;
use doorward_server::change::Change;
use doorward_sigv4::query::encode;
use doorward_sigv4::{Credentials, SecretKey};
use doorward_store::{Outcome, SqliteOptions, SqliteStore, Store as _, Txn};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use rustls::ClientConfig;
use secrecy::ExposeSecret as _;

use crate::api::{Api, REGION, between};
use crate::http::client_config;
use crate::process::Process;
use crate::settings::Settings;

/// The cluster.
pub(crate) const CLUSTER: &str = "bench";
/// Its account.
pub(crate) const ACCOUNT: &str = "123456789012";
/// Users that have no entry yet: whom the write measurements make entries for.
pub(crate) const USERS: usize = 100_000;
/// Sessions of the role that calls.
const SESSIONS: usize = 200;
/// A token is good for so long, with a margin for the run itself.
const TOKEN_AGES: i64 = 600;

/// A running server with its clients' means.
pub(crate) struct Place {
    pub(crate) server: Process,
    pub(crate) webhook: SocketAddr,
    pub(crate) api: Api,
    ops: SocketAddr,
    pub(crate) tls: Arc<ClientConfig>,
    /// Entries that were there before it started.
    pub(crate) entries: usize,
    /// From each start to `/readyz`, with both cores.
    pub(crate) starts: Vec<Duration>,
    /// Resident memory once it was ready.
    pub(crate) resident: u64,
    /// Sessions of the role that has an entry.
    pub(crate) sessions: Vec<Credentials>,
    /// The unique id of that role.
    pub(crate) role_id: String,
}

/// A free port of loopback.
pub(crate) fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A `doorward serve` that is ready.
pub(crate) struct Served {
    pub(crate) process: Process,
    pub(crate) api: SocketAddr,
    pub(crate) webhook: SocketAddr,
    pub(crate) ops: SocketAddr,
    /// From the start to `/readyz`.
    pub(crate) took: Duration,
}

/// Starts `doorward serve`, with more flags, and waits until it is ready.
///
/// # Errors
/// If it does not start.
pub(crate) fn serve(settings: &Settings, data: &Path, flags: &[String]) -> anyhow::Result<Served> {
    serve_on(&[settings.server_core], settings, data, flags)
}

/// The same on other cores.
///
/// # Errors
/// If it does not start.
pub(crate) fn serve_on(cores: &[usize], settings: &Settings, data: &Path, flags: &[String]) -> anyhow::Result<Served> {
    let (api, webhook, ops) = (free_port()?, free_port()?, free_port()?);
    let mut args = vec![
        "serve".to_owned(),
        format!("--data-dir={}", data.display()),
        format!("--api={api}"),
        format!("--webhook={webhook}"),
        format!("--ops={ops}"),
        "--max-access-entries=100000000".to_owned(),
    ];
    args.extend_from_slice(flags);
    let log = data.with_extension("log");
    let mut process = Process::start(&settings.doorward, args, cores, &log)?;
    let is_ready = || get(ops, "/readyz").is_ok_and(|text| text.starts_with("HTTP/1.1 200"));
    let took = process.wait_until(is_ready).with_context(|| format!("see `{}`", log.display()))?;
    Ok(Served { process, api, webhook, ops, took })
}

/// What a plain address answers to a GET, head and body.
fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// Registers the cluster.
///
/// # Errors
/// If it cannot be registered.
pub(crate) async fn register(api: &Api) -> anyhow::Result<()> {
    register_as(api, CLUSTER, "API", KUBECONFIG).await
}

/// Waits until a server has nothing to do any more: a large database is checked after the start.
///
/// # Errors
/// If its processor time cannot be read, or it goes on for minutes.
pub(crate) async fn settle(server: &Process) -> anyhow::Result<()> {
    const LOOK: Duration = Duration::from_millis(250);
    for _ in 0..1_200 {
        let before = server.cpu()?;
        tokio::time::sleep(LOOK).await;
        if server.cpu()? - before < LOOK / 20 {
            return Ok(());
        }
    }
    anyhow::bail!("the server does not come to rest")
}

/// A kubeconfig with an authority of its own, as those of clusters have.
pub(crate) fn kubeconfig(authority_pem: &str) -> String {
    let authority = STANDARD.encode(authority_pem);
    KUBECONFIG.replacen("{server:", &format!("{{certificate-authority-data: {authority}, server:"), 1)
}

/// Registers a cluster, with an authentication mode.
///
/// # Errors
/// If it cannot be registered.
pub(crate) async fn register_as(api: &Api, name: &str, mode: &str, kubeconfig: &str) -> anyhow::Result<()> {
    // Port 9 answers nobody: the webhooks do not need the cluster itself.
    let registration = serde_json::json!({
        "endpoint": "https://127.0.0.1:9", "certificateAuthority": "", "version": "1.32",
        "authenticationMode": mode, "kubeconfig": kubeconfig,
    });
    api.call("doorward", "PUT", &format!("/doorward/v1/clusters/{name}"), &registration.to_string()).await?;
    Ok(())
}

impl Place {
    /// Makes the data folder, fills it and starts the server.
    ///
    /// # Errors
    /// If any of it fails.
    pub(crate) async fn start(settings: &Settings, data: &Path, entries: usize) -> anyhow::Result<Self> {
        let served = serve(settings, data, &[])?;
        register(&Api::of_data_dir(served.api, data)?).await?;
        served.process.stop()?;
        fill(data, entries).await.context("cannot fill the store")?;
        // With the whole machine, and then, for everything else, on its core.
        let mut starts = Vec::new();
        for _ in 0..settings.rounds {
            let served = serve_on(&[settings.server_core, settings.load_core], settings, data, &[])?;
            starts.push(served.took);
            served.process.stop()?;
        }
        let Served { process: server, api, webhook, ops, .. } = serve(settings, data, &[])?;
        let resident = server.resident()?;
        settle(&server).await?;
        let api = Api::of_data_dir(api, data)?;
        let (sessions, role_id) = caller(&api).await?;
        let pki = Pki::open(data, Timestamp::now())?;
        let tls = client_config(&pki, &CLUSTER.parse()?)?;
        Ok(Self { server, webhook, api, ops, tls, entries, starts, resident, sessions, role_id })
    }

    /// How many calls of its API went well, by its own count.
    ///
    /// # Errors
    /// If its metrics cannot be read.
    pub(crate) fn calls(&self) -> anyhow::Result<u64> {
        let metrics = get(self.ops, "/metrics")?;
        let found = metrics.lines().find_map(|line| line.strip_prefix("doorward_api_calls_total{outcome=\"ok\"} "));
        Ok(found.context("no calls in the metrics")?.trim().parse()?)
    }

    /// So many different tokens. They differ by session and second, so there are at most 48,000.
    ///
    /// # Errors
    /// If they cannot be signed.
    pub(crate) fn tokens(&self, count: usize) -> anyhow::Result<Vec<String>> {
        let endpoint = Endpoint::Local(LocalEndpoint::parse(&format!("http://{}", self.api.address))?);
        let now = Timestamp::now();
        let ages = (0..TOKEN_AGES).map(SignedDuration::from_secs);
        let each = ages.flat_map(|age| self.sessions.iter().map(move |session| (age, session)));
        let sign = |(age, session): (SignedDuration, &Credentials)| -> anyhow::Result<String> {
            Ok(token::encode(&endpoint, REGION, session, CLUSTER, now - age)?.expose_secret().to_owned())
        };
        each.take(count).map(sign).collect()
    }
}

/// Makes a role with an entry and sessions of it; the role's unique id too.
async fn caller(api: &Api) -> anyhow::Result<(Vec<Credentials>, String)> {
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}},"Action":"sts:AssumeRole"}}]}}"#
    );
    let create = "Action=CreateRole&Version=2010-05-08&RoleName=caller&AssumeRolePolicyDocument=";
    let role = api.call("iam", "POST", "/", &format!("{create}{}", encode(&trust))).await?;
    let role_id = between(&role, "RoleId")?;
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/caller");
    entry_of_caller(api).await?;
    let entries = format!("/clusters/{CLUSTER}/access-entries");
    for (policy, scope) in [
        ("AmazonEKSViewPolicy", serde_json::json!({ "type": "cluster" })),
        ("AmazonEKSEditPolicy", serde_json::json!({ "type": "namespace", "namespaces": ["carts"] })),
    ] {
        let policy = format!("arn:aws:eks::aws:cluster-access-policy/{policy}");
        let body = serde_json::json!({ "policyArn": policy, "accessScope": scope });
        let target = format!("{entries}/{}/access-policies", encode(&arn));
        api.call("eks", "POST", &target, &body.to_string()).await?;
    }
    let mut sessions = Vec::with_capacity(SESSIONS);
    for number in 0..SESSIONS {
        let assume = format!(
            "Action=AssumeRole&Version=2011-06-15&RoleArn={}&RoleSessionName=session-{number:03}",
            encode(&arn)
        );
        let answer = api.call("sts", "POST", "/", &assume).await?;
        let secret = SecretKey::new(between(&answer, "SecretAccessKey")?);
        let session_token = Some(between(&answer, "SessionToken")?);
        sessions.push(Credentials::new(between(&answer, "AccessKeyId")?, secret, session_token)?);
    }
    Ok((sessions, role_id))
}

/// Makes the entry of the role that calls.
///
/// # Errors
/// If it cannot be made.
pub(crate) async fn entry_of_caller(api: &Api) -> anyhow::Result<()> {
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/caller");
    let body = serde_json::json!({ "principalArn": arn, "kubernetesGroups": ["developers"] });
    api.call("eks", "POST", &format!("/clusters/{CLUSTER}/access-entries"), &body.to_string()).await?;
    Ok(())
}

/// The entry of a number: a role that views one namespace.
///
/// # Errors
/// None.
pub(crate) fn entry(number: usize) -> anyhow::Result<AccessEntry> {
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/bench/role-{number:07}");
    let request = NewAccessEntry::parse(&arn, None, None, None, Tags::new())?;
    let now = Timestamp::now();
    let uuid = format!("00000000-0000-0000-0000-{number:012}");
    let entry = AccessEntry::new(request, Some(PrincipalId(format!("AROABENCH{number:012}"))), uuid, now)?;
    let policy = AccessPolicyArn::new(Partition::Aws, "AmazonEKSViewPolicy");
    let scope = AccessScope::parse("namespace", &["carts".to_owned()])?;
    Ok(entry.associated(&policy, scope, Catalogue::built_in(), Partition::Aws, now)?.0)
}

/// The ARN of a user of a number.
pub(crate) fn user_arn(number: usize) -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/user-{number:06}")
}

fn user(number: usize) -> anyhow::Result<Change> {
    let user = User {
        arn: doorward_core::principal::PrincipalArn::parse(&user_arn(number))?,
        id: PrincipalId(format!("AIDABENCH{number:012}")),
        created: Timestamp::now(),
        is_administrator: false,
        policies: Default::default(),
        tags: Default::default(),
    };
    Ok(Change::Directory(DirectoryChange::Put(Object::User(Arc::new(user)))))
}

async fn fill(data: &Path, entries: usize) -> anyhow::Result<()> {
    const CHANGES: usize = 100;
    let store = SqliteStore::open(&data.join("doorward.db"), SqliteOptions::default())?;
    let cluster: &ClusterName = &CLUSTER.parse()?;
    let make = |number: usize| match number.checked_sub(USERS) {
        None => user(number),
        Some(number) => Ok(Change::PutEntry(cluster.clone(), Arc::new(entry(number)?))),
    };
    let (store, total) = (&store, USERS + entries);
    // Many at once, because the store commits whatever waits as one.
    stream::iter((0..total).step_by(CHANGES))
        .map(|from| async move {
            let mut txn = Txn::new();
            for number in from..total.min(from + CHANGES) {
                let change = make(number)?;
                txn = txn.put(change.key()?, change.document()?.context("nothing to store")?);
            }
            match store.txn(txn).await? {
                Outcome::Committed(_) => anyhow::Ok(()),
                Outcome::Conflict { key, .. } => anyhow::bail!("conflict at {key}"),
            }
        })
        .buffer_unordered(64)
        .try_collect::<()>()
        .await?;
    store.close().await;
    Ok(())
}

const KUBECONFIG: &str = "{apiVersion: v1, kind: Config, current-context: doorward, clusters: [{name: c, cluster: {server: 'https://127.0.0.1:9'}}], contexts: [{name: doorward, context: {cluster: c, user: u}}], users: [{name: u, user: {token: t}}]}";
