//! From an access key id, and a session token where there is one, to the secret and to whom it stands for.

use doorward_core::account_id::AccountId;
use doorward_core::principal::PrincipalId;
use doorward_sigv4::SecretKey;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::caller::{Caller, Identity};
use crate::directory::{Directory, Entity, KeyOwner, KeyStatus};
use crate::session::{self, SessionError, SessionKey, SessionSubject};

/// A secret, and who signs with it. The caller is to be believed only after the secret has proved a signature.
pub(crate) struct Found {
    pub(crate) secret: SecretKey,
    pub(crate) caller: Caller,
}

/// Looks up who would have signed.
pub(crate) fn find(
    directory: &Directory,
    sessions: &SessionKey,
    access_key_id: &str,
    session_token: Option<&str>,
    now: Timestamp,
) -> Result<Found, CredentialError> {
    match session_token {
        None => find_long_term(directory, access_key_id),
        Some(token) => find_temporary(directory, sessions, access_key_id, token, now),
    }
}

/// What a signature is checked with when there is no secret to check it with, so that a stranger learns nothing about
/// which keys exist from how long the refusal takes.
pub(crate) fn decoy() -> SecretKey {
    SecretKey::new("0123456789012345678901234567890123456789".to_owned())
}

fn find_long_term(directory: &Directory, access_key_id: &str) -> Result<Found, CredentialError> {
    let key = directory.access_key(access_key_id).ok_or(CredentialError::Unknown)?;
    if key.status != KeyStatus::Active {
        return Err(CredentialError::Unknown);
    }
    let identity = match &key.owner {
        KeyOwner::Root => Identity::Root,
        KeyOwner::User { id, .. } => identity_of_user(directory, id, key.account)?,
    };
    found(directory, identity, key.account, access_key_id, &key.secret, false)
}

fn find_temporary(
    directory: &Directory,
    sessions: &SessionKey,
    access_key_id: &str,
    token: &str,
    now: Timestamp,
) -> Result<Found, CredentialError> {
    let session = session::open(sessions, access_key_id, token, now)?;
    let (identity, account) = match session.subject {
        SessionSubject::Root { account } => (Identity::Root, account),
        SessionSubject::User { id } => match directory.by_unique_id(&id) {
            Some(Entity::User(user)) => (Identity::User(user.clone()), user.arn.account()),
            _ => return Err(CredentialError::Unknown),
        },
        SessionSubject::Role { id, session_name } => match directory.by_unique_id(&id) {
            Some(Entity::Role(role)) => {
                (Identity::RoleSession { role: role.clone(), session_name }, role.arn.account())
            }
            _ => return Err(CredentialError::Unknown),
        },
    };
    found(directory, identity, account, access_key_id, &session.secret_access_key, true)
}

fn identity_of_user(directory: &Directory, id: &PrincipalId, account: AccountId) -> Result<Identity, CredentialError> {
    match directory.by_unique_id(id) {
        Some(Entity::User(user)) if user.arn.account() == account => Ok(Identity::User(user.clone())),
        _ => Err(CredentialError::Unknown),
    }
}

fn found(
    directory: &Directory,
    identity: Identity,
    account: AccountId,
    access_key_id: &str,
    secret: &SecretString,
    is_temporary: bool,
) -> Result<Found, CredentialError> {
    let partition = directory.account(account).ok_or(CredentialError::Unknown)?.partition;
    let access_key_id = access_key_id.to_owned();
    let caller = Caller { identity, account, partition, access_key_id, is_temporary };
    Ok(Found { secret: SecretKey::new(secret.expose_secret().to_owned()), caller })
}

/// Why there is nobody behind an access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialError {
    /// No such key, an inactive one, one with a token that is not its own, or one whose owner is gone.
    Unknown,
    /// The session has ended.
    Expired,
}

impl From<SessionError> for CredentialError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Expired { .. } => Self::Expired,
            SessionError::Invalid | SessionError::Random(_) => Self::Unknown,
        }
    }
}
