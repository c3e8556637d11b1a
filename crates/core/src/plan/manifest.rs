//! Role bindings as Kubernetes writes them, for `kubectl apply` and for the step that makes them.

use serde::{Deserialize, Serialize};

use crate::rbac::{Binding, BindingSubject, RoleRef};

/// A ClusterRoleBinding or a RoleBinding, written as an object of `rbac.authorization.k8s.io/v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Object", try_from = "Object")]
pub struct BindingManifest(pub Binding);

const API_GROUP: &str = "rbac.authorization.k8s.io";

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    api_version: String,
    kind: String,
    metadata: Metadata,
    role_ref: Reference,
    #[serde(default)]
    subjects: Vec<Reference>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Metadata {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
}

/// A role or a subject.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    api_group: Option<String>,
    kind: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
}

impl Reference {
    fn of_rbac(kind: &str, name: String) -> Self {
        Self { api_group: Some(API_GROUP.to_owned()), kind: kind.to_owned(), name, namespace: None }
    }
}

impl From<BindingManifest> for Object {
    fn from(BindingManifest(binding): BindingManifest) -> Self {
        let kind = if binding.namespace.is_none() { "ClusterRoleBinding" } else { "RoleBinding" };
        let role_ref = match binding.role {
            RoleRef::ClusterRole(name) => Reference::of_rbac("ClusterRole", name),
            RoleRef::Role(name) => Reference::of_rbac("Role", name),
        };
        let subject = |subject| match subject {
            BindingSubject::User(name) => Reference::of_rbac("User", name),
            BindingSubject::Group(name) => Reference::of_rbac("Group", name),
            BindingSubject::ServiceAccount { namespace, name } => {
                Reference { api_group: None, kind: "ServiceAccount".to_owned(), name, namespace: Some(namespace) }
            }
        };
        Self {
            api_version: format!("{API_GROUP}/v1"),
            kind: kind.to_owned(),
            metadata: Metadata { name: binding.name, namespace: binding.namespace },
            role_ref,
            subjects: binding.subjects.into_iter().map(subject).collect(),
        }
    }
}

impl TryFrom<Object> for BindingManifest {
    type Error = ManifestError;

    fn try_from(object: Object) -> Result<Self, ManifestError> {
        match (object.kind.as_str(), &object.metadata.namespace) {
            ("ClusterRoleBinding", None) | ("RoleBinding", Some(_)) => {}
            _ => return Err(ManifestError::Kind { kind: object.kind }),
        }
        let role = match object.role_ref.kind.as_str() {
            "ClusterRole" => RoleRef::ClusterRole(object.role_ref.name),
            "Role" => RoleRef::Role(object.role_ref.name),
            _ => return Err(ManifestError::Role { kind: object.role_ref.kind }),
        };
        let subject = |subject: Reference| match (subject.kind.as_str(), subject.namespace) {
            ("User", _) => Ok(BindingSubject::User(subject.name)),
            ("Group", _) => Ok(BindingSubject::Group(subject.name)),
            ("ServiceAccount", Some(namespace)) => Ok(BindingSubject::ServiceAccount { namespace, name: subject.name }),
            _ => Err(ManifestError::Subject { kind: subject.kind }),
        };
        let subjects = object.subjects.into_iter().map(subject).collect::<Result<_, _>>()?;
        Ok(Self(Binding { namespace: object.metadata.namespace, name: object.metadata.name, role, subjects }))
    }
}

/// Why an object is not taken for a binding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Neither kind of binding, or one without its namespace or with one too many.
    #[error("expected a ClusterRoleBinding without a namespace or a RoleBinding with one, found `{kind}`")]
    Kind {
        /// What stands there.
        kind: String,
    },
    /// A reference to something else than a role.
    #[error("`roleRef.kind` is `{kind}`, expected `ClusterRole` or `Role`")]
    Role {
        /// What stands there.
        kind: String,
    },
    /// A subject that no binding has.
    #[error("a subject's kind is `{kind}`, expected `User`, `Group` or `ServiceAccount` with its namespace")]
    Subject {
        /// What stands there.
        kind: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rbac::Rbac;

    #[test]
    fn what_is_written_is_what_kubernetes_reads() {
        let subjects = vec![
            BindingSubject::User("me".into()),
            BindingSubject::Group("devs".into()),
            BindingSubject::ServiceAccount { namespace: "shop".into(), name: "robot".into() },
        ];
        for (namespace, role) in
            [(None, RoleRef::ClusterRole("r".into())), (Some("n".into()), RoleRef::Role("r".into()))]
        {
            let binding = Binding { namespace, name: "b".into(), role, subjects: subjects.clone() };
            let json = serde_json::to_string(&BindingManifest(binding.clone())).unwrap();
            assert_eq!(Rbac::parse(&json).unwrap().bindings(), std::slice::from_ref(&binding));
            assert_eq!(serde_json::from_str::<BindingManifest>(&json).unwrap().0, binding);
        }
    }

    #[test]
    fn what_is_no_binding_is_refused() {
        let text = r#"{"apiVersion": "v1", "kind": "RoleBinding", "metadata": {"name": "b"},
                       "roleRef": {"kind": "Role", "name": "r"}}"#;
        assert!(serde_json::from_str::<BindingManifest>(text).unwrap_err().to_string().contains("with one"));
    }
}
