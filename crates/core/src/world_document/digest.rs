//! The name of what a document says about access: SHA-256 over its canonical JSON.
//!
//! Two documents have the same digest exactly if the same decides in both. What decides nothing is left out: the
//! cluster's name, tags, the ARNs of entries, and times, which differ on a cluster that was changed and changed back.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{EntryDocument, WorldDocument, authenticator_name};

impl WorldDocument {
    /// SHA-256 of what decides access here, in lower-case hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut text = String::new();
        write_canonical(&self.deciding(), &mut text);
        let mut digest = String::with_capacity(64);
        for byte in Sha256::digest(text.as_bytes()) {
            // A String takes everything.
            let _ = write!(digest, "{byte:02x}");
        }
        digest
    }

    fn deciding(&self) -> Value {
        let mut entries: Vec<&EntryDocument> = self.access_entries.iter().collect();
        entries.sort_by(|a, b| a.principal_arn.cmp(&b.principal_arn));
        json!({
            "authenticationMode": self.authentication_mode.name(),
            "authenticator": authenticator_name(self.authenticator),
            "creator": self.creator,
            "accessEntries": entries.into_iter().map(entry).collect::<Vec<_>>(),
            "awsAuth": self.aws_auth,
            "rbac": self.rbac,
            "directory": self.directory,
        })
    }
}

/// Groups are a set, policies a map.
fn entry(entry: &EntryDocument) -> Value {
    let mut groups = entry.kubernetes_groups.clone();
    groups.sort_unstable();
    groups.dedup();
    let policies: std::collections::BTreeMap<&str, Value> = entry
        .associated_access_policies
        .iter()
        .map(|association| {
            let scope = &association.access_scope;
            let mut namespaces: Vec<&str> = scope.namespaces().iter().map(|pattern| pattern.as_str()).collect();
            namespaces.sort_unstable();
            (association.policy_arn.as_str(), json!({ "type": scope.kind(), "namespaces": namespaces }))
        })
        .collect();
    json!({
        "principalArn": entry.principal_arn,
        "type": entry.r#type,
        "username": entry.username,
        "kubernetesGroups": groups,
        "associatedAccessPolicies": policies,
    })
}

/// JSON without spaces, keys in the order of their bytes.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<(&String, &Value)> = map.iter().collect();
            keys.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, value)) in keys.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, value) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_canonical(value, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}
