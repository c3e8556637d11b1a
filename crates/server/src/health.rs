//! What is known of the server's own health. `/readyz`, `/metrics` and `doorward doctor` tell it in their ways.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use doorward_identity::Verifier;
use jiff::Timestamp;

use crate::engine::Engine;
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

impl Health {
    /// Of a server that starts now, whose certificates are not known yet.
    pub fn new(engine: Arc<Engine>, verifier: Arc<Verifier>, metrics: Arc<Metrics>) -> Self {
        Self { engine, verifier, metrics, certificates: Arc::default(), started_at: Timestamp::now() }
    }
}
