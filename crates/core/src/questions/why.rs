//! Why may this principal do that, or why not: every step from the principal to the decision.

use super::can_i::{Answer, Decision, can_i};
use super::near_miss::near_misses;
use super::rows::rows;
use super::who_can::groups_of;
use super::{Caller, Request, words};
use crate::permissions::{Access, By, MASTERS, Permission};
use crate::rbac::{Binding, BindingSubject, service_account_username};
use crate::resolve::{Refusal, Source};
use crate::world::World;

/// So many near misses are told.
const SHOWN: usize = 8;

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is looked at.
    pub title: &'static str,
    /// What is found, a line each.
    pub lines: Vec<String>,
}

/// The whole way, and where it ends.
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The end.
    pub answer: Answer<'a>,
}

/// Tells the way from a principal to a decision.
pub fn why<'a>(world: &'a World, caller: &Caller, request: &Request) -> Trace<'a> {
    let answer = can_i(world, caller, request);
    let mut steps = vec![principal(&answer.caller), entry(world, &answer.caller), aws_auth(world, &answer.caller)];
    match (&answer.access, &answer.decision) {
        (Some(access), decision) => {
            steps.push(identity(access));
            if matches!(decision, Decision::Bypass) {
                let line = format!("a member of `{MASTERS}` passes every check: nothing below is asked");
                steps.push(Step { title: "Bypass", lines: vec![line] });
            } else {
                steps.push(rbac(world, access, request));
                steps.push(policies(access, request));
            }
        }
        (None, Decision::NotLetIn(refusal)) => steps.push(refused(refusal)),
        (None, _) => {}
    }
    Trace { steps, answer }
}

fn principal(caller: &Caller) -> Step {
    let mut lines = vec![caller.arn.to_string()];
    if !caller.principal.session_name.is_empty() {
        let example = if caller.has_given_session { "" } else { ", an example" };
        lines.push(format!("as its session `{}`{example}", caller.principal.session_name));
    }
    if caller.has_known_id() {
        lines.push(format!("unique id {}", caller.principal.id));
    }
    Step { title: "Principal", lines }
}

fn entry(world: &World, caller: &Caller) -> Step {
    let mode = world.mode();
    let found = world.entry_of_caller(&caller.principal);
    let line = match (mode.uses_access_entries(), found) {
        (true, Some(entry)) => {
            let by = if entry.principal_id().is_some() { "unique id" } else { "ARN, no unique id is known" };
            let mut line = format!("the access entry of `{}` decides (found by {by})", entry.principal_arn);
            // Without unique ids a role that was moved cannot be told from the one that took its name.
            if entry.principal_arn.path() != caller.arn.path() {
                line.push_str("; its path is another, so the role may have been made again since");
            }
            line
        }
        (true, None) => {
            match world.entries().find(|entry| entry.principal_arn.canonical_key() == caller.arn.canonical_key()) {
                Some(entry) => format!(
                    "the access entry of `{}` is for a principal that was made again since: its unique id is another",
                    entry.principal_arn
                ),
                None => "no access entry".to_owned(),
            }
        }
        (false, Some(entry)) => format!("the access entry of `{}` does not count in this mode", entry.principal_arn),
        (false, None) => "access entries do not count in this mode".to_owned(),
    };
    Step { title: "Access entry", lines: vec![format!("authentication mode {mode}"), line] }
}

fn aws_auth(world: &World, caller: &Caller) -> Step {
    let title = "aws-auth";
    if !world.mode().uses_aws_auth() {
        return Step { title, lines: vec![format!("does not count in the mode {}", world.mode())] };
    }
    if !world.mode().uses_access_entries() && world.is_creator(&caller.principal) {
        return Step { title, lines: vec!["not asked: this is whoever made the cluster".to_owned()] };
    }
    let is_overridden = world.mode().uses_access_entries() && world.entry_of_caller(&caller.principal).is_some();
    let mut lines = rows(world, caller, is_overridden);
    if lines.is_empty() {
        let why = if is_overridden { "not asked: the access entry decides" } else { "no row is about this principal" };
        lines.push(why.to_owned());
    }
    Step { title, lines }
}

fn identity(access: &Access<'_>) -> Step {
    let identity = &access.resolved.identity;
    let lines = vec![
        format!("by {}", access.resolved.source),
        format!("username {}", identity.username),
        format!("groups {}", groups_of(identity).join(", ")),
    ];
    Step { title: "Kubernetes identity", lines }
}

fn refused(refusal: &Refusal) -> Step {
    Step { title: "Kubernetes identity", lines: vec![format!("none: {refusal}; the API server answers Unauthorized")] }
}

fn is_of_rbac(permission: &Permission<'_>) -> bool {
    matches!(permission.by, By::Binding { .. })
}

fn rbac(world: &World, access: &Access<'_>, request: &Request) -> Step {
    let permissions: Vec<Permission<'_>> =
        access.permissions.permissions.iter().filter(|one| is_of_rbac(one)).copied().collect();
    let mut lines = allowed_by(&permissions, request);
    if lines.is_empty() {
        lines.push(match permissions.len() {
            0 => "no binding is for this username or one of these groups".to_owned(),
            rules => format!("nothing of what is bound to this username and these groups allows it ({rules} rules)"),
        });
        let near = misses(&permissions, request);
        lines.extend(if near.is_empty() { bound(&permissions) } else { near });
        lines.extend(bindings_to_nothing(world, access));
    }
    Step { title: "RBAC", lines }
}

fn policies(access: &Access<'_>, request: &Request) -> Step {
    let title = "Access policies";
    if !matches!(access.resolved.source, Source::AccessEntry(_)) {
        return Step { title, lines: vec!["none: only access entries have them".to_owned()] };
    }
    let permissions: Vec<Permission<'_>> =
        access.permissions.permissions.iter().filter(|one| !is_of_rbac(one)).copied().collect();
    let mut lines = allowed_by(&permissions, request);
    if lines.is_empty() {
        if permissions.is_empty() && access.permissions.unknown.is_empty() {
            lines.push("the access entry has none".to_owned());
        } else {
            lines.push("none of the associated policies allows it".to_owned());
            lines.extend(misses(&permissions, request));
        }
    }
    let unknown = access.permissions.unknown.iter();
    lines.extend(unknown.map(|association| {
        format!("not decided here: {}, whose rules AWS does not print", association.policy_arn.name())
    }));
    Step { title, lines }
}

fn allowed_by(permissions: &[Permission<'_>], request: &Request) -> Vec<String> {
    let covering = permissions.iter().filter(|permission| permission.covers(&request.attributes()));
    covering
        .map(|Permission { rule, by, .. }| {
            format!("allowed by {by}: {}", words::rule_about(rule, &request.attributes()))
        })
        .collect()
}

fn misses(permissions: &[Permission<'_>], request: &Request) -> Vec<String> {
    let mut lines: Vec<String> = near_misses(permissions, request).iter().map(|miss| miss.says(request)).collect();
    lines.sort_unstable();
    lines.dedup();
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    if more > 0 {
        lines.push(format!("and {more} more that miss it by one thing"));
    }
    lines
}

/// What is bound to the identity, and does not come near.
fn bound(permissions: &[Permission<'_>]) -> Vec<String> {
    let mut lines: Vec<String> = permissions.iter().map(|permission| format!("bound: {}", permission.by)).collect();
    lines.dedup();
    lines.truncate(SHOWN);
    lines
}

/// Bindings for this identity whose role does not exist.
fn bindings_to_nothing(world: &World, access: &Access<'_>) -> Vec<String> {
    let identity = &access.resolved.identity;
    let groups = groups_of(identity);
    let is_for = |subject: &BindingSubject| match subject {
        BindingSubject::User(name) => *name == identity.username,
        BindingSubject::Group(name) => groups.contains(&name.as_str()),
        BindingSubject::ServiceAccount { namespace, name } => {
            service_account_username(namespace, name) == identity.username
        }
    };
    let rbac = world.rbac();
    let of_nothing = |binding: &&Binding| rbac.role_of(binding).is_none() && binding.subjects.iter().any(is_for);
    let lines = rbac.bindings().iter().filter(of_nothing);
    lines.take(SHOWN).map(|binding| format!("{binding} gives nothing: {} does not exist", binding.role)).collect()
}
