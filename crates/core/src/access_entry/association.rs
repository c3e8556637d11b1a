//! Associating access policies with an entry.
//!
//! Source: API reference of AssociateAccessPolicy and DisassociateAccessPolicy. Associating a policy again replaces its
//! scope: `associatedAt` stays, `modifiedAt` moves.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AccessEntry;
use super::error::AccessEntryError;
use crate::access_policy::{AccessPolicyArn, Catalogue};
use crate::access_scope::AccessScope;
use crate::partition::Partition;

/// One policy, and where it counts for the entry that has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AssociatedAccessPolicy {
    /// The policy.
    pub policy_arn: AccessPolicyArn,
    /// Where it counts.
    pub access_scope: AccessScope,
    /// When the policy was first associated.
    pub associated_at: Timestamp,
    /// When the scope last changed.
    pub modified_at: Timestamp,
}

impl AccessEntry {
    /// The entry after `AssociateAccessPolicy`. The entry's own `modifiedAt` does not move.
    ///
    /// # Errors
    /// For entries of nodes, for policies that the partition does not have, and for those kept for AWS's own roles.
    pub fn associated(
        &self,
        policy_arn: &AccessPolicyArn,
        access_scope: AccessScope,
        catalogue: &Catalogue,
        partition: Partition,
        now: Timestamp,
    ) -> Result<(Self, AssociatedAccessPolicy), AccessEntryError> {
        let policy = catalogue
            .find(policy_arn.name())
            .filter(|_| policy_arn.partition() == partition)
            .ok_or(AccessEntryError::PolicyNotFound)?;
        if !self.r#type.takes_access_policies() {
            return Err(AccessEntryError::NotStandard);
        }
        if policy.service_linked_role_only {
            return Err(AccessEntryError::PolicyForServiceLinkedRoles(policy_arn.clone()));
        }
        let associated_at = self.access_policies.get(policy_arn.name()).map_or(now, |before| before.associated_at);
        let association =
            AssociatedAccessPolicy { policy_arn: policy_arn.clone(), access_scope, associated_at, modified_at: now };
        let mut entry = self.clone();
        entry.access_policies.insert(policy_arn.name().to_owned(), association.clone());
        Ok((entry, association))
    }

    /// The entry after `DisassociateAccessPolicy`.
    ///
    /// # Errors
    /// [`AccessEntryError::NotAssociated`] if the entry does not have the policy.
    pub fn disassociated(&self, policy_arn: &AccessPolicyArn) -> Result<Self, AccessEntryError> {
        let mut entry = self.clone();
        match entry.access_policies.remove(policy_arn.name()) {
            Some(removed) if removed.policy_arn == *policy_arn => Ok(entry),
            _ => Err(AccessEntryError::NotAssociated),
        }
    }
}
