//! The catalogue of access policies, and the rules each one grants.
//!
//! The rules are data (`data/access-policies.yaml`); this file gives them types. A policy whose rules AWS does not
//! print is in the catalogue and can be associated, and grants nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::partition::Partition;
use crate::rbac::{Asked, PolicyRule, RuleTable};
use crate::text_form::text_form;

const DATA: &str = include_str!("../data/access-policies.yaml");

/// How the rules of a policy are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Documented {
    /// AWS prints them as tables.
    Table,
    /// Others cite AWS's tables.
    SecondHand,
    /// AWS describes them in words; nothing is granted.
    Prose,
    /// Only the name is known; nothing is granted.
    NameOnly,
}

/// One access policy.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessPolicy {
    /// Such as `AmazonEKSViewPolicy`.
    pub name: String,
    /// How its rules are known.
    pub documented: Documented,
    /// Whether `ListAccessPolicies` shows it.
    pub listed: bool,
    /// Whether only service-linked roles may have it.
    #[serde(default)]
    pub service_linked_role_only: bool,
    /// Rules that are left out because AWS limits them to names that it does not print.
    #[serde(default)]
    pub omitted: Vec<String>,
    /// Where the rules are from, where not from the user guide.
    #[serde(default)]
    pub source: Option<String>,
    /// What it grants, within the scope of an association.
    #[serde(default)]
    pub rules: Vec<PolicyRule>,
}

impl AccessPolicy {
    /// Whether the rules of this policy are unknown, so that associating it grants nothing.
    pub fn grants_nothing(&self) -> bool {
        self.rules.is_empty()
    }
}

/// All access policies, by name in ASCII order.
#[derive(Debug)]
pub struct Catalogue(Vec<Listed>);

/// A policy with its rules sorted for questions.
#[derive(Debug)]
struct Listed {
    policy: Arc<AccessPolicy>,
    table: RuleTable,
}

static BUILT_IN: LazyLock<Catalogue> = LazyLock::new(|| {
    // The data is part of the program and a test proves that it parses. Were it ever broken, the catalogue would be
    // empty and grant nothing, which is the safe side.
    let policies: Vec<AccessPolicy> = serde_saphyr::from_str(DATA).unwrap_or_default();
    Catalogue::new(policies)
});

impl Catalogue {
    /// The policies of Amazon EKS.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// A catalogue of other policies: what a World would decide if AWS changed theirs. Of two with the same name the
    /// last counts.
    pub fn new(policies: impl IntoIterator<Item = AccessPolicy>) -> Self {
        let by_name: BTreeMap<_, _> = policies.into_iter().map(|policy| (policy.name.clone(), policy)).collect();
        let listed = |policy: AccessPolicy| Listed { table: RuleTable::of(&policy.rules), policy: Arc::new(policy) };
        Self(by_name.into_values().map(listed).collect())
    }

    /// The policy of that name, in exactly that case.
    pub fn find(&self, name: &str) -> Option<&Arc<AccessPolicy>> {
        self.listed(name, usize::MAX).map(|listed| &listed.policy)
    }

    /// Every policy, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<AccessPolicy>> {
        self.0.iter().map(|listed| &listed.policy)
    }

    /// Whether a policy allows a request, whatever the scope of its association.
    pub(crate) fn allows(&self, policy: &AccessPolicyArn, asked: &Asked<'_>) -> bool {
        self.listed(policy.name(), policy.named().place)
            .is_some_and(|listed| listed.table.covers(&listed.policy.rules, asked))
    }

    /// In this catalogue a policy is nearly always where it is in the built-in one, so that is looked at first.
    fn listed(&self, name: &str, place: usize) -> Option<&Listed> {
        let is_it = |listed: &&Listed| listed.policy.name == name;
        self.0.get(place).filter(is_it).or_else(|| {
            let at = self.0.binary_search_by(|listed| listed.policy.name.as_str().cmp(name)).ok()?;
            self.0.get(at)
        })
    }
}

/// The ARN of an access policy: `arn:P:eks::aws:cluster-access-policy/NAME`. Whether such a policy exists is for the
/// [`Catalogue`] to say.
#[derive(Clone)]
pub struct AccessPolicyArn(Name);

/// Millions of associations name a few policies, so the ARNs of those that there are exist once.
#[derive(Clone)]
enum Name {
    BuiltIn(&'static Named),
    Other(Arc<Named>),
}

struct Named {
    text: String,
    partition: Partition,
    name_at: usize,
    /// Where the policy is in the built-in catalogue; nowhere for others.
    place: usize,
}

impl Named {
    fn new(partition: Partition, name: &str, place: usize) -> Self {
        let prefix = format!("arn:{partition}:eks::aws:{RESOURCE}");
        Self { name_at: prefix.len(), text: format!("{prefix}{name}"), partition, place }
    }

    fn name(&self) -> &str {
        self.text.get(self.name_at..).unwrap_or_default()
    }
}

const RESOURCE: &str = "cluster-access-policy/";

/// The ARNs of the built-in policies, one partition after the other.
static ARNS: LazyLock<Vec<(Partition, Vec<Named>)>> = LazyLock::new(|| {
    let named = |partition| {
        let all = Catalogue::built_in().iter().enumerate();
        (partition, all.map(|(place, policy)| Named::new(partition, &policy.name, place)).collect())
    };
    Partition::ALL.into_iter().map(named).collect()
});

impl AccessPolicyArn {
    /// The ARN of a policy by name.
    pub fn new(partition: Partition, name: &str) -> Self {
        let all = ARNS.iter().find(|(one, _)| *one == partition).map(|(_, all)| all.as_slice()).unwrap_or_default();
        let at = all.binary_search_by(|named| named.name().cmp(name));
        Self(match at.ok().and_then(|at| all.get(at)) {
            Some(named) => Name::BuiltIn(named),
            None => Name::Other(Arc::new(Named::new(partition, name, usize::MAX))),
        })
    }

    fn named(&self) -> &Named {
        match &self.0 {
            Name::BuiltIn(named) => named,
            Name::Other(named) => named,
        }
    }

    /// Parses an ARN of that form.
    ///
    /// # Errors
    /// [`AccessPolicyArnError`] with EKS's text for anything else.
    pub fn parse(text: &str) -> Result<Self, AccessPolicyArnError> {
        let arn = Arn::parse(text).map_err(|_| AccessPolicyArnError)?;
        let name = arn.resource.strip_prefix(RESOURCE).unwrap_or_default();
        let name_is_valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if arn.service == "eks" && arn.region.is_empty() && arn.account == "aws" && name_is_valid {
            Ok(Self::new(arn.partition, name))
        } else {
            Err(AccessPolicyArnError)
        }
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.named().text
    }

    /// The policy's name.
    pub fn name(&self) -> &str {
        self.named().name()
    }

    /// The partition; a policy of another partition than the cluster's is unknown there.
    pub fn partition(&self) -> Partition {
        self.named().partition
    }
}

impl PartialEq for AccessPolicyArn {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for AccessPolicyArn {}

impl PartialOrd for AccessPolicyArn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AccessPolicyArn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl std::hash::Hash for AccessPolicyArn {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for AccessPolicyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccessPolicyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AccessPolicyArn {
    type Err = AccessPolicyArnError;

    fn from_str(text: &str) -> Result<Self, AccessPolicyArnError> {
        Self::parse(text)
    }
}

text_form!(AccessPolicyArn);

/// Not the ARN of an access policy. The text is EKS's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The policyArn parameter format is not valid")]
pub struct AccessPolicyArnError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_holds_every_policy_with_as_many_rules_as_aws_prints() {
        let catalogue = Catalogue::built_in();
        assert_eq!(catalogue.iter().count(), 37);
        assert_eq!(catalogue.iter().filter(|policy| policy.listed).count(), 33);
        for (name, rules) in [
            ("AmazonEKSClusterAdminPolicy", 2),
            ("AmazonEKSAdminPolicy", 22),
            ("AmazonEKSEditPolicy", 20),
            ("AmazonEKSViewPolicy", 10),
            ("AmazonEKSAdminViewPolicy", 1),
            ("AmazonEKSACKPolicy", 5),
            ("AmazonAIOpsAssistantPolicy", 7),
            ("AmazonEMRJobPolicy", 0),
        ] {
            assert_eq!(catalogue.find(name).unwrap().rules.len(), rules, "{name}");
        }
    }

    #[test]
    fn every_rule_can_match_something() {
        for policy in Catalogue::built_in().iter() {
            let known = matches!(policy.documented, Documented::Table | Documented::SecondHand);
            assert_eq!(known, !policy.grants_nothing(), "{}", policy.name);
            for rule in &policy.rules {
                let on_resources = !rule.api_groups.is_empty() && !rule.resources.is_empty();
                let on_paths = !rule.non_resource_urls.is_empty();
                assert!(!rule.verbs.is_empty() && (on_resources != on_paths), "{} {rule:?}", policy.name);
            }
        }
    }

    #[test]
    fn only_the_exact_form_is_an_access_policy_arn() {
        let arn = AccessPolicyArn::parse("arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy").unwrap();
        assert_eq!(arn.name(), "AmazonEKSViewPolicy");
        for text in [
            "AmazonEKSViewPolicy",
            "arn:aws:iam::aws:policy/AdministratorAccess",
            "arn:aws:eks::aws:cluster-access-policy/",
            "arn:aws:eks::aws:cluster-access-policy/a/b",
            "arn:aws:eks:us-east-1:aws:cluster-access-policy/AmazonEKSViewPolicy",
            "arn:aws:eks::123456789012:cluster-access-policy/AmazonEKSViewPolicy",
        ] {
            assert!(AccessPolicyArn::parse(text).is_err(), "{text}");
        }
    }
}
