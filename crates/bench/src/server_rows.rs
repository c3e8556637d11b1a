//! Start and memory of the server.

use std::path::Path;
use std::time::Duration;

use doorward_cluster::pki::Pki;
use jiff::Timestamp;
use serde_json::json;

use crate::api::Api;
use crate::place::{Place, Served, kubeconfig, register_as, serve};
use crate::report::{Report, Rounds, Target};
use crate::settings::Settings;

/// An empty server: a start that makes everything comes first and does not count.
pub(crate) async fn empty(settings: &Settings, data: &Path, report: &mut Report) -> anyhow::Result<()> {
    serve(settings, data, &[])?.process.stop()?;
    let (mut starts, mut resident) = (Vec::new(), Vec::new());
    for round in 0..settings.rounds {
        let Served { process: server, took, .. } = serve(settings, data, &[])?;
        // Long enough for whatever it does after it is ready.
        tokio::time::sleep(settings.round.min(std::time::Duration::from_millis(500))).await;
        starts.push(took.as_secs_f64() * 1e3);
        resident.push(mib(server.resident()?));
        report.raw("empty", round, &json!({ "start_ms": starts.last(), "resident_mib": resident.last() }))?;
        server.stop()?;
    }
    report.row("start to ready, empty", Target::AtMost(100.0), &Rounds::of(starts), "ms", String::new());
    report.row("resident memory, idle", Target::AtMost(20.0), &Rounds::of(resident), "MiB", String::new());
    Ok(())
}

/// A server of many clusters that cannot be reached, beside the same one with none: what a cluster takes, and what one
/// takes whose aws-auth is watched, or would be.
pub(crate) async fn clusters(settings: &Settings, data: &Path, report: &mut Report) -> anyhow::Result<()> {
    for mode in ["API", "API_AND_CONFIG_MAP"] {
        let data = data.with_extension(mode);
        let empty = serve(settings, &data, &[])?;
        let api = Api::of_data_dir(empty.api, &data)?;
        let kubeconfig = kubeconfig(Pki::open(&data, Timestamp::now())?.ca_pem());
        for number in 0..CLUSTERS {
            register_as(&api, &format!("cluster-{number}"), mode, &kubeconfig).await?;
        }
        empty.process.stop()?;
        let Served { process: server, took, .. } = serve(settings, &data, &[])?;
        // They are tried one after the other at first, and then once in a while each.
        tokio::time::sleep(IDLE).await;
        let resident = server.resident()?;
        let cpu = server.cpu()?;
        tokio::time::sleep(IDLE).await;
        let idle = (server.cpu()? - cpu).as_secs_f64() / IDLE.as_secs_f64() * 100.0;
        server.stop()?;
        let (resident, ready) = (mib(resident), took.as_millis());
        let values = json!({ "mode": mode, "resident_mib": resident, "start_ms": ready as u64, "idle_percent": idle });
        report.raw("clusters", 0, &values)?;
        report.told(
            format!("{CLUSTERS} clusters of {mode}, none reachable"),
            format!("{resident:.1} MiB, ready after {ready} ms, {idle:.1} % of a core while nobody asks"),
        );
    }
    Ok(())
}

/// How many clusters a server of many has.
const CLUSTERS: usize = 1_000;

/// For how long it is looked at what a server does that nobody asks.
const IDLE: Duration = Duration::from_secs(3);

/// A large server beside a small one. Both have the same users, so that the difference is the entries'.
pub(crate) fn large(small: &Place, large: &Place, report: &mut Report) -> anyhow::Result<()> {
    let starts = Rounds::of(large.starts.iter().map(Duration::as_secs_f64));
    let seconds = starts.median();
    let more = large.entries.saturating_sub(small.entries);
    let each = large.resident.saturating_sub(small.resident) as f64 / more as f64;
    report.raw("large", 0, &json!({ "start_s": seconds, "bytes_an_entry": each, "entries": large.entries }))?;
    // A shorter run says what it saw, but nothing of a target that is for a million.
    if large.entries < 1_000_000 {
        let seen = format!("{seconds:.2} s with {} entries", large.entries);
        report.not_measured("start to ready, 1000000 entries", "≤ 5.00 s", &seen);
    } else {
        let what = format!("start to ready, {} entries", large.entries);
        report.row(&what, Target::AtMost(5.0), &starts, "s", "with both cores".to_owned());
    }
    let from = format!("{:.0} MiB against {:.0} MiB", mib(large.resident), mib(small.resident));
    report.row("resident memory an entry", Target::AtMost(400.0), &Rounds::of([each]), "bytes", from);
    Ok(())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
