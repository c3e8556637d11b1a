//! What is counted, for Prometheus. Labels come from closed lists, so that no client can make the metrics grow.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::log_writer::LOST;

type Outcome = [(&'static str, &'static str); 1];

/// An endpoint and an outcome.
type Call = [(&'static str, &'static str); 2];

/// All metrics.
pub struct Metrics {
    registry: Registry,
    authentications: Family<Outcome, Counter>,
    authorizations: Family<Outcome, Counter>,
    api_calls: Family<Outcome, Counter>,
    sts_calls: Family<Call, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("doorward");
        let (authentications, authorizations, api_calls) = (Family::default(), Family::default(), Family::default());
        let sts_calls = Family::default();
        registry.register(
            "authentications",
            "Tokens decided by the token webhook, by outcome",
            Family::clone(&authentications),
        );
        registry.register(
            "authorizations",
            "Reviews decided by the authorization webhook, by outcome",
            Family::clone(&authorizations),
        );
        registry.register("api_calls", "Calls of the API, by error type or ok", Family::clone(&api_calls));
        registry.register(
            "sts_calls",
            "Calls to STS of AWS, by the region of its endpoint (or local) and by outcome; what the budget or a breaker stopped counts, too",
            Family::clone(&sts_calls),
        );
        registry.register("log_lines_lost", "Lines of the log that could not be written", LOST.clone());
        Self { registry, authentications, authorizations, api_calls, sts_calls }
    }
}

impl Metrics {
    /// Counts a decision of the token webhook.
    pub fn authentication(&self, outcome: &'static str) {
        self.authentications.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Counts a decision of the authorization webhook.
    pub fn authorization(&self, outcome: &'static str) {
        self.authorizations.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Counts a call of the API.
    pub fn api_call(&self, outcome: &'static str) {
        self.api_calls.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Counts a call to STS.
    pub fn sts_call(&self, endpoint: &'static str, outcome: &'static str) {
        self.sts_calls.get_or_create(&[("endpoint", endpoint), ("outcome", outcome)]).inc();
    }

    /// The metrics in OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
