//! The flags that say where a store is, and in what.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::place::{EtcdAccess, StorePlace, StorePlaceError};
use crate::aws::Environment;
use crate::data_dir;

/// What a store is kept in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum StoreKind {
    /// A file in the data folder, for one server.
    #[default]
    Sqlite,
    /// A cluster of etcd, for several servers.
    Etcd,
}

/// Where a store is.
#[derive(Clone, Debug, Args)]
pub(super) struct StoreArgs {
    /// What the store is kept in.
    #[arg(long, value_enum, env = "DOORWARD_STORE", default_value_t)]
    store: StoreKind,
    /// Where the database of SQLite is [default: $XDG_STATE_HOME/doorward, else ./doorward-data].
    #[arg(long, value_name = "DIR", env = "DOORWARD_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// The client addresses of etcd's members, such as `https://10.0.0.1:2379`; one is used until it fails.
    #[arg(long, value_name = "URL", env = "DOORWARD_ETCD_ENDPOINTS", value_delimiter = ',')]
    etcd_endpoints: Vec<String>,
    #[command(flatten)]
    etcd: EtcdArgs,
}

/// How to get into etcd.
#[derive(Clone, Debug, Args)]
pub(super) struct EtcdArgs {
    /// The authorities that sign etcd's certificates, in PEM [default: those that the system trusts].
    #[arg(long, value_name = "FILE", env = "DOORWARD_ETCD_CA")]
    etcd_ca: Option<PathBuf>,
    /// Our certificate for etcd, in PEM.
    #[arg(long, value_name = "FILE", env = "DOORWARD_ETCD_CERT", requires = "etcd_key")]
    etcd_cert: Option<PathBuf>,
    /// The private key of that certificate, in PEM.
    #[arg(long, value_name = "FILE", env = "DOORWARD_ETCD_KEY", requires = "etcd_cert")]
    etcd_key: Option<PathBuf>,
    /// The user to be at etcd.
    #[arg(long, value_name = "NAME", env = "DOORWARD_ETCD_USER", requires = "etcd_password_file")]
    etcd_user: Option<String>,
    /// A file with that user's password.
    #[arg(long, value_name = "FILE", env = "DOORWARD_ETCD_PASSWORD_FILE", requires = "etcd_user")]
    etcd_password_file: Option<PathBuf>,
    /// What the keys of this store begin with in etcd [default: /doorward/].
    #[arg(long, value_name = "PREFIX", env = "DOORWARD_ETCD_PREFIX")]
    etcd_prefix: Option<String>,
}

impl StoreArgs {
    /// The place that the flags name.
    ///
    /// # Errors
    /// If they do not go together, or a file of theirs cannot be read.
    pub(super) fn place(self) -> Result<StorePlace, StorePlaceError> {
        match self.store {
            StoreKind::Sqlite => {
                let default = || data_dir::default(&Environment::of_process());
                Ok(StorePlace::Sqlite(self.data_dir.unwrap_or_else(default)))
            }
            StoreKind::Etcd => StorePlace::etcd(self.etcd_endpoints, &self.etcd.access()),
        }
    }
}

impl EtcdArgs {
    pub(super) fn access(self) -> EtcdAccess {
        EtcdAccess {
            ca: self.etcd_ca,
            identity: self.etcd_cert.zip(self.etcd_key),
            user: self.etcd_user.zip(self.etcd_password_file),
            prefix: self.etcd_prefix,
        }
    }
}
