//! EC2 instances, as far as node usernames need them.

use std::sync::Arc;

use doorward_core::account_id::AccountId;

use super::change::{Change, Object};
use super::error::{DirectoryError, EntityKind};
use super::objects::Instance;
use super::{Directory, ObjectKey};

impl Directory {
    /// An instance by its id.
    pub fn instance(&self, id: &str) -> Option<&Arc<Instance>> {
        self.instances.get(id)
    }

    /// The instances of every account, in the order of their ids.
    pub fn instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.instances.values()
    }

    /// Records that an instance runs with a role.
    ///
    /// # Errors
    /// `NoSuchEntity` for the role; an id or a DNS name that is none; an id that another account has.
    pub fn put_instance(
        &self,
        account: AccountId,
        id: &str,
        role_name: &str,
        private_dns_name: &str,
    ) -> Result<(Change, Arc<Instance>), DirectoryError> {
        let role = self.require_role(account, role_name)?;
        if !is_instance_id(id) {
            return Err(DirectoryError::invalid("instanceId", id));
        }
        if self.instance(id).is_some_and(|existing| existing.account != account) {
            return Err(DirectoryError::AlreadyExists { kind: EntityKind::Instance, name: id.to_owned() });
        }
        if !is_dns_name(private_dns_name) {
            return Err(DirectoryError::invalid("privateDnsName", private_dns_name));
        }
        let instance = Arc::new(Instance {
            id: id.to_owned(),
            account,
            role_id: role.id.clone(),
            private_dns_name: private_dns_name.to_owned(),
        });
        Ok((Change::Put(Object::Instance(instance.clone())), instance))
    }

    /// Forgets an instance.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn delete_instance(&self, account: AccountId, id: &str) -> Result<Change, DirectoryError> {
        match self.instance(id) {
            Some(instance) if instance.account == account => {
                Ok(Change::Delete(ObjectKey::Instance(account, id.to_owned())))
            }
            _ => Err(DirectoryError::no_such(EntityKind::Instance, id)),
        }
    }
}

/// `i-` and 8 or 17 lower-case hexadecimal digits.
pub fn is_instance_id(text: &str) -> bool {
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    text.strip_prefix("i-").is_some_and(|digits| matches!(digits.len(), 8 | 17) && is_hex(digits))
}

/// A lower-case name that can stand after `system:node:` without becoming something else.
pub(crate) fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}
