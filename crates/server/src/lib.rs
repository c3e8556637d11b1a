//! The HTTP edge: EKS, STS and IAM APIs, webhooks and operations.

pub mod iam;
pub mod query;
pub mod sts;
