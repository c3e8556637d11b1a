//! The token webhook: from a bearer token to a Kubernetes identity.

use std::sync::Arc;

use doorward_core::cluster_name::ClusterName;
use doorward_core::principal::Principal;
use doorward_core::resolve::{Refusal, Resolved, resolve};
use doorward_core::username::RenderError;
use doorward_identity::Verifier;
use doorward_identity::aws::IdentityError;
use jiff::Timestamp;

use super::decision_id::DecisionId;
use super::token_review::{TokenReviewSpec, TokenReviewStatus, UserInfo};
use crate::view::{ClusterView, View};

/// Proves tokens at a moment.
pub struct Prover<'a> {
    /// Who proves them.
    pub verifier: &'a Verifier,
    /// The time now.
    pub now: Timestamp,
    /// What this decision is called.
    pub decision: DecisionId,
}

/// How a token fared.
pub(super) enum Authentication<A> {
    /// It is decided, for better or worse, and counted as this.
    Answer(A, &'static str),
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

/// `answer` makes the answer from its status while all that the status borrows is there: to copy it costs more than to
/// decide.
pub(super) async fn authenticate<A>(
    view: impl Fn() -> Arc<View> + Sync,
    name: &ClusterName,
    spec: &TokenReviewSpec<'_>,
    prover: &Prover<'_>,
    answer: impl FnOnce(TokenReviewStatus<'_>) -> A,
) -> Authentication<A> {
    let Prover { verifier, now, decision } = *prover;
    let before = view();
    if before.cluster(name.as_str()).is_none() {
        return Authentication::NoCluster;
    }
    let caller = match verifier.verify(&before.directory, name.as_str(), &spec.token, now).await {
        Ok(caller) => caller,
        Err(error) => return not_verified(name, decision, error, answer),
    };
    let verified = view();
    let Some(cluster) = verified.cluster(name.as_str()) else { return Authentication::NoCluster };
    match resolve(&cluster.world, &caller) {
        // The name of a node may be a call to AWS: it is looked up only for whoever needs it.
        Err(Refusal::Username { error: RenderError::NoPrivateDnsName { .. }, .. }) => {}
        outcome => return decided(prover, cluster, spec, &caller, outcome, answer).await,
    }
    let caller = match verifier.private_dns_name(&verified.directory, &caller).await {
        Ok(private_dns_name) => Principal { private_dns_name, ..Arc::unwrap_or_clone(caller) },
        Err(error) => return not_verified(name, decision, error, answer),
    };
    let named = view();
    let Some(cluster) = named.cluster(name.as_str()) else { return Authentication::NoCluster };
    decided(prover, cluster, spec, &caller, resolve(&cluster.world, &caller), answer).await
}

fn not_verified<A>(
    name: &ClusterName,
    decision: DecisionId,
    error: IdentityError,
    answer: impl FnOnce(TokenReviewStatus<'_>) -> A,
) -> Authentication<A> {
    let (reason, message) = (error.reason(), error.to_string());
    match error {
        IdentityError::Throttled(_) | IdentityError::Undecided(_) => {
            tracing::warn!(cluster = name.as_str(), decision_id = %decision, reason, error = message, "cannot decide");
            let is_throttled = matches!(error, IdentityError::Throttled(_));
            if is_throttled { Authentication::Throttled(message) } else { Authentication::Undecided(message) }
        }
        IdentityError::Token(_) | IdentityError::Refused { .. } | IdentityError::NotAPrincipal { .. } => {
            tracing::info!(cluster = name.as_str(), decision_id = %decision, reason, error = message, "access denied");
            Authentication::Answer(answer(TokenReviewStatus::refused(&message)), reason)
        }
    }
}

async fn decided<A>(
    prover: &Prover<'_>,
    cluster: &ClusterView,
    spec: &TokenReviewSpec<'_>,
    caller: &Principal,
    outcome: Result<Resolved<'_>, Refusal>,
    answer: impl FnOnce(TokenReviewStatus<'_>) -> A,
) -> Authentication<A> {
    let (name, decision) = (&cluster.record.name, prover.decision);
    match outcome {
        Ok(Resolved { identity, source }) => {
            prover.verifier.let_in(caller).await;
            cluster.usage.count(&source, prover.now);
            tracing::info!(
                cluster = name.as_str(), decision_id = %decision, arn = caller.canonical.as_str(), session = caller.session_name,
                principal_id = caller.id.0, access_key_id = caller.access_key_id, username = identity.username, groups = ?identity.groups, by = %source, "access granted"
            );
            // An empty list means the API server's own audience.
            let is_known = |audience: &&str| API_SERVER_AUDIENCES.contains(audience);
            let audiences = spec.audiences.iter().map(|audience| &**audience).filter(is_known).collect();
            let user = Some(UserInfo::new(&identity, decision));
            let status = TokenReviewStatus { authenticated: true, user, audiences, error: "" };
            Authentication::Answer(answer(status), "granted")
        }
        Err(Refusal::NotMapped) if cluster.world.mode().uses_aws_auth() && !cluster.aws_auth.seen => {
            tracing::warn!(
                cluster = name.as_str(), decision_id = %decision, arn = caller.canonical.as_str(),
                "cannot decide, aws-auth was not read yet"
            );
            Authentication::Undecided(format!("aws-auth of cluster {name} was not read yet"))
        }
        Err(refusal) => {
            tracing::info!(
                cluster = name.as_str(), decision_id = %decision, arn = caller.canonical.as_str(), session = caller.session_name,
                principal_id = caller.id.0, access_key_id = caller.access_key_id, reason = refusal.reason(), %refusal, "access denied"
            );
            let message = format!("{}: {refusal}", caller.canonical);
            Authentication::Answer(answer(TokenReviewStatus::refused(&message)), refusal.reason())
        }
    }
}
