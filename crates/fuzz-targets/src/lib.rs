//! What must hold of every input that a stranger can send.
//!
//! Each target is a plain function of bytes: it reads them as one part of Doorward does, asserts what must hold of the
//! outcome (never only that nothing panics), and says which outcome it was. cargo-fuzz runs the targets with coverage
//! as a guide (`fuzz/`), the runner of this crate runs the same functions on stable Rust, and the crate's tests run
//! them over the committed corpora. An input that breaks a property makes the target panic; that is a finding.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target reports a broken property by panicking"
)]

mod arn;
mod aws_auth;
mod eks_request;
mod policy;
mod query;
mod review;
mod route;
mod sigv4;
mod sts_reply;
mod token;
mod world;

pub mod corpus;
pub mod mutate;

pub use arn::arn;
pub use aws_auth::{aws_auth, aws_auth_edit};
pub use eks_request::eks_request;
pub use policy::policy;
pub use query::{query, query_request};
pub use review::{subject_access_review, token_review};
pub use route::route;
pub use sigv4::sigv4;
pub use sts_reply::sts_reply;
pub use token::token;

/// The outcome of one input, from a closed list. What the input is good for is told by it: an outcome that no other
/// input has reached makes one worth keeping.
pub type Outcome = &'static str;

/// A target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: that of its folder in `fuzz/corpus/` and of its file in `fuzz/fuzz_targets/`.
    pub name: &'static str,
    /// What it does with an input.
    pub run: fn(&[u8]) -> Outcome,
}

/// Every target.
pub const TARGETS: [Target; 13] = [
    Target { name: "token", run: token },
    Target { name: "query", run: query },
    Target { name: "query_request", run: query_request },
    Target { name: "arn", run: arn },
    Target { name: "sigv4", run: sigv4 },
    Target { name: "token_review", run: token_review },
    Target { name: "subject_access_review", run: subject_access_review },
    Target { name: "aws_auth", run: aws_auth },
    Target { name: "aws_auth_edit", run: aws_auth_edit },
    Target { name: "eks_request", run: eks_request },
    Target { name: "policy", run: policy },
    Target { name: "route", run: route },
    Target { name: "sts_reply", run: sts_reply },
];

/// Asserts that a message for a user, which also stands in a log, is short and cannot forge a line.
fn assert_is_a_message(text: &str) {
    assert!(!text.is_empty(), "a refusal without a reason");
    assert!(text.len() <= 4096, "a message of {} bytes: {}…", text.len(), text.chars().take(300).collect::<String>());
    assert!(!text.chars().any(char::is_control), "a message with a control character: {text:?}");
}
