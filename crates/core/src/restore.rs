//! The steps from what a cluster is to what it was: the way back from a backup, without a moment in which somebody who
//! has access in both has none.
//!
//! Rows come back first, then entries are made and made equal, and only then those go that were not there. An entry
//! that was not there goes only where a row lets its principal in again: EKS makes entries itself (for whoever made the
//! cluster, for node groups), and what came after the backup was not made for nothing. In the mode API entries stay as
//! they are, because rows do not count and EKS does not change the mode back.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::access_entry::EntryType;
use crate::authentication_mode::AuthenticationMode;
use crate::aws_auth;
use crate::plan::{Action, BindingManifest, Step};
use crate::principal::PrincipalArn;
use crate::world_document::{AssociationDocument, EntryDocument, WorldDocument};

/// The steps from `now` to `wanted`, as far as the authentication mode allows. None of them has a reversal: the way back
/// is another backup.
pub fn restore(now: &WorldDocument, wanted: &WorldDocument) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(aws_auth) = wanted.aws_auth.as_ref().filter(|_| now.aws_auth != wanted.aws_auth) {
        let action = Action::RestoreAwsAuth { data: aws_auth.data.clone() };
        steps.push(step("restore-aws-auth".to_owned(), action, "rows come back before anything goes"));
    }
    let was_mixed = wanted.authentication_mode != AuthenticationMode::Api;
    if !now.authentication_mode.uses_access_entries()
        || (now.authentication_mode == AuthenticationMode::Api && was_mixed)
    {
        return steps;
    }
    bindings(now, wanted, &mut steps);
    let there: BTreeMap<&PrincipalArn, &EntryDocument> = by_principal(now);
    let were: BTreeMap<&PrincipalArn, &EntryDocument> = by_principal(wanted);
    for (principal, entry) in &were {
        entry_steps(there.get(principal).copied(), entry, &mut steps);
    }
    let rows: BTreeSet<String> = wanted.aws_auth.iter().flat_map(|it| rows_of(&it.data)).collect();
    for principal in there.keys().filter(|principal| !were.contains_key(*principal)) {
        if rows.contains(&principal.canonical_key()) {
            let action = Action::DeleteEntry { principal_arn: (*principal).clone() };
            steps.push(step(format!("delete-entry:{principal}"), action, "a row lets this principal in again"));
        }
    }
    steps
}

fn step(id: String, action: Action, why: &str) -> Step {
    Step { id, action, undo: None, why: why.to_owned() }
}

fn by_principal(document: &WorldDocument) -> BTreeMap<&PrincipalArn, &EntryDocument> {
    document.access_entries.iter().map(|entry| (&entry.principal_arn, entry)).collect()
}

/// Whom rows are about, as callers are told apart.
fn rows_of(data: &BTreeMap<String, String>) -> Vec<String> {
    aws_auth::parse(data).mappings().map(|row| row.arn.to_ascii_lowercase()).collect()
}

/// Bindings that were there and are not, or bind somebody else. What was added since may be anybody's, and stays.
fn bindings(now: &WorldDocument, wanted: &WorldDocument, steps: &mut Vec<Step>) {
    let key = |object: &Value| {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
    };
    let manifest = |object: &Value| serde_json::from_value::<BindingManifest>(object.clone()).ok();
    let Some(objects) = &now.rbac else { return };
    let there: BTreeMap<_, _> = objects.iter().map(|object| (key(object), object)).collect();
    for object in wanted.rbac.iter().flatten() {
        let Some(binding) = manifest(object) else { continue };
        if there.get(&key(object)).and_then(|object| manifest(object)).as_ref() != Some(&binding) {
            let id = format!("apply-binding:{}", binding.0.name);
            steps.push(step(id, Action::ApplyBinding(binding), "it was there"));
        }
    }
}

fn entry_steps(there: Option<&EntryDocument>, was: &EntryDocument, steps: &mut Vec<Step>) {
    let principal_arn = was.principal_arn.clone();
    let entry_type = EntryType::from_name(&was.r#type).unwrap_or_default();
    let is_plain = !entry_type.is_for_nodes();
    match there.filter(|there| there.r#type == was.r#type) {
        None => {
            if there.is_some() {
                let action = Action::DeleteEntry { principal_arn: principal_arn.clone() };
                steps.push(step(format!("delete-entry:{principal_arn}"), action, "its type was another one"));
            }
            let action = Action::CreateEntry {
                principal_arn: principal_arn.clone(),
                r#type: entry_type,
                username: is_plain.then(|| was.username.clone()),
                groups: if is_plain { was.kubernetes_groups.clone() } else { Vec::new() },
            };
            steps.push(step(format!("create-entry:{principal_arn}"), action, "it was there"));
        }
        Some(there) if is_plain && !says_the_same(there, was) => {
            let action = Action::UpdateEntry {
                principal_arn: principal_arn.clone(),
                username: Some(was.username.clone()),
                groups: was.kubernetes_groups.clone(),
            };
            steps.push(step(format!("update-entry:{principal_arn}"), action, "it said something else"));
        }
        Some(_) => {}
    }
    let there: &[AssociationDocument] =
        there.map(|there| there.associated_access_policies.as_slice()).unwrap_or_default();
    let has = |list: &[AssociationDocument], one: &AssociationDocument| {
        list.iter().any(|other| other.policy_arn == one.policy_arn && other.access_scope == one.access_scope)
    };
    for one in was.associated_access_policies.iter().filter(|one| !has(there, one)) {
        let (policy_arn, access_scope) = (one.policy_arn.clone(), one.access_scope.clone());
        let id = format!("associate:{principal_arn}:{}", policy_arn.name());
        let action = Action::AssociatePolicy { principal_arn: principal_arn.clone(), policy_arn, access_scope };
        steps.push(step(id, action, "it was associated"));
    }
    for one in there {
        if was.associated_access_policies.iter().all(|other| other.policy_arn != one.policy_arn) {
            let policy_arn = one.policy_arn.clone();
            let id = format!("disassociate:{principal_arn}:{}", policy_arn.name());
            let action = Action::DisassociatePolicy { principal_arn: principal_arn.clone(), policy_arn };
            steps.push(step(id, action, "it was not associated"));
        }
    }
}

fn says_the_same(a: &EntryDocument, b: &EntryDocument) -> bool {
    let groups = |entry: &EntryDocument| entry.kubernetes_groups.iter().cloned().collect::<BTreeSet<_>>();
    a.username == b.username && groups(a) == groups(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws_auth::Authenticator;
    use crate::plan::{PlanOptions, plan};
    use crate::world_document::AwsAuthDocument;

    const ROWS: &str = "# ours\n- {rolearn: 'arn:aws:iam::123456789012:role/a', username: boss, groups: ['system:masters']}\n\
                        - {rolearn: 'arn:aws:iam::123456789012:role/b', username: b, groups: [g]}\n";

    fn arn(name: &str) -> PrincipalArn {
        PrincipalArn::parse(&format!("arn:aws:iam::123456789012:role/{name}")).unwrap()
    }

    fn mixed() -> WorldDocument {
        let mut document = WorldDocument::new(AuthenticationMode::ApiAndConfigMap, Authenticator::Eks);
        document.aws_auth = Some(AwsAuthDocument { data: [("mapRoles".to_owned(), ROWS.to_owned())].into() });
        document.access_entries.push(EntryDocument::new(arn("c"), "STANDARD", "c", vec!["x".to_owned()]));
        document
    }

    fn done(steps: &[Step], document: &WorldDocument) -> WorldDocument {
        steps.iter().fold(document.clone(), |document, step| step.action.apply_to(&document).unwrap())
    }

    #[test]
    fn a_migrated_cluster_becomes_what_it_was() {
        let was = mixed();
        let plan = plan(&was, &PlanOptions::default()).unwrap();
        let now = plan.after(&was).unwrap();
        assert_ne!(now.digest(), was.digest());
        assert_eq!(done(&restore(&now, &was), &now).digest(), was.digest());
        assert_eq!(restore(&was, &was), []);
    }

    #[test]
    fn rows_come_back_first_and_what_nobody_else_lets_in_stays() {
        let was = mixed();
        let mut now = was.clone();
        now.aws_auth = None;
        now.access_entries = vec![
            EntryDocument::new(arn("a"), "STANDARD", "boss", Vec::new()),
            EntryDocument::new(arn("new-nodes"), "EC2_LINUX", "system:node:{{EC2PrivateDNSName}}", Vec::new()),
        ];
        let steps = restore(&now, &was);
        let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
        let prefix = "arn:aws:iam::123456789012:role";
        assert_eq!(ids, ["restore-aws-auth", &format!("create-entry:{prefix}/c"), &format!("delete-entry:{prefix}/a")]);
    }

    #[test]
    fn in_the_mode_api_only_the_config_map_is_made_again() {
        let was = mixed();
        let mut now = was.clone();
        now.authentication_mode = AuthenticationMode::Api;
        now.aws_auth = None;
        now.access_entries.clear();
        let steps = restore(&now, &was);
        assert!(matches!(&steps[..], [Step { action: Action::RestoreAwsAuth { .. }, .. }]), "{steps:?}");
    }
}
