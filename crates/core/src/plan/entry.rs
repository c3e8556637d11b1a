//! From the entry that there is, or none, to the one that there must be.
//!
//! An entry counts from the moment it exists, before any policy is associated. Where a policy stands for a group, the
//! entry therefore first gets a group of the plan's own, to which the same is bound for a while; then the policy, and
//! only then the group goes.

use std::collections::BTreeSet;

use super::action::{Action, Step};
use super::known::Known;
use super::target::Target;
use crate::access_entry::{AccessEntry, EntryType};
use crate::access_policy::AccessPolicyArn;
use crate::access_scope::AccessScope;
use crate::principal::PrincipalArn;

/// The steps of one entry, by when they are due.
#[derive(Debug, Default)]
pub(super) struct EntrySteps {
    /// Create or update it, with groups for the time being.
    pub(super) begin: Vec<Step>,
    /// Associate policies.
    pub(super) associate: Vec<Step>,
    /// Take back what was for the time being.
    pub(super) settle: Vec<Step>,
    /// The groups that policies replace, and to which something must be bound meanwhile.
    pub(super) bridged: BTreeSet<String>,
}

/// What an entry would take to be as a row wants it; nothing if it is.
pub(super) fn differences(entry: &AccessEntry, target: &Target) -> Vec<String> {
    let mut found = Vec::new();
    if entry.r#type != target.entry_type {
        found.push(format!("type {} instead of {}", target.entry_type, entry.r#type));
        return found;
    }
    if entry.r#type == EntryType::Standard {
        let wanted = username(target);
        if entry.username().as_str() != wanted {
            found.push(format!("username `{wanted}` instead of `{}`", entry.username()));
        }
        let has: BTreeSet<&str> = entry.kubernetes_groups().iter().map(String::as_str).collect();
        let wants: BTreeSet<&str> = target.groups.iter().map(String::as_str).collect();
        found.extend(wants.difference(&has).map(|group| format!("group `{group}` added")));
        found.extend(has.difference(&wants).map(|group| format!("group `{group}` removed")));
    }
    for (arn, policy) in &target.policies {
        if !has_policy(entry, arn, &policy.scope) {
            found.push(format!("policy {} associated ({})", arn.name(), scope_text(&policy.scope)));
        }
    }
    for arn in extra_policies(entry, target) {
        found.push(format!("policy {} disassociated", arn.name()));
    }
    found
}

/// Whether an entry is as a plan leaves it half-way: with a group that is there for the time being.
pub(super) fn is_unfinished(entry: &AccessEntry, known: &Known<'_>) -> bool {
    entry.r#type == EntryType::Standard
        && entry.kubernetes_groups().iter().any(|group| known.names.is_bridge_group(group))
}

/// The steps that make a new entry.
pub(super) fn create(target: &Target, known: &Known<'_>) -> EntrySteps {
    let mut steps = EntrySteps::default();
    let principal_arn = target.principal.arn.clone();
    let (groups, meanwhile) = groups_meanwhile(target, target.policies.keys(), known);
    steps.bridged = target.policies.values().flat_map(|policy| policy.replaces.clone()).collect();
    let why = match (target.entry_type, target.policies.is_empty()) {
        (EntryType::Standard, true) => "the entry says what the row says, and counts instead of it at once",
        (EntryType::Standard, false) => {
            "the entry counts instead of the row at once, so it has a group for the time until its policy is associated"
        }
        _ => "nodes come in by an entry of their type",
    };
    steps.begin.push(Step {
        id: format!("create-entry:{principal_arn}"),
        action: Action::CreateEntry {
            principal_arn: principal_arn.clone(),
            r#type: target.entry_type,
            username: target.username.clone(),
            groups: meanwhile.clone(),
        },
        undo: Some(Action::DeleteEntry { principal_arn: principal_arn.clone() }),
        why: why.to_owned(),
    });
    for (policy, wanted) in &target.policies {
        steps.associate.push(associate(&principal_arn, policy, &wanted.scope, None));
    }
    if groups != meanwhile {
        steps.settle.push(settle(&principal_arn, groups, meanwhile));
    }
    steps
}

/// The steps that make an entry what a row wants. Its type must be the one wanted.
pub(super) fn converge(entry: &AccessEntry, target: &Target, known: &Known<'_>) -> EntrySteps {
    let mut steps = EntrySteps::default();
    let principal_arn = entry.principal_arn.clone();
    let missing: Vec<_> =
        target.policies.iter().filter(|(arn, policy)| !has_policy(entry, arn, &policy.scope)).collect();
    if entry.r#type == EntryType::Standard {
        let (groups, meanwhile) = groups_meanwhile(target, missing.iter().map(|(arn, _)| *arn), known);
        steps.bridged = missing.iter().flat_map(|(_, policy)| policy.replaces.clone()).collect();
        let is = |wanted: &[String]| same_groups(entry.kubernetes_groups(), wanted);
        let wanted_username = username(target);
        let is_named = entry.username().as_str() == wanted_username;
        let before = entry.kubernetes_groups().to_vec();
        if !is_named || !is(&meanwhile) {
            steps.begin.push(Step {
                id: format!("update-entry:{principal_arn}"),
                action: Action::UpdateEntry {
                    principal_arn: principal_arn.clone(),
                    username: (!is_named).then_some(wanted_username),
                    groups: meanwhile.clone(),
                },
                undo: Some(Action::UpdateEntry {
                    principal_arn: principal_arn.clone(),
                    username: (!is_named).then(|| entry.username().as_str().to_owned()),
                    groups: before,
                }),
                why: "an entry of this principal exists and says something else than its row".to_owned(),
            });
        }
        if groups != meanwhile {
            steps.settle.push(settle(&principal_arn, groups, meanwhile));
        }
    }
    for (policy, wanted) in missing {
        let before = entry.access_policies.get(policy.name()).map(|association| &association.access_scope);
        steps.associate.push(associate(&principal_arn, policy, &wanted.scope, before));
    }
    for policy_arn in extra_policies(entry, target) {
        let access_scope = entry.access_policies.get(policy_arn.name()).map(|it| it.access_scope.clone());
        steps.settle.push(Step {
            id: format!("disassociate:{principal_arn}:{}", policy_arn.name()),
            undo: access_scope.map(|access_scope| Action::AssociatePolicy {
                principal_arn: principal_arn.clone(),
                policy_arn: policy_arn.clone(),
                access_scope,
            }),
            action: Action::DisassociatePolicy { principal_arn: principal_arn.clone(), policy_arn },
            why: "the row gives nothing of the kind".to_owned(),
        });
    }
    steps
}

fn associate(
    principal_arn: &PrincipalArn,
    policy_arn: &AccessPolicyArn,
    scope: &AccessScope,
    before: Option<&AccessScope>,
) -> Step {
    let (principal_arn, policy_arn) = (principal_arn.clone(), policy_arn.clone());
    let undo = match before {
        None => Action::DisassociatePolicy { principal_arn: principal_arn.clone(), policy_arn: policy_arn.clone() },
        Some(scope) => Action::AssociatePolicy {
            principal_arn: principal_arn.clone(),
            policy_arn: policy_arn.clone(),
            access_scope: scope.clone(),
        },
    };
    Step {
        id: format!("associate:{principal_arn}:{}", policy_arn.name()),
        action: Action::AssociatePolicy { principal_arn, policy_arn, access_scope: scope.clone() },
        undo: Some(undo),
        why: "the policy gives what the row's group gave".to_owned(),
    }
}

fn settle(principal_arn: &PrincipalArn, groups: Vec<String>, meanwhile: Vec<String>) -> Step {
    let update = |groups| Action::UpdateEntry { principal_arn: principal_arn.clone(), username: None, groups };
    Step {
        id: format!("settle-entry:{principal_arn}"),
        action: update(groups),
        undo: Some(update(meanwhile)),
        why: "the policy is associated, so the group for the time being goes".to_owned(),
    }
}

/// The groups in the end, and until these policies are associated. Both sorted.
fn groups_meanwhile<'p>(
    target: &'p Target,
    policies: impl Iterator<Item = &'p AccessPolicyArn>,
    known: &Known<'_>,
) -> (Vec<String>, Vec<String>) {
    let replaced = policies.filter_map(|arn| target.policies.get(arn)).flat_map(|policy| &policy.replaces);
    let mut meanwhile = target.groups.clone();
    meanwhile.extend(replaced.map(|group| known.names.bridge_group(group)));
    (target.groups.iter().cloned().collect(), meanwhile.into_iter().collect())
}

/// The username in the end.
fn username(target: &Target) -> String {
    target.username.clone().unwrap_or_else(|| {
        let default = target.entry_type.default_username(&target.principal.arn);
        default.map(|template| template.as_str().to_owned()).unwrap_or_default()
    })
}

fn has_policy(entry: &AccessEntry, arn: &AccessPolicyArn, scope: &AccessScope) -> bool {
    entry.access_policies.get(arn.name()).is_some_and(|association| same_scope(&association.access_scope, scope))
}

fn same_scope(a: &AccessScope, b: &AccessScope) -> bool {
    let patterns = |scope: &AccessScope| scope.namespaces().iter().cloned().collect::<BTreeSet<_>>();
    a.kind() == b.kind() && patterns(a) == patterns(b)
}

fn same_groups(a: &[String], b: &[String]) -> bool {
    a.iter().collect::<BTreeSet<_>>() == b.iter().collect::<BTreeSet<_>>()
}

fn extra_policies(entry: &AccessEntry, target: &Target) -> Vec<AccessPolicyArn> {
    let associated = entry.access_policies.iter().map(|association| association.policy_arn.clone());
    associated.filter(|arn| !target.policies.contains_key(arn)).collect()
}

/// A scope in a few words.
pub(super) fn scope_text(scope: &AccessScope) -> String {
    match scope {
        AccessScope::Cluster => "cluster".to_owned(),
        AccessScope::Namespaces(patterns) => {
            let names: Vec<&str> = patterns.iter().map(|pattern| pattern.as_str()).collect();
            format!("namespaces {}", names.join(", "))
        }
    }
}
