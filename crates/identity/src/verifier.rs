//! The one question of the token webhook, whoever answers it: who signed this token for this cluster.

use std::sync::Arc;

use doorward_core::principal::Principal;
use jiff::Timestamp;

use crate::aws::{AwsProvider, IdentityError};
use crate::directory::Directory;
use crate::hosts::StsHosts;
use crate::node;
use crate::session::SessionKey;
use crate::token::{decode, verify_local};

/// Who proves tokens.
pub enum Verifier {
    /// The local directory, in process and at once. Tokens may have been signed for these addresses.
    Local(StsHosts),
    /// AWS.
    Aws(Box<AwsProvider>),
}

impl Verifier {
    /// Who signed `token` for `cluster_name`. `directory` and `sessions` are those of the local provider; AWS's asks
    /// neither.
    ///
    /// # Errors
    /// [`IdentityError`]; of the local provider always [`IdentityError::Token`].
    pub async fn verify(
        &self,
        directory: &Directory,
        sessions: &SessionKey,
        cluster_name: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<Principal>, IdentityError> {
        match self {
            Self::Local(hosts) => {
                let token = decode(token, hosts, now)?;
                Ok(Arc::new(verify_local(directory, sessions, &token, cluster_name, now)?))
            }
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

    /// The endpoints that failed and are not asked for the moment: for a report of health.
    pub fn failing_endpoints(&self) -> Vec<String> {
        match self {
            Self::Local(_) => Vec::new(),
            Self::Aws(aws) => aws.failing_endpoints(),
        }
    }
}
