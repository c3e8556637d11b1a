//! The access policy that gives exactly what bindings give, if one does.
//!
//! Rules are taken apart into single grants (one verb on one resource of one group, or on one path) and compared as
//! sets. That can miss an equal policy that is written otherwise, and never takes a different one for equal. Policies
//! of which AWS does not print every rule are out of the question.

use std::collections::{BTreeMap, BTreeSet};

use crate::access_policy::{AccessPolicyArn, Catalogue, Documented};
use crate::access_scope::{AccessScope, NamespacePattern};
use crate::partition::Partition;
use crate::rbac::{Binding, PolicyRule, Rbac};

/// One verb on one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Grant<'a> {
    /// Verb, group, resource, and the name it is limited to.
    Resource(&'a str, &'a str, &'a str, Option<&'a str>),
    /// Verb and path.
    Path(&'a str, &'a str),
}

type Grants<'a> = BTreeSet<Grant<'a>>;

/// The policies whose every rule is known, as sets of grants.
#[derive(Debug)]
pub(super) struct Policies<'a>(Vec<(&'a str, Grants<'a>)>);

impl<'a> Policies<'a> {
    pub(super) fn new(catalogue: &'a Catalogue) -> Self {
        let known = catalogue.iter().filter(|policy| {
            policy.listed
                && !policy.service_linked_role_only
                && policy.omitted.is_empty()
                && policy.documented == Documented::Table
        });
        Self(known.map(|policy| (policy.name.as_str(), grants(&policy.rules))).collect())
    }

    /// The policy and the scope that give what these bindings give together. A role that does not exist may be made
    /// later, so nothing equals a binding to one.
    pub(super) fn equal_to(
        &self,
        bindings: &[&Binding],
        rbac: &Rbac,
        partition: Partition,
    ) -> Option<(AccessPolicyArn, AccessScope)> {
        let mut by_namespace: BTreeMap<Option<&str>, Grants<'_>> = BTreeMap::new();
        for binding in bindings {
            let role = rbac.role_of(binding)?;
            by_namespace.entry(binding.namespace.as_deref()).or_default().extend(grants(&role.rules));
        }
        if let Some(everywhere) = by_namespace.remove(&None) {
            let name = self.0.iter().find(|(_, grants)| *grants == everywhere)?.0;
            return by_namespace.is_empty().then(|| (AccessPolicyArn::new(partition, name), AccessScope::Cluster));
        }
        // No path is in a namespace.
        let resources = |grants: &Grants<'a>| -> Grants<'a> {
            grants.iter().filter(|grant| matches!(grant, Grant::Resource(..))).copied().collect()
        };
        let mut namespaces = Vec::with_capacity(by_namespace.len());
        let mut wanted: Option<Grants<'_>> = None;
        for (namespace, grants) in &by_namespace {
            let grants: Grants<'_> =
                grants.iter().filter(|grant| matches!(grant, Grant::Resource(..))).copied().collect();
            if wanted.get_or_insert_with(|| grants.clone()) != &grants {
                return None;
            }
            namespaces.push(NamespacePattern::parse((*namespace)?).ok()?);
        }
        let wanted = wanted?;
        let name = self.0.iter().find(|(_, grants)| resources(grants) == wanted)?.0;
        Some((AccessPolicyArn::new(partition, name), AccessScope::Namespaces(namespaces.into_iter().collect())))
    }
}

fn grants(rules: &[PolicyRule]) -> Grants<'_> {
    let mut grants = Grants::new();
    for rule in rules {
        let names: Vec<Option<&str>> = match rule.resource_names.as_slice() {
            [] => vec![None],
            names => names.iter().map(|name| Some(name.as_str())).collect(),
        };
        for verb in &rule.verbs {
            for (group, resource) in
                rule.api_groups.iter().flat_map(|group| rule.resources.iter().map(move |r| (group, r)))
            {
                grants.extend(names.iter().map(|name| Grant::Resource(verb, group, resource, *name)));
            }
            grants.extend(rule.non_resource_urls.iter().map(|url| Grant::Path(verb, url)));
        }
    }
    grants
}

#[cfg(test)]
mod tests {
    use super::*;

    const RBAC: &str = r#"
{kind: ClusterRole, metadata: {name: admin}, rules: [
  {apiGroups: ['*'], resources: ['*'], verbs: ['*']}, {nonResourceURLs: ['*'], verbs: ['*']}]}
---
{kind: ClusterRole, metadata: {name: nearly}, rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]}
"#;

    fn equal(bindings: &[(Option<&str>, &str)]) -> Option<String> {
        let rbac = Rbac::parse(RBAC).unwrap();
        let bindings: Vec<Binding> = bindings
            .iter()
            .map(|(namespace, role)| Binding {
                namespace: namespace.map(str::to_owned),
                name: "b".into(),
                role: crate::rbac::RoleRef::ClusterRole((*role).into()),
                subjects: vec![],
            })
            .collect();
        let policies = Policies::new(Catalogue::built_in());
        let found = policies.equal_to(&bindings.iter().collect::<Vec<_>>(), &rbac, Partition::AwsCn);
        found.map(|(arn, scope)| format!("{arn} {} {:?}", scope.kind(), scope.namespaces()))
    }

    #[test]
    fn only_a_policy_with_the_very_grants_equals_bindings() {
        let admin = "arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
        assert_eq!(equal(&[(None, "admin")]), Some(format!("{admin} cluster []")));
        assert_eq!(equal(&[(None, "nearly")]), None);
        assert_eq!(equal(&[(None, "gone")]), None);
        assert_eq!(equal(&[]), None);
        assert_eq!(equal(&[(None, "admin"), (Some("a"), "admin")]), None);
        let scope = "namespace [NamespacePattern(\"a\"), NamespacePattern(\"b\")]";
        assert_eq!(equal(&[(Some("a"), "admin"), (Some("b"), "nearly")]), Some(format!("{admin} {scope}")));
    }
}
