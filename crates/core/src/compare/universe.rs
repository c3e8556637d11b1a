//! Every request there can be, as far as given rules can tell requests apart.
//!
//! In each dimension the rules name finitely many values; one more stands for all that none of them names. For
//! resources a rule may name a subresource of everything (`*/scale`), for paths a beginning, for namespaces a pattern:
//! each gets a value that is reached by it and by nothing narrower. The values are sorted so that the first ones are
//! those that people know.
//!
//! Requests are those that the API server makes: a resource without a slash, a path with one in front.

use std::collections::BTreeSet;

use super::bits::Bits;
use super::namespaces;
use super::region::Region;
use super::request::Request;
use crate::access_scope::AccessScope;
use crate::permissions::Scope;
use crate::rbac::{Attributes, NonResourceAttributes, PolicyRule, ResourceAttributes};

/// A rule and where it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Right<'a> {
    pub(super) rule: &'a PolicyRule,
    pub(super) scope: Scope<'a>,
}

impl Right<'_> {
    pub(super) fn covers(&self, asked: &Attributes<'_>) -> bool {
        self.scope.contains(asked) && self.rule.covers(asked)
    }
}

/// The values of each dimension.
pub(super) struct Universe {
    verbs: Vec<String>,
    groups: Vec<String>,
    /// Resource and subresource.
    resources: Vec<(String, String)>,
    namespaces: Vec<String>,
    names: Vec<String>,
    paths: Vec<String>,
}

const VERBS: [&str; 8] = ["delete", "create", "update", "patch", "get", "list", "watch", "deletecollection"];
const GROUPS: [&str; 3] = ["", "apps", "batch"];
const RESOURCES: [&str; 4] = ["pods", "secrets", "deployments", "configmaps"];

impl Universe {
    /// The requests that these rules can tell apart; none if their namespace patterns are too entangled.
    pub(super) fn of(rights: &[Right<'_>]) -> Option<Self> {
        let named = |list: fn(&PolicyRule) -> &[String]| -> BTreeSet<&str> {
            rights.iter().flat_map(|right| list(right.rule)).map(String::as_str).collect()
        };
        let mut verbs = named(|rule| &rule.verbs);
        // So that a witness of a rule for all verbs is one that people know.
        verbs.insert("get");
        let groups = named(|rule| &rule.api_groups);
        let mut names = sorted(named(|rule| &rule.resource_names), &[""]);
        if names.first().is_none_or(|first| !first.is_empty()) {
            names.insert(0, String::new());
        }
        let fresh_name = fresh("anything", |name| names.iter().any(|one| one == name));
        names.push(fresh_name);
        Some(Self {
            verbs: with_fresh(without_star(verbs), &VERBS, "anything"),
            groups: with_fresh(without_star(groups), &GROUPS, "example.com"),
            resources: resources(&named(|rule| &rule.resources)),
            namespaces: namespaces_of(rights)?,
            names,
            paths: paths(&named(|rule| &rule.non_resource_urls)),
        })
    }

    /// What a rule reaches among resources.
    pub(super) fn on_resources(&self, right: &Right<'_>) -> Option<Region<5>> {
        let Right { rule, scope } = right;
        let has_resource = |(resource, subresource): &(String, String)| {
            rule.has_resource(&ResourceAttributes { resource, subresource, ..ResourceAttributes::default() })
        };
        let in_scope = |namespace: &String| {
            scope.contains(&Attributes::Resource(ResourceAttributes { namespace, ..ResourceAttributes::default() }))
        };
        Region::new([
            bits(&self.verbs, |verb| rule.has_verb(verb)),
            bits(&self.groups, |group| rule.has_group(group)),
            bits(&self.resources, has_resource),
            bits(&self.namespaces, in_scope),
            bits(&self.names, |name| rule.has_name(name)),
        ])
    }

    /// What a rule reaches among paths.
    pub(super) fn on_paths(&self, right: &Right<'_>) -> Option<Region<2>> {
        if !right.scope.contains(&Attributes::NonResource(NonResourceAttributes::default())) {
            return None;
        }
        Region::new([
            bits(&self.verbs, |verb| right.rule.has_verb(verb)),
            bits(&self.paths, |path| right.rule.has_path(path)),
        ])
    }

    /// The simplest request of a region.
    pub(super) fn resource_request(&self, region: &Region<5>) -> Request {
        let [verb, group, resource, namespace, name] = region.first();
        let (resource, subresource) = self.resources.get(resource).cloned().unwrap_or_default();
        let at = |list: &[String], at: usize| list.get(at).cloned().unwrap_or_default();
        Request::ResourceAttributes {
            verb: at(&self.verbs, verb),
            group: at(&self.groups, group),
            resource,
            subresource,
            namespace: at(&self.namespaces, namespace),
            name: at(&self.names, name),
        }
    }

    /// The simplest request of a region of paths.
    pub(super) fn path_request(&self, region: &Region<2>) -> Request {
        let [verb, path] = region.first();
        let at = |list: &[String], at: usize| list.get(at).cloned().unwrap_or_default();
        Request::NonResourceAttributes { verb: at(&self.verbs, verb), path: at(&self.paths, path) }
    }

    /// Namespaces in the order in which a witness takes them.
    pub(super) fn namespaces(&self) -> &[String] {
        &self.namespaces
    }
}

fn bits<T>(list: &[T], mut holds: impl FnMut(&T) -> bool) -> Bits {
    Bits::of(list.len(), |at| list.get(at).is_some_and(&mut holds))
}

fn without_star(mut named: BTreeSet<&str>) -> BTreeSet<&str> {
    named.remove("*");
    named
}

/// Those that people know first, the others by name.
fn sorted(named: BTreeSet<&str>, known: &[&str]) -> Vec<String> {
    let mut list: Vec<&str> = named.into_iter().collect();
    list.sort_by_key(|one| known.iter().position(|known| known == one).unwrap_or(usize::MAX));
    list.into_iter().map(str::to_owned).collect()
}

fn with_fresh(named: BTreeSet<&str>, known: &[&str], other: &str) -> Vec<String> {
    let other = fresh(other, |text| named.contains(text));
    let mut list = sorted(named, known);
    list.push(other);
    list
}

/// A text that is not taken.
fn fresh(text: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut text = text.to_owned();
    while taken(&text) {
        text.push_str("-x");
    }
    text
}

/// Every resource that is named, with and without subresource; for `*/scale` the `scale` of an unnamed resource; and a
/// resource that only `*` reaches.
fn resources(named: &BTreeSet<&str>) -> Vec<(String, String)> {
    let named_resources: BTreeSet<&str> =
        named.iter().map(|text| text.split_once('/').map_or(*text, |(resource, _)| resource)).collect();
    let other = fresh("widgets", |text| named_resources.contains(text));
    let mut list: Vec<(String, String)> = sorted(named.clone(), &RESOURCES)
        .iter()
        .filter_map(|text| match text.split_once('/') {
            // `pods/` is the name of no request.
            Some((_, "")) => None,
            Some(("*", subresource)) => Some((other.clone(), subresource.to_owned())),
            Some((resource, subresource)) => Some((resource.to_owned(), subresource.to_owned())),
            None if text == "*" => None,
            None => Some((text.clone(), String::new())),
        })
        .collect();
    list.push((other, String::new()));
    list
}

/// Namespaces that are named, one for each combination of patterns, one that is neither, and none: a cluster-wide
/// request.
fn namespaces_of(rights: &[Right<'_>]) -> Option<Vec<String>> {
    let mut known = BTreeSet::new();
    let mut patterns = BTreeSet::new();
    for right in rights {
        match right.scope {
            Scope::Cluster | Scope::Access(AccessScope::Cluster) => {}
            Scope::Namespace(name) => {
                known.insert(name);
            }
            Scope::Access(AccessScope::Namespaces(list)) => {
                for pattern in list.iter() {
                    if pattern.as_str().contains('*') {
                        patterns.insert(pattern);
                    } else {
                        known.insert(pattern.as_str());
                    }
                }
            }
        }
    }
    // No binding is in it, and a request there is a cluster-wide one.
    known.remove("");
    let mut list: Vec<String> = known.iter().map(|&name| name.to_owned()).collect();
    if patterns.is_empty() {
        list.push(fresh("default", |name| known.contains(name)));
    } else {
        let patterns: Vec<_> = patterns.into_iter().collect();
        list.extend(namespaces::representatives(&patterns, &known)?);
    }
    list.push(String::new());
    Some(list)
}

/// Paths that are named, for each beginning a path that nothing narrower reaches, and one that nothing names.
fn paths(named: &BTreeSet<&str>) -> Vec<String> {
    let mut exact = BTreeSet::new();
    let mut beginnings = BTreeSet::from(["/"]);
    for text in named {
        match text.trim_end_matches('*') {
            beginning if beginning.len() == text.len() => exact.insert(*text),
            "" => false,
            beginning => beginnings.insert(beginning),
        };
    }
    exact.retain(|path| path.starts_with('/'));
    beginnings.retain(|path| path.starts_with('/'));
    let mut list: Vec<String> = exact.iter().map(|&path| path.to_owned()).collect();
    for beginning in &beginnings {
        // What is named begins with finitely many of these.
        let tails = ('a'..='z').chain('0'..='9').chain('\u{4e00}'..='\u{9fff}');
        let own = |path: &String| {
            !exact.contains(path.as_str())
                && !beginnings.iter().any(|other| other.len() > beginning.len() && path.starts_with(other))
        };
        list.extend(tails.map(|tail| format!("{beginning}{tail}")).find(own));
        if !exact.contains(beginning) {
            list.push((*beginning).to_owned());
        }
    }
    list
}
