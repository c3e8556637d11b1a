//! The pieces of a World as files hold them, each as its owner prints it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::WorldDocumentError as Error;
use super::{EntryDocument, aws_auth, rbac, read};
use crate::arn::printable;
use crate::directory::KnownPrincipal;

/// Reads the `data` of aws-auth: the ConfigMap as kubectl prints it, in YAML or JSON, or its `data` alone.
///
/// # Errors
/// [`Error::Syntax`] and [`Error::ConfigMap`].
pub fn aws_auth_data(text: &str) -> Result<BTreeMap<String, String>, Error> {
    Ok(aws_auth::any_form(&value(text)?)?)
}

/// Reads a JSON array of access entries as DescribeAccessEntry prints them, each with `associatedAccessPolicies`; with
/// or without `accessEntries` around it. The second value names the principals of entries that say nothing of
/// policies, which are taken to have none.
///
/// # Errors
/// [`Error`] that names the place.
pub fn access_entries(text: &str) -> Result<(Vec<EntryDocument>, Vec<String>), Error> {
    let value = value(text)?;
    let wrapped = value.as_object().filter(|object| object.len() == 1).and_then(|object| object.get("accessEntries"));
    let listed = wrapped.unwrap_or(&value);
    let entries = read::entries(listed, "accessEntries")?;
    let silent = listed.as_array().into_iter().flatten().filter_map(without_policies).collect();
    Ok((entries, silent))
}

fn without_policies(value: &Value) -> Option<String> {
    let inner = value.get("accessEntry").unwrap_or(value);
    let is_told = [value, inner].iter().any(|value| value.get("associatedAccessPolicies").is_some());
    // Nodes have none.
    let takes_some = matches!(inner.get("type").and_then(Value::as_str), None | Some("STANDARD" | "EC2"));
    (!is_told && takes_some).then(|| inner.get("principalArn").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// Reads what `kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml` (or `-o json`) prints: a
/// List, one object, or several YAML documents of either. Objects of other kinds are left out.
///
/// # Errors
/// [`Error::Syntax`] and [`Error::Rbac`].
pub fn rbac_objects(text: &str) -> Result<Vec<Value>, Error> {
    if text.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str::<Value>(text)
    {
        return rbac::objects([value]);
    }
    // A namespace may be called `n` or `no`.
    let options = serde_saphyr::options! { strict_booleans: true };
    let documents: Result<Vec<Value>, _> = serde_saphyr::from_multiple_with_options(text, options);
    let documents = documents.map_err(|error| syntax(&error.to_string()))?;
    if let Some(strange) = documents.iter().find(|document| !document.is_object() && !document.is_null()) {
        return Err(Error::value("the text", format!("`{}` is no Kubernetes object", printable(&strange.to_string()))));
    }
    rbac::objects(documents)
}

/// Reads a JSON array of `{"arn": …, "uniqueId": …}`.
///
/// # Errors
/// [`Error`] that names the place.
pub fn directory(text: &str) -> Result<Vec<KnownPrincipal>, Error> {
    read::principals(&value(text)?, "directory")
}

/// JSON is YAML, and much faster to read as what it is.
pub(super) fn value(text: &str) -> Result<Value, Error> {
    let looks_like_json = text.trim_start().starts_with(['{', '[']);
    let json = serde_json::from_str(text);
    match (json, looks_like_json) {
        (Ok(value), true) => Ok(value),
        (json, _) => {
            let options = serde_saphyr::options! { strict_booleans: true };
            let yaml = serde_saphyr::from_str_with_options(text, options);
            // Of what begins as JSON does, the JSON parser says better what is wrong.
            yaml.map_err(|error| match (json, looks_like_json) {
                (Err(json), true) => syntax(&json.to_string()),
                _ => syntax(&error.to_string()),
            })
        }
    }
}

fn syntax(problem: &str) -> Error {
    // The lines below the first show the text itself.
    Error::Syntax(printable(problem.lines().next().unwrap_or_default()))
}
