//! A place that a store is in, and opening it. The one file that knows of both kinds.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use doorward_store::{SqliteOptions, SqliteStore, Store};

use crate::error::CliError;

/// Where a store is.
#[derive(Clone, Debug)]
pub(crate) enum StorePlace {
    /// In this data folder.
    Sqlite(PathBuf),
    /// In a cluster.
    #[cfg(feature = "etcd")]
    Etcd(Box<doorward_store::EtcdOptions>),
}

/// How to get into etcd, as files.
#[derive(Clone, Debug, Default)]
pub(crate) struct EtcdAccess {
    /// Authorities.
    pub(crate) ca: Option<PathBuf>,
    /// Certificate and key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// Name, and the file with the password.
    pub(crate) user: Option<(String, PathBuf)>,
    /// What keys begin with.
    pub(crate) prefix: Option<String>,
}

/// Why flags name no place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorePlaceError {
    /// No members.
    #[error("etcd has no address; add `--etcd-endpoints https://HOST:2379[,…]`")]
    NoEndpoints,
    /// An address that is none.
    #[error("`{0}` is not an address of etcd: expected `http://HOST:PORT` or `https://HOST:PORT`")]
    Endpoint(String),
    /// Certificates for connections that have none.
    #[error("certificates are given and `{0}` is not encrypted; write `https://`")]
    NotEncrypted(String),
    /// A prefix that others' keys could begin with.
    #[error("`{0}` is not a prefix of keys: expected one such as `/doorward/`")]
    Prefix(String),
    /// A file.
    #[error("cannot read `{}` of `{flag}`: {source}", path.display())]
    File {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A word in the place of a store.
    #[error("`{0}` is not a store: expected `sqlite:DIR` or `etcd:URL[,URL]`")]
    Unknown(String),
    /// Built without.
    #[error("this doorward was built without etcd; take one with the feature `etcd`")]
    #[cfg(not(feature = "etcd"))]
    NoEtcd,
}

impl StorePlace {
    /// Reads `sqlite:DIR` or `etcd:URL,URL`.
    ///
    /// # Errors
    /// [`StorePlaceError`].
    pub(super) fn parse(text: &str, access: &EtcdAccess) -> Result<Self, StorePlaceError> {
        match text.split_once(':') {
            Some(("sqlite", folder)) if !folder.is_empty() => Ok(Self::Sqlite(folder.into())),
            Some(("etcd", urls)) => Self::etcd(urls.split(',').map(str::to_owned).collect(), access),
            _ => Err(StorePlaceError::Unknown(text.to_owned())),
        }
    }

    /// A cluster.
    ///
    /// # Errors
    /// [`StorePlaceError`].
    #[cfg(feature = "etcd")]
    pub(crate) fn etcd(endpoints: Vec<String>, access: &EtcdAccess) -> Result<Self, StorePlaceError> {
        use doorward_store::{EtcdOptions, EtcdTls};

        if endpoints.is_empty() {
            return Err(StorePlaceError::NoEndpoints);
        }
        let has_certificates = access.ca.is_some() || access.identity.is_some();
        for endpoint in &endpoints {
            let host = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
            // No path, no user: a password would stand in a list of processes.
            if host.is_none_or(|host| host.is_empty() || host.contains(['/', '@', '?', '#', ' '])) {
                return Err(StorePlaceError::Endpoint(endpoint.clone()));
            }
            if has_certificates && endpoint.starts_with("http://") {
                return Err(StorePlaceError::NotEncrypted(endpoint.clone()));
            }
        }
        let mut options = EtcdOptions::new(endpoints);
        let ca = access.ca.as_ref().map(|path| read("--etcd-ca", path)).transpose()?.map(String::into_bytes);
        let identity = match &access.identity {
            None => None,
            Some((certificate, key)) => {
                Some((read("--etcd-cert", certificate)?.into_bytes(), read("--etcd-key", key)?.into()))
            }
        };
        options.tls = EtcdTls { ca, identity };
        if let Some((name, file)) = &access.user {
            // Editors end a file with a line break, which no password has.
            let password = read("--etcd-password-file", file)?;
            options.user = Some((name.clone(), password.trim_end_matches(['\n', '\r']).into()));
        }
        if let Some(prefix) = &access.prefix {
            if !prefix.starts_with('/') || prefix.trim_matches('/').is_empty() || prefix.contains(char::is_control) {
                return Err(StorePlaceError::Prefix(prefix.clone()));
            }
            options.prefix.clone_from(prefix);
        }
        Ok(Self::Etcd(Box::new(options)))
    }

    /// A cluster.
    ///
    /// # Errors
    /// Always: this is built without.
    #[cfg(not(feature = "etcd"))]
    pub(crate) fn etcd(_endpoints: Vec<String>, _access: &EtcdAccess) -> Result<Self, StorePlaceError> {
        Err(StorePlaceError::NoEtcd)
    }

    /// Opens the store. With `existing`, one on disk has to be there already.
    ///
    /// # Errors
    /// If it cannot be opened; also if a server has a SQLite store open.
    pub(crate) async fn open(&self, existing: bool) -> Result<Arc<dyn Store>, CliError> {
        match self {
            Self::Sqlite(folder) => {
                let path = folder.join("doorward.db");
                if existing && !path.exists() {
                    return Err(CliError::NotFound(format!(
                        "there is no store in `{}`; name the data folder of the server with `--data-dir`",
                        folder.display()
                    )));
                }
                let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&path, SqliteOptions::default()));
                Ok(Arc::new(opened.await.map_err(|_| doorward_store::StoreError::Closed)??))
            }
            #[cfg(feature = "etcd")]
            Self::Etcd(options) => Ok(Arc::new(doorward_store::EtcdStore::open(options).await?)),
        }
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(folder) => write!(f, "sqlite:{}", folder.display()),
            #[cfg(feature = "etcd")]
            Self::Etcd(options) => write!(f, "etcd:{} below {}", options.endpoints.join(","), options.prefix),
        }
    }
}

#[cfg(feature = "etcd")]
fn read(flag: &'static str, path: &std::path::Path) -> Result<String, StorePlaceError> {
    std::fs::read_to_string(path).map_err(|source| StorePlaceError::File { flag, path: path.to_owned(), source })
}

#[cfg(feature = "etcd")]
#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str, access: &EtcdAccess) -> String {
        StorePlace::parse(text, access).unwrap_err().to_string()
    }

    #[test]
    fn a_store_is_a_word_and_a_place() {
        let access = EtcdAccess::default();
        assert_eq!(StorePlace::parse("sqlite:/a:b", &access).unwrap().to_string(), "sqlite:/a:b");
        let two = "etcd:http://a:2379,http://b:2379";
        assert_eq!(StorePlace::parse(two, &access).unwrap().to_string(), format!("{two} below /doorward/"));
        for text in ["", "sqlite", "sqlite:", "etcd", "redis:x"] {
            assert_eq!(
                refusal(text, &access),
                format!("`{text}` is not a store: expected `sqlite:DIR` or `etcd:URL[,URL]`")
            );
        }
        for url in ["a:2379", "https://", "ftp://a", "https://u:p@a", "https://a/b"] {
            assert!(
                refusal(&format!("etcd:{url}"), &access).starts_with(&format!("`{url}` is not an address of etcd"))
            );
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let certificates = EtcdAccess { ca: Some("/absent".into()), ..EtcdAccess::default() };
        assert!(refusal("etcd:http://a:2379", &certificates).contains("`http://a:2379` is not encrypted"));
        assert!(refusal("etcd:https://a:2379", &certificates).contains("cannot read `/absent` of `--etcd-ca`"));
        for prefix in ["", "/", "//", "a", "/a\n"] {
            let access = EtcdAccess { prefix: Some(prefix.to_owned()), ..EtcdAccess::default() };
            assert!(refusal("etcd:https://a:2379", &access).contains("is not a prefix of keys"), "{prefix}");
        }
    }
}
