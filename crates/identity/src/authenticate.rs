//! Who signed an API request: the entrance of every AWS API that Doorward serves.

use doorward_sigv4::{MalformedError, Presented, Request, VerifyError, Window};
use jiff::Timestamp;

use crate::caller::Caller;
use crate::credentials::{CredentialError, decoy, find};
use crate::directory::Directory;
use crate::session::SessionKey;

/// Authenticates a request to `service` (`eks`, `sts` or `iam`), signed in its headers or in its query.
///
/// # Errors
/// [`AuthError`]; in AWS's words, one of `MissingAuthenticationToken`, `IncompleteSignature`, `InvalidClientTokenId`,
/// `ExpiredToken` and `SignatureDoesNotMatch`.
pub fn authenticate(
    directory: &Directory,
    sessions: &SessionKey,
    request: &Request<'_>,
    service: &str,
    now: Timestamp,
) -> Result<Caller, AuthError> {
    let presented = Presented::from_request(request)?.ok_or(AuthError::Missing)?;
    authenticate_presented(directory, sessions, &presented, request, service, now)
}

/// As [`authenticate`], for whoever has read what `request` presents already, in order to find the service.
///
/// # Errors
/// As [`authenticate`].
pub fn authenticate_presented(
    directory: &Directory,
    sessions: &SessionKey,
    presented: &Presented,
    request: &Request<'_>,
    service: &str,
    now: Timestamp,
) -> Result<Caller, AuthError> {
    if presented.scope().service() != service {
        return Err(AuthError::Service { expected: service.to_owned() });
    }
    let found = find(directory, sessions, presented.access_key_id(), presented.session_token(), now);
    let stand_in;
    let secret = match &found {
        Ok(found) => &found.secret,
        Err(_) => {
            stand_in = decoy();
            &stand_in
        }
    };
    let verified = presented.verify(request, secret, now, &Window::API);
    let found = found.map_err(|error| match error {
        CredentialError::Unknown => AuthError::UnknownKey,
        CredentialError::Expired => AuthError::Expired,
    })?;
    verified?;
    Ok(found.caller)
}

/// Why a request is nobody's. None of these has a signature, a secret or a session token in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// AWS's `MissingAuthenticationToken`.
    #[error("the request is not signed")]
    Missing,
    /// AWS's `IncompleteSignature`.
    #[error("the signature cannot be read: {0}")]
    Malformed(#[from] MalformedError),
    /// AWS's `InvalidClientTokenId` (`UnrecognizedClientException` in JSON services).
    #[error("the access key is not known, not active, or does not go with the session token")]
    UnknownKey,
    /// AWS's `ExpiredToken`.
    #[error("the session of the access key has ended")]
    Expired,
    /// AWS's `SignatureDoesNotMatch`, for a signature made for another service.
    #[error("the signature is not for the service `{expected}`")]
    Service {
        /// The service that was called.
        expected: String,
    },
    /// AWS's `SignatureDoesNotMatch`.
    #[error(transparent)]
    Signature(VerifyError),
}

impl From<VerifyError> for AuthError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Malformed(error) => Self::Malformed(error),
            other => Self::Signature(other),
        }
    }
}
