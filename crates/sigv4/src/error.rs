//! Why a request carries no usable signature, and why a signature does not hold.

use thiserror::Error;

/// The signature material cannot be read. AWS answers most of these with `IncompleteSignature`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MalformedError {
    /// The `Authorization` header names another scheme than `AWS4-HMAC-SHA256`.
    #[error("authorization scheme is not AWS4-HMAC-SHA256")]
    UnknownAlgorithm,
    /// Both an `Authorization` header and query parameters of the presigned form are there.
    #[error("the request is signed both in a header and in the query")]
    MixedForms,
    /// One of `Credential`, `SignedHeaders`, `Signature` (or its `X-Amz-…` parameter) is missing.
    #[error("`{0}` is missing")]
    MissingPart(&'static str),
    /// A part of the signature material appears twice, in any letter case.
    #[error("`{0}` appears more than once")]
    DuplicatePart(String),
    /// A parameter of the presigned form is written in another letter case than AWS defines.
    #[error("`{0}` is not spelled as AWS defines it")]
    MisspelledParameter(String),
    /// The `Authorization` header holds something that is not one of its three parts.
    #[error("the authorization header holds something other than Credential, SignedHeaders and Signature")]
    UnknownPart,
    /// The credential is not `access-key-id/yyyymmdd/region/service/aws4_request`.
    #[error("credential is not `access-key-id/date/region/service/aws4_request`")]
    Credential,
    /// A timestamp is not `yyyymmddThhmmssZ`.
    #[error("timestamp is not of the form `yyyymmddThhmmssZ`")]
    Timestamp,
    /// The date of the credential scope is not the day of the timestamp.
    #[error("credential scope is dated `{scope}`, the request `{request}`")]
    ScopeDate {
        /// The date in the scope, `yyyymmdd`.
        scope: String,
        /// The day of the request's timestamp, `yyyymmdd`.
        request: String,
    },
    /// `X-Amz-Expires` is not a plain decimal number of seconds of at most 7 days.
    #[error("`X-Amz-Expires` is not a number of seconds between 0 and 604800")]
    Expires,
    /// The list of signed headers is empty, unsorted, not lower case or has a duplicate.
    #[error("signed headers are not a sorted list of distinct lower-case header names")]
    SignedHeaders,
    /// A header that decides what the request means is present, but not covered by the signature.
    #[error("header `{0}` is not signed")]
    UnsignedHeader(&'static str),
    /// A header is said to be signed and is not in the request.
    #[error("header `{0}` is said to be signed, but the request does not have it")]
    AbsentHeader(String),
    /// A header that decides what the request means appears twice.
    #[error("header `{0}` appears more than once")]
    DuplicateHeader(&'static str),
    /// A header value holds bytes that cannot be text of this header.
    #[error("header `{0}` holds bytes that are not visible ASCII")]
    HeaderBytes(&'static str),
    /// The signature is not 64 lower-case hexadecimal digits.
    #[error("signature is not 64 lower-case hexadecimal digits")]
    Signature,
    /// `x-amz-content-sha256` is not the SHA-256 of a body, e.g. `UNSIGNED-PAYLOAD` or a streaming form.
    #[error("`x-amz-content-sha256` is not the SHA-256 of the body in hexadecimal digits")]
    PayloadForm,
    /// The query string cannot be decoded without guessing.
    #[error("query string: {0}")]
    Query(#[from] crate::query::QueryError),
}

/// The signature material is readable, but proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The request or what was presented cannot be read.
    #[error(transparent)]
    Malformed(#[from] MalformedError),
    /// The request is older than the window allows.
    #[error("signature expired: signed at `{signed_at}`, now `{now}`, accepted for {max_age_seconds} seconds")]
    Expired {
        /// When the request says it was signed, `yyyymmddThhmmssZ`.
        signed_at: String,
        /// The server's time, `yyyymmddThhmmssZ`.
        now: String,
        /// How old a request may be.
        max_age_seconds: i64,
    },
    /// The request is dated further in the future than clocks differ.
    #[error(
        "signature not yet current: signed at `{signed_at}`, now `{now}`, at most {max_ahead_seconds} seconds ahead"
    )]
    NotYetCurrent {
        /// When the request says it was signed, `yyyymmddThhmmssZ`.
        signed_at: String,
        /// The server's time, `yyyymmddThhmmssZ`.
        now: String,
        /// How far ahead a client's clock may be.
        max_ahead_seconds: i64,
    },
    /// `X-Amz-Expires` is greater than the caller's policy allows.
    #[error("`X-Amz-Expires` is {expires_seconds}, at most {max_seconds} is accepted")]
    ExpiresTooLong {
        /// What the request asks for.
        expires_seconds: u32,
        /// What the window allows.
        max_seconds: u32,
    },
    /// `x-amz-content-sha256` is not the hash of the body that arrived.
    #[error("the body is not the one that was signed")]
    PayloadMismatch,
    /// The signature was not made with this secret over this request.
    #[error("signature does not match")]
    SignatureMismatch,
}
