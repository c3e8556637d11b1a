//! AWS Signature Version 4: canonical request, signing and verification, without IO.
//!
//! The scheme is described in the IAM user guide, "AWS Signature Version 4 for API requests"
//! (`reference_sigv-create-signed-request`). This crate adds what a *server* needs and that guide leaves open:
//! how strictly to read what a client presents, and which of the forms that real clients sign to accept.
//!
//! Verification has two phases, because the secret has to be looked up in between:
//!
//! 1. [`Presented::from_request`] (or [`Presented::from_headers`], [`Presented::from_query`]) reads the claim: which
//!    access key, which scope, which headers, when. Nothing is proved yet.
//! 2. [`Presented::verify`] recomputes the signature with the secret and checks the clock.
//!
//! Nothing here reads a clock, a file or the network: time is an argument. No input makes it panic.
//!
//! What the caller must do itself: compare [`Presented::scope`] with the service and region it serves, compare
//! [`Presented::session_token`] with the credentials it looked up, hash the body it really received, and decode path
//! and query only after verification (the query with [`query::pairs`], so that what was signed is what is read).

mod byte_set;
mod canonical;
mod credential_scope;
mod error;
mod presented;
pub mod query;
mod request;
mod sign;
mod signed_headers;
mod signing_key;
mod timestamp;
mod verify;

pub use byte_set::ByteSet;
pub use canonical::{CanonicalRequest, PathForm};
pub use credential_scope::CredentialScope;
pub use error::{MalformedError, VerifyError};
pub use presented::{Form, Presented};
pub use request::{PayloadHash, Request};
pub use sign::{Credentials, SignatureHeaders, presign, sign_headers};
pub use signed_headers::SignedHeaders;
pub use signing_key::{SecretKey, SigningKey, string_to_sign};
pub use timestamp::{format_timestamp, parse_timestamp};
pub use verify::{Window, signature_holds};

/// The only algorithm spoken here. `AWS4-ECDSA-P256-SHA256` (SigV4A) is used by multi-region S3, not by EKS, STS or IAM.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
