//! What in the store is a secret, and the secrets that servers of one store share.
//!
//! A server keeps two secrets in files of its data folder: the key of its session tokens and the certificate authority
//! of its webhooks. Several servers must have the same: a session that one of them granted is shown to another, and an
//! API server trusts one authority. The first server of a store puts its own there; the others take them from there
//! before they make any.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_store::{Document, Expect, Key, Outcome, Store, Txn};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::bootstrap::{make_folder, read_private, write_private};
use crate::error::{ServerError, WriteError};

/// Where shared files are in the store.
const ROOT: &str = "secrets";
const SCHEMA: u32 = 1;

/// A file that all servers of a store have alike, by its path in the data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedFile(&'static str);

/// The key of session tokens.
pub const SESSION_KEY: SharedFile = SharedFile("session.key");
/// The certificate authority of the webhooks.
pub const AUTHORITY: SharedFile = SharedFile("pki/ca.pem");

/// Whether what is stored at a key is, or contains, a secret: access keys of the local directory, the kubeconfigs of
/// clusters, shared files. Access entries and everything else that decides access is none.
pub fn is_secret(key: &Key) -> bool {
    let mut segments = key.as_str().split('/');
    matches!(
        (segments.next(), segments.next(), segments.next(), segments.next()),
        (Some("iam"), Some(_), Some("access-key"), Some(_)) | (Some("clusters"), Some(_), None, _) | (Some(ROOT), ..)
    )
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    base64: String,
}

impl SharedFile {
    /// Makes the file that is in the data folder and the one in the store the same: takes the store's if there is one,
    /// otherwise puts this server's there, which `make` makes if it is missing.
    ///
    /// # Errors
    /// If both are there and differ: then the folder belongs to another store, and what its server handed out would be
    /// void here. If files or store cannot be read or written.
    pub async fn share(
        self,
        store: &dyn Store,
        data_dir: &Path,
        make: impl FnOnce() -> Result<(), ServerError>,
    ) -> Result<(), ServerError> {
        let path = data_dir.join(self.0);
        let own = read_private(&path)?;
        if let Some(shared) = self.stored(store).await? {
            return self.take(&path, own.as_ref().map(|own| own.as_slice()), &shared);
        }
        let was_there = own.is_some();
        let own = match own {
            Some(own) => own,
            None => {
                make()?;
                read_private(&path)?.ok_or_else(|| bootstrap(format!("`{}` was removed again", path.display())))?
            }
        };
        let stored = Document::encode(SCHEMA, &Stored { base64: STANDARD.encode(own.as_slice()) });
        let key = self.key()?;
        let txn = Txn::new().when(key.clone(), Expect::Absent).put(key, stored.map_err(WriteError::from)?);
        match store.txn(txn).await? {
            Outcome::Committed(_) => Ok(()),
            Outcome::Conflict { .. } => {
                // Another server was faster; what was made just now was never used.
                let shared =
                    self.stored(store).await?.ok_or_else(|| bootstrap("a shared secret vanished".to_owned()))?;
                self.take(&path, Some(own.as_slice()).filter(|_| was_there), &shared)
            }
        }
    }

    fn take(self, path: &Path, own: Option<&[u8]>, shared: &[u8]) -> Result<(), ServerError> {
        match own {
            Some(own) if own == shared => Ok(()),
            Some(_) => Err(bootstrap(format!(
                "`{}` is not the one that the other servers of this store have; choose another data folder, or move \
                 the file away if nothing relies on it",
                path.display()
            ))),
            None => {
                if let Some(folder) = path.parent() {
                    make_folder(folder)?;
                }
                write_private(path, shared)
            }
        }
    }

    async fn stored(self, store: &dyn Store) -> Result<Option<Zeroizing<Vec<u8>>>, ServerError> {
        let key = self.key()?;
        let Some(found) = store.get(&key).await? else { return Ok(None) };
        let record = |problem: String| ServerError::Record { key: key.to_string(), problem };
        let document = &found.document;
        if document.schema() != SCHEMA {
            return Err(record(format!("its schema is {}, this version reads schema {SCHEMA}", document.schema())));
        }
        let stored: Stored = document.decode().map_err(|error| record(error.to_string()))?;
        let bytes = STANDARD.decode(stored.base64).map_err(|_| record("it is not base64".to_owned()))?;
        Ok(Some(Zeroizing::new(bytes)))
    }

    fn key(self) -> Result<Key, ServerError> {
        Ok(Key::of([ROOT, "files", self.0]).map_err(WriteError::from)?)
    }
}

fn bootstrap(problem: String) -> ServerError {
    ServerError::Bootstrap { problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_store::{SqliteOptions, SqliteStore};

    const OWN: SharedFile = SharedFile("pki/own.pem");

    fn write(folder: &Path, text: &str) -> Result<(), ServerError> {
        make_folder(&folder.join("pki"))?;
        write_private(&folder.join(OWN.0), text.as_bytes())
    }

    fn text(folder: &Path) -> String {
        std::fs::read_to_string(folder.join(OWN.0)).unwrap()
    }

    #[tokio::test]
    async fn servers_of_one_store_have_the_same_secret_and_a_folder_of_another_store_is_refused() {
        let folders = [(); 4].map(|()| tempfile::tempdir().unwrap());
        let [database, first, second, foreign] = folders.each_ref().map(tempfile::TempDir::path);
        let store = SqliteStore::open(&database.join("db"), SqliteOptions::default()).unwrap();
        OWN.share(&store, first, || write(first, "of the first")).await.unwrap();
        OWN.share(&store, second, || panic!("there is one")).await.unwrap();
        assert_eq!((text(first).as_str(), text(second).as_str()), ("of the first", "of the first"));
        OWN.share(&store, first, || panic!("there is one")).await.unwrap();
        write(foreign, "of another store").unwrap();
        let error = OWN.share(&store, foreign, || panic!("there is one")).await.unwrap_err().to_string();
        assert!(error.contains("not the one that the other servers"), "{error}");
        assert_eq!(text(foreign), "of another store");
    }

    #[tokio::test]
    async fn of_servers_that_start_at_once_the_secret_of_one_is_that_of_all() {
        let folders = [(); 9].map(|()| tempfile::tempdir().unwrap());
        let [database, servers @ ..] = folders.each_ref().map(tempfile::TempDir::path);
        let store = &SqliteStore::open(&database.join("db"), SqliteOptions::default()).unwrap();
        let starts = servers
            .iter()
            .enumerate()
            .map(|(number, folder)| OWN.share(store, folder, move || write(folder, &number.to_string())));
        for start in futures::future::join_all(starts).await {
            start.unwrap();
        }
        assert!(servers.iter().all(|folder| text(folder) == text(servers[0])));
    }

    #[test]
    fn access_keys_kubeconfigs_and_shared_files_are_secrets_and_what_decides_access_is_none() {
        let key = |text: &str| Key::new(text).unwrap();
        for secret in ["iam/123456789012/access-key/AKIA", "clusters/demo", "secrets/files/session.key"] {
            assert!(is_secret(&key(secret)), "{secret}");
        }
        for open in
            ["iam/123456789012/user/bob", "clusters/demo/entries/arn", "history/1", "meta/writes", "usage/demo/0"]
        {
            assert!(!is_secret(&key(open)), "{open}");
        }
    }
}
