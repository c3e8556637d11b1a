//! What is taken away is gone with the next request: on a real kube-apiserver whose webhook caches are off.
//!
//! A request that an access policy allows is made, the policy or the whole entry is taken away over the API, and as soon
//! as that is answered the same request is made again, with the same token. The API server itself remembers for ten
//! seconds whose a good token is, so that it is the authorization webhook that has to know; whoever comes with another
//! token is not let in at all once the entry is gone.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use doorward_identity::hosts::{Endpoint, LocalEndpoint};
use doorward_identity::token;
use doorward_lab::{Addresses, CLUSTER_NAME, LabDir, LabState, UpOptions};
use doorward_sigv4::query::encode;
use doorward_sigv4::{Credentials, SecretKey};
use jiff::{SignedDuration, Timestamp};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::api::{Api, REGION, between};
use crate::http::{Connection, tls_without_certificate};
use crate::place::ACCOUNT;
use crate::report::{Report, Rounds, Target, short};
use crate::settings::Settings;

const ROLE: &str = "bench-revoked";
/// Sessions of the role. Their tokens differ by the second at which they are signed.
const SESSIONS: usize = 8;

/// Starts a lab, takes away in it what it gives, and stops it.
pub(crate) async fn measure(settings: &Settings, report: &mut Report) -> anyhow::Result<()> {
    let dir = LabDir::new(&settings.lab)?;
    let options = UpOptions {
        dir: dir.clone(),
        addresses: Addresses::default(),
        doorward: settings.doorward.clone(),
        audit: false,
    };
    let state = doorward_lab::up(options, |_| {}).await?;
    let measured = in_lab(settings, &dir, &state, report).await;
    doorward_lab::down(&dir).await?;
    measured
}

async fn in_lab(settings: &Settings, dir: &LabDir, state: &LabState, report: &mut Report) -> anyhow::Result<()> {
    let api = Api::of_data_dir(state.addresses.api, &dir.doorward_data())?;
    let mut asked = Asked::connect(dir, state).await?;
    let (given, mut tokens) = (Given { api: &api }, tokens(&api).await?.into_iter());
    given.create_entry().await?;
    given.associate().await?;
    let (mut times, mut refused, mut strangers) = (Vec::new(), 0, 0);
    for round in 0..settings.revocations {
        let token = tokens.next().context("too few tokens for so many revocations")?;
        ensure!(asked.status(&token).await? == 200, "round {round}: what the policy allows is refused");
        let is_entry = round % 2 == 1;
        if is_entry {
            given.delete_entry().await?
        } else {
            given.disassociate().await?
        }
        let answered = Instant::now();
        let status = asked.status(&token).await?;
        times.push(answered.elapsed().as_secs_f64() * 1e3);
        refused += usize::from(status == 403);
        if is_entry {
            let other = tokens.next().context("too few tokens for so many revocations")?;
            strangers += usize::from(asked.status(&other).await? == 401);
            given.create_entry().await?;
        }
        given.associate().await?;
        report.raw("revocation", round, &json!({ "entry": is_entry, "status": status, "ms": times.last() }))?;
    }
    let rounds = settings.revocations;
    let all = |count: usize, of: usize| Rounds::of([count as f64 / of as f64]);
    let from = format!("{refused} of {rounds}; the refusal itself takes {} ms", short(Rounds::of(times).median()));
    report.row("revocation: the same token, by a policy", Target::AtLeast(1.0), &all(refused, rounds), "", from);
    let entries = rounds / 2;
    let from = format!("{strangers} of {entries}");
    report.row("revocation: a new token, by an entry", Target::AtLeast(1.0), &all(strangers, entries), "", from);
    Ok(())
}

/// A connection to kube-apiserver.
struct Asked {
    connection: Connection,
    host: String,
}

impl Asked {
    async fn connect(dir: &LabDir, state: &LabState) -> anyhow::Result<Self> {
        // The administrator's kubeconfig says whom to trust.
        let kubeconfig = std::fs::read_to_string(dir.admin_kubeconfig())?;
        let ca = kubeconfig.lines().find_map(|line| line.trim().strip_prefix("certificate-authority: "));
        let ca = ca.context("no authority in the lab's kubeconfig")?.trim_matches('"');
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca)?)?;
        let address = state.addresses.kubernetes;
        let connection = Connection::tls(address, &tls_without_certificate(roots)?).await?;
        Ok(Self { connection, host: address.to_string() })
    }

    /// The status of a list of pods, which the policy allows and nothing else does.
    async fn status(&mut self, token: &str) -> anyhow::Result<u16> {
        let Self { connection, host } = self;
        let request = format!(
            "GET /api/v1/namespaces/default/pods?limit=1 HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\n\
             authorization: Bearer {token}\r\n\r\n"
        );
        Ok(connection.ask(request.as_bytes()).await?.status)
    }
}

/// What is given and taken away.
struct Given<'a> {
    api: &'a Api,
}

impl Given<'_> {
    async fn create_entry(&self) -> anyhow::Result<()> {
        let target = format!("/clusters/{CLUSTER_NAME}/access-entries");
        self.call("POST", &target, &json!({ "principalArn": arn() }).to_string()).await
    }

    async fn delete_entry(&self) -> anyhow::Result<()> {
        self.call("DELETE", &entry(), "").await
    }

    async fn associate(&self) -> anyhow::Result<()> {
        let body = json!({ "policyArn": policy(), "accessScope": { "type": "namespace", "namespaces": ["default"] } });
        self.call("POST", &format!("{}/access-policies", entry()), &body.to_string()).await
    }

    async fn disassociate(&self) -> anyhow::Result<()> {
        self.call("DELETE", &format!("{}/access-policies/{}", entry(), encode(&policy())), "").await
    }

    async fn call(&self, method: &str, target: &str, body: &str) -> anyhow::Result<()> {
        self.api.call("eks", method, target, body).await.map(|_| ())
    }
}

fn arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}")
}

fn entry() -> String {
    format!("/clusters/{CLUSTER_NAME}/access-entries/{}", encode(&arn()))
}

fn policy() -> String {
    "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy".to_owned()
}

/// Makes the role, and tokens of its sessions that are all different.
async fn tokens(api: &Api) -> anyhow::Result<Vec<String>> {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }, "Action": "sts:AssumeRole",
    }] });
    let create = format!("Action=CreateRole&Version=2010-05-08&RoleName={ROLE}&AssumeRolePolicyDocument=");
    api.call("iam", "POST", "/", &format!("{create}{}", encode(&trust.to_string()))).await?;
    let endpoint = Endpoint::Local(LocalEndpoint::parse(&format!("http://{}", api.address))?);
    let mut tokens = Vec::new();
    for number in 0..SESSIONS {
        let form = "Action=AssumeRole&Version=2011-06-15";
        let form = format!("{form}&RoleArn={}&RoleSessionName=session-{number:03}", encode(&arn()));
        let answer = api.call("sts", "POST", "/", &form).await?;
        let secret = SecretKey::new(between(&answer, "SecretAccessKey")?);
        let session_token = Some(between(&answer, "SessionToken")?);
        let session = Credentials::new(between(&answer, "AccessKeyId")?, secret, session_token)?;
        for age in 0..300 {
            let at = Timestamp::now() - SignedDuration::from_secs(age);
            let token = token::encode(&endpoint, REGION, &session, CLUSTER_NAME, at)?;
            tokens.push(token.expose_secret().to_owned());
        }
    }
    Ok(tokens)
}
