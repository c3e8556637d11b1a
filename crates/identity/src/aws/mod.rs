//! The AWS provider: tokens of real AWS principals, proved by STS, on a cluster anywhere.
//!
//! From a token to a principal there is one way, and each step may end it:
//!
//! 1. [`crate::token::decode`]: everything that can be checked without STS is checked here.
//! 2. `provider`: remembered identities and refusals, one flight for all copies of a token (`flights`).
//! 3. `sts_client`: a breaker for each endpoint (`breaker`), a budget of calls (`budget`), then one request that is
//!    built anew from the token's typed fields, sent by a `transport` that follows nothing.
//! 4. `reply`: one accepted shape; everything else is a refusal, a throttling or no decision, and which of the three
//!    is said by [`IdentityError`].
//!
//! Names of nodes come from EC2 (`nodes`), and only where a username asks for them.
//!
//! The budget is that of the whole server. A limit for each source (a cluster, an access key) is not kept here: the
//! sender of a token is known to kube-apiserver, not to its webhook.

mod batch;
mod breaker;
mod budget;
mod config;
mod credential_source;
mod ec2;
mod error;
mod flights;
mod iam;
mod nodes;
mod provider;
mod reply;
mod signed_query;
mod sts_client;
mod transport;
mod xml;

pub use budget::BudgetLeft;
pub use config::{AwsConfig, AwsConfigError, CacheLimits, NodesConfig, RoleCheck, StsLimits};
pub use credential_source::{CredentialSource, CredentialSourceError, StaticCredentials};
pub use error::{IdentityError, Throttled, Undecided};
pub use provider::{AwsProvider, Observer};
pub use reply::{Reply, read_caller_identity};
pub use transport::{HttpsTransport, Transport, TransportError};
