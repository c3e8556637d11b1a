//! What would allow a request but for one thing: the wrong namespace, a missing verb.
//!
//! Whether a rule covers a request is for [`PolicyRule::covers`] alone to say; here it is asked again about the same
//! rule with one of its limits taken away.

use super::Request;
use super::words;
use crate::permissions::{By, Permission};
use crate::rbac::{Attributes, PolicyRule};

/// The one thing that is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    Place,
    Verb,
    Group,
    Subresource,
    Name,
}

/// A permission that all but covers a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct NearMiss<'a> {
    pub(super) permission: Permission<'a>,
    pub(super) obstacle: Obstacle,
}

/// The near misses among permissions.
pub(super) fn near_misses<'a>(permissions: &[Permission<'a>], request: &Request) -> Vec<NearMiss<'a>> {
    let asked = request.attributes();
    let misses = permissions.iter().filter_map(|permission| {
        obstacle(permission, &asked).map(|obstacle| NearMiss { permission: *permission, obstacle })
    });
    misses.collect()
}

fn obstacle(permission: &Permission<'_>, asked: &Attributes<'_>) -> Option<Obstacle> {
    let rule = permission.rule;
    if !permission.scope.contains(asked) {
        return rule.covers(asked).then_some(Obstacle::Place);
    }
    let everything = || vec!["*".to_owned()];
    let without_verbs = || PolicyRule { verbs: everything(), ..rule.clone() };
    let without_groups = || PolicyRule { api_groups: everything(), ..rule.clone() };
    let without_names = || PolicyRule { resource_names: Vec::new(), ..rule.clone() };
    if rule.covers(asked) {
        return None;
    }
    if without_verbs().covers(asked) {
        return Some(Obstacle::Verb);
    }
    if without_names().covers(asked) {
        return Some(Obstacle::Name);
    }
    if without_groups().covers(asked) {
        return Some(Obstacle::Group);
    }
    // The object without its part, or a part of the object.
    let Attributes::Resource(resource) = asked else { return None };
    let is_of_the_same = |text: &String| text.split('/').next() == Some(resource.resource);
    let whole = PolicyRule { resources: everything(), ..rule.clone() };
    (rule.resources.iter().any(is_of_the_same) && whole.covers(asked)).then_some(Obstacle::Subresource)
}

impl NearMiss<'_> {
    /// What is in the way, in a sentence.
    pub(super) fn says(&self, request: &Request) -> String {
        let Permission { rule, scope, by } = &self.permission;
        let about = words::rule_about(rule, &request.attributes());
        match (self.obstacle, by) {
            (Obstacle::Place, By::Binding { .. }) => format!("wrong place: {by} allows it {}", words::place(scope)),
            (Obstacle::Place, By::AccessPolicy { .. }) => format!("wrong place: it is allowed by {by}"),
            (Obstacle::Verb, _) => format!("missing verb: {by} allows {about}"),
            (Obstacle::Group, _) => format!("other API group: {by} allows {about}"),
            (Obstacle::Subresource, _) => format!("other part of the object: {by} allows {about}"),
            (Obstacle::Name, _) => format!("other names only: {by} allows {about}"),
        }
    }
}
