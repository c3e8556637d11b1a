//! What an action does, as a function of documents.

use std::collections::BTreeMap;

use serde_json::Value;

use super::action::{Action, MappingRow};
use super::manifest::BindingManifest;
use super::removal::{self, RemovalError};
use super::{Plan, Step};
use crate::access_entry::AccessEntryError;
use crate::authentication_mode::{AuthenticationMode, ModeTransitionError};
use crate::aws_auth::Section;
use crate::aws_auth::edit::Data;
use crate::principal::PrincipalArn;
use crate::world_document::{AssociationDocument, AwsAuthDocument, EntryDocument, WorldDocument};

impl Action {
    /// The document after the action. Doing it again changes nothing more.
    ///
    /// # Errors
    /// [`ApplyError`] where a cluster would refuse it, and where rows are not what they were when the plan was made.
    pub fn apply_to(&self, document: &WorldDocument) -> Result<WorldDocument, ApplyError> {
        let mut draft = Draft::of(document.clone());
        draft.apply(self)?;
        Ok(draft.finish())
    }
}

impl Plan {
    /// The document after all steps.
    ///
    /// # Errors
    /// As for [`Action::apply_to`]; never for the document that the plan was made of.
    pub fn after(&self, document: &WorldDocument) -> Result<WorldDocument, ApplyError> {
        self.after_with(document, None)
    }

    /// The same where the data that the removal of rows leaves is known already.
    pub(super) fn after_with(&self, document: &WorldDocument, left: Option<Data>) -> Result<WorldDocument, ApplyError> {
        let mut draft = Draft { left, ..Draft::of(document.clone()) };
        for Step { action, .. } in &self.steps {
            draft.apply(action)?;
        }
        Ok(draft.finish())
    }
}

/// Why an action cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The mode does not change so.
    #[error(transparent)]
    Mode(#[from] ModeTransitionError),
    /// What EKS would answer.
    #[error("`{principal_arn}`: {error}")]
    Entry {
        /// The entry's principal.
        principal_arn: PrincipalArn,
        /// The answer.
        error: AccessEntryError,
    },
    /// The rows cannot be removed.
    #[error(transparent)]
    Removal(#[from] RemovalError),
}

/// A document under change: entries and RBAC objects by their names, so that many steps cost no more than their number.
struct Draft {
    document: WorldDocument,
    entries: BTreeMap<PrincipalArn, EntryDocument>,
    rbac: Option<BTreeMap<ObjectKey, Value>>,
    /// What the removal of rows leaves of aws-auth, if whoever made the plan knows it.
    left: Option<Data>,
}

/// Kind, namespace and name: the order of a document.
type ObjectKey = (String, String, String);

impl Draft {
    fn of(mut document: WorldDocument) -> Self {
        let entries = std::mem::take(&mut document.access_entries);
        let rbac = document.rbac.take().map(|objects| {
            let key = |object: &Value| {
                let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
                (text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
            };
            objects.into_iter().map(|object| (key(&object), object)).collect()
        });
        let entries = entries.into_iter().map(|entry| (entry.principal_arn.clone(), entry)).collect();
        Self { document, entries, rbac, left: None }
    }

    fn finish(self) -> WorldDocument {
        let mut document = self.document;
        document.access_entries = self.entries.into_values().collect();
        document.rbac = self.rbac.map(|objects| objects.into_values().collect());
        document
    }

    fn apply(&mut self, action: &Action) -> Result<(), ApplyError> {
        match action {
            Action::SetMode(mode) => self.set_mode(*mode)?,
            Action::ApplyBinding(manifest) => self.apply_binding(manifest),
            Action::DeleteBinding { namespace, name } => {
                if let Some(objects) = &mut self.rbac {
                    objects.remove(&binding_key(namespace.as_deref(), name));
                }
            }
            Action::CreateEntry { principal_arn, .. } => self.create(principal_arn, action)?,
            Action::UpdateEntry { principal_arn, username, groups } => {
                let entry = self.entry(principal_arn)?;
                entry.kubernetes_groups.clone_from(groups);
                if let Some(username) = username {
                    entry.username.clone_from(username);
                }
            }
            Action::DeleteEntry { principal_arn } => {
                self.entries.remove(principal_arn);
            }
            Action::AssociatePolicy { principal_arn, policy_arn, access_scope } => {
                let policies = &mut self.entry(principal_arn)?.associated_access_policies;
                match policies.binary_search_by(|one| one.policy_arn.cmp(policy_arn)) {
                    Ok(at) => {
                        if let Some(association) = policies.get_mut(at) {
                            association.access_scope.clone_from(access_scope);
                        }
                    }
                    Err(at) => policies.insert(at, AssociationDocument::new(policy_arn.clone(), access_scope.clone())),
                }
            }
            Action::DisassociatePolicy { principal_arn, policy_arn } => {
                self.entry(principal_arn)?.associated_access_policies.retain(|one| one.policy_arn != *policy_arn);
            }
            Action::RemoveMapping { section, rows, rows_before } => self.remove_rows(*section, rows, *rows_before)?,
            Action::RestoreSection { section, text } => {
                let aws_auth = self.document.aws_auth.get_or_insert_default();
                aws_auth.data.insert(section.key().to_owned(), text.clone());
            }
            Action::DeleteAwsAuth => self.document.aws_auth = None,
            Action::RestoreAwsAuth { data } => self.document.aws_auth = Some(AwsAuthDocument { data: data.clone() }),
        }
        Ok(())
    }

    fn set_mode(&mut self, mode: AuthenticationMode) -> Result<(), ApplyError> {
        let now = self.document.authentication_mode;
        if now != mode {
            self.document.authentication_mode = now.change_to(mode)?;
        }
        Ok(())
    }

    /// Where nobody read RBAC, nothing is known of it afterwards either.
    fn apply_binding(&mut self, manifest: &BindingManifest) {
        let key = binding_key(manifest.0.namespace.as_deref(), &manifest.0.name);
        if let Some(objects) = &mut self.rbac
            && let Ok(object) = serde_json::to_value(manifest)
        {
            objects.insert(key, object);
        }
    }

    fn create(&mut self, principal_arn: &PrincipalArn, action: &Action) -> Result<(), ApplyError> {
        let fail = |error| ApplyError::Entry { principal_arn: principal_arn.clone(), error };
        let Action::CreateEntry { r#type, username, groups, .. } = action else { return Ok(()) };
        if !self.document.authentication_mode.uses_access_entries() {
            return Err(fail(AccessEntryError::Mode));
        }
        let username = match username {
            Some(username) => username.clone(),
            None => r#type.default_username(principal_arn).map_err(fail)?.as_str().to_owned(),
        };
        let groups = if r#type.is_for_nodes() { r#type.default_groups() } else { groups.clone() };
        let new = EntryDocument::new(principal_arn.clone(), r#type.name(), &username, groups);
        match self.entries.get(principal_arn) {
            None => {
                self.entries.insert(principal_arn.clone(), new);
                Ok(())
            }
            Some(there) if is_same(there, &new) => Ok(()),
            Some(_) => Err(fail(AccessEntryError::AlreadyExists)),
        }
    }

    fn entry(&mut self, principal_arn: &PrincipalArn) -> Result<&mut EntryDocument, ApplyError> {
        let missing = || ApplyError::Entry { principal_arn: principal_arn.clone(), error: AccessEntryError::NotFound };
        self.entries.get_mut(principal_arn).ok_or_else(missing)
    }

    fn remove_rows(&mut self, section: Section, rows: &[MappingRow], rows_before: usize) -> Result<(), ApplyError> {
        let Some(aws_auth) = &mut self.document.aws_auth else { return Err(RemovalError::Changed(section).into()) };
        if let Some(left) = self.left.as_ref().and_then(|left| left.get(section.key())) {
            aws_auth.data.insert(section.key().to_owned(), left.clone());
            return Ok(());
        }
        let removed = removal::remove(&aws_auth.data, self.document.authenticator, section, rows, rows_before)?;
        if let Some(data) = removed {
            aws_auth.data = data;
        }
        Ok(())
    }
}

fn binding_key(namespace: Option<&str>, name: &str) -> ObjectKey {
    let kind = if namespace.is_none() { "ClusterRoleBinding" } else { "RoleBinding" };
    (kind.to_owned(), namespace.unwrap_or_default().to_owned(), name.to_owned())
}

fn is_same(a: &EntryDocument, b: &EntryDocument) -> bool {
    let groups =
        |entry: &EntryDocument| entry.kubernetes_groups.iter().cloned().collect::<std::collections::BTreeSet<_>>();
    a.r#type == b.r#type && a.username == b.username && groups(a) == groups(b)
}
