//! The request as it arrived, before anything is decoded.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::signing_key::hex_digits;

/// A request exactly as on the wire. Nothing in it is decoded or normalised: the signature covers these bytes.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method, e.g. `GET`.
    pub method: &'a str,
    /// The raw path with its percent escapes, without query: `/clusters/demo/access-entries/arn%3Aaws%3A…`.
    pub path: &'a str,
    /// The raw query without the `?`; empty if there is none.
    pub query: &'a str,
    /// Header names (in any letter case) with the bytes of their values, in order of arrival.
    /// With HTTP/2 the caller adds `host` from `:authority`.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// SHA-256 of the body that was received; [`PayloadHash::empty`] for none.
    pub body_sha256: PayloadHash,
}

impl<'a> Request<'a> {
    /// All values of one header, in order of arrival. `lower_case_name` must be lower case.
    pub(crate) fn header_values(&self, lower_case_name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(lower_case_name)).map(|(_, value)| *value)
    }
}

/// SHA-256 of a request's body. Presigned requests of EKS tokens hash the empty body, not the words
/// `UNSIGNED-PAYLOAD` (measured with the aws CLI and the Go SDK).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PayloadHash([u8; 32]);

impl PayloadHash {
    /// Hashes a body.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        Self(Sha256::digest(body).into())
    }

    /// The hash of no body at all.
    #[must_use]
    pub fn empty() -> Self {
        Self::of(b"")
    }

    /// Takes a SHA-256 that was computed while the body was read.
    #[must_use]
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The hash as 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex_digits(&self.0)
    }
}

impl fmt::Debug for PayloadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PayloadHash({})", self.to_hex())
    }
}
