//! What one list of rights allows beyond another.
//!
//! Exact, not by sampling: rights that are in both lists cancel, and each of the others is a region of requests out of
//! which the regions of the other list are cut. What is left is a difference, and any request of it a witness.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::region::Covered;
use super::request::Request;
use super::universe::{Right, Universe};
use crate::access_scope::AccessScope;
use crate::permissions::{PermissionSet, Scope};
use crate::rbac::{PolicyRule, ResourceAttributes};

/// A rule and where it counts, as a report shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScopedRule {
    /// The rule.
    pub rule: PolicyRule,
    /// Namespaces or patterns of namespaces; absent for the whole cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
}

impl ScopedRule {
    pub(super) fn of(right: &Right<'_>) -> Self {
        let namespaces = match right.scope {
            Scope::Cluster | Scope::Access(AccessScope::Cluster) => None,
            Scope::Namespace(name) => Some(vec![name.to_owned()]),
            Scope::Access(scope) => Some(scope.namespaces().iter().map(|one| one.as_str().to_owned()).collect()),
        };
        Self { rule: right.rule.clone(), namespaces }
    }
}

/// What the rights of one World allow beyond those of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Beyond {
    /// Those of its rules that allow more, sorted.
    pub(super) rules: Vec<ScopedRule>,
    /// What the other World has that meets them, sorted: with `rules` it says exactly what the difference is.
    pub(super) remaining: Vec<ScopedRule>,
    /// A request that only one of them allows.
    pub(super) request: Request,
}

/// The outcome of comparing two lists in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// Everything is allowed by the other list too.
    None,
    /// This is not.
    Some(Box<Beyond>),
    /// Could not be decided in reasonable time.
    Undecided,
}

static EVERYTHING: LazyLock<[PolicyRule; 2]> = LazyLock::new(|| {
    let all = || vec!["*".to_owned()];
    [
        PolicyRule { verbs: all(), api_groups: all(), resources: all(), ..PolicyRule::default() },
        PolicyRule { verbs: all(), non_resource_urls: all(), ..PolicyRule::default() },
    ]
});

/// The rights of an identity: those of its permissions, and for a member of `system:masters` simply all.
pub(super) fn of<'a>(set: &PermissionSet<'a>) -> Vec<Right<'a>> {
    if set.is_master {
        return EVERYTHING.iter().map(|rule| Right { rule, scope: Scope::Cluster }).collect();
    }
    set.permissions.iter().map(|one| Right { rule: one.rule, scope: one.scope }).collect()
}

/// What `mine` allow beyond `theirs`.
pub(super) fn beyond(mine: &[Right<'_>], theirs: &[Right<'_>]) -> Excess {
    let theirs: BTreeSet<Right<'_>> = theirs.iter().copied().collect();
    let own: BTreeSet<Right<'_>> = mine.iter().copied().filter(|right| !theirs.contains(right)).collect();
    if own.is_empty() {
        return Excess::None;
    }
    let own: Vec<Right<'_>> = own.into_iter().collect();
    let all: Vec<Right<'_>> = own.iter().chain(&theirs).copied().collect();
    let Some(universe) = Universe::of(&all) else { return Excess::Undecided };
    let their_resources: Vec<_> = theirs.iter().filter_map(|right| universe.on_resources(right)).collect();
    let their_paths: Vec<_> = theirs.iter().filter_map(|right| universe.on_paths(right)).collect();
    let (mut uncovered, mut simplest) = (Vec::new(), None);
    for right in &own {
        let on_resources = universe.on_resources(right).map_or(Covered::Yes, |one| one.covered_by(&their_resources));
        let on_paths = universe.on_paths(right).map_or(Covered::Yes, |one| one.covered_by(&their_paths));
        let request = match (on_resources, on_paths) {
            (Covered::TooHard, _) | (_, Covered::TooHard) => return Excess::Undecided,
            (Covered::No(part), _) => universe.resource_request(&part),
            (_, Covered::No(part)) => universe.path_request(&part),
            (Covered::Yes, Covered::Yes) => continue,
        };
        uncovered.push(*right);
        simplest.get_or_insert(request);
    }
    let Some(found) = simplest else { return Excess::None };
    let theirs: Vec<Right<'_>> = theirs.into_iter().collect();
    let request = familiar(&uncovered, &theirs, &universe).unwrap_or(found);
    if !is_witness(&request, &uncovered, &theirs) {
        // Never say what does not hold.
        return Excess::Undecided;
    }
    let meets = |right: &&Right<'_>| {
        let resources = universe.on_resources(right);
        let paths = universe.on_paths(right);
        uncovered.iter().any(|own| {
            let meets_resources = universe.on_resources(own).zip(resources.as_ref()).is_some_and(|(a, b)| a.meets(b));
            meets_resources || universe.on_paths(own).zip(paths.as_ref()).is_some_and(|(a, b)| a.meets(b))
        })
    };
    let mut rules: Vec<_> = uncovered.iter().map(ScopedRule::of).collect();
    let mut remaining: Vec<_> = theirs.iter().filter(meets).map(ScopedRule::of).collect();
    rules.sort();
    remaining.sort();
    Excess::Some(Box::new(Beyond { rules, remaining, request }))
}

fn is_witness(request: &Request, mine: &[Right<'_>], theirs: &[Right<'_>]) -> bool {
    let asked = request.attributes();
    mine.iter().any(|right| right.covers(&asked)) && !theirs.iter().any(|right| right.covers(&asked))
}

/// Requests that everybody knows, the gravest first.
const FAMILIAR: [(&str, &str, &str); 12] = [
    ("delete", "", "pods"),
    ("get", "", "secrets"),
    ("delete", "apps", "deployments"),
    ("create", "", "pods"),
    ("create", "apps", "deployments"),
    ("update", "apps", "deployments"),
    ("list", "", "secrets"),
    ("get", "", "pods"),
    ("list", "", "pods"),
    ("get", "apps", "deployments"),
    ("get", "", "configmaps"),
    ("get", "", "nodes"),
];

/// Tries before settling for whatever was found.
const MAX_TRIES: usize = 4_000;

/// A request of the difference that people know, if there is one; else the first of its rules, as it is written.
fn familiar(mine: &[Right<'_>], theirs: &[Right<'_>], universe: &Universe) -> Option<Request> {
    let known = FAMILIAR.iter().map(|&(verb, group, resource)| (verb, group, resource, ""));
    let written = mine.iter().flat_map(|right| {
        let rule = right.rule;
        let name = rule.resource_names.first().map_or("", String::as_str);
        let words = move |list: &'_ [String]| list.iter().filter(|word| *word != "*").cloned().collect::<Vec<_>>();
        let (verbs, groups, resources) = (words(&rule.verbs), words(&rule.api_groups), words(&rule.resources));
        let mut all = Vec::new();
        for resource in &resources {
            for group in &groups {
                all.extend(verbs.iter().map(|verb| (verb.clone(), group.clone(), resource.clone(), name)));
            }
        }
        all
    });
    let known =
        known.map(|(verb, group, resource, name)| (verb.to_owned(), group.to_owned(), resource.to_owned(), name));
    let mut tries = 0;
    for (verb, group, resource, name) in known.chain(written) {
        let (resource, subresource) = resource.split_once('/').unwrap_or((&resource, ""));
        if resource == "*" {
            continue;
        }
        for namespace in universe.namespaces() {
            tries += 1;
            if tries > MAX_TRIES {
                return None;
            }
            let (verb, group) = (verb.as_str(), group.as_str());
            let request = ResourceAttributes { verb, group, resource, subresource, namespace, name }.into();
            if is_witness(&request, mine, theirs) {
                return Some(request);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_policy::Catalogue;

    fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> PolicyRule {
        let strings = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        PolicyRule {
            verbs: strings(verbs),
            api_groups: strings(groups),
            resources: strings(resources),
            resource_names: strings(names),
            ..PolicyRule::default()
        }
    }

    fn paths(verbs: &[&str], urls: &[&str]) -> PolicyRule {
        let non_resource_urls = urls.iter().map(|&text| text.to_owned()).collect();
        PolicyRule { non_resource_urls, ..rule(verbs, &[], &[], &[]) }
    }

    /// What the first rules allow beyond the others, as a sentence; empty for nothing.
    fn excess(mine: &[(&PolicyRule, Scope<'_>)], theirs: &[(&PolicyRule, Scope<'_>)]) -> String {
        let rights = |list: &[_]| list.iter().map(|&(rule, scope)| Right { rule, scope }).collect::<Vec<_>>();
        match beyond(&rights(mine), &rights(theirs)) {
            Excess::None => String::new(),
            Excess::Some(beyond) => beyond.request.to_string(),
            Excess::Undecided => panic!("undecided"),
        }
    }

    const ALL: Scope<'static> = Scope::Cluster;

    #[test]
    fn several_rules_together_cover_what_none_does_alone() {
        let pods = rule(&["get", "list"], &[""], &["pods", "services"], &[]);
        let (get, list) =
            (rule(&["get"], &["", "apps"], &["services", "pods"], &[]), rule(&["list"], &["*"], &["*"], &[]));
        assert_eq!(excess(&[(&pods, ALL)], &[(&get, ALL), (&list, ALL)]), "");
        assert_eq!(excess(&[(&pods, ALL)], &[(&get, ALL)]), "list pods in default");
        assert_eq!(excess(&[(&list, ALL)], &[(&pods, ALL)]), "list secrets in default");
    }

    #[test]
    fn a_star_is_more_than_all_that_is_named() {
        let star = rule(&["*"], &[""], &["pods"], &[]);
        let verbs = ["delete", "create", "update", "patch", "get", "list", "watch", "deletecollection"];
        assert_eq!(excess(&[(&star, ALL)], &[(&rule(&verbs, &[""], &["pods"], &[]), ALL)]), "anything pods in default");
        let scale = rule(&["get"], &["*"], &["*/scale"], &[]);
        assert_eq!(
            excess(&[(&scale, ALL)], &[(&rule(&["get"], &["apps"], &["deployments/scale"], &[]), ALL)]),
            "get widgets.apps/scale in default"
        );
        assert_eq!(excess(&[(&rule(&["get"], &["x"], &["y/scale"], &[]), ALL)], &[(&scale, ALL)]), "");
    }

    #[test]
    fn names_limit_a_rule() {
        let (named, all) = (rule(&["get"], &[""], &["secrets"], &["a", "b"]), rule(&["get"], &[""], &["secrets"], &[]));
        assert_eq!(excess(&[(&named, ALL)], &[(&all, ALL)]), "");
        assert_eq!(excess(&[(&all, ALL)], &[(&named, ALL)]), "get secrets in default");
        let one = rule(&["get"], &[""], &["secrets"], &["b"]);
        assert_eq!(excess(&[(&named, ALL)], &[(&one, ALL)]), "get secrets named a in default");
    }

    #[test]
    fn namespaces_and_patterns_limit_a_rule() {
        let scope = |list: &[&str]| {
            AccessScope::parse("namespace", &list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()).unwrap()
        };
        let pods = rule(&["get"], &[""], &["pods"], &[]);
        let (dev, prod, star, both) =
            (scope(&["dev-*"]), scope(&["*-prod"]), scope(&["*"]), scope(&["dev-*", "*-prod"]));
        let access = |scope| (&pods, Scope::Access(scope));
        assert_eq!(excess(&[access(&both)], &[access(&dev), access(&prod)]), "");
        assert_eq!(excess(&[access(&dev)], &[access(&prod)]), "get pods in dev-a");
        assert_eq!(excess(&[(&pods, ALL)], &[access(&star)]), "get pods at the cluster scope");
        assert_eq!(excess(&[(&pods, Scope::Namespace("dev-1"))], &[access(&dev)]), "");
        assert_eq!(excess(&[(&pods, Scope::Namespace("Dev"))], &[access(&star)]), "");
    }

    #[test]
    fn paths_are_compared_with_their_beginnings() {
        let all = paths(&["*"], &["*"]);
        assert_eq!(excess(&[(&all, ALL)], &[(&paths(&["*"], &["/*"]), ALL)]), "");
        assert_eq!(
            excess(&[(&paths(&["get"], &["/api/*"]), ALL)], &[(&paths(&["get"], &["/api/", "/api/v1"]), ALL)]),
            "get /api/a"
        );
        assert_eq!(excess(&[(&paths(&["get"], &["/api"]), ALL)], &[(&paths(&["get"], &["/api*"]), ALL)]), "");
        assert_eq!(excess(&[(&all, ALL)], &[(&all, Scope::Namespace("a"))]), "get /a");
    }

    #[test]
    fn cluster_admin_policy_lacks_nothing_that_masters_may() {
        let masters = PermissionSet { is_master: true, ..PermissionSet::default() };
        let policies = Catalogue::built_in();
        let rights = |name| -> Vec<Right<'static>> {
            policies.find(name).unwrap().rules.iter().map(|rule| Right { rule, scope: ALL }).collect()
        };
        assert_eq!(beyond(&of(&masters), &rights("AmazonEKSClusterAdminPolicy")), Excess::None);
        assert_eq!(beyond(&rights("AmazonEKSClusterAdminPolicy"), &of(&masters)), Excess::None);
        let Excess::Some(lost) = beyond(&of(&masters), &rights("AmazonEKSViewPolicy")) else { panic!("covered") };
        assert_eq!(lost.request.to_string(), "delete pods in default");
        assert_eq!(beyond(&rights("AmazonEKSEditPolicy"), &rights("AmazonEKSAdminPolicy")), Excess::None);
    }
}
