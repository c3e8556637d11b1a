//! etcd as its operator sees it: who leads, and how its history is thrown away.

use std::time::Duration;

use anyhow::Context as _;
use doorward_store::etcd_cluster::EtcdCluster;
use etcd_client::{AlarmAction, AlarmOptions, AlarmType, Client, DeleteOptions};

/// How long a member may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts three members that end with this process.
pub(crate) fn start() -> EtcdCluster {
    let quota = format!("--quota-backend-bytes={QUOTA}");
    EtcdCluster::start_under(&["setpriv", "--pdeathsig", "KILL"], MEMBERS, "http", &[quota])
}

/// How many members there are.
pub(crate) const MEMBERS: usize = 3;

/// Which member leads.
///
/// # Errors
/// If none says so.
pub(crate) async fn leader(cluster: &EtcdCluster) -> anyhow::Result<usize> {
    for (at, endpoint) in cluster.endpoints().iter().enumerate() {
        let asked = async {
            let status = Client::connect([endpoint], None).await?.maintenance_client().status().await?;
            let own = status.header().map(etcd_client::ResponseHeader::member_id);
            Ok::<_, etcd_client::Error>(own == Some(status.leader()))
        };
        if let Ok(Ok(true)) = tokio::time::timeout(PATIENCE, asked).await {
            return Ok(at);
        }
    }
    anyhow::bail!("no member of etcd leads")
}

/// Throws away the history until now.
///
/// # Errors
/// If etcd does not.
pub(crate) async fn compact(cluster: &EtcdCluster) -> anyhow::Result<()> {
    let compacted = async {
        let client = Client::connect(cluster.endpoints(), None).await?;
        let mut kv = client.kv_client();
        let now = kv.get("now", None).await?;
        let revision = now.header().map(etcd_client::ResponseHeader::revision).unwrap_or_default();
        kv.compact(revision, None).await
    };
    tokio::time::timeout(PATIENCE, compacted).await.context("etcd does not answer")??;
    Ok(())
}

/// Sends a signal to a member.
///
/// # Errors
/// If it does not run.
pub(crate) fn signal(cluster: &EtcdCluster, at: usize, name: &str) -> anyhow::Result<()> {
    let id = cluster.id(at).with_context(|| format!("member {at} of etcd does not run"))?.to_string();
    let sent = std::process::Command::new("kill").args(["-s", name, &id]).status()?;
    anyhow::ensure!(sent.success(), "cannot send {name} to member {at} of etcd");
    Ok(())
}

/// What etcd may hold, in bytes: little, so that it can be filled in a row.
const QUOTA: usize = 256 * 1024 * 1024;

/// Keys that only take space.
const BALLAST: &str = "chaos/ballast/";

/// Writes until there is no more space.
///
/// # Errors
/// If there is always more.
pub(crate) async fn fill(cluster: &EtcdCluster) -> anyhow::Result<()> {
    let client = Client::connect(cluster.endpoints(), None).await?;
    for number in 0..2 * QUOTA / PIECE {
        let put = client.kv_client().put(format!("{BALLAST}{number}"), vec![0; PIECE], None).await;
        match put {
            Ok(_) => {}
            Err(error) if error.to_string().contains("space exceeded") => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    anyhow::bail!("etcd does not become full")
}

/// Below the most that a request may have.
const PIECE: usize = 1024 * 1024;

/// Makes space, as etcd's own documentation tells: throws away, defragments, takes back the alarm.
///
/// # Errors
/// If etcd does not.
pub(crate) async fn make_space(cluster: &EtcdCluster) -> anyhow::Result<()> {
    let client = Client::connect(cluster.endpoints(), None).await?;
    client.kv_client().delete(BALLAST, Some(DeleteOptions::new().with_prefix())).await?;
    compact(cluster).await?;
    for endpoint in cluster.endpoints() {
        Client::connect([endpoint], None).await?.maintenance_client().defragment().await?;
    }
    let mut maintenance = client.maintenance_client();
    for alarm in maintenance.alarm(AlarmAction::Get, AlarmType::Nospace, None).await?.alarms() {
        let mut member = AlarmOptions::new();
        member.with_member(alarm.member_id());
        maintenance.alarm(AlarmAction::Deactivate, AlarmType::Nospace, Some(member)).await?;
    }
    Ok(())
}
