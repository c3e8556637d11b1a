//! The server's own AWS credentials, with which it asks EC2 and IAM. STS is asked with the token's signature alone.
//!
//! Where they come from is not known here: the command line finds them where the aws CLI would.

use std::fmt::Debug;

use doorward_sigv4::Credentials;
use futures::future::BoxFuture;

/// Where the server's own credentials come from. Asked for each call, so that a source may renew them. What is shown for
/// debugging must not hold a secret.
pub trait CredentialSource: Debug + Send + Sync {
    /// The credentials that hold now.
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, CredentialSourceError>>;
}

/// Why there are none, in words for the log. Nothing secret may be in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CredentialSourceError(pub String);

/// Always the same.
#[derive(Clone, Debug)]
pub struct StaticCredentials(pub Credentials);

impl CredentialSource for StaticCredentials {
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, CredentialSourceError>> {
        Box::pin(async move { Ok(self.0.clone()) })
    }
}
