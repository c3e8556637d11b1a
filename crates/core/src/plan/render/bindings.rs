//! The bindings that a plan leaves, for `kubectl apply`.

use std::collections::BTreeMap;

use crate::plan::{Action, Plan};

/// Writes the bindings that a plan makes for good, as YAML documents; nothing if there is none.
pub fn binding_manifests(plan: &Plan) -> String {
    let mut left = BTreeMap::new();
    for step in &plan.steps {
        match &step.action {
            Action::ApplyBinding(manifest) => {
                left.insert((manifest.0.namespace.clone(), manifest.0.name.clone()), manifest);
            }
            Action::DeleteBinding { namespace, name } => {
                left.remove(&(namespace.clone(), name.clone()));
            }
            _ => {}
        }
    }
    // They are made of texts, lists and maps with text keys.
    let documents = left.values().map(|manifest| serde_saphyr::to_string(manifest).unwrap_or_default());
    documents.map(|document| format!("---\n{}\n", document.trim_end())).collect()
}
