//! Runs the cases of `cases/migrate-plan` (its README says what a case is).

use std::collections::BTreeMap;
use std::path::Path;

use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::aws_auth::Authenticator;
use doorward_core::directory::KnownPrincipal;
use doorward_core::plan::{Plan, PlanOptions, plan};
use doorward_core::world_document::{AwsAuthDocument, ClusterIdentity, WorldDocument, rbac_objects};
use serde::Deserialize;
use serde_json::{Value, json};

use super::safety::{self, Sight};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Case {
    id: String,
    says: String,
    mode: AuthenticationMode,
    #[serde(default)]
    authenticator: Option<Authenticator>,
    #[serde(default)]
    cluster: Option<String>,
    aws_auth: BTreeMap<String, String>,
    #[serde(default)]
    directory: Option<Vec<KnownPrincipal>>,
    #[serde(default)]
    rbac: Option<String>,
    #[serde(default)]
    access_entries: Vec<Value>,
    #[serde(default)]
    r#final: bool,
    #[serde(default)]
    accept_loss: bool,
    rows: Vec<Row>,
    #[serde(default)]
    entries: Option<Vec<Entry>>,
    #[serde(default)]
    steps: Option<Vec<String>>,
    #[serde(default)]
    bindings: Vec<String>,
    #[serde(default)]
    warnings: Vec<String>,
    needs_a_decision: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    row: String,
    becomes: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    changes: Vec<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    arn: String,
    #[serde(default = "standard")]
    r#type: String,
    username: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    policies: Vec<String>,
}

fn standard() -> String {
    "STANDARD".to_owned()
}

const CLUSTER: &str = "arn:aws:eks:us-west-2:111122223333:cluster/shop";

/// What every cluster has.
const CLUSTER_ADMIN: &str = "{kind: ClusterRole, metadata: {name: cluster-admin}, rules: [{apiGroups: ['*'], resources: \
                             ['*'], verbs: ['*']}, {nonResourceURLs: ['*'], verbs: ['*']}]}";

#[test]
fn every_case_of_the_corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/migrate-plan");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let mut failures = Vec::new();
    let mut count = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let cases: Vec<Case> = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        for case in cases {
            count += 1;
            if let Err(failure) = run(&case) {
                failures.push(format!("{} ({}): {failure}", case.id, case.says));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count} cases fail:\n{}", failures.len(), failures.join("\n"));
    assert!(count >= 40, "only {count} cases were found");
}

fn run(case: &Case) -> Result<(), String> {
    let document = document(case);
    let options = PlanOptions { is_final: case.r#final, accept_loss: case.accept_loss, cluster_account: None };
    let plan = plan(&document, &options).map_err(|error| error.to_string())?;
    let world = document.to_world().map_err(|error| error.to_string())?;
    let at_once =
        doorward_core::plan::plan_and_after(&document, &world, &options).map_err(|error| error.to_string())?;
    let after = plan.after(&document).map_err(|error| error.to_string())?;
    assert_eq!(at_once, (plan.clone(), after), "made at once and one after the other");
    rows(case, &plan)?;
    // Nobody of another partition can call here.
    let partition = case.cluster.as_deref().unwrap_or(CLUSTER).split(':').nth(1).unwrap_or("aws").to_owned();
    let is_here = |arn: &String| arn.split(':').nth(1) == Some(&partition);
    let named: Vec<String> = plan.rows.iter().map(|row| row.arn.clone()).filter(is_here).collect();
    let is_ambiguous_before =
        document.authentication_mode == AuthenticationMode::ConfigMap && !document.access_entries.is_empty();
    let after = if is_ambiguous_before {
        plan.after(&document).map_err(|error| error.to_string())?
    } else {
        let sight = if case.rbac.is_some() { Sight::Full } else { Sight::WithoutRbac };
        let mut real = document.clone();
        real.rbac.get_or_insert_with(|| rbac_objects(CLUSTER_ADMIN).unwrap());
        sight.of(&safety::check(&real, sight, &options, &plan, &named))
    };
    if let Some(expected) = &case.entries {
        let found = entries(&after);
        if found != *expected {
            return Err(format!("the entries are {found:#?}"));
        }
    }
    let steps: Vec<String> = plan.steps.iter().map(|step| step.id.clone()).collect();
    if case.steps.as_ref().is_some_and(|expected| *expected != steps) {
        return Err(format!("the steps are {steps:#?}"));
    }
    let made: Vec<String> = after
        .rbac
        .iter()
        .flatten()
        .filter(|object| !document.rbac.iter().flatten().any(|before| before == *object))
        .map(binding)
        .collect();
    if made != case.bindings {
        return Err(format!("the bindings made are {made:#?}"));
    }
    for wanted in &case.warnings {
        if !plan.warnings.iter().any(|warning| warning.contains(wanted)) {
            return Err(format!("no warning says `{wanted}`: {:#?}", plan.warnings));
        }
    }
    if case.warnings.is_empty() && !plan.warnings.is_empty() {
        return Err(format!("unexpected warnings: {:#?}", plan.warnings));
    }
    if plan.needs_a_decision() != case.needs_a_decision {
        return Err(format!("whether it needs a decision: {}", plan.needs_a_decision()));
    }
    Ok(())
}

fn document(case: &Case) -> WorldDocument {
    let authenticator = case.authenticator.unwrap_or(Authenticator::Eks);
    let mut document = WorldDocument::new(case.mode, authenticator);
    let arn = case.cluster.clone().unwrap_or_else(|| CLUSTER.to_owned());
    document.cluster = (arn != "unknown").then(|| ClusterIdentity { name: "shop".to_owned(), arn: Some(arn) });
    document.aws_auth = Some(AwsAuthDocument { data: case.aws_auth.clone() });
    document.rbac = case.rbac.as_ref().map(|text| rbac_objects(text).unwrap());
    document.directory.clone_from(&case.directory);
    let entries = Value::Array(case.access_entries.clone()).to_string();
    document.access_entries = doorward_core::world_document::access_entries(&entries).unwrap().0;
    document
}

fn rows(case: &Case, plan: &Plan) -> Result<(), String> {
    let shown = || format!("the rows are {:#?}", plan.rows);
    if plan.rows.len() != case.rows.len() {
        return Err(shown());
    }
    for (row, expected) in plan.rows.iter().zip(&case.rows) {
        let outcome = json!(row.outcome);
        let place = format!("{}[{}]", row.section, row.index);
        let is_right = place == expected.row
            && outcome["becomes"] == json!(expected.becomes)
            && expected.code.as_ref().is_none_or(|code| outcome["code"] == json!(code));
        if !is_right {
            return Err(format!("{place} became {outcome} ({}), expected {}", row.reason, expected.row));
        }
        let changes: Vec<String> =
            row.changes.iter().map(|change| json!(change.kind).as_str().unwrap().to_owned()).collect();
        if changes != expected.changes {
            return Err(format!("{place} changes {:#?}", row.changes));
        }
        let text = json!(row).to_string();
        for wanted in &expected.says {
            if !text.contains(wanted.as_str()) && !text.contains(json!(wanted).to_string().trim_matches('"')) {
                return Err(format!("{place} does not say `{wanted}`: {text}"));
            }
        }
    }
    Ok(())
}

fn entries(document: &WorldDocument) -> Vec<Entry> {
    let entry = |entry: &doorward_core::world_document::EntryDocument| Entry {
        arn: entry.principal_arn.to_string(),
        r#type: entry.r#type.clone(),
        username: entry.username.clone(),
        groups: entry.kubernetes_groups.clone(),
        policies: entry
            .associated_access_policies
            .iter()
            .map(|one| {
                let namespaces: Vec<&str> = one.access_scope.namespaces().iter().map(|it| it.as_str()).collect();
                format!("{} {} {}", one.policy_arn, one.access_scope.kind(), namespaces.join(",")).trim().to_owned()
            })
            .collect(),
    };
    document.access_entries.iter().map(entry).collect()
}

/// `NAMESPACE/NAME: ROLE to SUBJECTS`
fn binding(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let namespace = text("/metadata/namespace");
    let subjects: Vec<String> = object["subjects"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|subject| format!("{} {}", subject["kind"].as_str().unwrap(), subject["name"].as_str().unwrap()))
        .collect();
    let place = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
    format!(
        "{place}{}: {} {} to {}",
        text("/metadata/name"),
        text("/roleRef/kind"),
        text("/roleRef/name"),
        subjects.join(", ")
    )
}
