//! From an access key id, and a session token where there is one, to the secret and to whom it stands for.

use std::sync::{Arc, Weak};

use doorward_core::account_id::AccountId;
use doorward_core::principal::{Principal, PrincipalId};
use doorward_sigv4::SecretKey;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::caller::{Caller, Identity};
use crate::directory::{AccessKey, Account, Directory, Entity, KeyOwner, KeyStatus, Role, User};
use crate::session::{self, SessionError, SessionKey, SessionSubject};

/// A secret, and who signs with it. The caller is to be believed only after the secret has proved a signature.
pub(crate) struct Found {
    pub(crate) secret: SecretKey,
    pub(crate) caller: Caller,
    /// When the session ends; never for a long-term key.
    pub(crate) expires: Option<Timestamp>,
    pub(crate) basis: Basis,
}

/// The objects of the directory that a credential rests on.
///
/// Objects are immutable: one that was changed, deactivated, deleted, or made again under its old name, is another. So
/// as long as the directory holds these very ones, whatever was found by them holds. They are weak, because to remember
/// them must not keep a deleted secret in memory; an address is not given to another object as long as that is.
pub(crate) struct Basis {
    account: Weak<Account>,
    /// None for a session: its secret is in its token.
    key: Option<Weak<AccessKey>>,
    bearer: Bearer,
}

/// Whose credential it is.
enum Bearer {
    Account,
    User(Weak<User>),
    Role(Weak<Role>),
}

impl Basis {
    /// Whether the directory still holds all of it. `principal` is who was found by it.
    pub(crate) fn is_in(&self, directory: &Directory, principal: &Principal) -> bool {
        let has_account = || is_same(directory.account(principal.canonical.account()), &self.account);
        let has_key = || match &self.key {
            Some(key) => is_same(directory.access_key(&principal.access_key_id), key),
            None => true,
        };
        let has_bearer = || match (&self.bearer, directory.by_unique_id(&principal.id)) {
            (Bearer::Account, _) => true,
            (Bearer::User(known), Some(Entity::User(user))) => is_same(Some(user), known),
            (Bearer::Role(known), Some(Entity::Role(role))) => is_same(Some(role), known),
            _ => false,
        };
        has_account() && has_key() && has_bearer()
    }
}

fn is_same<T>(now: Option<&Arc<T>>, known: &Weak<T>) -> bool {
    now.is_some_and(|now| std::ptr::eq(Arc::as_ptr(now), known.as_ptr()))
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
    found(directory, identity, key.account, access_key_id, &key.secret, KeyTerm::Long(key))
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
    let term = KeyTerm::Until(session.expires);
    found(directory, identity, account, access_key_id, &session.secret_access_key, term)
}

fn identity_of_user(directory: &Directory, id: &PrincipalId, account: AccountId) -> Result<Identity, CredentialError> {
    match directory.by_unique_id(id) {
        Some(Entity::User(user)) if user.arn.account() == account => Ok(Identity::User(user.clone())),
        _ => Err(CredentialError::Unknown),
    }
}

/// How long an access key lasts.
enum KeyTerm<'a> {
    /// As long as the directory has it.
    Long(&'a Arc<AccessKey>),
    /// As long as its session.
    Until(Timestamp),
}

fn found(
    directory: &Directory,
    identity: Identity,
    account: AccountId,
    access_key_id: &str,
    secret: &SecretString,
    term: KeyTerm<'_>,
) -> Result<Found, CredentialError> {
    let holder = directory.account(account).ok_or(CredentialError::Unknown)?;
    let (key, expires) = match term {
        KeyTerm::Long(key) => (Some(Arc::downgrade(key)), None),
        KeyTerm::Until(end) => (None, Some(end)),
    };
    let bearer = match &identity {
        Identity::Root => Bearer::Account,
        Identity::User(user) => Bearer::User(Arc::downgrade(user)),
        Identity::RoleSession { role, .. } => Bearer::Role(Arc::downgrade(role)),
    };
    let basis = Basis { account: Arc::downgrade(holder), key, bearer };
    let (access_key_id, is_temporary) = (access_key_id.to_owned(), expires.is_some());
    let caller = Caller { identity, account, partition: holder.partition, access_key_id, is_temporary };
    Ok(Found { secret: SecretKey::new(secret.expose_secret().to_owned()), caller, expires, basis })
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
