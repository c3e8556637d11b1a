//! The token webhook: from a bearer token to a Kubernetes identity.

use doorward_core::principal::Principal;
use doorward_core::resolve::{Refusal, Resolved, resolve};
use doorward_identity::node::with_private_dns_name;
use doorward_identity::token::TokenError;

use super::token_review::{TokenReviewSpec, TokenReviewStatus};
use crate::view::{ClusterView, View};

/// How a token fared.
pub(super) enum Authentication {
    /// It is answered, for better or worse.
    Answer(TokenReviewStatus, &'static str),
    /// Nothing can be said yet: aws-auth would decide and is not known.
    Undecided(String),
}

/// Audiences that mean the API server itself; any other is for the API server to judge.
const API_SERVER_AUDIENCES: [&str; 3] =
    ["https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local", "kubernetes.default.svc"];

pub(super) fn authenticate(
    view: &View,
    cluster: &ClusterView,
    spec: &TokenReviewSpec,
    verify: impl FnOnce(&str) -> Result<Principal, TokenError>,
) -> Authentication {
    let name = &cluster.record.name;
    let caller = match verify(&spec.token) {
        Ok(caller) => with_private_dns_name(&view.directory, caller),
        Err(error) => {
            tracing::info!(cluster = %name, reason = error.reason(), %error, "access denied");
            return refused(error, error.reason());
        }
    };
    match resolve(&cluster.world, &caller) {
        Ok(Resolved { identity, source }) => {
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

fn refused(error: TokenError, reason: &'static str) -> Authentication {
    let status = TokenReviewStatus { error: error.to_string(), ..TokenReviewStatus::default() };
    Authentication::Answer(status, reason)
}
