//! The local directory: an IAM of our own, as an immutable value.
//!
//! A [`Directory`] is cheap to clone. A mutation such as [`Directory::create_role`] changes nothing: it answers with
//! the [`Change`] that has to be stored and, once it is, applied with [`Directory::apply`]. So that what callers see is
//! never ahead of what would survive a crash. Rules, quotas and errors are IAM's (IAM API Reference; IAM User Guide,
//! "IAM and AWS STS quotas").

mod access_keys;
mod change;
mod error;
mod instances;
mod names;
mod objects;
mod roles;
mod tags;
mod users;

use std::sync::Arc;

use doorward_core::account_id::AccountId;
use doorward_core::partition::Partition;
use doorward_core::principal::PrincipalId;
use imbl::{HashMap, OrdMap};
use jiff::Timestamp;

pub(crate) use access_keys::draw_secret;
pub use change::{Change, Object, ObjectKey, SCHEMA, STORAGE_PREFIX, StoredError};
pub use error::{DirectoryError, EntityKind};
pub(crate) use instances::is_dns_name;
pub use instances::is_instance_id;
pub use objects::{AccessKey, Account, InlinePolicies, Instance, KeyOwner, KeyStatus, Role, SESSION_DURATION, User};
pub use roles::{NewRole, RoleUpdate};
pub use tags::{MAX_TAGS, Tag, TagError, Tags};
pub use users::NewUser;

use crate::random::{Random, random_id};
use change::fold;

/// Every account, user, role, access key and instance, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    limits: Limits,
    accounts: OrdMap<AccountId, Arc<Account>>,
    users: OrdMap<(AccountId, String), Arc<User>>,
    roles: OrdMap<(AccountId, String), Arc<Role>>,
    access_keys: HashMap<String, Arc<AccessKey>>,
    /// The same keys by account and owner's id, so that listing a user's keys does not read everybody's.
    keys_by_owner: OrdMap<(AccountId, String, String), Arc<AccessKey>>,
    instances: OrdMap<String, Arc<Instance>>,
    /// Which name bears a unique id now.
    by_id: HashMap<PrincipalId, Entity>,
}

/// How many of a kind there may be. The defaults are AWS's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Users in an account.
    pub users: usize,
    /// Roles in an account.
    pub roles: usize,
    /// Access keys of one user.
    pub access_keys: usize,
    /// Characters of a trust policy, white space not counted.
    pub trust_policy: usize,
    /// Characters of all inline policies of a user, white space not counted.
    pub user_policies: usize,
    /// Characters of all inline policies of a role, white space not counted.
    pub role_policies: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            users: 5_000,
            roles: 1_000,
            access_keys: 2,
            trust_policy: 2_048,
            user_policies: 2_048,
            role_policies: 10_240,
        }
    }
}

/// Who bears a unique id.
#[derive(Clone, Debug)]
pub enum Entity {
    /// A user.
    User(Arc<User>),
    /// A role.
    Role(Arc<Role>),
}

impl Directory {
    /// An empty directory with other quotas than AWS's.
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Everything that a store holds.
    pub fn from_objects(objects: impl IntoIterator<Item = Object>) -> Self {
        let mut directory = Self::default();
        for object in objects {
            directory.put(object);
        }
        directory
    }

    /// The directory after a change. Applying the same one twice is the same as once.
    #[must_use]
    pub fn apply(&self, change: &Change) -> Self {
        let mut after = self.clone();
        after.take_up(change);
        after
    }

    /// Becomes the directory after a change.
    pub fn take_up(&mut self, change: &Change) {
        match change {
            Change::Put(object) => self.put(object.clone()),
            Change::Delete(key) => self.delete(key),
        }
    }

    /// An account that the directory holds.
    pub fn account(&self, id: AccountId) -> Option<&Arc<Account>> {
        self.accounts.get(&id)
    }

    /// Every account.
    pub fn accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.accounts.values()
    }

    /// A new account.
    ///
    /// # Errors
    /// If there is one with this id.
    pub fn create_account(
        &self,
        id: AccountId,
        partition: Partition,
        now: Timestamp,
    ) -> Result<(Change, Arc<Account>), DirectoryError> {
        if self.accounts.contains_key(&id) {
            return Err(DirectoryError::AlreadyExists { kind: EntityKind::Account, name: id.to_string() });
        }
        let account = Arc::new(Account { id, partition, created: now });
        Ok((Change::Put(Object::Account(account.clone())), account))
    }

    /// Who bears this unique id now; `None` once the user or role is deleted, even if another has taken the name.
    pub fn by_unique_id(&self, id: &PrincipalId) -> Option<&Entity> {
        self.by_id.get(id)
    }

    /// The object under a key, as it is now.
    pub fn object(&self, key: &ObjectKey) -> Option<Object> {
        match key {
            ObjectKey::Account(id) => self.account(*id).cloned().map(Object::Account),
            ObjectKey::User(account, name) => self.user(*account, name).cloned().map(Object::User),
            ObjectKey::Role(account, name) => self.role(*account, name).cloned().map(Object::Role),
            ObjectKey::AccessKey(_, id) => self.access_key(id).cloned().map(Object::AccessKey),
            ObjectKey::Instance(_, id) => self.instance(id).cloned().map(Object::Instance),
        }
    }

    fn require_account(&self, id: AccountId) -> Result<&Account, DirectoryError> {
        let missing = || DirectoryError::no_such(EntityKind::Account, id.as_str());
        self.accounts.get(&id).map(AsRef::as_ref).ok_or_else(missing)
    }

    /// A unique id that nobody bears.
    fn draw_id(&self, prefix: &str, random: &mut dyn Random) -> Result<PrincipalId, DirectoryError> {
        // 85 random bits do not meet by chance; a source that repeats itself must not make two principals one.
        for _ in 0..4 {
            let id = PrincipalId(random_id(prefix, 17, random)?);
            if !self.by_id.contains_key(&id) {
                return Ok(id);
            }
        }
        Err(crate::random::RandomError.into())
    }

    fn put(&mut self, object: Object) {
        self.delete(&object.key());
        match object {
            Object::Account(account) => {
                self.accounts.insert(account.id, account);
            }
            Object::User(user) => {
                self.by_id.insert(user.id.clone(), Entity::User(user.clone()));
                self.users.insert((user.arn.account(), fold(user.arn.name())), user);
            }
            Object::Role(role) => {
                self.by_id.insert(role.id.clone(), Entity::Role(role.clone()));
                self.roles.insert((role.arn.account(), fold(role.arn.name())), role);
            }
            Object::AccessKey(key) => {
                self.keys_by_owner.insert(owner_key(&key), key.clone());
                self.access_keys.insert(key.id.clone(), key);
            }
            Object::Instance(instance) => {
                self.instances.insert(instance.id.clone(), instance);
            }
        }
    }

    fn delete(&mut self, key: &ObjectKey) {
        match key {
            ObjectKey::Account(id) => {
                self.accounts.remove(id);
            }
            ObjectKey::User(account, name) => {
                if let Some(user) = self.users.remove(&(*account, fold(name))) {
                    self.by_id.remove(&user.id);
                }
            }
            ObjectKey::Role(account, name) => {
                if let Some(role) = self.roles.remove(&(*account, fold(name))) {
                    self.by_id.remove(&role.id);
                }
            }
            ObjectKey::AccessKey(_, id) => {
                if let Some(key) = self.access_keys.remove(id) {
                    self.keys_by_owner.remove(&owner_key(&key));
                }
            }
            ObjectKey::Instance(_, id) => {
                self.instances.remove(id);
            }
        }
    }
}

fn owner_key(key: &AccessKey) -> (AccountId, String, String) {
    let owner = match &key.owner {
        KeyOwner::Root => "root",
        KeyOwner::User { id, .. } => &id.0,
    };
    (key.account, owner.to_owned(), key.id.clone())
}

#[cfg(test)]
mod tests;
