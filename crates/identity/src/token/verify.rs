//! Proving a token against the local directory: no network, no fetching of what a stranger wrote.

use doorward_core::principal::Principal;
use doorward_sigv4::{PayloadHash, Presented, Request, VerifyError, Window};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::decode::check_age;
use super::{CLUSTER_HEADER, Token, TokenError};
use crate::credentials::{CredentialError, decoy, find};
use crate::directory::Directory;
use crate::session::SessionKey;

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
    let query = token.query();
    let request = Request {
        method: "GET",
        path: token.endpoint.path(),
        query: query.expose_secret(),
        headers: &[("host", token.endpoint.signed_authority().as_bytes()), (CLUSTER_HEADER, cluster_name.as_bytes())],
        body_sha256: PayloadHash::empty(),
    };
    let verified = Presented::from_query(&request)
        .map_err(VerifyError::from)
        .and_then(|presented| presented.ok_or(VerifyError::SignatureMismatch))
        .and_then(|presented| presented.verify(&request, secret, now, &Window::TOKEN));
    let found = found.map_err(|error| match error {
        CredentialError::Unknown => TokenError::UnknownKey,
        CredentialError::Expired => TokenError::SessionExpired,
    })?;
    verified.map_err(|_| TokenError::Signature)?;
    found.caller.principal().map_err(|_| TokenError::Identity)
}
