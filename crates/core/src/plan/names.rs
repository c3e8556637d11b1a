//! Names that a plan gives: to groups and usernames that entries cannot have, and to what it needs for a while.
//!
//! | what | name |
//! |---|---|
//! | a group that entries refuse | `migrated:` and the group |
//! | a username that entries refuse | `aws-auth:` and the username |
//! | a binding for either | `migrated:` and the name of the binding it copies |
//! | a group for the moment before a policy is associated | `migrating:` and the group that the policy replaces |
//! | a binding for it | `migrating:` and the name of the binding it copies |
//!
//! The whole old name is part of the new one, so that two of them never become one. A prefix that somebody uses already
//! is numbered (`migrated-2:`), or they would gain what is bound to the new name.

use crate::rbac::{Binding, BindingSubject};
use crate::world::World;

/// The prefixes of new names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    group: String,
    user: String,
    bridge: String,
}

/// Of the default prefixes.
const GROUP: &str = "migrated";
const USER: &str = "aws-auth";
const BRIDGE: &str = "migrating";

impl Names {
    /// Prefixes that nobody uses: no row of aws-auth, and no binding but those of an earlier plan. (Entries of an
    /// earlier plan use them rightly.)
    pub(super) fn new(world: &World) -> Self {
        let rows = || world.aws_auth().mappings();
        let in_rows: Vec<&str> =
            rows().flat_map(|row| row.groups.iter().chain([&row.username])).map(|name| name.as_str()).collect();
        let foreign = || world.rbac().bindings().iter().filter(|binding| !is_of_a_plan(binding));
        let in_bindings: Vec<&str> = foreign()
            .flat_map(|binding| &binding.subjects)
            .filter_map(|subject| match subject {
                BindingSubject::User(name) | BindingSubject::Group(name) => Some(name.as_str()),
                BindingSubject::ServiceAccount { .. } => None,
            })
            .collect();
        let is_used = |prefix: &str| in_rows.iter().chain(&in_bindings).any(|name| name.starts_with(prefix));
        let free = |word: &str| {
            let numbered = (2..).map(|number| format!("{word}-{number}:"));
            std::iter::once(format!("{word}:")).chain(numbered).find(|prefix| !is_used(prefix)).unwrap_or_default()
        };
        Self { group: free(GROUP), user: free(USER), bridge: free(BRIDGE) }
    }

    /// The group that stands for one that entries refuse.
    pub(super) fn group(&self, old: &str) -> String {
        format!("{}{}", self.group, without_braces(old))
    }

    /// The username that stands for one that entries refuse.
    pub(super) fn user(&self, old: &str) -> String {
        format!("{}{}", self.user, without_braces(old))
    }

    /// The template that gives such usernames: of [`Pattern::written`](super::pattern::Pattern::written).
    pub(super) fn user_template(&self, written: &str) -> String {
        format!("{}{written}", self.user)
    }

    /// The group for the time until a policy that replaces a group is associated.
    pub(super) fn bridge_group(&self, replaced: &str) -> String {
        format!("{}{}", self.bridge, without_braces(replaced))
    }

    /// Whether a group is such a one.
    pub(super) fn is_bridge_group(&self, group: &str) -> bool {
        group.starts_with(&self.bridge)
    }
}

/// Which bindings are made for good, and which for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Copy,
    Bridge,
}

/// The names that a binding made for another one can have, in the order in which they are tried.
pub(super) fn binding_names(purpose: Purpose, original: &str) -> impl Iterator<Item = String> {
    let word = if purpose == Purpose::Copy { GROUP } else { BRIDGE };
    let original = original.to_owned();
    std::iter::once(format!("{word}:{original}")).chain((2..).map(move |number| format!("{word}-{number}:{original}")))
}

/// Whether a binding looks like one that a plan made: by its name, and because all its subjects are of its making.
pub(super) fn is_of_a_plan(binding: &Binding) -> bool {
    let begins_with = |text: &str, words: &[&str]| words.iter().any(|word| is_prefixed(text, word));
    begins_with(&binding.name, &[GROUP, BRIDGE])
        && binding.subjects.iter().all(|subject| match subject {
            BindingSubject::User(name) => begins_with(name, &[USER]),
            BindingSubject::Group(name) => begins_with(name, &[GROUP, BRIDGE]),
            BindingSubject::ServiceAccount { .. } => false,
        })
}

/// Whether a binding is one that a plan makes for a while.
pub(super) fn is_bridge(binding: &Binding) -> bool {
    is_prefixed(&binding.name, BRIDGE) && is_of_a_plan(binding)
}

/// `WORD:…` or `WORD-NUMBER:…`.
fn is_prefixed(text: &str, word: &str) -> bool {
    let Some((prefix, _)) = text.split_once(':') else { return false };
    let number = prefix.strip_prefix(word).map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// An entry takes double braces for the begin of a placeholder.
fn without_braces(text: &str) -> String {
    text.replace("{{", "((").replace("}}", "))")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authentication_mode::AuthenticationMode;
    use crate::rbac::Rbac;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn world(groups: &str, rbac: &str) -> World {
        let row = format!("- {{rolearn: 'arn:aws:iam::123456789012:role/dev', username: u, groups: {groups}}}");
        let data = BTreeMap::from([("mapRoles".to_owned(), row)]);
        World::new(AuthenticationMode::ApiAndConfigMap)
            .with_aws_auth(crate::aws_auth::parse(&data))
            .with_rbac(Arc::new(Rbac::parse(rbac).unwrap()))
    }

    #[test]
    fn a_prefix_that_somebody_uses_is_numbered() {
        let binding = |name: &str, group: &str| {
            format!(
                "{{kind: ClusterRoleBinding, metadata: {{name: '{name}'}}, roleRef: {{kind: ClusterRole, name: r}}, \
                 subjects: [{{kind: Group, name: '{group}'}}]}}"
            )
        };
        assert_eq!(Names::new(&world("[]", "")).group("eks:a"), "migrated:eks:a");
        assert_eq!(Names::new(&world("['migrated:x']", "")).group("eks:a"), "migrated-2:eks:a");
        assert_eq!(Names::new(&world("[]", &binding("b", "migrated:x"))).group("eks:a"), "migrated-2:eks:a");
        let of_an_earlier_plan = binding("migrated:b", "migrated:eks:a");
        assert_eq!(Names::new(&world("[]", &of_an_earlier_plan)).group("eks:a"), "migrated:eks:a");
    }

    #[test]
    fn what_an_entry_would_take_for_a_placeholder_becomes_text() {
        assert_eq!(Names::new(&world("[]", "")).user("{{Foo}}"), "aws-auth:((Foo))");
    }
}
