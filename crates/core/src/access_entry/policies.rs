//! The access policies of an entry: nearly always one, and then without an allocation of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::AssociatedAccessPolicy;
use crate::few::Few;

/// Associations by the policy's name, and therefore sorted by its ARN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "BTreeMap<String, AssociatedAccessPolicy>", from = "BTreeMap<String, AssociatedAccessPolicy>")]
pub struct AccessPolicies(Few<AssociatedAccessPolicy>);

impl AccessPolicies {
    /// All of them, sorted by name.
    pub fn as_slice(&self) -> &[AssociatedAccessPolicy] {
        self.0.as_slice()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> std::slice::Iter<'_, AssociatedAccessPolicy> {
        self.as_slice().iter()
    }

    /// The association of a policy by name.
    pub fn get(&self, name: &str) -> Option<&AssociatedAccessPolicy> {
        let all = self.as_slice();
        let at = all.binary_search_by(|one| one.policy_arn.name().cmp(name)).ok()?;
        all.get(at)
    }

    /// With this association, instead of one of the same policy.
    #[must_use]
    pub fn with(&self, association: AssociatedAccessPolicy) -> Self {
        self.iter().cloned().chain([association]).collect()
    }

    /// Without the association of a policy.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        self.iter().filter(|one| one.policy_arn.name() != name).cloned().collect()
    }
}

impl Default for AccessPolicies {
    fn default() -> Self {
        Self([].into_iter().collect())
    }
}

/// Of two for the same policy the later counts.
impl FromIterator<AssociatedAccessPolicy> for AccessPolicies {
    fn from_iter<I: IntoIterator<Item = AssociatedAccessPolicy>>(all: I) -> Self {
        let named = all.into_iter().map(|one| (one.policy_arn.name().to_owned(), one));
        named.collect::<BTreeMap<_, _>>().into()
    }
}

/// How they are stored.
impl From<BTreeMap<String, AssociatedAccessPolicy>> for AccessPolicies {
    fn from(by_name: BTreeMap<String, AssociatedAccessPolicy>) -> Self {
        Self(by_name.into_values().collect())
    }
}

impl From<AccessPolicies> for BTreeMap<String, AssociatedAccessPolicy> {
    fn from(policies: AccessPolicies) -> Self {
        policies.iter().map(|one| (one.policy_arn.name().to_owned(), one.clone())).collect()
    }
}

impl<'a> IntoIterator for &'a AccessPolicies {
    type Item = &'a AssociatedAccessPolicy;
    type IntoIter = std::slice::Iter<'a, AssociatedAccessPolicy>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
