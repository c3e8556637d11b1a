//! The ConfigMap aws-auth as a value: a manifest as kubectl prints it, a list of ConfigMaps, or its bare `data`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::arn::printable;
use crate::aws_auth::Section;

/// Why a value is no aws-auth.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigMapError {
    /// Something else.
    #[error("the file holds {0}; expected the ConfigMap `aws-auth`, as `kubectl get -o yaml` prints it")]
    NotAConfigMap(String),
    /// A ConfigMap's data are text.
    #[error("`data.{0}` is not text; in a ConfigMap it begins with `|`")]
    NotText(String),
}

/// The `data` of the ConfigMap aws-auth.
///
/// # Errors
/// [`ConfigMapError`] for anything else than one object of kind ConfigMap that is named aws-auth or not at all.
pub fn config_map_data(value: &Value) -> Result<BTreeMap<String, String>, ConfigMapError> {
    let not = |what: &str| ConfigMapError::NotAConfigMap(what.to_owned());
    let all = value.as_object().ok_or_else(|| not("no mapping"))?;
    match all.get("kind").and_then(Value::as_str) {
        Some("ConfigMap") => {}
        Some(kind) => return Err(not(&format!("the kind `{}`", printable(kind)))),
        None => return Err(not("no `kind`")),
    }
    let name = value.pointer("/metadata/name").and_then(Value::as_str);
    if let Some(name) = name.filter(|name| *name != "aws-auth") {
        return Err(not(&format!("the ConfigMap `{}`", printable(name))));
    }
    match all.get("data") {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(data) => texts_of(data),
    }
}

/// The same, from a list of ConfigMaps too, and from `data` alone: `{mapRoles: …}` with or without `data:` above it.
pub(super) fn any_form(value: &Value) -> Result<BTreeMap<String, String>, ConfigMapError> {
    let Some(all) = value.as_object() else { return config_map_data(value) };
    let kind = all.get("kind").and_then(Value::as_str);
    if let (Some("List" | "ConfigMapList"), Some(Value::Array(items))) = (kind, all.get("items")) {
        let is_it = |item: &&Value| item.pointer("/metadata/name").and_then(Value::as_str) == Some("aws-auth");
        let missing = || ConfigMapError::NotAConfigMap("a list without a ConfigMap `aws-auth`".to_owned());
        return config_map_data(items.iter().find(is_it).ok_or_else(missing)?);
    }
    match (kind, all.get("data")) {
        (None, Some(data)) if all.len() == 1 => texts_of(data),
        (None, None) if is_bare_data(all) => texts_of(value),
        _ => config_map_data(value),
    }
}

fn is_bare_data(all: &Map<String, Value>) -> bool {
    all.keys().all(|key| Section::ALL.iter().any(|section| section.key().eq_ignore_ascii_case(key)))
}

pub(super) fn texts_of(data: &Value) -> Result<BTreeMap<String, String>, ConfigMapError> {
    let Some(data) = data.as_object() else {
        return Err(ConfigMapError::NotAConfigMap("`data` that is no mapping".to_owned()));
    };
    let text = |(key, text): (&String, &Value)| match text {
        Value::String(text) => Ok((key.clone(), text.clone())),
        _ => Err(ConfigMapError::NotText(printable(key))),
    };
    data.iter().map(text).collect()
}
