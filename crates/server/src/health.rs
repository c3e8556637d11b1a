//! What is known of the server's own health. `/readyz`, `/metrics` and `doorward doctor` tell it in their ways.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use doorward_identity::Verifier;
use jiff::Timestamp;

use crate::engine::{Engine, StoreSigns};
use crate::metrics::Metrics;

/// Where it is known.
pub struct Health {
    /// What is known of clusters, and how far that agrees with the store.
    pub engine: Arc<Engine>,
    /// Who proves tokens.
    pub verifier: Arc<Verifier>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The certificates in force; none where the webhooks have none.
    pub certificates: Arc<ArcSwapOption<Certificates>>,
    /// When the server was started.
    pub started_at: Timestamp,
}

/// What an API server goes by when it calls the webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// SHA-256 of the authority's certificate, in hexadecimal digits.
    pub authority_sha256: String,
    /// When the authority ends.
    pub authority_ends: Timestamp,
    /// When the webhooks' own certificate ends.
    pub webhook_ends: Timestamp,
}

/// What is known of the server itself at one moment.
#[derive(Clone, Debug, Default)]
pub struct Signs {
    /// How far what is known agrees with the store.
    pub store: StoreSigns,
    /// Whether others may write to the store.
    pub is_shared: bool,
    /// The certificates in force.
    pub certificates: Option<Arc<Certificates>>,
    /// The connections that TLS did not let through, by reason.
    pub tls_refusals: Vec<(&'static str, u64)>,
    /// When the last of them came.
    pub last_tls_refusal: Option<Timestamp>,
    /// Endpoints of AWS that failed and are left alone for the moment.
    pub failing_endpoints: Vec<String>,
    /// When the server was started.
    pub started_at: Timestamp,
}

impl Health {
    /// What is known now.
    pub fn signs(&self) -> Signs {
        let (tls_refusals, last_tls_refusal) = self.metrics.tls_refusals();
        Signs {
            store: self.engine.store_signs(),
            is_shared: self.engine.store().is_shared(),
            certificates: self.certificates.load_full(),
            tls_refusals,
            last_tls_refusal,
            failing_endpoints: self.verifier.failing_endpoints(),
            started_at: self.started_at,
        }
    }

    /// Of a server that starts now, whose certificates are not known yet.
    pub fn new(engine: Arc<Engine>, verifier: Arc<Verifier>, metrics: Arc<Metrics>) -> Self {
        Self { engine, verifier, metrics, certificates: Arc::default(), started_at: Timestamp::now() }
    }
}
