//! The authorization webhook: does an access policy allow this. Never "denied": RBAC has its own word.

use doorward_core::authorize::{Decision, authorize as decide};

use super::subject_access_review::{SubjectAccessReviewSpec, SubjectAccessReviewStatus};
use crate::view::ClusterView;

/// The answer, and what it is counted as.
pub(super) fn authorize(
    cluster: &ClusterView,
    spec: &SubjectAccessReviewSpec,
) -> (SubjectAccessReviewStatus, &'static str) {
    let Some(asked) = spec.attributes() else { return (SubjectAccessReviewStatus::default(), "malformed") };
    match decide(&cluster.world, spec.subject(), &asked) {
        Decision::Allow(grant) => {
            tracing::debug!(cluster = %cluster.record.name, user = spec.user, ?asked, %grant, "allowed");
            (SubjectAccessReviewStatus { allowed: true, reason: grant.to_string() }, "allowed")
        }
        Decision::NoOpinion(why) => {
            tracing::debug!(cluster = %cluster.record.name, user = spec.user, ?asked, why = why.reason(), "no opinion");
            (SubjectAccessReviewStatus::default(), why.reason())
        }
    }
}
