//! The bearer token of EKS: a presigned STS `GetCallerIdentity` request, in base64.
//!
//! `k8s-aws-v1.` and, base64url without padding, a URL whose query is signed and whose signed header `x-k8s-aws-id`
//! names the cluster. There is no standard; the reference is aws-iam-authenticator. Where that is lax, this is strict:
//! whatever two readers could read in two ways is refused.
//!
//! The one rule that matters: **what is validated is what is used**. The text is taken apart into the typed fields of
//! [`Token`] and then thrown away; the request that is verified, or sent to STS, is built from those fields.

mod decode;
mod encode;
mod verify;

use std::fmt::{self, Write as _};

use doorward_sigv4::query::push_encoded;
use doorward_sigv4::{ALGORITHM, CredentialScope, format_timestamp};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

pub use decode::decode;
pub use encode::{EXPIRES_SECONDS, encode};
pub use verify::verify_local;
pub(crate) use verify::{Proof, prove};

use crate::hosts::Endpoint;

/// What every token begins with.
pub const PREFIX: &str = "k8s-aws-v1.";

/// Longest token in bytes, the prefix included. AWS's session tokens alone have been seen with 4096.
pub const MAX_LENGTH: usize = 16_384;

/// The header that binds a token to its cluster.
pub const CLUSTER_HEADER: &str = "x-k8s-aws-id";

const ACTION: &str = "GetCallerIdentity";
const VERSION: &str = "2011-06-15";
const SIGNED_HEADERS: &str = "host;x-k8s-aws-id";

/// A token that could be read. Nothing in it is proved.
#[derive(Clone)]
pub struct Token {
    endpoint: Endpoint,
    access_key_id: String,
    scope: CredentialScope,
    signed_at: Timestamp,
    expires_seconds: u32,
    session_token: Option<SecretString>,
    /// 64 lower-case hexadecimal digits.
    signature: SecretString,
}

impl Token {
    /// The STS endpoint it was made for, which is on the list.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The access key that is said to have signed.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// When it is said to have been signed. It lives for 15 minutes from then.
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }

    /// The query of the request it stands for as it is signed: encoded, sorted, without the signature. Built from what
    /// was validated.
    fn canonical_query(&self) -> String {
        let mut query = self.room_for_query();
        // Sorted by hand, because the names are always these; a test compares it with what sorting gives.
        self.push_first_parameters(&mut query);
        self.push_session_parameter(&mut query);
        push_signed_headers_parameter(&mut query);
        query
    }

    /// The query of the request it stands for, built from what was validated. It has the signature in it: never log it.
    pub fn query(&self) -> SecretString {
        let mut query = self.room_for_query();
        self.push_first_parameters(&mut query);
        push_signed_headers_parameter(&mut query);
        self.push_session_parameter(&mut query);
        query.push_str("&X-Amz-Signature=");
        query.push_str(self.signature.expose_secret());
        SecretString::from(query)
    }

    /// An empty text that hardly ever has to grow: each time it does, what is signed is copied.
    fn room_for_query(&self) -> String {
        let session = self.session_token.as_ref().map_or(0, |token| token.expose_secret().len());
        // Few characters of a session token are escaped, each by three.
        String::with_capacity(512 + session + session / 4)
    }

    fn push_first_parameters(&self, query: &mut String) {
        for (name, value) in [("Action=", ACTION), ("&Version=", VERSION), ("&X-Amz-Algorithm=", ALGORITHM)] {
            query.push_str(name);
            push_encoded(query, value);
        }
        query.push_str("&X-Amz-Credential=");
        push_encoded(query, &self.access_key_id);
        query.push_str("%2F");
        self.scope.push_to(query, "%2F");
        query.push_str("&X-Amz-Date=");
        query.push_str(&format_timestamp(self.signed_at));
        // Writing to a string does not fail.
        let _ = write!(query, "&X-Amz-Expires={}", self.expires_seconds);
    }

    fn push_session_parameter(&self, query: &mut String) {
        if let Some(token) = &self.session_token {
            query.push_str("&X-Amz-Security-Token=");
            push_encoded(query, token.expose_secret());
        }
    }
}

fn push_signed_headers_parameter(query: &mut String) {
    query.push_str("&X-Amz-SignedHeaders=");
    push_encoded(query, SIGNED_HEADERS);
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, access_key_id, signed_at, .. } = self;
        f.debug_struct("Token")
            .field("endpoint", endpoint)
            .field("access_key_id", access_key_id)
            .field("signed_at", signed_at)
            .finish_non_exhaustive()
    }
}

/// Why a token is refused. Nothing that the token holds is in it, so that it can be logged and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`MAX_LENGTH`].
    #[error("the token is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// It does not begin with [`PREFIX`].
    #[error("the token does not begin with `{PREFIX}`")]
    Prefix,
    /// Not base64url without padding, in its only spelling.
    #[error("the token is not base64url without padding in its canonical form")]
    Encoding,
    /// Not a URL of visible ASCII.
    #[error("the token does not hold a URL in plain ASCII")]
    Url,
    /// Not `https`, and not a local endpoint that may be plain.
    #[error("the token's URL is not https")]
    Scheme,
    /// Not a known STS host.
    #[error("the token names a host that is not an STS endpoint of this partition, nor a configured one")]
    Host,
    /// Another path than the endpoint's.
    #[error("the token's URL has another path than its endpoint")]
    Path,
    /// A fragment.
    #[error("the token's URL has a fragment")]
    Fragment,
    /// A query that cannot be decoded without guessing.
    #[error("the token's query is malformed")]
    Query,
    /// A parameter that does not belong there, or is spelled in another case.
    #[error("the token's query has a parameter that does not belong there or is not spelled as AWS defines it")]
    UnknownParameter,
    /// A parameter that stands twice.
    #[error("`{0}` stands twice in the token's query")]
    DuplicateParameter(&'static str),
    /// A parameter that is missing.
    #[error("`{0}` is missing in the token's query")]
    MissingParameter(&'static str),
    /// Another action, version or algorithm, or an empty session token.
    #[error("`{0}` has a value that is not accepted in a token")]
    Value(&'static str),
    /// Not `KEY/DATE/REGION/sts/aws4_request` of the day and of the endpoint's region.
    #[error("the token's credential scope is not one for STS, the day of its date and the region of its endpoint")]
    Scope,
    /// Not exactly `host;x-k8s-aws-id`.
    #[error("the token does not sign exactly the headers `host` and `x-k8s-aws-id`")]
    SignedHeaders,
    /// Not a number from 0 to 900.
    #[error("`X-Amz-Expires` of the token is not a number of seconds from 0 to 900")]
    Expires,
    /// Not `YYYYMMDDTHHMMSSZ`.
    #[error("the token's date is not of the form `YYYYMMDDTHHMMSSZ`")]
    Date,
    /// Older than 15 minutes.
    #[error("the token is older than 15 minutes")]
    TooOld,
    /// More than 5 minutes ahead.
    #[error("the token is dated more than 5 minutes in the future; is a clock wrong?")]
    InFuture,
    /// The access key is not known, not active, or not that of the session token.
    #[error("the token's access key is not known, not active, or does not go with its session token")]
    UnknownKey,
    /// The session of the access key has ended.
    #[error("the session of the token's access key has ended")]
    SessionExpired,
    /// The signature does not hold for this cluster.
    #[error("the token's signature does not hold; was it made for another cluster, or with another secret?")]
    Signature,
    /// The server has no name for the cluster, so no token can be for it.
    #[error("the cluster has no name to check tokens against")]
    NoCluster,
    /// The directory's answer was not believed.
    #[error("the caller behind the token has an identity that contradicts itself")]
    Identity,
}

impl TokenError {
    /// A short name that never changes and comes from a closed list: for metrics and tests.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Prefix => "prefix",
            Self::Encoding => "encoding",
            Self::Url => "url",
            Self::Scheme => "scheme",
            Self::Host => "host",
            Self::Path => "path",
            Self::Fragment => "fragment",
            Self::Query => "query",
            Self::UnknownParameter => "unknown_parameter",
            Self::DuplicateParameter(_) => "duplicate_parameter",
            Self::MissingParameter(_) => "missing_parameter",
            Self::Value(_) => "value",
            Self::Scope => "scope",
            Self::SignedHeaders => "signed_headers",
            Self::Expires => "expires",
            Self::Date => "date",
            Self::TooOld => "too_old",
            Self::InFuture => "in_future",
            Self::UnknownKey => "unknown_key",
            Self::SessionExpired => "session_expired",
            Self::Signature => "signature",
            Self::NoCluster => "no_cluster",
            Self::Identity => "identity",
        }
    }
}
