//! What the server is started with. The CLI makes it of flags, variables and a file.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use doorward_core::account_id::AccountId;
use doorward_identity::aws::{AwsConfig, CredentialSource};
use doorward_identity::hosts::LocalEndpoint;
use doorward_store::{SealingKeys, Store};

use crate::view::Limits;
use crate::webhook::{AuditIds, ClientAuth};

/// Who proves the tokens of the token webhook. The API is signed with keys of the local directory either way.
#[derive(Clone, Debug, Default)]
pub enum IdentityProvider {
    /// The local directory.
    #[default]
    Local,
    /// AWS: the tokens of real AWS principals.
    Aws {
        /// How AWS is asked.
        config: Box<AwsConfig>,
        /// The server's own credentials, which only names of nodes need.
        credentials: Arc<dyn CredentialSource>,
    },
}

/// Where what the server knows is kept.
#[derive(Clone, Default)]
pub enum Storage {
    /// In a database in the data folder, for this server alone.
    #[default]
    DataDir,
    /// In this store, which others may share.
    Given(Arc<dyn Store>),
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DataDir => "DataDir",
            Self::Given(_) => "Given",
        })
    }
}

/// The configuration of `doorward serve`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where database, keys and certificates are.
    pub data_dir: PathBuf,
    /// Where what the server knows is kept.
    pub storage: Storage,
    /// What secrets in the store are sealed with; none: they are stored as they are.
    pub sealing_keys: Option<Arc<SealingKeys>>,
    /// The address of the AWS APIs.
    pub api: SocketAddr,
    /// The address of the webhooks.
    pub webhook: SocketAddr,
    /// The address of health and metrics.
    pub ops: SocketAddr,
    /// Whether the API servers have to show a client certificate.
    pub client_auth: ClientAuth,
    /// More URLs under which clients reach the API address, and for which they sign.
    pub api_urls: Vec<LocalEndpoint>,
    /// More names and addresses under which API servers reach the webhooks, for the server's certificate.
    pub webhook_names: Vec<String>,
    /// Whether the API servers' audits are to have the ids of decisions.
    pub audit_ids: AuditIds,
    /// How much there may be of something.
    pub limits: Limits,
    /// Who proves tokens.
    pub identity: IdentityProvider,
    /// The account that is made at the first start.
    pub account: AccountId,
    /// The region that is written to the administrator's profile at the first start.
    pub region: String,
}
