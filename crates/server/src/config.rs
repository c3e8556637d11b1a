//! What the server is started with. The CLI makes it of flags, variables and a file.

use std::net::SocketAddr;
use std::path::PathBuf;

use doorward_core::account_id::AccountId;
use doorward_identity::hosts::LocalEndpoint;

use crate::webhook::ClientAuth;

/// The configuration of `doorward serve`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where database, keys and certificates are.
    pub data_dir: PathBuf,
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
    /// The account that is made at the first start.
    pub account: AccountId,
    /// The region that is written to the administrator's profile at the first start.
    pub region: String,
}
