//! What is the case at one moment, for Prometheus: how old each World is, how far behind the store, how much of the
//! budget for STS is left, until when certificates are good, what became of the rows of aws-auth.
//!
//! Worked out when somebody asks. Labels are names of registered clusters, whose number an administrator decides, and
//! closed lists.

use std::fmt;
use std::sync::Arc;

use doorward_core::aws_auth::RowStatus;
use doorward_identity::aws::BudgetLeft;
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::Durations;
use crate::contact::Hook;
use crate::engine::StoreSigns;
use crate::health::{Certificates, Health};
use crate::view::ClusterView;

/// Everything that is measured at one moment.
#[derive(Debug)]
pub struct State {
    clusters: Vec<ClusterState>,
    store: StoreSigns,
    commits: Arc<Durations>,
    certificates: Option<Arc<Certificates>>,
    budget: Option<BudgetLeft>,
    started_at: Timestamp,
    now: Timestamp,
}

#[derive(Debug)]
struct ClusterState {
    name: String,
    /// See [`world_age`].
    world_age: f64,
    /// Where the mode uses aws-auth.
    aws_auth_age: Option<f64>,
    stale_sections: usize,
    /// How many rows of each status.
    rows: Vec<(RowStatus, usize)>,
    access_entries: usize,
    /// Calls of each webhook, and when the last one was.
    calls: [(Hook, u64, Option<Timestamp>); 2],
    client_certificate_ends: Option<Timestamp>,
}

impl State {
    /// What is the case now.
    pub fn of(health: &Health, now: Timestamp) -> Self {
        let store = health.engine.store_signs();
        let view = health.engine.view_owned();
        Self {
            clusters: view.clusters().map(|cluster| ClusterState::of(cluster, &store, now)).collect(),
            store,
            commits: health.engine.commits(),
            certificates: health.certificates.load_full(),
            budget: health.verifier.sts_budget(),
            started_at: health.started_at,
            now,
        }
    }
}

impl ClusterState {
    fn of(cluster: &ClusterView, store: &StoreSigns, now: Timestamp) -> Self {
        let world = &cluster.world;
        let contact = &cluster.contact;
        let rows = world.aws_auth().rows();
        let of_status = |status| (status, rows.iter().filter(|row| row.status == status).count());
        Self {
            name: cluster.record.name.to_string(),
            world_age: world_age(cluster, store, now),
            aws_auth_age: world.mode().uses_aws_auth().then(|| age(cluster.aws_auth_confirmed.at(), now)),
            stale_sections: world.aws_auth().stale_sections().count(),
            rows: RowStatus::ALL.map(of_status).to_vec(),
            access_entries: world.entry_count(),
            calls: Hook::ALL.map(|hook| (hook, contact.calls(hook), contact.last_call(hook))),
            client_certificate_ends: contact.certificate_ends(),
        }
    }
}

/// Seconds since a World was last known to agree with all its sources: the store, and aws-auth where the mode uses it.
/// Infinite where aws-auth was never read.
pub fn world_age(cluster: &ClusterView, store: &StoreSigns, now: Timestamp) -> f64 {
    let of_store = age(Some(store.confirmed), now);
    if cluster.world.mode().uses_aws_auth() {
        of_store.max(age(cluster.aws_auth_confirmed.at(), now))
    } else {
        of_store
    }
}

/// Seconds since then; a clock that was set back makes nothing older than it is.
fn age(at: Option<Timestamp>, now: Timestamp) -> f64 {
    at.map_or(f64::INFINITY, |at| now.duration_since(at).as_secs_f64().max(0.0))
}

fn unix(at: Timestamp) -> f64 {
    at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
}

type Labels<'a> = Vec<(&'static str, &'a str)>;

/// A family of gauges. Without rows it is left out.
fn gauges<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    rows: impl IntoIterator<Item = (Labels<'a>, f64)>,
) -> fmt::Result {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in rows {
        if labels.is_empty() {
            family.encode_gauge(&value)?;
        } else {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 of them")]
fn number(count: usize) -> f64 {
    count as f64
}

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let out = &mut encoder;
        self.clusters(out)?;
        self.calls(out)?;
        self.certificates(out)?;
        self.store(out)?;
        if let Some(left) = &self.budget {
            gauges(
                out,
                ("sts_budget_calls", "Calls to STS that could be made at once, for whom they are kept"),
                [
                    (vec![("for", "known")], f64::from(left.for_known)),
                    (vec![("for", "strangers")], f64::from(left.for_strangers)),
                ],
            )?;
            gauges(
                out,
                ("sts_budget_limit_calls", "Calls to STS that could be made at once after a pause"),
                [(Vec::new(), f64::from(left.burst))],
            )?;
        }
        gauges(
            out,
            ("start_time_seconds", "When the server was started, in seconds since 1970"),
            [(Vec::new(), unix(self.started_at))],
        )?;
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        gauges(out, ("build_info", "The version, as a label"), [(version, 1.0)])
    }
}

impl State {
    fn clusters(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let by_cluster = |value: fn(&ClusterState) -> Option<f64>| {
            let row = move |cluster: &'_ ClusterState| value(cluster);
            self.clusters
                .iter()
                .filter_map(move |cluster| Some((vec![("cluster", cluster.name.as_str())], row(cluster)?)))
        };
        gauges(
            out,
            (
                "world_age_seconds",
                "Seconds since what decides access on the cluster was last known to agree with the store and aws-auth",
            ),
            by_cluster(|cluster| Some(cluster.world_age)),
        )?;
        gauges(
            out,
            ("aws_auth_age_seconds", "Seconds since the API server last confirmed the aws-auth that is in force"),
            by_cluster(|cluster| cluster.aws_auth_age),
        )?;
        gauges(
            out,
            ("aws_auth_stale_sections", "Sections of aws-auth that cannot be read, so that their last good rows count"),
            by_cluster(|cluster| Some(number(cluster.stale_sections))),
        )?;
        let rows = self.clusters.iter().flat_map(|cluster| {
            let labels = |status: RowStatus| vec![("cluster", cluster.name.as_str()), ("status", status.name())];
            cluster.rows.iter().map(move |(status, count)| (labels(*status), number(*count)))
        });
        gauges(out, ("aws_auth_rows", "Rows of aws-auth, by what becomes of them"), rows)?;
        gauges(out, ("access_entries", "Access entries"), by_cluster(|cluster| Some(number(cluster.access_entries))))
    }

    fn calls(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let all = || {
            self.clusters.iter().flat_map(|cluster| {
                cluster.calls.iter().map(move |(hook, count, last)| {
                    (vec![("cluster", cluster.name.as_str()), ("webhook", hook.name())], *count, *last)
                })
            })
        };
        if !self.clusters.is_empty() {
            let help = "Reviews that the cluster's API server had decided here";
            let mut family = out.encode_descriptor("cluster_webhook_calls", help, None, MetricType::Counter)?;
            for (labels, count, _) in all() {
                family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        gauges(
            out,
            ("cluster_webhook_last_call_timestamp_seconds", "When it asked last, in seconds since 1970"),
            all().filter_map(|(labels, _, last)| Some((labels, unix(last?)))),
        )
    }

    fn certificates(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let own = self.certificates.iter().flat_map(|own| {
            let row = |name, ends| (vec![("certificate", name), ("cluster", "")], unix(ends));
            [row("authority", own.authority_ends), row("webhook", own.webhook_ends)]
        });
        let of_clients = self.clusters.iter().filter_map(|cluster| {
            let labels = vec![("certificate", "client"), ("cluster", cluster.name.as_str())];
            Some((labels, unix(cluster.client_certificate_ends?)))
        });
        gauges(
            out,
            (
                "certificate_end_timestamp_seconds",
                "When certificates end, in seconds since 1970; those of clients as their API servers showed them last",
            ),
            own.chain(of_clients),
        )
    }

    fn store(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        gauges(
            out,
            ("store_lag_seconds", "Seconds since everything in the store was last known to be in force here"),
            [(Vec::new(), age(Some(self.store.confirmed), self.now))],
        )?;
        #[expect(clippy::cast_precision_loss, reason = "a replica is not 2^52 revisions behind")]
        gauges(
            out,
            ("store_lag_revisions", "Revisions of the store that were not in force here when it was last asked"),
            [(Vec::new(), self.store.revisions_behind as f64)],
        )?;
        let help = "How long the store took to commit writes";
        let family = out.encode_descriptor("store_commit_duration_seconds", help, None, MetricType::Histogram)?;
        self.commits.encode(family)
    }
}
