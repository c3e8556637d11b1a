//! RBAC objects as a document keeps them: what decides, and nothing of what a cluster adds for itself.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::error::WorldDocumentError;
use crate::arn::printable;
use crate::rbac::Rbac;

/// The RBAC objects among some, stripped, in the order of kind, namespace and name; lists are opened. Of two with the
/// same name in the same place the last counts, as in [`Rbac::new`].
///
/// # Errors
/// For an object without what its kind must have; and where something is there and nothing of it is RBAC: whoever took
/// that for a cluster without any binding would call equal what is not.
pub(super) fn objects(values: impl IntoIterator<Item = Value>) -> Result<Vec<Value>, WorldDocumentError> {
    let mut kept = std::collections::BTreeMap::new();
    let mut others = BTreeSet::new();
    for value in values {
        for item in items(value)? {
            let Some(kind) = item.get("kind").and_then(Value::as_str) else {
                let name = item.pointer("/metadata/name").and_then(Value::as_str).map(printable);
                let place = name.map_or_else(|| "an object".to_owned(), |name| format!("the object `{name}`"));
                return Err(WorldDocumentError::value("rbac", format!("{place} has no `kind`; {EXPECTED}")));
            };
            match stripped(kind, &item) {
                Some((key, object)) => drop(kept.insert(key, object)),
                None => drop(others.insert(printable(kind))),
            }
        }
    }
    if let (true, Some(kind)) = (kept.is_empty(), others.first()) {
        return Err(WorldDocumentError::value("rbac", format!("found no RBAC, but a `{kind}`; {EXPECTED}")));
    }
    let objects: Vec<Value> = kept.into_values().collect();
    // What cannot decide anything is refused here, with the object's name, and not later.
    Rbac::from_objects(objects.iter().cloned())?;
    Ok(objects)
}

const EXPECTED: &str =
    "expected what `kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml` prints";

/// The items of a list; what is no list is one item, and an empty document none.
fn items(value: Value) -> Result<Vec<Value>, WorldDocumentError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Object(mut object) => match object.remove("items") {
            Some(Value::Array(items)) => Ok(items),
            Some(Value::Null) => Ok(Vec::new()),
            Some(_) => Err(WorldDocumentError::value("rbac", format!("`items` is no list; {EXPECTED}"))),
            None => Ok(vec![Value::Object(object)]),
        },
        other => Ok(vec![other]),
    }
}

type Key = (String, String, String);

fn stripped(kind: &str, value: &Value) -> Option<(Key, Value)> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let fields: &[&str] = match kind {
        "ClusterRole" | "Role" => &["rules"],
        "ClusterRoleBinding" | "RoleBinding" => &["roleRef", "subjects"],
        _ => return None,
    };
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let mut metadata = Map::from_iter([("name".to_owned(), json!(name))]);
    if !namespace.is_empty() {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    let mut object = Map::from_iter([
        ("apiVersion".to_owned(), json!("rbac.authorization.k8s.io/v1")),
        ("kind".to_owned(), json!(kind)),
        ("metadata".to_owned(), Value::Object(metadata)),
    ]);
    for &field in fields {
        // Bindings without subjects are printed without the field, roles without rules with `null`.
        if let Some(found) = value.get(field).filter(|found| !found.is_null()) {
            object.insert(field.to_owned(), found.clone());
        }
    }
    Some(((kind.to_owned(), namespace.to_owned(), name.to_owned()), Value::Object(object)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_rbac_is_not_a_cluster_without_bindings() {
        let refused = |value: Value| objects([value]).unwrap_err().to_string();
        for (value, says) in [
            (json!({ "a": "b" }), "rbac: an object has no `kind`; expected what `kubectl get"),
            (json!("just text"), "rbac: an object has no `kind`"),
            // As the API server prints a list, without the kind of its items.
            (
                json!({ "kind": "ClusterRoleList", "items": [{ "metadata": { "name": "admin" }, "rules": [] }] }),
                "rbac: the object `admin` has no `kind`",
            ),
            (json!({ "kind": "ConfigMap", "metadata": { "name": "aws-auth" } }), "found no RBAC, but a `ConfigMap`"),
            (json!({ "kind": "List", "items": {} }), "`items` is no list"),
        ] {
            let text = refused(value.clone());
            assert!(text.contains(says), "{value}: {text}");
        }
        assert_eq!(objects([json!({ "kind": "List", "items": [] }), Value::Null]).unwrap(), Vec::<Value>::new());
    }
}
