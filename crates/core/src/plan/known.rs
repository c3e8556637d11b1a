//! What a plan is made from: a World, and how much of it is known at all.

use std::collections::BTreeMap;

use super::bindings::Named;
use super::names::Names;
use super::policy::Policies;
use crate::access_entry::AccessEntry;
use crate::account_id::AccountId;
use crate::partition::Partition;
use crate::principal::PrincipalArn;
use crate::rbac::Rbac;
use crate::world::World;

/// The World of today, and what surrounds it.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) world: &'a World,
    /// None where nobody read RBAC: what is bound to whom is not known then.
    pub(super) rbac: Option<&'a Rbac>,
    /// The cluster's account; none where nobody said it.
    pub(super) account: Option<AccountId>,
    /// The cluster's partition; none where nobody said it.
    pub(super) partition: Option<Partition>,
    /// Who is named by which binding; nobody where RBAC is not known.
    pub(super) named: Named<'a>,
    /// The access policies that bindings can be equal to.
    pub(super) policies: Policies<'a>,
    /// Names that the plan may give.
    pub(super) names: Names,
    /// The ARNs of the entries that count or will, by what their callers are recognised by.
    entries: BTreeMap<String, PrincipalArn>,
}

impl<'a> Known<'a> {
    pub(super) fn new(
        world: &'a World,
        rbac: Option<&'a Rbac>,
        account: Option<AccountId>,
        partition: Option<Partition>,
    ) -> Self {
        // Of several entries for the same callers the first counts, in the order of their ARNs.
        let mut entries = BTreeMap::new();
        for entry in world.entries() {
            let arn = &entry.principal_arn;
            entries.entry(arn.canonical_key()).or_insert_with(|| arn.clone());
        }
        let named = rbac.map(Named::new).unwrap_or_default();
        let policies = Policies::new(world.catalogue());
        Self { world, rbac, account, partition, named, policies, names: Names::new(world), entries }
    }

    /// The entry that a principal's callers come in by, if the mode uses it.
    pub(super) fn entry_of(&self, principal: &PrincipalArn) -> Option<&'a AccessEntry> {
        let arn = self.entries.get(&principal.canonical_key())?;
        self.world.entry(arn).map(AsRef::as_ref)
    }
}
