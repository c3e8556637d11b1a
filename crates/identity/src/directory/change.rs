//! Changes of the directory, and the form in which its objects are stored.
//!
//! An object is one JSON value under one key. The key has the name in lower case, so that two names which IAM takes for
//! one can never both be stored, whichever replica writes first.

use std::sync::Arc;

use doorward_core::account_id::AccountId;
use doorward_core::principal::PrincipalKind;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::objects::{AccessKey, Account, Instance, KeyOwner, KeyStatus, Role, User};

/// Version of the stored form. A reader refuses one that it does not know.
pub const SCHEMA: u32 = 1;

/// Every key of the directory begins with this.
pub const STORAGE_PREFIX: &str = "iam/";

/// One object that is to be written or removed.
#[derive(Clone, Debug)]
pub enum Change {
    /// Write it, in place of an older one.
    Put(Object),
    /// Remove it.
    Delete(ObjectKey),
}

impl Change {
    /// What it is about.
    pub fn key(&self) -> ObjectKey {
        match self {
            Self::Put(object) => object.key(),
            Self::Delete(key) => key.clone(),
        }
    }
}

/// Anything that the directory holds.
#[derive(Clone, Debug)]
pub enum Object {
    /// An account.
    Account(Arc<Account>),
    /// A user.
    User(Arc<User>),
    /// A role.
    Role(Arc<Role>),
    /// An access key.
    AccessKey(Arc<AccessKey>),
    /// An instance.
    Instance(Arc<Instance>),
}

impl Object {
    /// Under which key it is stored.
    pub fn key(&self) -> ObjectKey {
        match self {
            Self::Account(account) => ObjectKey::Account(account.id),
            Self::User(user) => ObjectKey::User(user.arn.account(), fold(user.arn.name())),
            Self::Role(role) => ObjectKey::Role(role.arn.account(), fold(role.arn.name())),
            Self::AccessKey(key) => ObjectKey::AccessKey(key.account, key.id.clone()),
            Self::Instance(instance) => ObjectKey::Instance(instance.account, instance.id.clone()),
        }
    }

    /// The stored form. **It has the secret of an access key in it**: for the store and nothing else.
    ///
    /// # Errors
    /// Not for anything this crate makes.
    pub fn to_stored(&self) -> Result<Zeroizing<String>, StoredError> {
        let stored = match self {
            Self::Account(account) => Stored::Account(account.clone()),
            Self::User(user) => Stored::User(user.clone()),
            Self::Role(role) => Stored::Role(role.clone()),
            Self::AccessKey(key) => Stored::AccessKey(StoredKey::of(key, key.secret.expose_secret())),
            Self::Instance(instance) => Stored::Instance(instance.clone()),
        };
        encode(stored)
    }

    /// The stored form for histories and logs: an access key's secret is left out.
    ///
    /// # Errors
    /// Not for anything this crate makes.
    pub fn to_redacted(&self) -> Result<String, StoredError> {
        match self {
            Self::AccessKey(key) => Ok(encode(Stored::AccessKey(StoredKey::of(key, "")))?.to_string()),
            other => Ok(other.to_stored()?.to_string()),
        }
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// If it is none, is of another schema, or breaks a rule that its object must keep.
    pub fn from_stored(stored: &[u8]) -> Result<Self, StoredError> {
        let envelope: Envelope = serde_json::from_slice(stored).map_err(|_| StoredError::Unreadable)?;
        if envelope.schema != SCHEMA {
            return Err(StoredError::Schema(envelope.schema));
        }
        Ok(match envelope.object {
            Stored::Account(account) => Self::Account(account),
            Stored::User(user) if user.arn.kind() == PrincipalKind::User => Self::User(user),
            Stored::Role(role) if role.arn.kind() == PrincipalKind::Role => Self::Role(role),
            Stored::User(_) | Stored::Role(_) => return Err(StoredError::Unreadable),
            Stored::AccessKey(key) => Self::AccessKey(Arc::new(key.into())),
            Stored::Instance(instance) => Self::Instance(instance),
        })
    }
}

/// Under which key an object is stored. Names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKey {
    /// `iam/ACCOUNT/account`
    Account(AccountId),
    /// `iam/ACCOUNT/user/NAME`
    User(AccountId, String),
    /// `iam/ACCOUNT/role/NAME`
    Role(AccountId, String),
    /// `iam/ACCOUNT/access-key/AKIA…`
    AccessKey(AccountId, String),
    /// `iam/ACCOUNT/instance/i-…`
    Instance(AccountId, String),
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Account(account) => write!(f, "{STORAGE_PREFIX}{account}/account"),
            Self::User(account, name) => write!(f, "{STORAGE_PREFIX}{account}/user/{name}"),
            Self::Role(account, name) => write!(f, "{STORAGE_PREFIX}{account}/role/{name}"),
            Self::AccessKey(account, id) => write!(f, "{STORAGE_PREFIX}{account}/access-key/{id}"),
            Self::Instance(account, id) => write!(f, "{STORAGE_PREFIX}{account}/instance/{id}"),
        }
    }
}

impl std::str::FromStr for ObjectKey {
    type Err = StoredError;

    fn from_str(key: &str) -> Result<Self, StoredError> {
        let mut parts = key.strip_prefix(STORAGE_PREFIX).ok_or(StoredError::Key)?.split('/');
        let account = parts.next().and_then(|account| account.parse().ok()).ok_or(StoredError::Key)?;
        match (parts.next(), parts.next(), parts.next()) {
            (Some("account"), None, None) => Ok(Self::Account(account)),
            (Some("user"), Some(name), None) => Ok(Self::User(account, name.to_owned())),
            (Some("role"), Some(name), None) => Ok(Self::Role(account, name.to_owned())),
            (Some("access-key"), Some(id), None) => Ok(Self::AccessKey(account, id.to_owned())),
            (Some("instance"), Some(id), None) => Ok(Self::Instance(account, id.to_owned())),
            _ => Err(StoredError::Key),
        }
    }
}

/// Why a stored value or key is not one of the directory's. The value itself is never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// Not the stored form of an object.
    #[error("a stored object of the directory cannot be read")]
    Unreadable,
    /// Written by a newer version.
    #[error("a stored object of the directory has schema {0}, expected {SCHEMA}; was it written by a newer version?")]
    Schema(u32),
    /// Not a key of the directory.
    #[error("this is not a key of the directory")]
    Key,
}

/// The form of a name in which equal names are equal.
pub(super) fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn encode(object: Stored) -> Result<Zeroizing<String>, StoredError> {
    let envelope = Envelope { schema: SCHEMA, object };
    serde_json::to_string(&envelope).map(Zeroizing::new).map_err(|_| StoredError::Unreadable)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    schema: u32,
    object: Stored,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Stored {
    Account(Arc<Account>),
    User(Arc<User>),
    Role(Arc<Role>),
    AccessKey(StoredKey),
    Instance(Arc<Instance>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredKey {
    id: String,
    account: AccountId,
    owner: KeyOwner,
    secret: Zeroizing<String>,
    status: KeyStatus,
    created: Timestamp,
}

impl StoredKey {
    fn of(key: &AccessKey, secret: &str) -> Self {
        Self {
            id: key.id.clone(),
            account: key.account,
            owner: key.owner.clone(),
            secret: Zeroizing::new(secret.to_owned()),
            status: key.status,
            created: key.created,
        }
    }
}

impl From<StoredKey> for AccessKey {
    fn from(stored: StoredKey) -> Self {
        let StoredKey { id, account, owner, secret, status, created } = stored;
        Self { id, account, owner, secret: SecretString::from(secret.as_str()), status, created }
    }
}
