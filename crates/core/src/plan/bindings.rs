//! Which bindings name a group or a username, and their copies for other names.
//!
//! A copy is a binding of its own: the role of a binding cannot be changed, and what is there stays as it is.

use std::collections::{BTreeMap, HashMap};

use super::manifest::BindingManifest;
use super::names::{Purpose, binding_names, is_of_a_plan};
use super::pattern::Pattern;
use crate::rbac::{Binding, BindingSubject, Rbac, service_account_username};

/// The bindings of a cluster by whom they name. Unlike [`Rbac::bound_to_group`], those to roles that do not exist
/// count: the role may come.
#[derive(Debug, Default)]
pub(super) struct Named<'a> {
    groups: HashMap<&'a str, Vec<&'a Binding>>,
    users: HashMap<String, Vec<&'a Binding>>,
}

impl<'a> Named<'a> {
    pub(super) fn new(rbac: &'a Rbac) -> Self {
        let mut named = Self::default();
        for binding in rbac.bindings() {
            for subject in &binding.subjects {
                match subject {
                    BindingSubject::Group(name) => named.groups.entry(name).or_default().push(binding),
                    BindingSubject::User(name) => named.users.entry(name.clone()).or_default().push(binding),
                    BindingSubject::ServiceAccount { namespace, name } => {
                        named.users.entry(service_account_username(namespace, name)).or_default().push(binding);
                    }
                }
            }
        }
        named
    }

    /// The bindings that name a group.
    pub(super) fn of_group(&self, group: &str) -> &[&'a Binding] {
        self.groups.get(group).map_or(&[], Vec::as_slice)
    }

    /// The usernames that a pattern can give and bindings name, sorted, each with its bindings.
    pub(super) fn of_users(&self, pattern: &Pattern) -> Vec<(&str, &[&'a Binding])> {
        if let Some(name) = pattern.literal() {
            return self
                .users
                .get_key_value(name)
                .map(|(name, found)| (name.as_str(), found.as_slice()))
                .into_iter()
                .collect();
        }
        let mut found: Vec<_> = self
            .users
            .iter()
            .filter(|(name, _)| pattern.can_be(name))
            .map(|(name, found)| (name.as_str(), found.as_slice()))
            .collect();
        found.sort_unstable_by_key(|(name, _)| *name);
        found
    }
}

/// Bindings to be made: copies with other subjects.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// By namespace and name of the original.
    subjects: BTreeMap<(Option<String>, String), (crate::rbac::RoleRef, Vec<BindingSubject>)>,
}

/// A binding to be made, and what is there in its place now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) binding: Binding,
    pub(super) before: Option<Binding>,
}

impl Copies {
    /// Has a binding copied for a subject.
    pub(super) fn add(&mut self, original: &Binding, subject: BindingSubject) {
        let key = (original.namespace.clone(), original.name.clone());
        let (_, subjects) = self.subjects.entry(key).or_insert_with(|| (original.role.clone(), Vec::new()));
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }

    /// The copies that are not there yet, or lack a subject.
    pub(super) fn missing(self, rbac: Option<&Rbac>, purpose: Purpose) -> Vec<Made> {
        self.all(rbac, purpose).into_iter().filter(|made| made.before.as_ref() != Some(&made.binding)).collect()
    }

    /// All copies, with the subjects that earlier plans gave them.
    pub(super) fn all(self, rbac: Option<&Rbac>, purpose: Purpose) -> Vec<Made> {
        let there: HashMap<(Option<&str>, &str), &Binding> = rbac
            .iter()
            .flat_map(|rbac| rbac.bindings())
            .map(|binding| ((binding.namespace.as_deref(), binding.name.as_str()), binding))
            .collect();
        let mut all = Vec::with_capacity(self.subjects.len());
        for ((namespace, original), (role, mut subjects)) in self.subjects {
            subjects.sort_unstable();
            let place = binding_names(purpose, &original).find_map(|name| {
                match there.get(&(namespace.as_deref(), name.as_str())).copied() {
                    None => Some((name, None)),
                    Some(binding) if binding.role == role && is_of_a_plan(binding) => {
                        Some((name, Some(binding.clone())))
                    }
                    Some(_) => None,
                }
            });
            let Some((name, before)) = place else { continue };
            let mut together = before.as_ref().map(|binding| binding.subjects.clone()).unwrap_or_default();
            for subject in subjects {
                if !together.contains(&subject) {
                    together.push(subject);
                }
            }
            all.push(Made { binding: Binding { namespace, name, role, subjects: together }, before });
        }
        all
    }
}

impl Made {
    /// As Kubernetes writes it.
    pub(super) fn manifest(&self) -> BindingManifest {
        BindingManifest(self.binding.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::PrincipalArn;
    use crate::username::Template;

    const RBAC: &str = r#"
{kind: ClusterRoleBinding, metadata: {name: a}, roleRef: {kind: ClusterRole, name: r},
 subjects: [{kind: Group, name: 'eks:x'}, {kind: User, name: alice}, {kind: ServiceAccount, name: s, namespace: n}]}
---
{kind: RoleBinding, metadata: {name: a, namespace: n}, roleRef: {kind: Role, name: gone},
 subjects: [{kind: Group, name: 'eks:x'}, {kind: User, name: 'bob@x'}]}
---
{kind: RoleBinding, metadata: {name: 'migrated:a', namespace: n}, roleRef: {kind: Role, name: other},
 subjects: [{kind: Group, name: somebody}]}
"#;

    #[test]
    fn a_copy_takes_a_name_that_nobody_has() {
        let rbac = Rbac::parse(RBAC).unwrap();
        let mut copies = Copies::default();
        for binding in Named::new(&rbac).of_group("eks:x") {
            copies.add(binding, BindingSubject::Group("migrated:eks:x".into()));
        }
        let made = copies.missing(Some(&rbac), Purpose::Copy);
        let shown: Vec<_> = made.iter().map(|made| made.binding.to_string()).collect();
        assert_eq!(shown, ["ClusterRoleBinding \"migrated:a\"", "RoleBinding \"migrated-2:a/n\""]);
        assert!(made.iter().all(|made| made.binding.subjects == [BindingSubject::Group("migrated:eks:x".into())]));
    }

    #[test]
    fn the_names_that_a_template_can_give_are_found() {
        let rbac = Rbac::parse(RBAC).unwrap();
        let named = Named::new(&rbac);
        let role = PrincipalArn::parse("arn:aws:iam::123456789012:role/dev").unwrap();
        let names = |template: &str| -> Vec<String> {
            let pattern = Pattern::new(&Template::parse(template).unwrap(), &role);
            named.of_users(&pattern).into_iter().map(|(name, _)| name.to_owned()).collect()
        };
        assert_eq!(names("{{SessionName}}"), ["alice"]);
        assert_eq!(names("{{SessionNameRaw}}"), ["alice", "bob@x"]);
        assert_eq!(names("system:serviceaccount:n:{{SessionName}}"), ["system:serviceaccount:n:s"]);
        assert_eq!(names("alice"), ["alice"]);
    }
}
