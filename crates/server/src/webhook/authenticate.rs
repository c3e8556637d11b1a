//! The token webhook: from a bearer token to a Kubernetes identity.

use std::sync::Arc;

use doorward_core::cluster_name::ClusterName;
use doorward_core::principal::Principal;
use doorward_core::resolve::{Refusal, Resolved, resolve};
use doorward_core::username::RenderError;
use doorward_identity::aws::IdentityError;
use doorward_identity::{SessionKey, Verifier};
use jiff::Timestamp;

use super::token_review::{TokenReviewSpec, TokenReviewStatus};
use crate::view::{ClusterView, View};

/// Proves tokens at a moment.
pub struct Prover<'a> {
    /// Who proves them.
    pub verifier: &'a Verifier,
    /// Opens session tokens of the local directory.
    pub sessions: &'a SessionKey,
    /// The time now.
    pub now: Timestamp,
}

/// How a token fared.
pub(super) enum Authentication {
    /// It is decided, for better or worse, and counted as this.
    Answer(TokenReviewStatus, &'static str),
    /// Nothing can be said yet, for want of calls.
    Throttled(String),
    /// Nothing can be said yet: STS or aws-auth would decide, and is not known.
    Undecided(String),
    /// There is no such cluster.
    NoCluster,
}

/// Audiences that mean the API server itself; any other is for the API server to judge.
const API_SERVER_AUDIENCES: [&str; 3] =
    ["https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local", "kubernetes.default.svc"];

pub(super) async fn authenticate(
    view: impl Fn() -> Arc<View> + Sync,
    name: &ClusterName,
    spec: &TokenReviewSpec,
    prover: &Prover<'_>,
) -> Authentication {
    let Prover { verifier, sessions, now } = *prover;
    let before = view();
    if before.cluster(name.as_str()).is_none() {
        return Authentication::NoCluster;
    }
    let caller = match verifier.verify(&before.directory, sessions, name.as_str(), &spec.token, now).await {
        Ok(caller) => caller,
        Err(error) => return not_verified(name, error),
    };
    let verified = view();
    let Some(cluster) = verified.cluster(name.as_str()) else { return Authentication::NoCluster };
    match resolve(&cluster.world, &caller) {
        // The name of a node may be a call to AWS: it is looked up only for whoever needs it.
        Err(Refusal::Username { error: RenderError::NoPrivateDnsName { .. }, .. }) => {}
        outcome => return decided(prover, cluster, spec, &caller, outcome).await,
    }
    let caller = match verifier.private_dns_name(&verified.directory, &caller).await {
        Ok(private_dns_name) => Principal { private_dns_name, ..Arc::unwrap_or_clone(caller) },
        Err(error) => return not_verified(name, error),
    };
    let named = view();
    let Some(cluster) = named.cluster(name.as_str()) else { return Authentication::NoCluster };
    decided(prover, cluster, spec, &caller, resolve(&cluster.world, &caller)).await
}

fn not_verified(name: &ClusterName, error: IdentityError) -> Authentication {
    let (reason, message) = (error.reason(), error.to_string());
    match error {
        IdentityError::Throttled(_) | IdentityError::Undecided(_) => {
            tracing::warn!(cluster = %name, reason, error = message, "cannot decide");
            let is_throttled = matches!(error, IdentityError::Throttled(_));
            if is_throttled { Authentication::Throttled(message) } else { Authentication::Undecided(message) }
        }
        IdentityError::Token(_) | IdentityError::Refused { .. } | IdentityError::NotAPrincipal { .. } => {
            tracing::info!(cluster = %name, reason, error = message, "access denied");
            Authentication::Answer(TokenReviewStatus { error: message, ..TokenReviewStatus::default() }, reason)
        }
    }
}

async fn decided(
    prover: &Prover<'_>,
    cluster: &ClusterView,
    spec: &TokenReviewSpec,
    caller: &Principal,
    outcome: Result<Resolved<'_>, Refusal>,
) -> Authentication {
    let name = &cluster.record.name;
    match outcome {
        Ok(Resolved { identity, source }) => {
            prover.verifier.let_in(caller).await;
            cluster.usage.count(&source, prover.now);
            tracing::info!(
                cluster = %name, arn = %caller.canonical, session = caller.session_name, principal_id = %caller.id,
                username = identity.username, groups = ?identity.groups, by = %source, "access granted"
            );
            // An empty list means the API server's own audience.
            let is_known = |audience: &&String| API_SERVER_AUDIENCES.contains(&audience.as_str());
            let audiences = spec.audiences.iter().filter(is_known).cloned().collect();
            let status = TokenReviewStatus {
                authenticated: true,
                user: Some(identity.into()),
                audiences,
                ..TokenReviewStatus::default()
            };
            Authentication::Answer(status, "granted")
        }
        Err(Refusal::NotMapped) if cluster.world.mode().uses_aws_auth() && !cluster.aws_auth.seen => {
            tracing::warn!(cluster = %name, arn = %caller.canonical, "cannot decide, aws-auth was not read yet");
            Authentication::Undecided(format!("aws-auth of cluster {name} was not read yet"))
        }
        Err(refusal) => {
            tracing::info!(
                cluster = %name, arn = %caller.canonical, session = caller.session_name, principal_id = %caller.id,
                reason = refusal.reason(), %refusal, "access denied"
            );
            let status =
                TokenReviewStatus { error: format!("{}: {refusal}", caller.canonical), ..TokenReviewStatus::default() };
            Authentication::Answer(status, refusal.reason())
        }
    }
}
