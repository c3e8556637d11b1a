//! The rules of one access policy, sorted so that a request looks at few of them.
//!
//! The authorization webhook is asked about every request, and an entry may have twenty policies of twenty rules each.
//! The table only chooses which rules to look at: whether one covers the request is for [`PolicyRule::covers`] to say.

use super::attributes::Attributes;
use super::rule::PolicyRule;

/// Which of a list of rules can be about a resource.
#[derive(Debug)]
pub(crate) struct RuleTable {
    /// Rules by what they begin with: a digest of a resource's name, and the place of a rule that names it. Sorted.
    named: Box<[(u32, u32)]>,
    /// Places of rules that may be about any resource, and of those about paths.
    any: Box<[u32]>,
}

/// A request, with what a table is asked for worked out once for all policies of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    attributes: &'a Attributes<'a>,
    resource: u32,
}

impl<'a> Asked<'a> {
    /// Of a request.
    pub(crate) fn new(attributes: &'a Attributes<'a>) -> Self {
        let resource = match attributes {
            Attributes::Resource(asked) => digest(asked.resource),
            Attributes::NonResource(_) => 0,
        };
        Self { attributes, resource }
    }
}

impl RuleTable {
    /// The table of a policy's rules.
    pub(crate) fn of(rules: &[PolicyRule]) -> Self {
        let (mut named, mut any) = (Vec::new(), Vec::new());
        for (place, rule) in (0_u32..).zip(rules) {
            if !rule.non_resource_urls.is_empty() || rule.resources.iter().any(|name| name.starts_with('*')) {
                any.push(place);
            }
            named.extend(rule.resources.iter().map(|name| (digest(name), place)));
        }
        named.sort_unstable();
        named.dedup();
        Self { named: named.into(), any: any.into() }
    }

    /// Whether one of the rules that the table was made of covers a request.
    pub(crate) fn covers(&self, rules: &[PolicyRule], asked: &Asked<'_>) -> bool {
        let covers = |place: &u32| rules.get(*place as usize).is_some_and(|rule| rule.covers(asked.attributes));
        let first = self.named.partition_point(|(digest, _)| *digest < asked.resource);
        let named = self.named.get(first..).unwrap_or_default();
        let mut named = named.iter().take_while(|(digest, _)| *digest == asked.resource);
        self.any.iter().any(covers) || named.any(|(_, place)| covers(place))
    }
}

/// A digest of what comes before the first slash: a request may name a subresource apart from its resource or within it,
/// and what a rule covers begins alike either way. Names with the same digest are told apart by the rules.
fn digest(resource: &str) -> u32 {
    let name = resource.bytes().take_while(|byte| *byte != b'/');
    // FNV-1a: a few instructions for a short name, and nobody gains anything by a collision.
    name.fold(0x811c_9dc5, |digest, byte| (digest ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_policy::Catalogue;
    use crate::rbac::{NonResourceAttributes, ResourceAttributes};
    use proptest::prelude::*;

    #[test]
    fn the_table_says_what_the_rules_say_one_by_one() {
        let verbs = ["get", "create", "impersonate", "escalate", "x"];
        let names = ["pods", "pods/log", "deployments", "secrets", "nodes", "x", "x/scale", "", "/", "*", "pods/"];
        let subresources = ["", "log", "scale", "status", "log/x"];
        for policy in Catalogue::built_in().iter() {
            let table = RuleTable::of(&policy.rules);
            let same = |asked: Attributes<'_>| {
                let one_by_one = policy.rules.iter().any(|rule| rule.covers(&asked));
                assert_eq!(table.covers(&policy.rules, &Asked::new(&asked)), one_by_one, "{} {asked:?}", policy.name);
            };
            let named: Vec<&str> = policy.rules.iter().flat_map(|rule| &rule.resources).map(String::as_str).collect();
            for resource in names.into_iter().chain(named) {
                for (verb, subresource) in verbs.iter().flat_map(|verb| subresources.map(|name| (*verb, name))) {
                    for group in ["", "apps", "rbac.authorization.k8s.io"] {
                        same(Attributes::Resource(ResourceAttributes {
                            verb,
                            group,
                            resource,
                            subresource,
                            ..Default::default()
                        }));
                    }
                }
            }
            for path in ["/", "/api", "/healthz", "/metrics", "pods"] {
                same(Attributes::NonResource(NonResourceAttributes { verb: "get", path }));
            }
        }
    }

    proptest! {
        #[test]
        fn no_rule_is_missed_whatever_it_is_made_of(
            rules in proptest::collection::vec(proptest::collection::vec("[ab*/]{0,4}", 0..3), 0..4),
            resource in "[ab*/]{0,4}",
            subresource in "[ab/]{0,2}",
        ) {
            let rule = |resources| PolicyRule {
                verbs: vec!["get".to_owned()], api_groups: vec!["*".to_owned()], resources, ..PolicyRule::default()
            };
            let rules: Vec<PolicyRule> = rules.into_iter().map(rule).collect();
            let (resource, subresource) = (resource.as_str(), subresource.as_str());
            let asked = Attributes::Resource(ResourceAttributes { verb: "get", resource, subresource, ..Default::default() });
            let one_by_one = rules.iter().any(|rule| rule.covers(&asked));
            prop_assert_eq!(RuleTable::of(&rules).covers(&rules, &Asked::new(&asked)), one_by_one);
        }
    }
}
