//! One action, done to a cluster so that doing it again changes nothing, and seen to be done.
//!
//! What an action means is [`Action::apply_to`]'s to say; here is what to read to see that it holds, and which call
//! makes it so. EKS is eventually consistent, "several seconds" by its user guide, and says so in two messages that
//! mean "try again": both are tried again for two minutes, as Terraform does it.

use std::time::Duration;

use doorward_core::access_entry::EntryType;
use doorward_core::access_scope::AccessScope;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::aws_auth::Authenticator;
use doorward_core::plan::{Action, BindingManifest};
use doorward_core::principal::PrincipalArn;
use doorward_core::world_document::{AwsAuthDocument, EntryDocument, WorldDocument};

use super::target::{Data, Target, TargetError};

/// How long to wait for what is eventually so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Between two tries.
    pub(crate) pause: Duration,
    /// How often a call is tried, or a reading.
    pub(crate) tries: u32,
    /// Between two looks whether something has reached whoever decides.
    pub(crate) look: Duration,
    /// How often the mode is asked for: its change takes EKS minutes.
    pub(crate) mode_tries: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { pause: Duration::from_secs(2), tries: 60, look: Duration::from_millis(50), mode_tries: 600 }
    }
}

/// Why an action is not in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StepError {
    /// A call.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Something else is there than there must be, and it is not ours to change.
    #[error("{0}")]
    Conflict(String),
    /// It was done, and does not show.
    #[error("it was done, and the cluster does not show it within {seconds} s")]
    NotInForce {
        /// How long was waited.
        seconds: u64,
    },
}

/// Whether what an action does is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is.
    InForce,
    /// It is not, and the action would make it so.
    Open,
    /// It cannot be.
    Conflict(String),
}

/// Does an action, and returns when it is seen to be in force.
///
/// # Errors
/// If it cannot be done, or does not show.
pub(crate) async fn perform<T: Target>(target: &T, action: &Action, patience: &Patience) -> Result<(), StepError> {
    let mut tries = 0;
    while let Err(error) = attempt(target, action).await {
        tries += 1;
        match error {
            StepError::Target(TargetError::NotYet(_) | TargetError::Changed(_)) if tries < patience.tries => {
                tokio::time::sleep(patience.pause).await;
            }
            error => return Err(error),
        }
    }
    in_force(target, action, patience).await
}

/// Waits until an action is seen to be in force.
///
/// # Errors
/// If it is not within the time, or something else is.
async fn in_force<T: Target>(target: &T, action: &Action, patience: &Patience) -> Result<(), StepError> {
    let tries = if matches!(action, Action::SetMode(_)) { patience.mode_tries } else { patience.tries };
    for number in 0..tries {
        match state(target, action).await {
            Ok(State::InForce) => return Ok(()),
            Ok(State::Conflict(problem)) => return Err(StepError::Conflict(problem)),
            Ok(State::Open) | Err(TargetError::NotYet(_)) => {}
            Err(error) => return Err(error.into()),
        }
        if number + 1 < tries {
            tokio::time::sleep(patience.pause).await;
        }
    }
    Err(StepError::NotInForce { seconds: u64::from(tries) * patience.pause.as_secs() })
}

async fn attempt<T: Target>(target: &T, action: &Action) -> Result<(), StepError> {
    if is_of_aws_auth(action) {
        return edit(target, action).await;
    }
    match state(target, action).await? {
        State::InForce => return Ok(()),
        State::Conflict(problem) => return Err(StepError::Conflict(problem)),
        State::Open => {}
    }
    match (target.send(action).await, action) {
        // Somebody was faster; whether it is what is wanted is seen next.
        (Err(TargetError::Exists(_)), Action::CreateEntry { .. }) => Ok(()),
        (
            Err(TargetError::NotFound(_)),
            Action::DeleteBinding { .. } | Action::DeleteEntry { .. } | Action::DisassociatePolicy { .. },
        ) => Ok(()),
        (sent, _) => Ok(sent?),
    }
}

/// Whether what an action does is so already.
///
/// # Errors
/// If it cannot be read.
pub(crate) async fn state<T: Target>(target: &T, action: &Action) -> Result<State, TargetError> {
    let when = |is_so| if is_so { State::InForce } else { State::Open };
    Ok(match action {
        Action::SetMode(mode) => when(target.mode().await? == Some(*mode)),
        Action::ApplyBinding(wanted) => {
            let binding = &wanted.0;
            let found = target.binding(binding.namespace.as_deref(), &binding.name).await?;
            binding_state(found.as_ref(), wanted)
        }
        Action::DeleteBinding { namespace, name } => when(target.binding(namespace.as_deref(), name).await?.is_none()),
        Action::CreateEntry { principal_arn, r#type, username, groups } => {
            let found = target.entry(principal_arn).await?;
            created_state(found.as_ref(), principal_arn, *r#type, username.as_deref(), groups)
        }
        Action::UpdateEntry { principal_arn, username, groups } => {
            let Some(found) = target.entry(principal_arn).await? else { return Ok(State::Open) };
            let is_named = username.as_ref().is_none_or(|username| found.username == *username);
            when(is_named && same(&found.kubernetes_groups, groups))
        }
        Action::DeleteEntry { principal_arn } => when(target.entry(principal_arn).await?.is_none()),
        Action::AssociatePolicy { principal_arn, policy_arn, access_scope } => {
            let Some(found) = target.entry(principal_arn).await? else { return Ok(State::Open) };
            let mut policies = found.associated_access_policies.iter();
            when(policies.any(|one| one.policy_arn == *policy_arn && same_scope(&one.access_scope, access_scope)))
        }
        Action::DisassociatePolicy { principal_arn, policy_arn } => {
            let found = target.entry(principal_arn).await?;
            let policies = found.iter().flat_map(|entry| &entry.associated_access_policies);
            when(policies.into_iter().all(|one| one.policy_arn != *policy_arn))
        }
        Action::RemoveMapping { .. }
        | Action::RestoreSection { .. }
        | Action::DeleteAwsAuth
        | Action::RestoreAwsAuth { .. } => {
            let found = target.aws_auth().await?.map(|found| found.data);
            match after(found.as_ref(), action) {
                Ok(wanted) => when(wanted == found),
                Err(problem) => State::Conflict(problem),
            }
        }
    })
}

/// Edits aws-auth: what is read is changed and written over what was read.
async fn edit<T: Target>(target: &T, action: &Action) -> Result<(), StepError> {
    let found = target.aws_auth().await?;
    let before = found.as_ref().map(|found| found.data.clone());
    let wanted = after(before.as_ref(), action).map_err(StepError::Conflict)?;
    if wanted != before {
        target.put_aws_auth(found.as_ref(), wanted.as_ref()).await?;
    }
    Ok(())
}

fn is_of_aws_auth(action: &Action) -> bool {
    matches!(
        action,
        Action::RemoveMapping { .. }
            | Action::RestoreSection { .. }
            | Action::DeleteAwsAuth
            | Action::RestoreAwsAuth { .. }
    )
}

/// What an action makes of aws-auth, by the one rule that there is.
pub(super) fn after(data: Option<&Data>, action: &Action) -> Result<Option<Data>, String> {
    let mut document = WorldDocument::new(AuthenticationMode::ApiAndConfigMap, Authenticator::Doorward);
    document.aws_auth = data.map(|data| AwsAuthDocument { data: data.clone() });
    let changed = action.apply_to(&document).map_err(|error| error.to_string())?;
    Ok(changed.aws_auth.map(|aws_auth| aws_auth.data))
}

fn binding_state(found: Option<&BindingManifest>, wanted: &BindingManifest) -> State {
    let Some(BindingManifest(found)) = found else { return State::Open };
    if found.role != wanted.0.role {
        // A binding's role cannot be changed, and this one is somebody's.
        return State::Conflict(format!("{found} exists and binds {}, not {}", found.role, wanted.0.role));
    }
    if same(&found.subjects, &wanted.0.subjects) { State::InForce } else { State::Open }
}

fn created_state(
    found: Option<&EntryDocument>,
    principal_arn: &PrincipalArn,
    entry_type: EntryType,
    username: Option<&str>,
    groups: &[String],
) -> State {
    let Some(found) = found else { return State::Open };
    let username = match username {
        Some(username) => username.to_owned(),
        None => entry_type.default_username(principal_arn).map(|name| name.as_str().to_owned()).unwrap_or_default(),
    };
    // A node's groups and username come with its type.
    let is_same = found.r#type == entry_type.name()
        && (entry_type.is_for_nodes() || (found.username == username && same(&found.kubernetes_groups, groups)));
    if is_same {
        return State::InForce;
    }
    State::Conflict(format!(
        "an access entry of `{principal_arn}` exists and says something else: {} as `{}` in [{}]; plan again",
        found.r#type,
        found.username,
        found.kubernetes_groups.join(", ")
    ))
}

/// Whether two lists hold the same, whatever the order.
fn same<T: Ord>(a: &[T], b: &[T]) -> bool {
    a.iter().collect::<std::collections::BTreeSet<_>>() == b.iter().collect::<std::collections::BTreeSet<_>>()
}

fn same_scope(a: &AccessScope, b: &AccessScope) -> bool {
    a.kind() == b.kind() && same(a.namespaces(), b.namespaces())
}
