//! The RBAC objects of a cluster, and which of them speak for somebody.
//!
//! Source: Kubernetes documentation, "Using RBAC Authorization". Read from what
//! `kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml` (or `-o json`) prints. Aggregated roles
//! count as they are stored: the controller in the cluster has written their rules already.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::PolicyRule;
use crate::arn::printable;

/// A ClusterRole, or a Role of one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// None for a ClusterRole.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// What it allows.
    pub rules: Vec<PolicyRule>,
}

/// What a binding gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RoleRef {
    /// A ClusterRole.
    ClusterRole(String),
    /// A Role in the namespace of the binding.
    Role(String),
}

impl fmt::Display for RoleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClusterRole(name) => write!(f, "ClusterRole \"{name}\""),
            Self::Role(name) => write!(f, "Role \"{name}\""),
        }
    }
}

/// Whom a binding is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BindingSubject {
    /// A username.
    User(String),
    /// A group.
    Group(String),
    /// A service account: the username `system:serviceaccount:NAMESPACE:NAME`.
    ServiceAccount {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

impl fmt::Display for BindingSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "User \"{name}\""),
            Self::Group(name) => write!(f, "Group \"{name}\""),
            Self::ServiceAccount { namespace, name } => write!(f, "ServiceAccount \"{name}/{namespace}\""),
        }
    }
}

/// A ClusterRoleBinding, or a RoleBinding of one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// None for a ClusterRoleBinding.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// What it gives.
    pub role: RoleRef,
    /// Whom it is for.
    pub subjects: Vec<BindingSubject>,
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            None => write!(f, "ClusterRoleBinding \"{}\"", self.name),
            // As the API server writes it in its reasons.
            Some(namespace) => write!(f, "RoleBinding \"{}/{namespace}\"", self.name),
        }
    }
}

/// A binding that speaks for somebody, and the role that it gives.
#[derive(Clone, Copy, Debug)]
pub struct BoundRole<'a> {
    /// The binding.
    pub binding: &'a Binding,
    /// The subject of it that matched.
    pub subject: &'a BindingSubject,
    /// The role.
    pub role: &'a Role,
}

/// The RBAC objects of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Rbac {
    roles: Vec<Role>,
    bindings: Vec<Binding>,
    /// By namespace (none for ClusterRoles) and name: places in `roles`.
    role_at: HashMap<(Option<String>, String), usize>,
    /// By whom they are for: places in `bindings`, and of the subject in the binding. Service accounts are found by
    /// their username.
    by_user: HashMap<String, Vec<(usize, usize)>>,
    by_group: HashMap<String, Vec<(usize, usize)>>,
}

impl PartialEq for Rbac {
    fn eq(&self, other: &Self) -> bool {
        self.roles == other.roles && self.bindings == other.bindings
    }
}

impl Eq for Rbac {}

impl Rbac {
    /// Puts roles and bindings together. Of two with the same name in the same place the last counts; both lists are
    /// sorted, so that equal clusters give equal values.
    pub fn new(roles: impl IntoIterator<Item = Role>, bindings: impl IntoIterator<Item = Binding>) -> Self {
        let roles: std::collections::BTreeMap<_, _> =
            roles.into_iter().map(|role| ((role.namespace.clone(), role.name.clone()), role)).collect();
        let bindings: std::collections::BTreeMap<_, _> =
            bindings.into_iter().map(|binding| ((binding.namespace.clone(), binding.name.clone()), binding)).collect();
        let roles: Vec<Role> = roles.into_values().collect();
        let bindings: Vec<Binding> = bindings.into_values().collect();
        let role_at =
            roles.iter().enumerate().map(|(at, role)| ((role.namespace.clone(), role.name.clone()), at)).collect();
        let (mut by_user, mut by_group) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for (at, binding) in bindings.iter().enumerate() {
            for (subject_at, subject) in binding.subjects.iter().enumerate() {
                let place = (at, subject_at);
                match subject {
                    BindingSubject::User(name) => by_user.entry(name.clone()).or_default().push(place),
                    BindingSubject::Group(name) => by_group.entry(name.clone()).or_default().push(place),
                    BindingSubject::ServiceAccount { namespace, name } => {
                        by_user.entry(service_account_username(namespace, name)).or_default().push(place);
                    }
                }
            }
        }
        Self { roles, bindings, role_at, by_user, by_group }
    }

    /// Reads what `kubectl get … -o yaml` or `-o json` prints: a List, one object, or several YAML documents of
    /// either. Objects of other kinds are left out.
    ///
    /// # Errors
    /// [`RbacError`] for text that is neither, and for an object without what its kind must have.
    pub fn parse(text: &str) -> Result<Self, RbacError> {
        Self::of(documents(text)?)
    }

    /// Reads objects, and lists of them, that are JSON values already.
    ///
    /// # Errors
    /// As for [`Self::parse`].
    pub fn from_objects(values: impl IntoIterator<Item = serde_json::Value>) -> Result<Self, RbacError> {
        let syntax = |error: serde_json::Error| RbacError::Syntax(printable(&error.to_string()));
        let documents = values.into_iter().map(|value| serde_json::from_value(value).map_err(syntax));
        Self::of(documents.collect::<Result<Vec<Object>, _>>()?)
    }

    fn of(documents: Vec<Object>) -> Result<Self, RbacError> {
        let (mut roles, mut bindings) = (Vec::new(), Vec::new());
        for object in documents.into_iter().flat_map(Object::into_objects) {
            match object.into_parsed()? {
                Some(Parsed::Role(role)) => roles.push(role),
                Some(Parsed::Binding(binding)) => bindings.push(binding),
                None => {}
            }
        }
        Ok(Self::new(roles, bindings))
    }

    /// All roles, ClusterRoles first, then by namespace and name.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// All bindings, ClusterRoleBindings first, then by namespace and name.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// Usernames that bindings name, those of service accounts included; each once, in no order.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.by_user.keys().map(String::as_str)
    }

    /// Groups that bindings name; each once, in no order.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.by_group.keys().map(String::as_str)
    }

    /// The role that a binding gives; none if it does not exist, in which case the binding gives nothing.
    pub fn role_of(&self, binding: &Binding) -> Option<&Role> {
        let key = match &binding.role {
            RoleRef::ClusterRole(name) => (None, name.clone()),
            // A ClusterRoleBinding to a Role does not exist: the API refuses it.
            RoleRef::Role(name) => (Some(binding.namespace.clone()?), name.clone()),
        };
        self.roles.get(*self.role_at.get(&key)?)
    }

    /// What is bound to a username (a service account's included).
    pub fn bound_to_user<'a>(&'a self, username: &str) -> impl Iterator<Item = BoundRole<'a>> {
        self.bound(self.by_user.get(username))
    }

    /// What is bound to a group.
    pub fn bound_to_group<'a>(&'a self, group: &str) -> impl Iterator<Item = BoundRole<'a>> {
        self.bound(self.by_group.get(group))
    }

    fn bound<'a>(&'a self, places: Option<&'a Vec<(usize, usize)>>) -> impl Iterator<Item = BoundRole<'a>> {
        places.into_iter().flatten().filter_map(|&(at, subject_at)| {
            let binding = self.bindings.get(at)?;
            let subject = binding.subjects.get(subject_at)?;
            Some(BoundRole { binding, subject, role: self.role_of(binding)? })
        })
    }
}

/// The username of a service account.
pub fn service_account_username(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// Why a text is not taken for RBAC objects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RbacError {
    /// Neither YAML nor JSON of the expected shape.
    #[error(
        "this is not what `kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml` prints: {0}"
    )]
    Syntax(String),
    /// Something that its kind must have is missing or wrong.
    #[error("{kind} `{name}`: {problem}")]
    Object {
        /// The object's kind.
        kind: String,
        /// Its name.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

enum Parsed {
    Role(Role),
    Binding(Binding),
}

/// An object, or a List of objects.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    items: Option<Vec<Object>>,
    kind: String,
    metadata: Metadata,
    rules: Option<Vec<PolicyRule>>,
    role_ref: Option<RawRoleRef>,
    subjects: Option<Vec<RawSubject>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    name: String,
    namespace: String,
}

#[derive(Deserialize, Serialize, Default, Clone)]
#[serde(rename_all = "camelCase", default)]
struct RawRoleRef {
    kind: String,
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawSubject {
    kind: String,
    name: String,
    namespace: String,
}

impl Object {
    fn into_objects(self) -> Vec<Self> {
        match self.items {
            Some(items) => items,
            None => vec![self],
        }
    }

    fn into_parsed(self) -> Result<Option<Parsed>, RbacError> {
        let is_cluster_wide = self.kind.starts_with("Cluster");
        match self.kind.as_str() {
            "ClusterRole" | "Role" => {
                let (namespace, name) = self.place(is_cluster_wide)?;
                Ok(Some(Parsed::Role(Role { namespace, name, rules: self.rules.unwrap_or_default() })))
            }
            "ClusterRoleBinding" | "RoleBinding" => {
                let (namespace, name) = self.place(is_cluster_wide)?;
                let role = self.role()?;
                let subjects = self.subjects.iter().flatten();
                let subjects = subjects.map(|raw| self.subject(raw, &namespace)).collect::<Result<_, _>>()?;
                Ok(Some(Parsed::Binding(Binding { namespace, name, role, subjects })))
            }
            _ => Ok(None),
        }
    }

    fn place(&self, is_cluster_wide: bool) -> Result<(Option<String>, String), RbacError> {
        if self.metadata.name.is_empty() {
            return Err(self.error("`metadata.name` is missing"));
        }
        if is_cluster_wide {
            return Ok((None, self.metadata.name.clone()));
        }
        if self.metadata.namespace.is_empty() {
            return Err(self.error("`metadata.namespace` is missing"));
        }
        Ok((Some(self.metadata.namespace.clone()), self.metadata.name.clone()))
    }

    fn role(&self) -> Result<RoleRef, RbacError> {
        let Some(RawRoleRef { kind, name }) = self.role_ref.clone() else {
            return Err(self.error("`roleRef` is missing"));
        };
        match kind.as_str() {
            "ClusterRole" => Ok(RoleRef::ClusterRole(name)),
            "Role" => Ok(RoleRef::Role(name)),
            other => Err(self.error(&format!("`roleRef.kind` is `{}`", printable(other)))),
        }
    }

    /// A kind of subject that Kubernetes does not know matches nobody there; here it is an error, or a typing mistake
    /// would silently grant nothing.
    fn subject(&self, raw: &RawSubject, binding_namespace: &Option<String>) -> Result<BindingSubject, RbacError> {
        match raw.kind.as_str() {
            "User" => Ok(BindingSubject::User(raw.name.clone())),
            "Group" => Ok(BindingSubject::Group(raw.name.clone())),
            "ServiceAccount" => {
                let namespace = match (raw.namespace.as_str(), binding_namespace) {
                    ("", Some(namespace)) => namespace.clone(),
                    (namespace, _) => namespace.to_owned(),
                };
                Ok(BindingSubject::ServiceAccount { namespace, name: raw.name.clone() })
            }
            other => Err(self.error(&format!("a subject's kind is `{}`", printable(other)))),
        }
    }

    fn error(&self, problem: &str) -> RbacError {
        let (kind, name) = (printable(&self.kind), printable(&self.metadata.name));
        RbacError::Object { kind, name, problem: problem.to_owned() }
    }
}

/// JSON is YAML, and much faster to read as what it is; what only looks like it is YAML still.
fn documents(text: &str) -> Result<Vec<Object>, RbacError> {
    if text.trim_start().starts_with('{')
        && let Ok(document) = serde_json::from_str(text)
    {
        return Ok(vec![document]);
    }
    serde_saphyr::from_multiple(text).map_err(|error| {
        // The lines below the first show the text itself.
        RbacError::Syntax(printable(error.to_string().lines().next().unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"
apiVersion: v1
kind: List
items:
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: reader, labels: {a: b}}
  rules:
  - apiGroups: [""]
    resources: [pods]
    verbs: [get]
  aggregationRule: {clusterRoleSelectors: []}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata: {name: b, namespace: shop}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
  subjects:
  - {kind: Group, name: devs, apiGroup: rbac.authorization.k8s.io}
  - {kind: ServiceAccount, name: robot}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: empty}, rules: null}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: other, namespace: shop}, data: {rules: x}}
"#;

    #[test]
    fn what_kubectl_prints_is_read_as_yaml_and_as_json() {
        let yaml = Rbac::parse(LIST).unwrap();
        assert_eq!(yaml.roles().len(), 2);
        let bound: Vec<_> = yaml.bound_to_group("devs").map(|bound| bound.role.name.as_str()).collect();
        assert_eq!(bound, ["reader"]);
        assert_eq!(yaml.bound_to_user("system:serviceaccount:shop:robot").count(), 1);
        let value: serde_json::Value = serde_saphyr::from_str(LIST).unwrap();
        assert_eq!(Rbac::parse(&value.to_string()).unwrap(), yaml);
        assert_eq!(Rbac::parse("").unwrap(), Rbac::default());
    }

    #[test]
    fn several_documents_count_together() {
        let text = "kind: ClusterRole\nmetadata: {name: a}\n---\nkind: ClusterRole\nmetadata: {name: b}\n";
        assert_eq!(Rbac::parse(text).unwrap().roles().len(), 2);
    }

    #[test]
    fn a_binding_to_a_role_that_does_not_exist_gives_nothing() {
        let text = "{kind: ClusterRoleBinding, metadata: {name: b}, roleRef: {kind: ClusterRole, name: gone}, \
                    subjects: [{kind: User, name: me}]}";
        let rbac =
            Rbac::parse(&format!("{text}\n---\n{{kind: Role, metadata: {{name: gone, namespace: n}}}}")).unwrap();
        assert_eq!(rbac.bindings().len(), 1);
        assert_eq!(rbac.bound_to_user("me").count(), 0);
    }

    #[test]
    fn what_is_no_rbac_is_refused_with_its_place() {
        for (text, expected) in [
            ("just text", "this is not what"),
            ("{kind: Role, metadata: {name: a}}", "Role `a`: `metadata.namespace` is missing"),
            ("{kind: ClusterRole}", "`metadata.name` is missing"),
            ("{kind: ClusterRoleBinding, metadata: {name: b}}", "`roleRef` is missing"),
            (
                "{kind: ClusterRoleBinding, metadata: {name: b}, roleRef: {kind: ClusterRole, name: a}, \
                 subjects: [{kind: user, name: me}]}",
                "a subject's kind is `user`",
            ),
        ] {
            let error = Rbac::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
