//! `doorward can-i --list`: everything that a principal may do. EKS cannot tell that through kubectl, because its
//! authorizer only answers single questions; a World can.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use doorward_core::questions::{Answer, Caller, may_do, place};
use doorward_core::world::World;
use serde::Serialize;

use super::{decision_name, not_let_in};
use crate::error::{CliError, exit};
use crate::output::{Format, WideFormat, print};
use crate::table::Table;
use crate::talk::Talk;

/// The answer for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    principal: String,
    decision: &'static str,
    /// Whether everything is allowed without a check: a member of `system:masters`.
    bypass: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<String>>,
    permissions: Vec<Row>,
    caveats: Vec<String>,
}

/// A resource or path, and what may be done with it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(skip_serializing_if = "String::is_empty")]
    resource: String,
    #[serde(rename = "nonResourceURL", skip_serializing_if = "String::is_empty")]
    path: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resource_names: Vec<String>,
    verbs: BTreeSet<String>,
    r#where: String,
    by: String,
}

/// Lists.
///
/// # Errors
/// If it cannot be printed.
pub(super) fn run(
    world: &World,
    caller: &Caller,
    namespace: Option<&str>,
    format: WideFormat,
    talk: Talk,
) -> Result<ExitCode, CliError> {
    let answer = may_do(world, caller, namespace);
    let is_wide = format == WideFormat::Wide;
    let identity = answer.access.as_ref().map(|access| &access.resolved.identity);
    let told = Told {
        principal: answer.caller.arn.to_string(),
        decision: if answer.access.is_some() { "letIn" } else { decision_name(&answer.decision) },
        bypass: answer.access.as_ref().is_some_and(|access| access.permissions.is_master),
        username: identity.map(|identity| identity.username.clone()),
        groups: identity.map(|identity| identity.groups.to_vec()),
        permissions: rows(&answer, format != WideFormat::Table),
        caveats: answer.caveats.iter().map(ToString::to_string).collect(),
    };
    match format {
        WideFormat::Json => print(Format::Json, &told, |_| Table::new([]))?,
        WideFormat::Yaml => print(Format::Yaml, &told, |_| Table::new([]))?,
        WideFormat::Table | WideFormat::Wide => {
            match (identity, told.bypass) {
                (None, _) => talk.warning(not_let_in(&answer.decision)),
                (Some(_), true) => talk.note("a member of `system:masters`: it passes every check, whatever is below"),
                (Some(identity), false) => {
                    talk.note(format_args!("as {} by {}", identity.username, by(&answer)));
                }
            }
            print(Format::Table, &told, |told| table(&told.permissions, is_wide))?;
            told.caveats.iter().for_each(|caveat| talk.warning(caveat));
        }
    }
    Ok(ExitCode::from(if answer.access.is_some() { exit::FINE } else { exit::FINDINGS }))
}

fn by(answer: &Answer<'_>) -> String {
    answer.access.as_ref().map(|access| access.resolved.source.to_string()).unwrap_or_default()
}

/// Resource, path, names, place, reason: what a row is about.
type Key = (String, String, Vec<String>, String, String);

/// One row for each resource and path, place and, if reasons are wanted, reason.
fn rows(answer: &Answer<'_>, with_reasons: bool) -> Vec<Row> {
    let Some(access) = &answer.access else { return Vec::new() };
    let mut verbs: BTreeMap<Key, BTreeSet<String>> = BTreeMap::new();
    let mut add = |resource: &str, path: &str, names: &[String], place: &str, by: &str, all: &[String]| {
        let by = if with_reasons { by } else { "" };
        let key = (resource.to_owned(), path.to_owned(), names.to_vec(), place.to_owned(), by.to_owned());
        verbs.entry(key).or_default().extend(all.iter().cloned());
    };
    if access.permissions.is_master {
        let everything = ["*".to_owned()];
        let (place, by) = ("in the whole cluster", "membership of system:masters");
        add("*.*", "", &[], place, by, &everything);
        add("", "*", &[], place, by, &everything);
    }
    for permission in &access.permissions.permissions {
        let (rule, place, by) = (permission.rule, place(&permission.scope), permission.by.to_string());
        for group in &rule.api_groups {
            for resource in &rule.resources {
                add(&with_group(resource, group), "", &rule.resource_names, &place, &by, &rule.verbs);
            }
        }
        // A RoleBinding, and a policy within namespaces, count for no path.
        let is_everywhere = place == "in the whole cluster";
        for path in rule.non_resource_urls.iter().filter(|_| is_everywhere) {
            add("", path, &[], &place, &by, &rule.verbs);
        }
    }
    let row = |((resource, path, resource_names, place, by), verbs)| Row {
        resource,
        path,
        resource_names,
        verbs,
        r#where: place,
        by,
    };
    verbs.into_iter().map(row).collect()
}

/// `pods/log`, `deployments.apps/scale`, as kubectl writes them.
fn with_group(resource: &str, group: &str) -> String {
    match (group, resource.split_once('/')) {
        ("", _) => resource.to_owned(),
        (group, Some((resource, subresource))) => format!("{resource}.{group}/{subresource}"),
        (group, None) => format!("{resource}.{group}"),
    }
}

fn table(rows: &[Row], is_wide: bool) -> Table {
    let mut headings = vec!["RESOURCE OR PATH", "VERBS", "WHERE"];
    // Few rules are limited to names.
    let has_names = rows.iter().any(|row| !row.resource_names.is_empty());
    if has_names {
        headings.push("NAMES");
    }
    if is_wide {
        headings.push("BY");
    }
    let mut table = Table::of(&headings);
    for row in rows {
        let verbs: Vec<&str> = row.verbs.iter().map(String::as_str).collect();
        let what = if row.path.is_empty() { &row.resource } else { &row.path };
        let place = row.r#where.strip_prefix("in ").unwrap_or(&row.r#where);
        let mut cells = vec![what.clone(), verbs.join(","), place.to_owned()];
        cells.extend(has_names.then(|| row.resource_names.join(",")));
        cells.extend(is_wide.then(|| row.by.clone()));
        table.row(cells);
    }
    table
}
