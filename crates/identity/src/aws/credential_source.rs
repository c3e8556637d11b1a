//! The server's own AWS credentials, with which it asks EC2 and IAM. STS is asked with the token's signature alone.
//!
//! What is not here yet: profiles in `~/.aws`, the instance's own role (IMDS), web identities and container
//! credentials. On a machine of AWS they can be brought in by whatever sets the variables and restarts the server.

use doorward_sigv4::{Credentials, SecretKey};
use futures::future::BoxFuture;

/// Where the server's own credentials come from. Asked for each call, so that a source may renew them.
pub trait CredentialSource: Send + Sync {
    /// The credentials that hold now.
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, CredentialSourceError>>;
}

/// Why there are none. Nothing secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialSourceError {
    /// A variable is missing.
    #[error("the variable `{0}` is not set")]
    Missing(&'static str),
    /// Something is set that is no access key.
    #[error("the access key id is not one")]
    Malformed,
}

/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, for temporary credentials, `AWS_SESSION_TOKEN`.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvironmentCredentials;

impl CredentialSource for EnvironmentCredentials {
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, CredentialSourceError>> {
        let found = from_variables(|name| std::env::var(name).ok());
        Box::pin(async move { found })
    }
}

fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Credentials, CredentialSourceError> {
    let set = |name: &'static str| variable(name).filter(|value| !value.is_empty());
    let require = |name: &'static str| set(name).ok_or(CredentialSourceError::Missing(name));
    let (id, secret) = (require("AWS_ACCESS_KEY_ID")?, require("AWS_SECRET_ACCESS_KEY")?);
    Credentials::new(id, SecretKey::new(secret), set("AWS_SESSION_TOKEN")).map_err(|_| CredentialSourceError::Malformed)
}

/// Always the same.
#[derive(Clone, Debug)]
pub struct StaticCredentials(pub Credentials);

impl CredentialSource for StaticCredentials {
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, CredentialSourceError>> {
        Box::pin(async move { Ok(self.0.clone()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_make_credentials_and_an_empty_one_counts_as_not_set() {
        let with = |id: &'static str, secret: &'static str| {
            from_variables(move |name| match name {
                "AWS_ACCESS_KEY_ID" => Some(id.to_owned()),
                "AWS_SECRET_ACCESS_KEY" => Some(secret.to_owned()),
                _ => None,
            })
        };
        let found = format!("{:?}", with("AKIAX", "wJalr").unwrap());
        assert!(found.contains("AKIAX") && !found.contains("wJalr"));
        assert_eq!(with("", "s").unwrap_err(), CredentialSourceError::Missing("AWS_ACCESS_KEY_ID"));
        assert_eq!(with("AKIAX", "").unwrap_err(), CredentialSourceError::Missing("AWS_SECRET_ACCESS_KEY"));
        assert_eq!(with("not a key", "s").unwrap_err(), CredentialSourceError::Malformed);
    }
}
