//! The access policies of an entry: nearly always one, and then without an allocation of its own.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::AssociatedAccessPolicy;
use crate::few::Few;

/// Associations by the policy's name, and therefore sorted by its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        let mut all = all.into_iter();
        let Some(first) = all.next() else { return Self::default() };
        let Some(second) = all.next() else { return Self(Few::One(first)) };
        let all = [first, second].into_iter().chain(all);
        let by_name: BTreeMap<_, _> = all.map(|one| (one.policy_arn.name().to_owned(), one)).collect();
        Self(by_name.into_values().collect())
    }
}

/// Stored as an object with a member for each, by the policy's name.
impl Serialize for AccessPolicies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|one| (one.policy_arn.name(), one)))
    }
}

impl<'de> Deserialize<'de> for AccessPolicies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByName)
    }
}

struct ByName;

impl<'de> Visitor<'de> for ByName {
    type Value = AccessPolicies;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("associations by the policy's name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<AccessPolicies, A::Error> {
        // The name stands in the ARN as well.
        let read = std::iter::from_fn(|| members.next_entry::<IgnoredAny, _>().transpose());
        read.map(|member| member.map(|(_, one)| one)).collect()
    }
}

impl<'a> IntoIterator for &'a AccessPolicies {
    type Item = &'a AssociatedAccessPolicy;
    type IntoIter = std::slice::Iter<'a, AssociatedAccessPolicy>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
