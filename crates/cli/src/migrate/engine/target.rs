//! What a migration is done to: a cluster as EKS's API and its API server show it, or a World in memory for tests.

use std::collections::BTreeMap;
use std::time::Duration;

use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::plan::{Action, BindingManifest};
use doorward_core::principal::PrincipalArn;
use doorward_core::world_document::EntryDocument;
use serde_json::Value;

/// The `data` of aws-auth.
pub(crate) type Data = BTreeMap<String, String>;

/// aws-auth as it was found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FoundAwsAuth {
    /// Its `data`.
    pub(crate) data: Data,
    /// The whole object, its resource version included: it is only ever written over as it was found.
    pub(crate) manifest: Value,
}

/// A cluster, one call at a time. Nothing is tried again here, and nothing is remembered.
pub(crate) trait Target {
    /// The authentication mode in force; none while it is changing.
    async fn mode(&self) -> Result<Option<AuthenticationMode>, TargetError>;

    /// A principal's access entry with its associations.
    async fn entry(&self, principal: &PrincipalArn) -> Result<Option<EntryDocument>, TargetError>;

    /// A binding; in no namespace, a ClusterRoleBinding.
    async fn binding(&self, namespace: Option<&str>, name: &str) -> Result<Option<BindingManifest>, TargetError>;

    /// The ConfigMap aws-auth.
    async fn aws_auth(&self) -> Result<Option<FoundAwsAuth>, TargetError>;

    /// Makes one call of the EKS API or of the API server. Never given an action on aws-auth.
    async fn send(&self, action: &Action) -> Result<(), TargetError>;

    /// Whether what an action did has reached whoever decides access: an API server learns of bindings, and an
    /// authenticator of rows, a moment after they are written.
    async fn has_settled(&self, action: &Action) -> Result<bool, TargetError>;

    /// How long it takes beyond that until everybody who decides knows, as far as nobody can ask them all.
    fn settling_time(&self, action: &Action) -> Duration;

    /// For how long an API server remembers as whom it let a token in: until then somebody is who they were before an entry
    /// changed.
    fn memory_of_tokens(&self) -> Duration;

    /// Replaces aws-auth where it is still as it was found; makes it where none was found, and removes it where it is
    /// to have no data at all.
    async fn put_aws_auth(&self, found: Option<&FoundAwsAuth>, data: Option<&Data>) -> Result<(), TargetError>;
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    /// There is one already.
    #[error("{0}")]
    Exists(String),
    /// There is none.
    #[error("{0}")]
    NotFound(String),
    /// It may work in a moment: what was made before is not seen everywhere yet, or there were too many calls.
    #[error("{0}")]
    NotYet(String),
    /// Somebody else changed it since it was read.
    #[error("{0}")]
    Changed(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}
