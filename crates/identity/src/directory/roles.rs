//! Roles: making, finding, changing and deleting them.

use std::collections::BTreeMap;
use std::sync::Arc;

use doorward_core::account_id::AccountId;
use doorward_core::principal::{PrincipalArn, PrincipalId, PrincipalKind};
use jiff::Timestamp;

use super::change::{Change, Object, fold};
use super::error::{DirectoryError, EntityKind};
use super::names::{MAX_NAME, check_description, check_name, check_path, counted_length, with_policy, without_policy};
use super::objects::{InlinePolicies, Role, SESSION_DURATION};
use super::tags::{Tag, Tags};
use super::{Directory, ObjectKey};
use crate::policy::TrustPolicy;
use crate::random::Random;

/// What a new role is made of.
#[derive(Clone, Copy, Debug)]
pub struct NewRole<'a> {
    /// The account to make it in.
    pub account: AccountId,
    /// `/` or `/…/`.
    pub path: &'a str,
    /// Up to 64 characters, unique in the account whatever their case.
    pub name: &'a str,
    /// The trust policy.
    pub trust: &'a str,
    /// Up to 1,000 characters.
    pub description: &'a str,
    /// Seconds, within [`SESSION_DURATION`] and not under an hour; an hour where nobody says.
    pub max_session_duration: Option<u32>,
    /// Tags.
    pub tags: &'a [Tag],
}

/// What `UpdateRole` may change; what is `None` stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoleUpdate<'a> {
    /// The new description.
    pub description: Option<&'a str>,
    /// The new longest session, in seconds.
    pub max_session_duration: Option<u32>,
}

impl Directory {
    /// A role by name, whatever its case.
    pub fn role(&self, account: AccountId, name: &str) -> Option<&Arc<Role>> {
        self.roles.get(&(account, fold(name)))
    }

    /// The roles of an account in the order of their names.
    pub fn roles(&self, account: AccountId) -> impl Iterator<Item = &Arc<Role>> {
        self.roles
            .range((account, String::new())..)
            .map(|(_, role)| role)
            .take_while(move |role| role.arn.account() == account)
    }

    /// IAM's `CreateRole`.
    ///
    /// # Errors
    /// `EntityAlreadyExists`, `LimitExceeded`, `MalformedPolicyDocument`, an account that is not here, a name, path,
    /// description, duration or tag that is not allowed.
    pub fn create_role(
        &self,
        new: &NewRole<'_>,
        now: Timestamp,
        random: &mut dyn Random,
    ) -> Result<(Change, Arc<Role>), DirectoryError> {
        let partition = self.require_account(new.account)?.partition;
        check_name("roleName", new.name, MAX_NAME)?;
        check_path(new.path)?;
        check_description(new.description)?;
        let max_session_duration = new.max_session_duration.unwrap_or(3_600);
        check_duration(max_session_duration)?;
        let (trust, trusted_ids) = self.read_trust(new.trust)?;
        if self.role(new.account, new.name).is_some() {
            return Err(DirectoryError::AlreadyExists { kind: EntityKind::Role, name: new.name.to_owned() });
        }
        if self.roles(new.account).count() >= self.limits.roles {
            return Err(DirectoryError::LimitExceeded { quota: "RolesPerAccount", limit: self.limits.roles });
        }
        let arn = format!("arn:{partition}:iam::{}:role{}{}", new.account, new.path, new.name);
        let role = Role {
            arn: PrincipalArn::parse(&arn).map_err(|_| DirectoryError::invalid("roleName", new.name))?,
            id: self.draw_id("AROA", random)?,
            created: now,
            trust,
            trusted_ids,
            description: new.description.to_owned(),
            max_session_duration,
            policies: InlinePolicies::new(),
            tags: Tags::new(new.tags.to_vec())?,
        };
        Ok(put(role))
    }

    /// IAM's `DeleteRole`.
    ///
    /// # Errors
    /// `NoSuchEntity`; `DeleteConflict` while it has inline policies or instances run with it.
    pub fn delete_role(&self, account: AccountId, name: &str) -> Result<Change, DirectoryError> {
        let role = self.require_role(account, name)?;
        if !role.policies.is_empty() {
            return Err(DirectoryError::DeleteConflict { must_delete_first: "policies" });
        }
        if self.instances.values().any(|instance| instance.role_id == role.id) {
            return Err(DirectoryError::DeleteConflict { must_delete_first: "instances" });
        }
        Ok(Change::Delete(ObjectKey::Role(account, fold(name))))
    }

    /// IAM's `UpdateRole` and `UpdateRoleDescription`.
    ///
    /// # Errors
    /// `NoSuchEntity`, a description or duration that is not allowed.
    pub fn update_role(
        &self,
        account: AccountId,
        name: &str,
        update: &RoleUpdate<'_>,
    ) -> Result<(Change, Arc<Role>), DirectoryError> {
        let role = self.require_role(account, name)?;
        let description = update.description.unwrap_or(&role.description).to_owned();
        check_description(&description)?;
        let max_session_duration = update.max_session_duration.unwrap_or(role.max_session_duration);
        check_duration(max_session_duration)?;
        Ok(put(Role { description, max_session_duration, ..Role::clone(role) }))
    }

    /// IAM's `UpdateAssumeRolePolicy`.
    ///
    /// # Errors
    /// `NoSuchEntity`, `MalformedPolicyDocument`, `LimitExceeded`.
    pub fn update_assume_role_policy(
        &self,
        account: AccountId,
        name: &str,
        document: &str,
    ) -> Result<(Change, Arc<Role>), DirectoryError> {
        let role = self.require_role(account, name)?;
        let (trust, trusted_ids) = self.read_trust(document)?;
        Ok(put(Role { trust, trusted_ids, ..Role::clone(role) }))
    }

    /// IAM's `PutRolePolicy`.
    ///
    /// # Errors
    /// `NoSuchEntity`, `MalformedPolicyDocument`, `LimitExceeded`, a policy name that is not allowed.
    pub fn put_role_policy(
        &self,
        account: AccountId,
        name: &str,
        policy: &str,
        document: &str,
    ) -> Result<(Change, Arc<Role>), DirectoryError> {
        let role = self.require_role(account, name)?;
        let quota = ("the maximum policy size for a role", self.limits.role_policies);
        let policies = with_policy(&role.policies, policy, document, quota)?;
        Ok(put(Role { policies, ..Role::clone(role) }))
    }

    /// IAM's `DeleteRolePolicy`.
    ///
    /// # Errors
    /// `NoSuchEntity`, for the role or the policy.
    pub fn delete_role_policy(
        &self,
        account: AccountId,
        name: &str,
        policy: &str,
    ) -> Result<(Change, Arc<Role>), DirectoryError> {
        let role = self.require_role(account, name)?;
        let policies = without_policy(&role.policies, policy, EntityKind::RolePolicy)?;
        Ok(put(Role { policies, ..Role::clone(role) }))
    }

    /// IAM's `TagRole`.
    ///
    /// # Errors
    /// `NoSuchEntity`, or a tag that is not allowed.
    pub fn tag_role(
        &self,
        account: AccountId,
        name: &str,
        tags: Vec<Tag>,
    ) -> Result<(Change, Arc<Role>), DirectoryError> {
        let role = self.require_role(account, name)?;
        Ok(put(Role { tags: role.tags.with(tags)?, ..Role::clone(role) }))
    }

    /// IAM's `UntagRole`.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn untag_role(
        &self,
        account: AccountId,
        name: &str,
        keys: &[String],
    ) -> Result<(Change, Arc<Role>), DirectoryError> {
        let role = self.require_role(account, name)?;
        Ok(put(Role { tags: role.tags.without(keys.iter().map(String::as_str)), ..Role::clone(role) }))
    }

    /// A role that must be there.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn require_role(&self, account: AccountId, name: &str) -> Result<&Arc<Role>, DirectoryError> {
        let missing = || DirectoryError::no_such(EntityKind::Role, name);
        self.role(account, name).ok_or_else(missing)
    }

    /// Reads a trust policy and notes whom its names mean today. As with IAM, a name in an account of ours must exist;
    /// about other accounts nothing can be known, and nobody calls from there.
    fn read_trust(&self, document: &str) -> Result<(TrustPolicy, BTreeMap<PrincipalArn, PrincipalId>), DirectoryError> {
        let trust = TrustPolicy::parse(document)?;
        if counted_length(document) > self.limits.trust_policy {
            return Err(DirectoryError::LimitExceeded { quota: "ACLSizePerRole", limit: self.limits.trust_policy });
        }
        let mut ids = BTreeMap::new();
        for arn in trust.named().filter(|arn| self.accounts.contains_key(&arn.account())) {
            let id = self.id_of(arn).ok_or_else(|| DirectoryError::UnknownPrincipal(arn.to_string()))?;
            ids.insert(arn.clone(), id);
        }
        Ok((trust, ids))
    }

    /// The unique id of the user or role that bears exactly this ARN now.
    pub fn id_of(&self, arn: &PrincipalArn) -> Option<PrincipalId> {
        let (found, id) = match arn.kind() {
            PrincipalKind::User => self.user(arn.account(), arn.name()).map(|user| (&user.arn, &user.id))?,
            PrincipalKind::Role => self.role(arn.account(), arn.name()).map(|role| (&role.arn, &role.id))?,
            PrincipalKind::Root | PrincipalKind::FederatedUser => return None,
        };
        (found == arn).then(|| id.clone())
    }
}

/// A role's longest session is at least an hour; single sessions may be shorter.
fn check_duration(seconds: u32) -> Result<(), DirectoryError> {
    if seconds >= 3_600 && SESSION_DURATION.contains(&seconds) {
        Ok(())
    } else {
        Err(DirectoryError::invalid("maxSessionDuration", &seconds.to_string()))
    }
}

fn put(role: Role) -> (Change, Arc<Role>) {
    let role = Arc::new(role);
    (Change::Put(Object::Role(role.clone())), role)
}
