//! The steps in the order in which no moment is without access.
//!
//! 1. The mode API_AND_CONFIG_MAP, in which rows and entries count side by side: nothing changes yet.
//! 2. Bindings, for names that nobody has yet: nothing changes yet.
//! 3. Entries. Each counts instead of its row at once, and says the same; what a policy is to give, it gets meanwhile by
//!    a group of the plan's own.
//! 4. Policies, then the groups for the time being go, then their bindings.
//! 5. Rows that are not asked any more, all of a section at once: a row that another one shadows must not come to
//!    life. mapUsers goes before mapRoles, which is searched first, and mapAccounts before both.
//! 6. The mode API, which cannot be taken back, and the ConfigMap, which nobody reads then.

use std::collections::BTreeSet;

use super::PlanOptions;
use super::action::{Action, MappingRow, Step};
use super::bindings::{Copies, Made};
use super::entry::EntrySteps;
use super::known::Known;
use super::manifest::BindingManifest;
use super::names::{Purpose, is_bridge};
use super::removal::{self, row_count};
use super::rows::{Judged, is_live, is_removable};
use super::target::{Renamed, Target};
use super::verdict::Outcome;
use crate::authentication_mode::AuthenticationMode;
use crate::aws_auth::Section;
use crate::aws_auth::edit::Data;
use crate::permissions::MASTERS;
use crate::rbac::{Binding, BindingSubject, RoleRef};

/// The steps in order.
pub(super) struct Ordered {
    pub(super) steps: Vec<Step>,
    /// What a reader should know beside them.
    pub(super) warnings: Vec<String>,
    /// The data of aws-auth after the removal of rows, whether it stays or goes then.
    pub(super) left: Option<Data>,
}

/// Puts the steps in order.
pub(super) fn steps(judged: &mut [Judged], known: &Known<'_>, data: Option<&Data>, options: &PlanOptions) -> Ordered {
    let mut warnings = Vec::new();
    let made: Vec<(Target, EntrySteps)> =
        judged.iter_mut().flat_map(|judged| std::mem::take(&mut judged.made)).collect();
    let mut mode = known.world.mode();
    let mut steps = Vec::new();
    let is_blocked = options.is_final && !options.accept_loss && judged.iter().any(|row| is_live(&row.verdict));
    if mode == AuthenticationMode::ConfigMap && (!made.is_empty() || (options.is_final && !is_blocked)) {
        mode = AuthenticationMode::ApiAndConfigMap;
        steps.push(set_mode(mode));
    }
    let bridges = bindings(&made, known, &mut steps);
    let mut later = (Vec::new(), Vec::new());
    for (_, entry) in made {
        steps.extend(entry.begin);
        later.0.extend(entry.associate);
        later.1.extend(entry.settle);
    }
    steps.append(&mut later.0);
    steps.append(&mut later.1);
    remove_bridges(bridges, known, &mut steps, &mut warnings);
    let left = data.map(|data| remove_rows(judged, known, data, options, &mut steps, &mut warnings));
    if options.is_final {
        if is_blocked {
            let live = judged.iter().filter(|row| is_live(&row.verdict)).count();
            warnings.push(format!(
                "the mode stays API_AND_CONFIG_MAP: {live} rows of aws-auth let in somebody whom no entry lets in; decide \
                 about them, or accept that they are lost with `--accept-loss`"
            ));
        } else {
            finish(mode, left.clone(), &mut steps);
        }
    }
    Ordered { steps, warnings, left }
}

fn set_mode(mode: AuthenticationMode) -> Step {
    let why = match mode {
        AuthenticationMode::Api => {
            "from here on aws-auth is ignored; EKS never takes this back, so it comes after everything that can be taken back"
        }
        _ => {
            "entries can only be made in a mode that uses them; rows count as before. EKS never takes this back. It makes \
             entries itself for whoever made the cluster and may make them for managed node groups and Fargate: where one \
             is there already, it is to be compared"
        }
    };
    Step { id: format!("set-mode:{mode}"), action: Action::SetMode(mode), undo: None, why: why.to_owned() }
}

/// Plans bindings for new names, and those for the time being; gives the latter.
fn bindings(made: &[(Target, EntrySteps)], known: &Known<'_>, steps: &mut Vec<Step>) -> Vec<Made> {
    let mut copies = Copies::default();
    let renamed: BTreeSet<&Renamed> = made.iter().flat_map(|(target, _)| &target.renamed).collect();
    for renamed in renamed {
        match renamed {
            Renamed::Group(group) => {
                for binding in known.named.of_group(group) {
                    copies.add(binding, BindingSubject::Group(known.names.group(group)));
                }
            }
            Renamed::Users(users) => {
                for (name, bindings) in known.named.of_users(users) {
                    for binding in bindings {
                        copies.add(binding, BindingSubject::User(known.names.user(name)));
                    }
                }
            }
        }
    }
    for made in copies.missing(known.rbac, Purpose::Copy) {
        steps.push(apply(
            &made,
            "what is bound to a name that entries cannot have is bound to the one that stands for it",
        ));
    }
    let bridged: BTreeSet<&String> = made.iter().flat_map(|(_, steps)| &steps.bridged).collect();
    let mut copies = Copies::default();
    for group in bridged {
        let subject = BindingSubject::Group(known.names.bridge_group(group));
        if group == MASTERS {
            copies.add(&cluster_admin(), subject);
        } else {
            for binding in known.named.of_group(group) {
                copies.add(binding, subject.clone());
            }
        }
    }
    let bridges = copies.all(known.rbac, Purpose::Bridge);
    for made in bridges.iter().filter(|made| made.before.as_ref() != Some(&made.binding)) {
        steps.push(apply(made, "for the moments in which entries exist and their policies are not associated yet"));
    }
    bridges
}

/// A binding to the role that every cluster has for administrators.
fn cluster_admin() -> Binding {
    let name = "cluster-admin".to_owned();
    Binding { namespace: None, role: RoleRef::ClusterRole(name.clone()), name, subjects: Vec::new() }
}

fn apply(made: &Made, why: &str) -> Step {
    let undo = match &made.before {
        Some(before) => Action::ApplyBinding(BindingManifest(before.clone())),
        None => delete(&made.binding),
    };
    let action = Action::ApplyBinding(made.manifest());
    Step { id: format!("apply-binding:{}", place(&made.binding)), action, undo: Some(undo), why: why.to_owned() }
}

fn delete(binding: &Binding) -> Action {
    Action::DeleteBinding { namespace: binding.namespace.clone(), name: binding.name.clone() }
}

fn place(binding: &Binding) -> String {
    match &binding.namespace {
        Some(namespace) => format!("{namespace}/{}", binding.name),
        None => binding.name.clone(),
    }
}

/// Removes the bindings for the time being, those of an earlier plan that did not finish included, unless an entry
/// needs them that has no row any more.
fn remove_bridges(made: Vec<Made>, known: &Known<'_>, steps: &mut Vec<Step>, warnings: &mut Vec<String>) {
    let settled: BTreeSet<String> = steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::UpdateEntry { principal_arn, .. } => Some(principal_arn.canonical_key()),
            _ => None,
        })
        .collect();
    let mut needed = BTreeSet::new();
    for entry in known.world.entries().filter(|entry| !settled.contains(&entry.principal_arn.canonical_key())) {
        for group in entry.kubernetes_groups().iter().filter(|group| known.names.is_bridge_group(group)) {
            warnings.push(format!(
                "the entry of `{}` has the group `{group}`, which an unfinished migration left, and no row says what it \
                 should be; look at its policies and remove the group",
                entry.principal_arn
            ));
            needed.insert(group.clone());
        }
    }
    let is_needed = |binding: &Binding| {
        binding.subjects.iter().any(|subject| matches!(subject, BindingSubject::Group(group) if needed.contains(group)))
    };
    let ours: BTreeSet<String> = made.iter().map(|made| place(&made.binding)).collect();
    let left = known
        .rbac
        .iter()
        .flat_map(|rbac| rbac.bindings())
        .filter(|binding| is_bridge(binding) && !ours.contains(&place(binding)));
    for binding in made.into_iter().map(|made| made.binding).chain(left.cloned()).filter(|one| !is_needed(one)) {
        steps.push(Step {
            id: format!("delete-binding:{}", place(&binding)),
            action: delete(&binding),
            why: "every policy is associated, so nothing is bound for the time being any more".to_owned(),
            undo: Some(Action::ApplyBinding(BindingManifest(binding))),
        });
    }
}

/// Plans to remove the rows that nobody needs. Gives the ConfigMap's data as it is then.
fn remove_rows(
    judged: &[Judged],
    known: &Known<'_>,
    data: &Data,
    options: &PlanOptions,
    steps: &mut Vec<Step>,
    warnings: &mut Vec<String>,
) -> Data {
    let mut data = data.clone();
    for section in [Section::Accounts, Section::Users, Section::Roles] {
        let rows: Vec<MappingRow> = judged
            .iter()
            .map(|judged| &judged.verdict)
            .filter(|verdict| verdict.section == section)
            .filter(|verdict| {
                is_removable(verdict) || (options.accept_loss && matches!(verdict.outcome, Outcome::Entries { .. }))
            })
            .map(|verdict| MappingRow { index: verdict.index, line: verdict.line, arn: verdict.arn.clone() })
            .collect();
        if rows.is_empty() {
            continue;
        }
        let rows_before = row_count(known.world.aws_auth(), section);
        match removal::remove(&data, known.world.aws_auth().authenticator(), section, &rows, rows_before) {
            Ok(None) => {}
            Ok(Some(edited)) => {
                let before = std::mem::replace(&mut data, edited);
                let text = before.get(section.key()).cloned().unwrap_or_default();
                steps.push(Step {
                    id: format!("remove-mapping:{section}"),
                    action: Action::RemoveMapping { section, rows, rows_before },
                    undo: Some(Action::RestoreSection { section, text }),
                    why: "entries say what these rows said, or nobody comes in by them".to_owned(),
                });
            }
            Err(error) => warnings.push(format!("{} rows of {section} stay in aws-auth: {error}", rows.len())),
        }
    }
    data
}

fn finish(mode: AuthenticationMode, data: Option<Data>, steps: &mut Vec<Step>) {
    if mode != AuthenticationMode::Api {
        steps.push(set_mode(AuthenticationMode::Api));
    }
    if let Some(data) = data {
        steps.push(Step {
            id: "delete-aws-auth".to_owned(),
            action: Action::DeleteAwsAuth,
            undo: Some(Action::RestoreAwsAuth { data }),
            why: "in the mode API nobody reads it".to_owned(),
        });
    }
}
