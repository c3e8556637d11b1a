//! What is counted, for Prometheus. Labels come from closed lists, or are names of registered clusters and their entries
//! in a short list, so that no client can make the metrics grow.
//!
//! What each decision of a webhook touches costs it neither a lock nor an allocation (`tally`, `durations`); what is
//! the case at one moment is worked out when it is asked for ([`state`]). The table of all families, with when to
//! worry, is in `docs/operations.md`.

mod durations;
pub mod state;
mod tally;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::contact::Hook;
use crate::log_writer::LOST;
pub(crate) use durations::Durations;
use durations::DurationsBy;
use state::State;
use tally::Tally;

/// What the names of all metrics begin with.
const PREFIX: &str = "doorward";

type Outcome = [(&'static str, &'static str); 1];

/// An endpoint and an outcome.
type Call = [(&'static str, &'static str); 2];

/// All metrics that are counted.
pub struct Metrics {
    registry: Registry,
    authentications: Arc<Tally>,
    authorizations: Arc<Tally>,
    decisions: Arc<DurationsBy<2>>,
    rejections: Arc<Tally>,
    tls_refusals: Arc<Tally>,
    /// In seconds since 1970; 0 for never.
    last_tls_refusal: AtomicI64,
    api_calls: Family<Outcome, Counter>,
    api_durations: Arc<DurationsBy<4>>,
    sts_calls: Family<Call, Counter>,
    sts_durations: Arc<Durations>,
}

/// A metric that is also counted elsewhere.
#[derive(Debug)]
struct Shared<T>(Arc<T>);

impl<T: EncodeMetric> EncodeMetric for Shared<T> {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.0.metric_type()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let outcomes = || Arc::new(Tally::new("outcome"));
        let metrics = Self {
            authentications: outcomes(),
            authorizations: outcomes(),
            decisions: Arc::new(DurationsBy::new("webhook", Hook::ALL.map(Hook::name))),
            rejections: Arc::new(Tally::new("status")),
            tls_refusals: Arc::new(Tally::new("reason")),
            last_tls_refusal: AtomicI64::new(0),
            api_calls: Family::default(),
            api_durations: Arc::new(DurationsBy::new("service", ["eks", "sts", "iam", "doorward"])),
            sts_calls: Family::default(),
            sts_durations: Arc::default(),
            registry: Registry::default(),
        };
        registry.register(
            "authentications",
            "Tokens decided by the token webhook, by outcome",
            Shared(Arc::clone(&metrics.authentications)),
        );
        registry.register(
            "authorizations",
            "Reviews decided by the authorization webhook, by outcome",
            Shared(Arc::clone(&metrics.authorizations)),
        );
        registry.register(
            "webhook_duration_seconds",
            "How long decisions of a webhook took, from the request's headers to the answer",
            Shared(Arc::clone(&metrics.decisions)),
        );
        registry.register(
            "webhook_rejections",
            "Calls of a webhook that were answered by an error, and so not decided, by its HTTP status",
            Shared(Arc::clone(&metrics.rejections)),
        );
        registry.register(
            "webhook_tls_refusals",
            "Connections to the webhooks that did not get through TLS, by reason",
            Shared(Arc::clone(&metrics.tls_refusals)),
        );
        registry.register("api_calls", "Calls of the API, by error type or ok", Family::clone(&metrics.api_calls));
        registry.register(
            "api_duration_seconds",
            "How long calls of the API took, by service",
            Shared(Arc::clone(&metrics.api_durations)),
        );
        registry.register(
            "sts_calls",
            "Calls to STS of AWS, by the region of its endpoint (or local) and by outcome; what the budget or a breaker stopped counts, too",
            Family::clone(&metrics.sts_calls),
        );
        registry.register(
            "sts_call_duration_seconds",
            "How long calls to STS of AWS took; without what the budget or a breaker stopped",
            Shared(Arc::clone(&metrics.sts_durations)),
        );
        registry.register("log_lines_lost", "Lines of the log that could not be written", LOST.clone());
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Counts a decision of the token webhook.
    pub fn authentication(&self, outcome: &'static str) {
        self.authentications.add(outcome);
    }

    /// Counts a decision of the authorization webhook.
    pub fn authorization(&self, outcome: &'static str) {
        self.authorizations.add(outcome);
    }

    /// Takes note of how long a webhook took to decide.
    pub(crate) fn decided_within(&self, hook: Hook, took: Duration) {
        self.decisions.add(hook.name(), took);
    }

    /// Counts a call of a webhook that was not decided.
    pub(crate) fn rejection(&self, status: http::StatusCode) {
        self.rejections.add(match status.as_u16() {
            400 => "400",
            403 => "403",
            404 => "404",
            405 => "405",
            408 => "408",
            413 => "413",
            415 => "415",
            429 => "429",
            503 => "503",
            _ => "500",
        });
    }

    /// Counts a connection that TLS did not let through.
    pub(crate) fn tls_refusal(&self, reason: &'static str, at: Timestamp) {
        self.tls_refusals.add(reason);
        self.last_tls_refusal.store(at.as_second(), Ordering::Relaxed);
    }

    /// The connections that TLS did not let through, by reason, and when the last one came.
    pub(crate) fn tls_refusals(&self) -> (Vec<(&'static str, u64)>, Option<Timestamp>) {
        let last = self.last_tls_refusal.load(Ordering::Relaxed);
        let last = if last == 0 { None } else { Timestamp::from_second(last).ok() };
        (self.tls_refusals.counts().collect(), last)
    }

    /// Counts a call of the API.
    pub fn api_call(&self, service: &'static str, outcome: &'static str, took: Duration) {
        self.api_calls.get_or_create(&[("outcome", outcome)]).inc();
        self.api_durations.add(service, took);
    }

    /// Counts a call to STS, and how long it took if it was made.
    pub fn sts_call(&self, endpoint: &'static str, outcome: &'static str, took: Option<Duration>) {
        self.sts_calls.get_or_create(&[("endpoint", endpoint), ("outcome", outcome)]).inc();
        took.into_iter().for_each(|took| self.sts_durations.add(took));
    }

    /// The metrics, and what is the case now, in OpenMetrics text.
    pub fn text(&self, state: State) -> String {
        let mut now = Registry::with_prefix(PREFIX);
        now.register_collector(Box::new(state));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &now))
            .and_then(|()| encode_eof(&mut text));
        text
    }
}
