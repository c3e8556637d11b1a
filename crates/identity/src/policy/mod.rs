//! Policy documents of IAM: what an identity may do, and who may assume a role.
//!
//! Source: IAM User Guide, "Policies and permissions", "Grammar of the IAM JSON policy language" and "Policy evaluation
//! logic". Parsing is strict: an element that is unknown here, stands twice or does not fit is refused, because a
//! statement half understood grants or forbids something nobody wrote. What the language has and is not understood here is
//! *not certain*: a statement that depends on it never grants, and always forbids. That goes for the operators `Binary…`,
//! `IpAddress` and `NotIpAddress`, for every condition key that is not listed in `keys.rs`, for variables of such keys,
//! for a key with several values that is tested without `ForAllValues:` or `ForAnyValue:`, and for a wildcard in the
//! middle of a resource that would have to reach across a colon.

mod arn_pattern;
mod certainty;
mod condition;
mod context;
mod cover;
mod fuel;
pub mod identity;
mod json;
mod keys;
mod operator;
mod pattern;
mod statement;
pub mod trust;
pub mod wildcard;

pub use context::{Context, Request};
pub use identity::{IdentityPolicy, Verdict};
pub use trust::{TrustPolicy, TrustedPrincipal};

/// The API's limit for any document, in characters.
pub const MAX_DOCUMENT_LENGTH: usize = 131_072;

/// Why a text is no policy document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not JSON, or a key stands twice.
    #[error("the policy is not valid JSON, or a key in it stands twice")]
    Json,
    /// More than [`MAX_DOCUMENT_LENGTH`].
    #[error("the policy is longer than {MAX_DOCUMENT_LENGTH} characters")]
    TooLong,
    /// An element is missing, or cannot stand with another one.
    #[error("{0}")]
    Shape(&'static str),
    /// An element that the language does not have at this place.
    #[error("`{0}` is not an element of the policy language at this place")]
    UnknownElement(String),
    /// An action without its vendor, or with characters that no action has.
    #[error("`{0}` is no action: expected a vendor, a colon and a name, such as `eks:Describe*`")]
    Action(String),
    /// A resource that is neither an ARN nor `*`.
    #[error("`{0}` is no resource: expected an ARN or `*`")]
    Resource(String),
    /// A principal that cannot be trusted.
    #[error("`{0}` is not a principal that a trust policy can name")]
    Principal(String),
}
