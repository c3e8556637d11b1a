//! Long-term access keys.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_core::account_id::AccountId;
use jiff::Timestamp;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::change::{Change, Object};
use super::error::{DirectoryError, EntityKind};
use super::objects::{AccessKey, KeyOwner, KeyStatus, User};
use super::{Directory, ObjectKey};
use crate::random::{Random, RandomError, random_id};

impl Directory {
    /// An access key by its id, active or not.
    pub fn access_key(&self, id: &str) -> Option<&Arc<AccessKey>> {
        self.access_keys.get(id)
    }

    /// The access keys of one user, in the order of their ids.
    pub fn access_keys_of(&self, user: &User) -> impl Iterator<Item = &Arc<AccessKey>> {
        let (account, owner) = (user.arn.account(), user.id.0.clone());
        let first = (account, owner.clone(), String::new());
        let is_own =
            move |(key, _): &(&(AccountId, String, String), &Arc<AccessKey>)| key.0 == account && key.1 == owner;
        self.keys_by_owner.range(first..).take_while(is_own).map(|(_, key)| key)
    }

    /// IAM's `CreateAccessKey`. The secret is in the answer, and never again in one.
    ///
    /// # Errors
    /// `NoSuchEntity`, `LimitExceeded`.
    pub fn create_access_key(
        &self,
        account: AccountId,
        user_name: &str,
        now: Timestamp,
        random: &mut dyn Random,
    ) -> Result<(Change, Arc<AccessKey>), DirectoryError> {
        let user = self.require_user(account, user_name)?;
        if self.access_keys_of(user).count() >= self.limits.access_keys {
            return Err(DirectoryError::LimitExceeded { quota: "AccessKeysPerUser", limit: self.limits.access_keys });
        }
        let id = random_id("AKIA", 16, random)?;
        if self.access_keys.contains_key(&id) {
            return Err(RandomError.into());
        }
        let owner = KeyOwner::User { name: user.arn.name().to_owned(), id: user.id.clone() };
        let secret = draw_secret(random)?;
        Ok(put(AccessKey { id, account, owner, secret, status: KeyStatus::Active, created: now }))
    }

    /// IAM's `UpdateAccessKey`.
    ///
    /// # Errors
    /// `NoSuchEntity`, also for a key that is another user's.
    pub fn update_access_key(
        &self,
        account: AccountId,
        user_name: &str,
        id: &str,
        status: KeyStatus,
    ) -> Result<(Change, Arc<AccessKey>), DirectoryError> {
        let key = self.require_access_key(account, user_name, id)?;
        Ok(put(AccessKey { status, ..AccessKey::clone(key) }))
    }

    /// IAM's `DeleteAccessKey`.
    ///
    /// # Errors
    /// `NoSuchEntity`, also for a key that is another user's.
    pub fn delete_access_key(&self, account: AccountId, user_name: &str, id: &str) -> Result<Change, DirectoryError> {
        let key = self.require_access_key(account, user_name, id)?;
        Ok(Change::Delete(ObjectKey::AccessKey(account, key.id.clone())))
    }

    fn require_access_key(
        &self,
        account: AccountId,
        user_name: &str,
        id: &str,
    ) -> Result<&Arc<AccessKey>, DirectoryError> {
        let user = self.require_user(account, user_name)?;
        let missing = || DirectoryError::no_such(EntityKind::AccessKey, id);
        self.access_keys_of(user).find(|key| key.id == id).ok_or_else(missing)
    }
}

/// Forty characters, as AWS's secrets are: 240 random bits.
pub(crate) fn draw_secret(random: &mut dyn Random) -> Result<SecretString, RandomError> {
    let mut bytes = Zeroizing::new([0_u8; 30]);
    random.fill(bytes.as_mut_slice())?;
    Ok(SecretString::from(STANDARD.encode(bytes.as_slice())))
}

fn put(key: AccessKey) -> (Change, Arc<AccessKey>) {
    let key = Arc::new(key);
    (Change::Put(Object::AccessKey(key.clone())), key)
}
