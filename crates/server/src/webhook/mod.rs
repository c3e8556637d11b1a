//! The webhooks that kube-apiserver calls: who is this token, and does an access policy allow this.
//!
//! The cluster's name is in the path because client-go drops a query. A refusal is an answer with status 200; other
//! statuses mean that nothing could be decided.

mod answer;
mod authenticate;
mod authorize;
mod decision_id;
mod handler;
mod subject_access_review;
mod text;
mod token_review;

pub use answer::{Answered, Refused, answer_subject_access_review, answer_token_review};
pub use authenticate::Prover;
pub use decision_id::{AuditIds, DecisionId, Decisions, EXTRA_KEY};
pub use handler::{ClientAuth, MAX_BODY, Webhooks};
