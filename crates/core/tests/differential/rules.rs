//! Random rules, scopes and requests of few different words, so that they often meet.
//!
//! Also used against a real kube-apiserver (`crates/lab/tests/differential.rs`).

use doorward_core::rbac::{Attributes, NonResourceAttributes, PolicyRule, ResourceAttributes};
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const NAMESPACES: [&str; 7] = ["a", "b", "a-b", "dev-1", "dev-2", "prod", "x-prod"];
const VERBS: [&str; 4] = ["get", "list", "create", "delete"];
const GROUPS: [&str; 3] = ["", "apps", "batch"];
const RESOURCES: [&str; 3] = ["pods", "jobs", "secrets"];
const SUBRESOURCES: [&str; 2] = ["log", "scale"];
const NAMES: [&str; 3] = ["x", "y", "x-1"];
const PATHS: [&str; 8] = ["/", "/api", "/api/", "/apis", "/apis/apps", "/apis/apps/v1", "/healthz", "/metrics/a"];
const PATTERNS: [&str; 14] =
    ["a", "b", "dev-1", "prod", "dev-*", "*-prod", "*prod", "a*", "*", "**", "d*v*1", "a*b", "x*", "*-*"];

/// Mostly a word of the list, at times a star.
fn word_or_star(words: &'static [&'static str]) -> BoxedStrategy<String> {
    prop_oneof![2 => select(words).prop_map(str::to_owned), 1 => Just("*".to_owned())].boxed()
}

fn resource() -> BoxedStrategy<String> {
    let with_subresource = (word_or_star(&RESOURCES), select(&SUBRESOURCES[..]));
    prop_oneof![
        4 => select(&RESOURCES[..]).prop_map(str::to_owned),
        4 => with_subresource.prop_map(|(resource, subresource)| format!("{resource}/{subresource}")),
        3 => Just("*".to_owned()),
        // Looks like a wildcard and is none.
        1 => select(&["pods/*", "*/*", "po*", "*/"][..]).prop_map(str::to_owned),
    ]
    .boxed()
}

fn path_rule() -> BoxedStrategy<String> {
    let starred =
        select(&PATHS[..]).prop_flat_map(|path| (0..=path.len()).prop_map(move |at| format!("{}*", &path[..at])));
    let odd = select(&["/*/apps", "/api**", "/ap*i", "**", "/*", "/apis/***"][..]).prop_map(str::to_owned);
    prop_oneof![4 => select(&PATHS[..]).prop_map(str::to_owned), 4 => starred, 1 => odd].boxed()
}

fn list(strategy: BoxedStrategy<String>, lengths: std::ops::RangeInclusive<usize>) -> BoxedStrategy<Vec<String>> {
    prop::collection::vec(strategy, lengths).boxed()
}

/// A rule that the Kubernetes API accepts: on resources or on paths, and on something.
pub(crate) fn rule() -> BoxedStrategy<PolicyRule> {
    let names =
        prop_oneof![3 => Just(Vec::new()), 1 => list(select(&NAMES[..]).prop_map(str::to_owned).boxed(), 1..=2)];
    let on_resources =
        (list(word_or_star(&VERBS), 1..=3), list(word_or_star(&GROUPS), 1..=2), list(resource(), 1..=3), names)
            .prop_map(|(verbs, api_groups, resources, resource_names)| PolicyRule {
                verbs,
                api_groups,
                resources,
                resource_names,
                non_resource_urls: Vec::new(),
            });
    let on_paths = (list(word_or_star(&VERBS), 1..=2), list(path_rule(), 1..=2))
        .prop_map(|(verbs, non_resource_urls)| PolicyRule { verbs, non_resource_urls, ..PolicyRule::default() });
    prop_oneof![4 => on_resources, 1 => on_paths].boxed()
}

/// An access scope as the API takes it: no namespaces for the whole cluster.
pub(crate) fn scope() -> BoxedStrategy<Vec<String>> {
    let patterns = list(select(&PATTERNS[..]).prop_map(str::to_owned).boxed(), 1..=3);
    prop_oneof![2 => Just(Vec::new()), 3 => patterns].boxed()
}

/// What is asked of the API server.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Resource { verb: String, group: String, resource: String, subresource: String, namespace: String, name: String },
    Path { verb: String, path: String },
}

impl Asked {
    pub(crate) fn attributes(&self) -> Attributes<'_> {
        match self {
            Self::Resource { verb, group, resource, subresource, namespace, name } => {
                Attributes::Resource(ResourceAttributes { verb, group, resource, subresource, namespace, name })
            }
            Self::Path { verb, path } => Attributes::NonResource(NonResourceAttributes { verb, path }),
        }
    }
}

fn word_or_nothing(words: &'static [&'static str]) -> BoxedStrategy<String> {
    prop_oneof![Just(String::new()), select(words).prop_map(str::to_owned)].boxed()
}

pub(crate) fn asked() -> BoxedStrategy<Asked> {
    // A SubjectAccessReview may ask for "any verb" and the like by a star; it means no more than its text.
    let mostly = |words| prop_oneof![12 => select(words).prop_map(str::to_owned), 1 => Just("*".to_owned())];
    let odd_resource = select(&["pods/log", "po", "*/log"][..]).prop_map(str::to_owned);
    let on_resource = (
        mostly(&VERBS[..]),
        mostly(&GROUPS[..]),
        prop_oneof![12 => mostly(&RESOURCES[..]), 1 => odd_resource],
        word_or_nothing(&SUBRESOURCES),
        prop_oneof![1 => Just(String::new()), 3 => select(&NAMESPACES[..]).prop_map(str::to_owned)],
        word_or_nothing(&NAMES),
    )
        .prop_map(|(verb, group, resource, subresource, namespace, name)| Asked::Resource {
            verb,
            group,
            resource,
            subresource,
            namespace,
            name,
        });
    let path = prop_oneof![12 => select(&PATHS[..]), 1 => select(&["/*", "/apis/*", "/metrics", "/apis/apps*", "/x/apps"][..])];
    let on_path =
        (mostly(&VERBS[..]), path.prop_map(str::to_owned)).prop_map(|(verb, path)| Asked::Path { verb, path });
    prop_oneof![5 => on_resource, 1 => on_path].boxed()
}
