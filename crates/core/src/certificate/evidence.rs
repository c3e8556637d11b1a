//! What differs for one caller, by asking: as whom it comes in, and what may be different of that.

use std::collections::BTreeSet;

use super::coverage;
use crate::aws_auth::{Authenticator, Section};
use crate::compare::{Difference, DifferenceKind as Kind, Identity, ScopedRule};
use crate::permissions::{Access, By, MASTERS, PermissionSet, permissions_all};
use crate::principal::Principal;
use crate::resolve::{Refusal, Source, resolve_all};
use crate::world::World;

/// What decides about a principal in one World, as it is written. Nothing lets in whom the default is about.
#[derive(Default, PartialEq, Eq)]
struct Recipe {
    username: Option<String>,
    groups: BTreeSet<String>,
    policies: Vec<String>,
}

/// None where what is written does not say everything.
fn recipe(world: &World, probe: &Principal) -> Option<Recipe> {
    let [outcome] = resolve_all(world, probe).try_into().ok()?;
    let source = match outcome {
        Ok(resolved) => resolved.source,
        Err(Refusal::Username { by, .. }) => by,
        Err(Refusal::NotMapped) => return Some(Recipe::default()),
    };
    match source {
        Source::Creator | Source::IdentityMapping { section: Section::Accounts, .. } => None,
        Source::AccessEntry(_) => {
            let entry = world.entry_of_caller(probe)?;
            let policies = entry.access_policies.iter();
            Some(Recipe {
                username: Some(entry.username().as_str().to_owned()),
                groups: entry.kubernetes_groups().iter().cloned().collect(),
                policies: policies.map(|one| format!("{} {:?}", one.policy_arn, one.access_scope)).collect(),
            })
        }
        Source::IdentityMapping { section, index, .. } => {
            let row = world.aws_auth().mappings().find(|row| row.section == section && row.index == index)?;
            // What is filled in is no text of an entry.
            let is_filled_in = row.groups.iter().any(|group| group.as_str().contains("{{"));
            let groups = row.groups.iter().map(|group| group.as_str().to_owned()).collect();
            let username = Some(row.username.as_str().to_owned());
            (!is_filled_in).then_some(Recipe { username, groups, policies: Vec::new() })
        }
    }
}

/// Whether the same decides about a principal in both Worlds, so that no session of it can be different.
pub(super) fn is_decided_alike(worlds: [&World; 2], caller: &Principal) -> bool {
    let [before, after] = worlds;
    let authenticators = worlds.map(|world| world.aws_auth().authenticator());
    authenticators == [Authenticator::Eks; 2]
        && recipe(before, caller).is_some_and(|recipe_before| Some(recipe_before) == recipe(after, caller))
}

/// One way in which a caller may come in.
struct Way<'a> {
    username: String,
    groups: BTreeSet<String>,
    set: PermissionSet<'a>,
    unprinted: BTreeSet<String>,
    policies: BTreeSet<String>,
}

impl Way<'_> {
    fn is_like(&self, other: &Self) -> bool {
        self.username == other.username && self.groups == other.groups && self.policies == other.policies
    }

    fn names(&self) -> (&str, BTreeSet<&str>) {
        (&self.username, self.groups.iter().map(String::as_str).filter(|group| *group != MASTERS).collect())
    }
}

fn ways<'a>(world: &'a World, caller: &Principal) -> Vec<Option<Way<'a>>> {
    let mut ways: Vec<Option<Way<'a>>> = Vec::new();
    for access in permissions_all(world, caller) {
        let way = access.ok().map(|Access { resolved, permissions: set }| {
            let scoped = |one: &crate::access_entry::AssociatedAccessPolicy| {
                let namespaces: BTreeSet<&str> =
                    one.access_scope.namespaces().iter().map(|name| name.as_str()).collect();
                format!("{} {namespaces:?}", one.policy_arn)
            };
            let mut unprinted: BTreeSet<String> = set.unknown.iter().map(|one| scoped(one)).collect();
            let mut policies = unprinted.clone();
            for permission in &set.permissions {
                if let By::AccessPolicy { association, policy, .. } = permission.by {
                    policies.insert(scoped(association));
                    if !policy.omitted.is_empty() {
                        unprinted.insert(scoped(association));
                    }
                }
            }
            let groups = resolved.identity.groups.iter().cloned().collect();
            Way { username: resolved.identity.username, groups, set, unprinted, policies }
        });
        let is_known = |one: &Option<Way<'_>>| match (one, &way) {
            (Some(one), Some(way)) => one.is_like(way),
            (None, None) => true,
            _ => false,
        };
        if !ways.iter().any(is_known) {
            ways.push(way);
        }
    }
    ways
}

/// The pairs of ways, before and after, that can follow each other.
fn pairs<'w, 'a>(
    before: &'w [Option<Way<'a>>],
    after: &'w [Option<Way<'a>>],
) -> Vec<(Option<&'w Way<'a>>, Option<&'w Way<'a>>)> {
    let alike = |b: &Option<Way<'_>>, a: &Option<Way<'_>>| match (b, a) {
        (Some(b), Some(a)) => b.is_like(a),
        (None, None) => true,
        _ => false,
    };
    let same = before.len() == after.len() && before.iter().all(|b| after.iter().any(|a| alike(b, a)));
    let all = before.iter().flat_map(|b| after.iter().map(move |a| (b, a)));
    all.filter(|(b, a)| !same || alike(b, a)).map(|(b, a)| (b.as_ref(), a.as_ref())).collect()
}

/// A kind of difference that a caller has and that is not among those that are `named`, with an example.
pub(super) fn silent(
    worlds: [&World; 2],
    caller: &Principal,
    named: &BTreeSet<Kind>,
    rules: &[(Kind, BTreeSet<&ScopedRule>)],
) -> Option<(Kind, String)> {
    let [before, after] = worlds.map(|world| ways(world, caller));
    let none = BTreeSet::new();
    let known = |kind: Kind| rules.iter().find(|(one, _)| *one == kind).map_or(&none, |(_, rules)| rules);
    for (b, a) in pairs(&before, &after) {
        let mut found = kinds(b, a);
        found.retain(|kind| !named.contains(kind));
        if let Some(kind) = found.into_iter().next() {
            return Some((kind, format!("`{}`", caller.arn)));
        }
        let (Some(b), Some(a)) = (b, a) else { continue };
        if named.contains(&Kind::Undecided) {
            continue;
        }
        for (kind, mine, theirs) in [(Kind::Lost, b, a), (Kind::Gained, a, b)] {
            if let Some(request) = coverage::uncovered(&mine.set, &theirs.set, known(kind)) {
                return Some((kind, format!("`{}`: {request}", caller.arn)));
            }
        }
    }
    None
}

/// Everything but rights.
fn kinds(before: Option<&Way<'_>>, after: Option<&Way<'_>>) -> BTreeSet<Kind> {
    let (b, a) = match (before, after) {
        (None, None) => return BTreeSet::new(),
        (Some(_), None) => return BTreeSet::from([Kind::LockedOut]),
        (None, Some(_)) => return BTreeSet::from([Kind::LetIn]),
        (Some(b), Some(a)) => (b, a),
    };
    let all = [
        (Kind::IdentityChanged, b.names() != a.names()),
        (Kind::BypassLost, b.set.is_master && !a.set.is_master),
        (Kind::BypassGained, !b.set.is_master && a.set.is_master),
        (Kind::NodeLost, b.set.is_node && !a.set.is_node && !a.set.is_master),
        (Kind::NodeGained, a.set.is_node && !b.set.is_node && !b.set.is_master),
        (Kind::PolicyLost, !a.set.is_master && !b.unprinted.is_subset(&a.unprinted)),
        (Kind::PolicyGained, !b.set.is_master && !a.unprinted.is_subset(&b.unprinted)),
    ];
    all.into_iter().filter(|(_, holds)| *holds).map(|(kind, _)| kind).collect()
}

/// Whether the witness of a difference shows it.
pub(super) fn shows(worlds: [&World; 2], difference: &Difference) -> bool {
    let caller = difference.caller.principal();
    let [before, after] = worlds.map(|world| ways(world, &caller));
    let request = difference.request.as_ref().map(|request| request.attributes());
    let comes_in = |ways: &[Option<Way<'_>>], claimed: &Option<Identity>| {
        let is_it = |way: &Way<'_>, claimed: &Identity| {
            way.username == claimed.username && way.groups == claimed.groups.iter().cloned().collect()
        };
        claimed.as_ref().is_none_or(|claimed| ways.iter().flatten().any(|way| is_it(way, claimed)))
    };
    if !comes_in(&before, &difference.before) || !comes_in(&after, &difference.after) {
        return false;
    }
    let allows = |way: Option<&Way<'_>>| match (way, &request) {
        (Some(way), Some(asked)) => way.set.decide(asked).is_allowed(),
        (Some(_), None) => true,
        (None, _) => false,
    };
    pairs(&before, &after).into_iter().any(|(b, a)| match difference.kind {
        Kind::Lost => request.is_some() && a.is_some() && allows(b) && !allows(a),
        Kind::Gained => request.is_some() && b.is_some() && !allows(b) && allows(a),
        Kind::LockedOut => a.is_none() && allows(b),
        Kind::LetIn => b.is_none() && allows(a),
        // Nobody claims to know.
        Kind::Undecided => true,
        kind => kinds(b, a).contains(&kind),
    })
}
