//! Proving a token against the local directory: no network, no fetching of what a stranger wrote.

use std::sync::Arc;

use doorward_core::principal::Principal;
use doorward_sigv4::{CanonicalRequest, PayloadHash, Request, SignedHeaders, SigningKey, signature_holds};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::decode::check_age;
use super::{CLUSTER_HEADER, SIGNED_HEADERS, Token, TokenError};
use crate::credentials::{Basis, CredentialError, decoy, find};
use crate::directory::Directory;
use crate::session::SessionKey;

/// That a signature held, and whose it was: as long as [`Proof::holds`].
pub(crate) struct Proof {
    /// Who signed.
    pub(crate) principal: Arc<Principal>,
    signed_at: Timestamp,
    /// When the session ends that signed; never for a long-term key.
    expires: Option<Timestamp>,
    basis: Basis,
}

impl Proof {
    /// Whether the token would be proved again: its time and its session's have not passed, nor has the clock been put
    /// back before it, and everything that it rests on is still in the directory.
    pub(crate) fn holds(&self, directory: &Directory, now: Timestamp) -> bool {
        check_age(self.signed_at, now).is_ok()
            && self.expires.is_none_or(|end| now < end)
            && self.basis.is_in(directory, &self.principal)
    }
}

/// Verifies that the token was signed for `cluster_name` by somebody in the directory, and says who.
///
/// The header that names the cluster is the server's own, never the token's: a token for another cluster has a
/// signature that does not hold here.
///
/// # Errors
/// [`TokenError`]. For a key that is not known as much is computed as for a wrong signature.
pub fn verify_local(
    directory: &Directory,
    sessions: &SessionKey,
    token: &Token,
    cluster_name: &str,
    now: Timestamp,
) -> Result<Principal, TokenError> {
    prove(directory, sessions, token, cluster_name, now).map(|proof| Arc::unwrap_or_clone(proof.principal))
}

/// As [`verify_local`], with what the proof rests on.
pub(crate) fn prove(
    directory: &Directory,
    sessions: &SessionKey,
    token: &Token,
    cluster_name: &str,
    now: Timestamp,
) -> Result<Proof, TokenError> {
    if cluster_name.is_empty() {
        return Err(TokenError::NoCluster);
    }
    check_age(token.signed_at, now)?;
    let session_token = token.session_token.as_ref().map(|token| token.expose_secret());
    let found = find(directory, sessions, &token.access_key_id, session_token, now);
    let stand_in;
    let secret = match &found {
        Ok(found) => &found.secret,
        Err(_) => {
            stand_in = decoy();
            &stand_in
        }
    };
    let authority = token.endpoint.signed_authority();
    let request = Request {
        method: "GET",
        path: token.endpoint.path(),
        query: "",
        headers: &[("host", authority.as_bytes()), (CLUSTER_HEADER, cluster_name.as_bytes())],
        body_sha256: PayloadHash::empty(),
    };
    // The token was taken apart already, more strictly than any request: what is signed is put together from its parts.
    // To write it as a request and take that apart once more is most of what a new token would cost.
    let covered = SignedHeaders::parse(SIGNED_HEADERS).map_err(|_| TokenError::SignedHeaders)?;
    let canonical = CanonicalRequest::with_canonical_query(&request, &covered, token.canonical_query());
    let key = SigningKey::derive(secret, &token.scope);
    let mut signature = [0; 32];
    let is_hex = hex::decode_to_slice(token.signature.expose_secret(), &mut signature).is_ok();
    let verified = is_hex && signature_holds(&canonical, &key, token.signed_at, &token.scope, &signature);
    let found = found.map_err(|error| match error {
        CredentialError::Unknown => TokenError::UnknownKey,
        CredentialError::Expired => TokenError::SessionExpired,
    })?;
    if !verified {
        return Err(TokenError::Signature);
    }
    let principal = Arc::new(found.caller.principal().map_err(|_| TokenError::Identity)?);
    Ok(Proof { principal, signed_at: token.signed_at, expires: found.expires, basis: found.basis })
}

#[cfg(test)]
mod tests {
    use doorward_sigv4::{CredentialScope, PathForm};
    use proptest::prelude::*;
    use secrecy::SecretString;

    use super::*;
    use crate::hosts::Endpoint;

    proptest! {
        #[test]
        fn the_canonical_query_is_the_one_that_reading_the_request_gives(
            session in proptest::option::of("[!-~]{1,80}"), seconds in 0_i64..4_000_000_000, expires in 0..=900_u32,
        ) {
            let signed_at = Timestamp::from_second(seconds).unwrap();
            let token = Token {
                endpoint: Endpoint::of_region("us-west-2").unwrap(),
                access_key_id: "ASIAEXAMPLE".to_owned(),
                scope: CredentialScope::new(signed_at, "us-west-2", "sts").unwrap(),
                signed_at,
                expires_seconds: expires,
                session_token: session.map(SecretString::from),
                signature: SecretString::from("0123456789abcdef".repeat(4)),
            };
            let query = token.query();
            let headers: [(&str, &[u8]); 2] = [("host", b"sts.us-west-2.amazonaws.com"), (CLUSTER_HEADER, b"demo")];
            let request = |query| Request {
                method: "GET", path: "/", query, headers: &headers, body_sha256: PayloadHash::empty(),
            };
            let covered = SignedHeaders::parse(SIGNED_HEADERS).unwrap();
            let (read, built) = (request(query.expose_secret()), request(""));
            let read = CanonicalRequest::new(&read, &covered).unwrap();
            let built = CanonicalRequest::with_canonical_query(&built, &covered, token.canonical_query());
            prop_assert_eq!(read.bytes(PathForm::AsSent), built.bytes(PathForm::AsSent));
        }
    }
}
