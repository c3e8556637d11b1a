//! The one question of the token webhook, whoever answers it: who signed this token for this cluster.

use std::sync::Arc;

use doorward_core::principal::Principal;
use jiff::Timestamp;

use crate::aws::{AwsProvider, BudgetLeft, IdentityError};
use crate::directory::Directory;
use crate::local::LocalProvider;
use crate::node;

/// Who proves tokens.
pub enum Verifier {
    /// The local directory, in process and at once.
    Local(Box<LocalProvider>),
    /// AWS.
    Aws(Box<AwsProvider>),
}

impl Verifier {
    /// Who signed `token` for `cluster_name`. `directory` is the local provider's; AWS's does not ask it.
    ///
    /// # Errors
    /// [`IdentityError`]; of the local provider always [`IdentityError::Token`].
    pub async fn verify(
        &self,
        directory: &Directory,
        cluster_name: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<Principal>, IdentityError> {
        match self {
            Self::Local(local) => Ok(local.verify(directory, cluster_name, token, now)?),
            Self::Aws(aws) => aws.verify(cluster_name, token, now).await,
        }
    }

    /// Takes note that a principal was let in to a cluster, so that it goes before strangers when calls run short.
    pub async fn let_in(&self, principal: &Principal) {
        if let Self::Aws(aws) = self {
            aws.let_in(principal).await;
        }
    }

    /// The private DNS name of the instance that a role's session is named after, if it runs with that role. May be a
    /// call to AWS, so that it is to be asked for only where a username needs it.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`] or [`IdentityError::Undecided`], of AWS's provider only.
    pub async fn private_dns_name(
        &self,
        directory: &Directory,
        principal: &Principal,
    ) -> Result<Option<String>, IdentityError> {
        match self {
            Self::Local(_) => Ok(node::private_dns_name(directory, principal).map(str::to_owned)),
            Self::Aws(aws) => aws.private_dns_name(principal).await,
        }
    }

    /// How many calls to STS could be made now; none where STS is not asked.
    pub fn sts_budget(&self) -> Option<BudgetLeft> {
        match self {
            Self::Local(_) => None,
            Self::Aws(aws) => Some(aws.sts_budget()),
        }
    }

    /// The endpoints that failed and are not asked for the moment: for a report of health.
    pub fn failing_endpoints(&self) -> Vec<String> {
        match self {
            Self::Local(_) => Vec::new(),
            Self::Aws(aws) => aws.failing_endpoints(),
        }
    }
}
