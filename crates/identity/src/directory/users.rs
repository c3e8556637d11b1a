//! Users: making, finding, changing and deleting them.

use std::sync::Arc;

use doorward_core::account_id::AccountId;
use doorward_core::principal::PrincipalArn;
use jiff::Timestamp;

use super::change::{Change, Object, fold};
use super::error::{DirectoryError, EntityKind};
use super::names::{MAX_NAME, check_name, check_path, with_policy, without_policy};
use super::objects::{InlinePolicies, User};
use super::tags::{Tag, Tags};
use super::{Directory, ObjectKey};
use crate::random::Random;

/// What a new user is made of.
#[derive(Clone, Copy, Debug)]
pub struct NewUser<'a> {
    /// The account to make it in.
    pub account: AccountId,
    /// `/` or `/…/`.
    pub path: &'a str,
    /// Up to 64 characters, unique in the account whatever their case.
    pub name: &'a str,
    /// Tags.
    pub tags: &'a [Tag],
    /// Whether everything in the account is allowed to it. IAM's API has no such thing: it is for the first user.
    pub is_administrator: bool,
}

impl Directory {
    /// A user by name, whatever its case.
    pub fn user(&self, account: AccountId, name: &str) -> Option<&Arc<User>> {
        self.users.get(&(account, fold(name)))
    }

    /// The users of an account in the order of their names.
    pub fn users(&self, account: AccountId) -> impl Iterator<Item = &Arc<User>> {
        self.users
            .range((account, String::new())..)
            .map(|(_, user)| user)
            .take_while(move |user| user.arn.account() == account)
    }

    /// IAM's `CreateUser`.
    ///
    /// # Errors
    /// `EntityAlreadyExists`, `LimitExceeded`, an account that is not here, a name, path or tag that is not allowed.
    pub fn create_user(
        &self,
        new: &NewUser<'_>,
        now: Timestamp,
        random: &mut dyn Random,
    ) -> Result<(Change, Arc<User>), DirectoryError> {
        let partition = self.require_account(new.account)?.partition;
        check_name("userName", new.name, MAX_NAME)?;
        check_path(new.path)?;
        if self.user(new.account, new.name).is_some() {
            return Err(DirectoryError::AlreadyExists { kind: EntityKind::User, name: new.name.to_owned() });
        }
        if self.users(new.account).count() >= self.limits.users {
            return Err(DirectoryError::LimitExceeded { quota: "UsersPerAccount", limit: self.limits.users });
        }
        let arn = format!("arn:{partition}:iam::{}:user{}{}", new.account, new.path, new.name);
        let user = User {
            arn: PrincipalArn::parse(&arn).map_err(|_| DirectoryError::invalid("userName", new.name))?,
            id: self.draw_id("AIDA", random)?,
            created: now,
            is_administrator: new.is_administrator,
            policies: InlinePolicies::new(),
            tags: Tags::new(new.tags.to_vec())?,
        };
        Ok(put(user))
    }

    /// IAM's `DeleteUser`.
    ///
    /// # Errors
    /// `NoSuchEntity`; `DeleteConflict` while it has access keys or inline policies.
    pub fn delete_user(&self, account: AccountId, name: &str) -> Result<Change, DirectoryError> {
        let user = self.require_user(account, name)?;
        if self.access_keys_of(user).next().is_some() {
            return Err(DirectoryError::DeleteConflict { must_delete_first: "access keys" });
        }
        if !user.policies.is_empty() {
            return Err(DirectoryError::DeleteConflict { must_delete_first: "policies" });
        }
        Ok(Change::Delete(ObjectKey::User(account, fold(name))))
    }

    /// IAM's `PutUserPolicy`.
    ///
    /// # Errors
    /// `NoSuchEntity`, `MalformedPolicyDocument`, `LimitExceeded`, a policy name that is not allowed.
    pub fn put_user_policy(
        &self,
        account: AccountId,
        name: &str,
        policy: &str,
        document: &str,
    ) -> Result<(Change, Arc<User>), DirectoryError> {
        let user = self.require_user(account, name)?;
        let quota = ("the maximum policy size for a user", self.limits.user_policies);
        let policies = with_policy(&user.policies, policy, document, quota)?;
        Ok(put(User { policies, ..User::clone(user) }))
    }

    /// IAM's `DeleteUserPolicy`.
    ///
    /// # Errors
    /// `NoSuchEntity`, for the user or the policy.
    pub fn delete_user_policy(
        &self,
        account: AccountId,
        name: &str,
        policy: &str,
    ) -> Result<(Change, Arc<User>), DirectoryError> {
        let user = self.require_user(account, name)?;
        let policies = without_policy(&user.policies, policy, EntityKind::UserPolicy)?;
        Ok(put(User { policies, ..User::clone(user) }))
    }

    /// IAM's `TagUser`.
    ///
    /// # Errors
    /// `NoSuchEntity`, or a tag that is not allowed.
    pub fn tag_user(
        &self,
        account: AccountId,
        name: &str,
        tags: Vec<Tag>,
    ) -> Result<(Change, Arc<User>), DirectoryError> {
        let user = self.require_user(account, name)?;
        Ok(put(User { tags: user.tags.with(tags)?, ..User::clone(user) }))
    }

    /// IAM's `UntagUser`.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn untag_user(
        &self,
        account: AccountId,
        name: &str,
        keys: &[String],
    ) -> Result<(Change, Arc<User>), DirectoryError> {
        let user = self.require_user(account, name)?;
        Ok(put(User { tags: user.tags.without(keys.iter().map(String::as_str)), ..User::clone(user) }))
    }

    /// A user that must be there.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn require_user(&self, account: AccountId, name: &str) -> Result<&Arc<User>, DirectoryError> {
        let missing = || DirectoryError::no_such(EntityKind::User, name);
        self.user(account, name).ok_or_else(missing)
    }
}

fn put(user: User) -> (Change, Arc<User>) {
    let user = Arc::new(user);
    (Change::Put(Object::User(user.clone())), user)
}
