//! RBAC objects as a document keeps them: what decides, and nothing of what a cluster adds for itself.

use serde_json::{Map, Value, json};

use super::error::WorldDocumentError;
use crate::rbac::Rbac;

/// The RBAC objects among some, stripped, in the order of kind, namespace and name; lists are opened. Of two with the
/// same name in the same place the last counts, as in [`Rbac::new`].
///
/// # Errors
/// For an object without what its kind must have.
pub(super) fn objects(values: impl IntoIterator<Item = Value>) -> Result<Vec<Value>, WorldDocumentError> {
    let mut kept = std::collections::BTreeMap::new();
    for value in values {
        let items = match value {
            Value::Object(mut object) if object.contains_key("items") => match object.remove("items") {
                Some(Value::Array(items)) => items,
                _ => Vec::new(),
            },
            other => vec![other],
        };
        for item in items {
            if let Some((key, object)) = stripped(&item) {
                kept.insert(key, object);
            }
        }
    }
    let objects: Vec<Value> = kept.into_values().collect();
    // What cannot decide anything is refused here, with the object's name, and not later.
    Rbac::from_objects(objects.iter().cloned())?;
    Ok(objects)
}

type Key = (String, String, String);

fn stripped(value: &Value) -> Option<(Key, Value)> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let kind = text("/kind");
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
