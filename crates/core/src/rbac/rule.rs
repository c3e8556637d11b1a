//! One rule of a role or of an access policy, and whether it covers a request.
//!
//! Source: Kubernetes documentation, "Using RBAC Authorization", and the `rbac.authorization.k8s.io/v1` reference of
//! PolicyRule. Access policies of EKS are printed in the same shape and mean the same.

use serde::{Deserialize, Serialize};

use super::attributes::{Attributes, NonResourceAttributes, ResourceAttributes};

/// Verbs on resources of API groups, or on paths. It only ever allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PolicyRule {
    /// Verbs; `*` is every verb.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verbs: Vec<String>,
    /// API groups; the empty string is the core group, `*` is every group.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    /// `pods`, `pods/log`, `*/scale` (that subresource of everything) or `*` (everything, subresources included).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Names of objects that the rule is limited to; empty is no limit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// Paths; a trailing `*` covers everything below.
    #[serde(rename = "nonResourceURLs", skip_serializing_if = "Vec::is_empty")]
    pub non_resource_urls: Vec<String>,
}

impl PolicyRule {
    /// Whether this rule allows the request. Scope (which namespaces) is decided by whoever holds the rule.
    pub fn covers(&self, attributes: &Attributes<'_>) -> bool {
        match attributes {
            Attributes::Resource(resource) => self.covers_resource(resource),
            Attributes::NonResource(path) => self.covers_path(path),
        }
    }

    fn covers_resource(&self, asked: &ResourceAttributes<'_>) -> bool {
        self.has_verb(asked.verb)
            && self.has_group(asked.group)
            && self.has_resource(asked)
            && self.has_name(asked.name)
    }

    fn covers_path(&self, asked: &NonResourceAttributes<'_>) -> bool {
        self.has_verb(asked.verb) && self.has_path(asked.path)
    }

    /// Whether the rule is about this verb.
    pub(crate) fn has_verb(&self, verb: &str) -> bool {
        has(&self.verbs, verb)
    }

    /// Whether the rule is about this API group.
    pub(crate) fn has_group(&self, group: &str) -> bool {
        has(&self.api_groups, group)
    }

    /// Whether the rule is about this resource and subresource; nothing else is looked at.
    pub(crate) fn has_resource(&self, asked: &ResourceAttributes<'_>) -> bool {
        self.resources.iter().any(|resource| covers_resource(resource, asked))
    }

    /// Whether the rule is about objects of this name.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.resource_names.is_empty() || self.resource_names.iter().any(|one| one == name)
    }

    /// Whether the rule is about this path.
    pub(crate) fn has_path(&self, path: &str) -> bool {
        self.non_resource_urls.iter().any(|url| covers_path(url, path))
    }
}

fn has(allowed: &[String], asked: &str) -> bool {
    allowed.iter().any(|one| one == "*" || one == asked)
}

/// Resource and subresource are compared as one text, as the API server does: a review may ask for `pods/log` in either
/// way.
fn covers_resource(rule: &str, asked: &ResourceAttributes<'_>) -> bool {
    if asked.subresource.is_empty() {
        return rule == "*" || rule == asked.resource;
    }
    let before_subresource = rule.strip_suffix(asked.subresource).and_then(|rest| rest.strip_suffix('/'));
    rule == "*" || before_subresource.is_some_and(|resource| resource == "*" || resource == asked.resource)
}

/// Several trailing stars mean one, as in the API server. A star elsewhere is a letter of the path.
fn covers_path(rule: &str, asked: &str) -> bool {
    rule == asked || (rule.ends_with('*') && asked.starts_with(rule.trim_end_matches('*')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|&text| text.to_owned()).collect()
    }

    fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> PolicyRule {
        PolicyRule {
            api_groups: strings(groups),
            resources: strings(resources),
            verbs: strings(verbs),
            ..PolicyRule::default()
        }
    }

    fn ask<'a>(verb: &'a str, group: &'a str, path: &'a str) -> Attributes<'a> {
        let (resource, subresource) = path.split_once('/').unwrap_or((path, ""));
        Attributes::Resource(ResourceAttributes { verb, group, resource, subresource, ..Default::default() })
    }

    #[test]
    fn a_resource_rule_does_not_cover_its_subresources_and_the_other_way_round() {
        let pods = rule(&[""], &["pods"], &["get"]);
        assert!(pods.covers(&ask("get", "", "pods")));
        assert!(!pods.covers(&ask("get", "", "pods/log")));
        assert!(!rule(&[""], &["pods/log"], &["get"]).covers(&ask("get", "", "pods")));
    }

    #[test]
    fn a_star_before_a_subresource_covers_that_subresource_of_everything() {
        let scale = rule(&["*"], &["*/scale"], &["get"]);
        assert!(scale.covers(&ask("get", "apps", "deployments/scale")));
        assert!(!scale.covers(&ask("get", "apps", "deployments")));
        assert!(!scale.covers(&ask("get", "apps", "deployments/status")));
    }

    #[test]
    fn a_review_may_write_the_subresource_into_the_resource() {
        let log = rule(&[""], &["pods/log"], &["get"]);
        let asked = ResourceAttributes { verb: "get", resource: "pods/log", ..ResourceAttributes::default() };
        assert!(log.covers(&Attributes::Resource(asked)));
        assert!(!rule(&[""], &["*/log", "pods"], &["get"]).covers(&Attributes::Resource(asked)));
    }

    #[test]
    fn a_star_covers_subresources_too() {
        assert!(rule(&["*"], &["*"], &["*"]).covers(&ask("create", "", "pods/exec")));
    }

    #[test]
    fn groups_and_verbs_match_exactly() {
        let apps = rule(&["apps"], &["deployments"], &["list"]);
        assert!(!apps.covers(&ask("list", "", "deployments")));
        assert!(!apps.covers(&ask("watch", "apps", "deployments")));
        assert!(!apps.covers(&ask("LIST", "apps", "deployments")));
    }

    #[test]
    fn a_rule_limited_to_names_does_not_cover_lists() {
        let named = PolicyRule { resource_names: strings(&["a"]), ..rule(&[""], &["secrets"], &["*"]) };
        assert!(!named.covers(&ask("list", "", "secrets")));
        let get = ResourceAttributes { verb: "get", resource: "secrets", name: "a", ..ResourceAttributes::default() };
        assert!(named.covers(&Attributes::Resource(get)));
        assert!(!named.covers(&Attributes::Resource(ResourceAttributes { name: "b", ..get })));
    }

    #[test]
    fn paths_are_covered_exactly_or_by_a_trailing_star() {
        let paths = PolicyRule {
            verbs: strings(&["get"]),
            non_resource_urls: strings(&["/api", "/apis/*", "/m**", "/*/x"]),
            ..PolicyRule::default()
        };
        let ask = |path| Attributes::NonResource(NonResourceAttributes { verb: "get", path });
        assert!(paths.covers(&ask("/api")) && paths.covers(&ask("/apis/")) && paths.covers(&ask("/apis/x/y")));
        assert!(paths.covers(&ask("/metrics")) && paths.covers(&ask("/*/x")) && !paths.covers(&ask("/y/x")));
        assert!(!paths.covers(&ask("/api/")) && !paths.covers(&ask("/apis")) && !paths.covers(&ask("/")));
    }

    #[test]
    fn resource_rules_cover_no_paths() {
        let all = rule(&["*"], &["*"], &["*"]);
        assert!(!all.covers(&Attributes::NonResource(NonResourceAttributes { verb: "get", path: "/healthz" })));
    }
}
