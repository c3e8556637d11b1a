//! Rules and scopes in words.

use crate::access_scope::AccessScope;
use crate::permissions::Scope;
use crate::rbac::{Attributes, PolicyRule};

/// `in the whole cluster`, `in namespace ui`, `in namespaces ui and dev-*`.
pub fn place(scope: &Scope<'_>) -> String {
    let namespaces: Vec<&str> = match scope {
        Scope::Cluster | Scope::Access(AccessScope::Cluster) => return "in the whole cluster".to_owned(),
        Scope::Namespace(namespace) => vec![namespace],
        Scope::Access(AccessScope::Namespaces(patterns)) => patterns.iter().map(|pattern| pattern.as_str()).collect(),
    };
    let word = if namespaces.len() == 1 { "namespace" } else { "namespaces" };
    format!("in {word} {}", namespaces.join(", "))
}

/// `get, list on pods, pods/log`, `delete on deployments.apps named "x"`, `get on /healthz`.
pub(super) fn rule(rule: &PolicyRule) -> String {
    let mut on: Vec<String> = Vec::new();
    for group in &rule.api_groups {
        on.extend(rule.resources.iter().map(|resource| with_group(resource, group)));
    }
    on.extend(rule.non_resource_urls.iter().cloned());
    let names: Vec<String> = rule.resource_names.iter().map(|name| format!("`{name}`")).collect();
    let named = if names.is_empty() { String::new() } else { format!(" named {}", names.join(", ")) };
    format!("{} on {}{named}", shortened(rule.verbs.clone()), shortened(on))
}

/// The same of what in the rule a request is about, if anything is: a rule of a policy can name dozens of resources.
pub fn rule_about(rule: &PolicyRule, asked: &Attributes<'_>) -> String {
    let everything = || vec!["*".to_owned()];
    let mut about =
        PolicyRule { verbs: rule.verbs.clone(), resource_names: rule.resource_names.clone(), ..PolicyRule::default() };
    let mut on = Vec::new();
    for group in &rule.api_groups {
        for resource in &rule.resources {
            let one = PolicyRule {
                verbs: everything(),
                api_groups: vec![group.clone()],
                resources: vec![resource.clone()],
                ..PolicyRule::default()
            };
            if one.covers(asked) {
                on.push(with_group(resource, group));
            }
        }
    }
    for url in &rule.non_resource_urls {
        let one = PolicyRule { verbs: everything(), non_resource_urls: vec![url.clone()], ..PolicyRule::default() };
        if one.covers(asked) {
            on.push(url.clone());
        }
    }
    if on.is_empty() {
        return self::rule(rule);
    }
    // What is listed is text already.
    about.non_resource_urls = on;
    self::rule(&about)
}

fn with_group(resource: &str, group: &str) -> String {
    if group.is_empty() {
        return resource.to_owned();
    }
    match resource.split_once('/') {
        Some((resource, subresource)) => format!("{resource}.{group}/{subresource}"),
        None => format!("{resource}.{group}"),
    }
}

/// A long list is cut: the answer names what decides, and the object holds the rest.
fn shortened(mut list: Vec<String>) -> String {
    const SHOWN: usize = 8;
    let more = list.len().saturating_sub(SHOWN);
    list.truncate(SHOWN);
    let text = list.join(", ");
    if more == 0 { text } else { format!("{text} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_as_a_sentence() {
        let strings = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let mut one = PolicyRule {
            verbs: strings(&["get", "list"]),
            api_groups: strings(&["", "apps"]),
            resources: strings(&["a", "b/scale"]),
            ..PolicyRule::default()
        };
        assert_eq!(rule(&one), "get, list on a, b/scale, a.apps, b.apps/scale");
        let asked = crate::rbac::ResourceAttributes { resource: "a", group: "apps", ..Default::default() };
        assert_eq!(rule_about(&one, &Attributes::Resource(asked)), "get, list on a.apps");
        one.resource_names = strings(&["x"]);
        one.api_groups = strings(&[""]);
        assert_eq!(rule(&one), "get, list on a, b/scale named `x`");
        one.verbs = (0..10).map(|n| n.to_string()).collect();
        assert!(rule(&one).starts_with("0, 1, 2, 3, 4, 5, 6, 7 and 2 more on"));
    }
}
