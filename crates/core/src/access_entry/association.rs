//! Associating access policies with an entry.
//!
//! Source: API reference of AssociateAccessPolicy and DisassociateAccessPolicy. Associating a policy again replaces its
//! scope: `associatedAt` stays, `modifiedAt` moves.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::AccessEntryError;
use super::{AccessEntry, Moment};
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
    pub associated_at: Moment,
    /// When the scope last changed.
    pub modified_at: Moment,
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
        let modified_at = Moment::from(now);
        let before = self.access_policies.get(policy_arn.name());
        let associated_at = before.map_or(modified_at, |before| before.associated_at);
        let association =
            AssociatedAccessPolicy { policy_arn: policy_arn.clone(), access_scope, associated_at, modified_at };
        Ok((Self { access_policies: self.access_policies.with(association.clone()), ..self.clone() }, association))
    }

    /// The entry after `DisassociateAccessPolicy`.
    ///
    /// # Errors
    /// [`AccessEntryError::NotAssociated`] if the entry does not have the policy.
    pub fn disassociated(&self, policy_arn: &AccessPolicyArn) -> Result<Self, AccessEntryError> {
        match self.access_policies.get(policy_arn.name()) {
            Some(association) if association.policy_arn == *policy_arn => {
                Ok(Self { access_policies: self.access_policies.without(policy_arn.name()), ..self.clone() })
            }
            _ => Err(AccessEntryError::NotAssociated),
        }
    }
}
