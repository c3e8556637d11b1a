//! What an operator says about an etcd cluster: where it is, how to prove to it who we are, how long to wait for it.

use std::time::Duration;

use etcd_client::{Certificate, ConnectOptions, Identity, TlsOptions};
use secrecy::{ExposeSecret, SecretString};

/// How often an idle connection is asked whether it still lives. etcd takes offence at less than five seconds.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long it may take to answer that.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the cluster is and how to talk to it.
#[derive(Debug, Clone)]
pub struct EtcdOptions {
    /// The client addresses of its members, such as `https://10.0.0.1:2379`. One is used until it fails, then the next.
    pub endpoints: Vec<String>,
    /// Certificates; for `https` addresses only.
    pub tls: EtcdTls,
    /// User and password, if etcd asks for them.
    pub user: Option<(String, SecretString)>,
    /// What our keys start with in etcd, so that several may share a cluster. Ends with `/`, one is added where not.
    pub prefix: String,
    /// How long connecting to one member may take.
    pub connect_timeout: Duration,
    /// How long a read or a write may take, over all members.
    pub request_timeout: Duration,
}

impl EtcdOptions {
    /// Options that stand where an operator says nothing else.
    #[must_use]
    pub fn new(endpoints: Vec<String>) -> Self {
        Self {
            endpoints,
            tls: EtcdTls::default(),
            user: None,
            prefix: "/doorward/".to_owned(),
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(5),
        }
    }

    pub(super) fn connect_options(&self) -> ConnectOptions {
        let mut options = ConnectOptions::new()
            .with_connect_timeout(self.connect_timeout)
            .with_keep_alive(KEEP_ALIVE, KEEP_ALIVE_TIMEOUT)
            .with_keep_alive_while_idle(true)
            // A member that is cut off from the others says so at once, instead of letting us wait.
            .with_require_leader(true)
            .with_auto_token_refresh(true);
        if self.endpoints.iter().any(|endpoint| endpoint.starts_with("https://")) {
            options = options.with_tls(self.tls.options());
        }
        if let Some((name, password)) = &self.user {
            options = options.with_user(name, password.expose_secret());
        }
        options
    }
}

/// Certificates for the connection to etcd, in PEM.
#[derive(Debug, Clone, Default)]
pub struct EtcdTls {
    /// Who may sign etcd's certificates; `None`: whoever the operating system trusts.
    pub ca: Option<Vec<u8>>,
    /// Our certificate and its private key, if etcd asks for one.
    pub identity: Option<(Vec<u8>, SecretString)>,
}

impl EtcdTls {
    fn options(&self) -> TlsOptions {
        let mut options = TlsOptions::new();
        options = match &self.ca {
            Some(ca) => options.ca_certificate(Certificate::from_pem(ca)),
            None => options.with_native_roots(),
        };
        if let Some((certificate, key)) = &self.identity {
            options = options.identity(Identity::from_pem(certificate, key.expose_secret()));
        }
        options
    }
}
