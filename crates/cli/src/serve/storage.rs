//! Where the server keeps what it knows: its data folder, or etcd, which other servers may share.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use doorward_store::{SealingKeyError, SealingKeys};

use super::file::{ConfigFile, ConfigFileError};
use crate::store::{EtcdArgs, StoreKind, StorePlace, StorePlaceError};

/// The flags; each field is `None`, or empty, where neither flag nor variable is given.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct StorageArgs {
    /// What the store is kept in: `sqlite`, in the data folder, for one server; `etcd`, for several [default: sqlite].
    #[arg(long, value_enum, env = "DOORWARD_STORE", value_name = "KIND")]
    store: Option<StoreKind>,
    /// The client addresses of etcd's members, such as `https://10.0.0.1:2379`; one is used until it fails.
    #[arg(long, value_name = "URL", env = "DOORWARD_ETCD_ENDPOINTS", value_delimiter = ',')]
    etcd_endpoints: Vec<String>,
    #[command(flatten)]
    etcd: EtcdArgs,
    /// A file with the keys that secrets in the store are sealed with, 64 hexadecimal digits on a line (as
    /// `openssl rand -hex 32` prints them), the one in use first. Needed with etcd; the same for all servers.
    #[arg(long, value_name = "FILE", env = "DOORWARD_STORE_KEY_FILE")]
    store_key_file: Option<PathBuf>,
}

/// Where the store is, and what secrets in it are sealed with.
#[derive(Clone, Debug)]
pub(super) struct StorageSettings {
    /// The place; none: the data folder.
    pub(super) place: Option<StorePlace>,
    /// The keys; none: secrets are stored as they are, in a file that only its owner can read.
    pub(super) keys: Option<Arc<SealingKeys>>,
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    /// The file.
    #[error(transparent)]
    File(#[from] ConfigFileError),
    /// The place.
    #[error(transparent)]
    Place(#[from] StorePlaceError),
    /// Settings of etcd for a server that does not use it.
    #[error("`{0}` is for `--store etcd`; add that, or leave `{0}` out")]
    OnlyForEtcd(&'static str),
    /// Secrets would go over the network to a place that others can read.
    #[error(
        "etcd would hold secrets that everybody who reads it could use; make a key with `openssl rand -hex 32 > FILE`, \
         give every server the same and name it with `--store-key-file FILE`"
    )]
    NoKey,
    /// The key file cannot be read.
    #[error("cannot read `{}` of `--store-key-file`: {source}", path.display())]
    ReadKey {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The key file holds no keys.
    #[error("`{}` of `--store-key-file` cannot be used: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SealingKeyError,
    },
}

/// Puts flags, variables and the file together.
///
/// # Errors
/// If they do not go together, or a file cannot be read.
pub(super) fn resolve(args: StorageArgs, file: &ConfigFile) -> Result<StorageSettings, StorageError> {
    let kind = args.store.or(file.choice("store")?).unwrap_or_default();
    let endpoints = if args.etcd_endpoints.is_empty() { file.list("etcd-endpoints")? } else { args.etcd_endpoints };
    let mut access = args.etcd.access();
    let path = |key: &str| file.parsed::<PathBuf>(key, "a path");
    access.ca = access.ca.or(path("etcd-ca")?);
    access.identity = access.identity.or(both(path("etcd-cert")?, path("etcd-key")?, file, "etcd-cert", "etcd-key")?);
    let user: Option<String> = file.parsed("etcd-user", "a name")?;
    let password = path("etcd-password-file")?;
    access.user = access.user.or(both(user, password, file, "etcd-user", "etcd-password-file")?);
    access.prefix = access.prefix.or(file.parsed("etcd-prefix", "text")?);
    let keys = args.store_key_file.or(path("store-key-file")?).map(read_keys).transpose()?.map(Arc::new);
    let place = match kind {
        StoreKind::Etcd if keys.is_none() => return Err(StorageError::NoKey),
        StoreKind::Etcd => Some(StorePlace::etcd(endpoints, &access)?),
        StoreKind::Sqlite if !endpoints.is_empty() => return Err(StorageError::OnlyForEtcd("--etcd-endpoints")),
        StoreKind::Sqlite => None,
    };
    Ok(StorageSettings { place, keys })
}

/// Two keys of the file that make sense together only.
fn both<A, B>(
    a: Option<A>,
    b: Option<B>,
    file: &ConfigFile,
    first: &str,
    second: &str,
) -> Result<Option<(A, B)>, ConfigFileError> {
    match (a, b) {
        (Some(a), Some(b)) => Ok(Some((a, b))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(file.refused(first, &format!("`{second}` is missing beside it"))),
        (None, Some(_)) => Err(file.refused(second, &format!("`{first}` is missing beside it"))),
    }
}

fn read_keys(path: PathBuf) -> Result<SealingKeys, StorageError> {
    match std::fs::read_to_string(&path) {
        Ok(text) => SealingKeys::parse(&text).map_err(|source| StorageError::Key { path, source }),
        Err(source) => Err(StorageError::ReadKey { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn outcome(text: &str) -> Result<StorageSettings, StorageError> {
        resolve(StorageArgs::default(), &ConfigFile::parse(Path::new("f.yaml"), text).unwrap())
    }

    fn key_file(folder: &tempfile::TempDir, text: &str) -> String {
        let path = folder.path().join("key");
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    #[test]
    fn without_anything_the_store_is_in_the_data_folder_and_not_sealed() {
        let settings = outcome("").unwrap();
        assert!(settings.place.is_none() && settings.keys.is_none());
    }

    #[cfg(feature = "etcd")]
    #[test]
    fn a_file_may_name_etcd_and_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let key = key_file(&folder, &"5e".repeat(32));
        let settings = outcome(&format!(
            "store: etcd\netcd-endpoints: [http://a:2379, http://b:2379]\netcd-prefix: /x/\nstore-key-file: {key}\n"
        ))
        .unwrap();
        assert_eq!(settings.place.unwrap().to_string(), "etcd:http://a:2379,http://b:2379 below /x/");
        assert!(settings.keys.is_some());
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let key = key_file(&folder, "correct horse battery staple\n");
        for (text, words) in [
            ("store: etcd\netcd-endpoints: http://a:2379".to_owned(), "openssl rand -hex 32"),
            ("etcd-endpoints: http://a:2379".to_owned(), "is for `--store etcd`"),
            ("etcd-cert: a.crt".to_owned(), "`etcd-key` is missing beside it"),
            ("etcd-password-file: f".to_owned(), "`etcd-user` is missing beside it"),
            ("store: redis".to_owned(), "expected one of `sqlite`, `etcd`"),
            ("store-key-file: /absent".to_owned(), "cannot read `/absent`"),
            (format!("store-key-file: {key}"), "line 1 is no key"),
        ] {
            let message = outcome(&text).unwrap_err().to_string();
            assert!(message.contains(words) && !message.contains("horse"), "{text}: {message}");
        }
    }
}
