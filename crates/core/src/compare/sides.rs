//! What one caller is and may do in one World, reduced to what the comparison needs.

use std::collections::BTreeSet;

use super::difference::Identity;
use super::pattern::Pattern;
use crate::access_entry::AssociatedAccessPolicy;
use crate::aws_auth::Section;
use crate::permissions::{By, PermissionSet, of_resolved};
use crate::principal::Principal;
use crate::resolve::{Refusal, Resolved, Source, resolve_all};
use crate::username::Template;
use crate::world::World;

/// What decides about a principal in one World, as functions of its session: one of these, or several by chance.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Shape {
    pub(super) user: Pattern,
    pub(super) groups: BTreeSet<Pattern>,
    /// Who fills in placeholders, and refuses what comes out empty.
    rendered: Rendered,
    /// Policies with their scope.
    policies: Vec<String>,
}

/// How a username comes from its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Rendered {
    /// There is none.
    Never,
    /// As AWS's authenticator does it.
    Verbatim,
    /// As Doorward does it.
    Strictly,
}

impl Rendered {
    fn of(template: &Template) -> Self {
        if template.is_verbatim() { Self::Verbatim } else { Self::Strictly }
    }
}

impl Shape {
    /// Username and groups with their placeholders.
    pub(super) fn identity(&self) -> Identity {
        Identity { username: self.user.to_string(), groups: self.groups.iter().map(ToString::to_string).collect() }
    }

    /// Whether it is the same identity whoever renders it.
    fn is_plain(&self) -> bool {
        self.user.as_text().is_some_and(|text| !text.is_empty())
    }

    /// Whether callers get the same in either shape, all of them.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same_rendering = self.rendered == other.rendered || self.is_plain();
        // A row of Doorward refuses a group that comes out empty, an entry does not.
        let are_groups_plain = self.groups.iter().all(|group| group.as_text() != Some(""));
        same_rendering
            && are_groups_plain
            && self.user == other.user
            && self.groups == other.groups
            && self.policies == other.policies
    }
}

/// What decides about a principal; none if nothing does.
pub(super) fn shapes(world: &World, probe: &Principal) -> Vec<Shape> {
    resolve_all(world, probe)
        .into_iter()
        .filter_map(|outcome| match outcome {
            Ok(resolved) => Some(resolved.source),
            Err(Refusal::Username { by, .. }) => Some(by),
            Err(Refusal::NotMapped) => None,
        })
        .filter_map(|source| shape(world, probe, &source))
        .collect()
}

fn shape(world: &World, probe: &Principal, source: &Source) -> Option<Shape> {
    let canonical = &probe.canonical;
    let plain = |user: &str, groups: &[&str]| Shape {
        user: Pattern::text(user),
        groups: groups.iter().map(|group| Pattern::text(group)).collect(),
        rendered: Rendered::Never,
        policies: Vec::new(),
    };
    match source {
        Source::Creator => Some(plain("kubernetes-admin", &[crate::permissions::MASTERS])),
        Source::IdentityMapping { section: Section::Accounts, .. } => Some(plain(canonical.as_str(), &[])),
        Source::IdentityMapping { section, index, .. } => {
            let rows = if *section == Section::Users { &world.aws_auth().users } else { &world.aws_auth().roles };
            // Rows stand in their order.
            let row = rows.get(rows.partition_point(|row| row.index < *index))?;
            let groups = row.groups.iter().map(|group| Pattern::of(group, canonical)).collect();
            Some(Shape {
                user: Pattern::of(&row.username, canonical),
                groups,
                rendered: Rendered::of(&row.username),
                policies: Vec::new(),
            })
        }
        Source::AccessEntry(_) => {
            let entry = world.entry_of_caller(probe)?;
            Some(Shape {
                user: Pattern::of(&entry.username(), canonical),
                groups: entry.kubernetes_groups().iter().map(|group| Pattern::text(group)).collect(),
                rendered: Rendered::of(&entry.username()),
                policies: entry.access_policies.iter().map(policy_text).collect(),
            })
        }
    }
}

/// A scope in words, the same for the same set of patterns.
pub(super) fn scope_text(scope: &crate::access_scope::AccessScope) -> String {
    let names: BTreeSet<&str> = scope.namespaces().iter().map(|pattern| pattern.as_str()).collect();
    if names.is_empty() {
        return "in the whole cluster".to_owned();
    }
    format!("in {}", names.into_iter().collect::<Vec<_>>().join(", "))
}

/// An association in words, the same for the same policy and the same set of patterns.
fn policy_text(association: &AssociatedAccessPolicy) -> String {
    format!("{} {}", association.policy_arn.name(), scope_text(&association.access_scope))
}

/// One way in which a caller may be decided about.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) identity: Identity,
    /// All that rights depend on: the same key, the same rights (in one World).
    pub(super) key: Key,
    resolved: Resolved<'static>,
}

/// What the rights of somebody in a World depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    /// The username, if a binding names it.
    user: Option<String>,
    /// Those of the groups that a binding names, and `system:masters`.
    groups: Vec<String>,
    is_node: bool,
    /// Policies with their scope.
    policies: Vec<String>,
}

/// Every way in which a caller may be decided about; none in a place for a refusal.
pub(super) fn sides(world: &World, caller: &Principal) -> Vec<Option<Side>> {
    let mut sides: Vec<Option<Side>> = resolve_all(world, caller)
        .into_iter()
        .map(|outcome| outcome.ok().map(|one| Side::new(world, caller, one)))
        .collect();
    sides.sort_by(|a, b| order(a).cmp(&order(b)));
    sides.dedup_by(|a, b| order(a) == order(b));
    sides
}

/// What tells the ways apart.
pub(super) fn order(side: &Option<Side>) -> Option<(&Identity, &Key)> {
    side.as_ref().map(|side| (&side.identity, &side.key))
}

impl Side {
    fn new(world: &World, caller: &Principal, resolved: Resolved<'_>) -> Self {
        let identity = Identity {
            username: resolved.identity.username.clone(),
            groups: resolved.identity.groups.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
        };
        let rbac = world.rbac();
        let entry = matches!(resolved.source, Source::AccessEntry(_)).then(|| world.entry_of_caller(caller)).flatten();
        let associations = entry.into_iter().flat_map(|entry| &entry.access_policies);
        let counts =
            |group: &&String| *group == crate::permissions::MASTERS || rbac.bound_to_group(group).next().is_some();
        let key = Key {
            user: rbac.bound_to_user(&identity.username).next().map(|_| identity.username.clone()),
            groups: identity.groups.iter().filter(counts).cloned().collect(),
            is_node: identity.username.starts_with(crate::permissions::NODE_PREFIX)
                && identity.groups.iter().any(|group| group == crate::permissions::NODES),
            policies: associations.map(policy_text).collect(),
        };
        Self { identity, key, resolved: resolved.into_owned() }
    }

    /// Everything it may do.
    pub(super) fn permissions<'a>(&self, world: &'a World, caller: &Principal) -> PermissionSet<'a> {
        of_resolved(world, caller, self.resolved.clone()).permissions
    }
}

/// Access policies of which AWS does not print all rules, with their scope.
pub(super) fn unknown_policies(set: &PermissionSet<'_>) -> BTreeSet<String> {
    let unprinted = set.permissions.iter().filter_map(|permission| match permission.by {
        By::AccessPolicy { association, policy, .. } if !policy.omitted.is_empty() => Some(association),
        _ => None,
    });
    let all = set.unknown.iter().copied().chain(unprinted);
    all.map(policy_text).collect()
}
