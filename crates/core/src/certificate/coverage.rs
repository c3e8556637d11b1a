//! Whether everything that one list of permissions allows is allowed by another, rule by rule.
//!
//! Simple on purpose. A rule falls into pieces of one verb, one API group and one resource. A piece is covered if one
//! rule of the other list says as much; otherwise every request of a finite vocabulary that the piece covers is tried.
//! The vocabulary holds all words of both lists and, in each place, one word more.

use std::collections::BTreeSet;

use crate::compare::ScopedRule;
use crate::permissions::{Permission, PermissionSet, Scope};
use crate::rbac::{Attributes, NonResourceAttributes, PolicyRule, ResourceAttributes};

/// A rule of `mine` that allows more than all of `theirs`, with a request; none if there is no such rule outside
/// `known`.
pub(super) fn uncovered(
    mine: &PermissionSet<'_>,
    theirs: &PermissionSet<'_>,
    known: &BTreeSet<&ScopedRule>,
) -> Option<String> {
    if theirs.is_master {
        return None;
    }
    let everything = everything();
    let rights: Vec<(&PolicyRule, Scope<'_>)> = if mine.is_master {
        everything.iter().map(|rule| (rule, Scope::Cluster)).collect()
    } else {
        mine.permissions.iter().map(|permission| (permission.rule, permission.scope)).collect()
    };
    let same = |rule: &PolicyRule, scope: Scope<'_>| {
        theirs.permissions.iter().any(|one| one.rule == rule && one.scope == scope)
    };
    let open: Vec<_> = rights
        .into_iter()
        .filter(|(rule, scope)| !same(rule, *scope) && !known.contains(&scoped(rule, *scope)))
        .collect();
    if open.is_empty() {
        return None;
    }
    let words = Words::of(open.iter().copied().chain(theirs.permissions.iter().map(|one| (one.rule, one.scope))));
    open.iter().find_map(|(rule, scope)| words.try_rule(rule, *scope, theirs))
}

fn everything() -> [PolicyRule; 2] {
    let all = || vec!["*".to_owned()];
    let rule = PolicyRule { verbs: all(), ..PolicyRule::default() };
    [
        PolicyRule { api_groups: all(), resources: all(), ..rule.clone() },
        PolicyRule { non_resource_urls: all(), ..rule },
    ]
}

fn scoped(rule: &PolicyRule, scope: Scope<'_>) -> ScopedRule {
    let namespaces = match scope {
        Scope::Cluster => None,
        Scope::Namespace(name) => Some(vec![name.to_owned()]),
        Scope::Access(scope) => {
            let names: Vec<String> = scope.namespaces().iter().map(ToString::to_string).collect();
            (!names.is_empty()).then_some(names)
        }
    };
    ScopedRule { rule: rule.clone(), namespaces }
}

/// Words to try, and one more in each place that nothing names.
struct Words {
    verbs: BTreeSet<String>,
    groups: BTreeSet<String>,
    resources: BTreeSet<(String, String)>,
    namespaces: BTreeSet<String>,
    names: BTreeSet<String>,
    paths: BTreeSet<String>,
}

const OTHER: &str = "zz-other";

impl Words {
    fn of<'a>(rights: impl Iterator<Item = (&'a PolicyRule, Scope<'a>)>) -> Self {
        let one = |text: &str| BTreeSet::from([text.to_owned()]);
        let mut words = Self {
            verbs: one(OTHER),
            groups: one(OTHER),
            resources: BTreeSet::from([(OTHER.to_owned(), String::new())]),
            namespaces: BTreeSet::from([String::new(), OTHER.to_owned()]),
            names: BTreeSet::from([String::new(), OTHER.to_owned()]),
            paths: one("/zz-other"),
        };
        for (rule, scope) in rights {
            words.verbs.extend(rule.verbs.iter().cloned());
            words.groups.extend(rule.api_groups.iter().cloned());
            words.names.extend(rule.resource_names.iter().cloned());
            for resource in &rule.resources {
                let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
                let resource = if resource == "*" { OTHER } else { resource };
                words.resources.insert((resource.to_owned(), subresource.to_owned()));
            }
            for url in &rule.non_resource_urls {
                let beginning = url.trim_end_matches('*');
                words.paths.extend([beginning.to_owned(), format!("{beginning}zz-other")]);
            }
            words.add_namespaces(scope);
        }
        words.paths.retain(|path| path.starts_with('/'));
        words
    }

    /// A pattern gives names: with nothing, a letter and a word for each star.
    fn add_namespaces(&mut self, scope: Scope<'_>) {
        match scope {
            Scope::Cluster => {}
            Scope::Namespace(name) => drop(self.namespaces.insert(name.to_owned())),
            Scope::Access(scope) => {
                for pattern in scope.namespaces() {
                    let fill = ["", "z", "zz-other", "-zz-"].map(|star| pattern.as_str().replace('*', star));
                    self.namespaces
                        .extend(fill.into_iter().filter(|name| !name.starts_with('-') && !name.ends_with('-')));
                }
            }
        }
    }

    fn try_rule(&self, rule: &PolicyRule, scope: Scope<'_>, theirs: &PermissionSet<'_>) -> Option<String> {
        for verb in &rule.verbs {
            for group in &rule.api_groups {
                for resource in &rule.resources {
                    let piece = PolicyRule {
                        verbs: vec![verb.clone()],
                        api_groups: vec![group.clone()],
                        resources: vec![resource.clone()],
                        resource_names: rule.resource_names.clone(),
                        non_resource_urls: Vec::new(),
                    };
                    if !theirs.permissions.iter().any(|one| says_as_much(one, &piece, scope)) {
                        let found = self.try_resources(&piece, scope, theirs);
                        if found.is_some() {
                            return found;
                        }
                    }
                }
            }
            for path in &self.paths {
                for verb in self.verbs.iter().filter(|word| verb == "*" || *word == verb) {
                    let asked = Attributes::NonResource(NonResourceAttributes { verb, path });
                    if scope.contains(&asked) && rule.covers(&asked) && !theirs.decide(&asked).is_allowed() {
                        return Some(format!("{verb} {path}"));
                    }
                }
            }
        }
        None
    }

    fn try_resources(&self, piece: &PolicyRule, scope: Scope<'_>, theirs: &PermissionSet<'_>) -> Option<String> {
        for verb in &self.verbs {
            for group in &self.groups {
                for (resource, subresource) in &self.resources {
                    for namespace in &self.namespaces {
                        for name in &self.names {
                            let asked = ResourceAttributes { verb, group, resource, subresource, namespace, name };
                            let asked = Attributes::Resource(asked);
                            if scope.contains(&asked) && piece.covers(&asked) && !theirs.decide(&asked).is_allowed() {
                                return Some(format!("{verb} {resource}/{subresource} of `{group}` in `{namespace}`"));
                            }
                        }
                    }
                }
            }
        }
        None
    }
}

/// Whether one permission says everything that a piece says, word by word.
fn says_as_much(permission: &Permission<'_>, piece: &PolicyRule, scope: Scope<'_>) -> bool {
    let has = |list: &[String], words: &[String]| {
        words.iter().all(|word| list.contains(word) || list.iter().any(|one| one == "*"))
    };
    let rule = permission.rule;
    let names = rule.resource_names.is_empty()
        || (!piece.resource_names.is_empty()
            && piece.resource_names.iter().all(|name| rule.resource_names.contains(name)));
    let is_everywhere = |scope: Scope<'_>| {
        matches!(scope, Scope::Cluster) || matches!(scope, Scope::Access(s) if s.namespaces().is_empty())
    };
    (is_everywhere(permission.scope) || permission.scope == scope)
        && has(&rule.verbs, &piece.verbs)
        && has(&rule.api_groups, &piece.api_groups)
        && has(&rule.resources, &piece.resources)
        && names
}
