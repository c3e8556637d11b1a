//! The authorization webhook: does an access policy allow this. Never "denied": RBAC has its own word.

use doorward_core::authorize::{Decision, Grant, authorize as decide};

use super::decision_id::DecisionId;
use super::subject_access_review::SubjectAccessReviewSpec;
use crate::view::ClusterView;

/// What allows it, if anything does, and what the answer is counted as.
pub(super) fn authorize<'a>(
    cluster: &'a ClusterView,
    spec: &'a SubjectAccessReviewSpec<'_>,
    decision: DecisionId,
) -> (Option<Grant<'a>>, &'static str) {
    let Some(asked) = spec.attributes() else { return (None, "malformed") };
    match decide(&cluster.world, spec.subject(), &asked) {
        Decision::Allow(grant) => {
            let (name, user) = (&cluster.record.name, &*spec.user);
            if decision.is_for_audit() {
                tracing::info!(cluster = name.as_str(), decision_id = %decision, user, ?asked, %grant, "allowed");
            } else {
                tracing::debug!(cluster = name.as_str(), decision_id = %decision, user, ?asked, %grant, "allowed");
            }
            (Some(grant), "allowed")
        }
        Decision::NoOpinion(why) => {
            tracing::debug!(
                cluster = cluster.record.name.as_str(), decision_id = %decision, user = &*spec.user, ?asked,
                why = why.reason(), "no opinion"
            );
            (None, why.reason())
        }
    }
}
