//! The HTTP edge: EKS, STS and IAM APIs, webhooks and operations.
