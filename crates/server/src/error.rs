//! What the server cannot do: at start, and when something is to be stored. What a client did wrong is in
//! [`crate::api::ApiError`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use doorward_store::{DocumentError, KeyError, StoreError};

/// Why the server does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address is taken or not ours.
    #[error(
        "cannot listen on {address} for {purpose}: {source}; stop what uses it, or choose another address with `{flag}`"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What for.
        purpose: &'static str,
        /// The flag that changes it.
        flag: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file under the data folder.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    OpenStore(#[from] doorward_store::OpenError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something could not be stored.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What the store holds is not what this version writes.
    #[error("the record `{key}` in the store cannot be read: {problem}; it was written by another version, or damaged")]
    Record {
        /// Its key.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// Certificates and keys.
    #[error(transparent)]
    Pki(#[from] doorward_cluster::pki::PkiError),
    /// TLS.
    #[error("cannot set up TLS for the webhooks: {0}")]
    Tls(#[from] rustls::Error),
    /// The AWS provider.
    #[error("cannot prove tokens by AWS: {0}")]
    Aws(#[from] doorward_identity::aws::AwsConfigError),
    /// The runtime ends.
    #[error("the server is being stopped")]
    Stopped,
    /// The first start.
    #[error("the first start failed: {problem}")]
    Bootstrap {
        /// What is wrong.
        problem: String,
    },
    /// The machine gives no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(String),
}

/// Why a planned change was not stored. Nothing was changed then, or, for the removal of a cluster, a part of it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// The store refuses or fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A name is too long to be stored.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// An object is too large to be stored.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Other servers were faster, time and again.
    #[error("other servers changed what this rests on, several times in a row; try again")]
    Contended,
    /// Another server wrote, and what it wrote does not come.
    #[error("what another server wrote did not become known in time; try again, or ask another server")]
    Behind,
    /// Another server wrote what this one does not read.
    #[error("{0}; this server takes no writes until it can read that: ask another server")]
    Unreadable(Arc<String>),
}

/// What a client is told where [`WriteError::is_unknown`].
pub(crate) const UNCONFIRMED: &str =
    "The store did not confirm the change in time: it may or may not have been made. Look before you try again.";

impl WriteError {
    /// Whether it may have been stored nevertheless.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Store(StoreError::Unknown(_)))
    }

    /// Whether what was asked for is larger than can be kept: then it is the caller's mistake, and trying again is no
    /// use.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::Key(_) | Self::Document(DocumentError::TooLarge(_)))
    }
}
