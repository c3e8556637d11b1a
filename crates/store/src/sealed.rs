//! Values that are secrets, kept so that whoever reads the storage does not learn them.
//!
//! [`Sealed`] stands before any [`Store`] and encrypts the values of some keys: AES-256-GCM with a random nonce, bound
//! to the key's path and the version of its schema, so that a value cannot be put in another's place. What is stored
//! is JSON still, `{"sealed":{"by":…,"value":…}}`: by which key, and nonce and ciphertext in base64. One key is good
//! for 2^32 values (NIST SP 800-38D, 8.3).
//!
//! The first key of a [`SealingKeys`] seals, each of them opens: to change the key, put the new one first, let every
//! value be written again, and take the old one out. A value that was stored plain, before there was a key, is read as
//! it is and sealed when it is next written.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::StreamExt as _;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    Batch, Change, Document, Event, Item, Key, Outcome, Prefix, Revision, Scan, Store, StoreError, Txn, Versioned,
    Watch, Write,
};

/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// Keys that seal values, the first of which is the one in use.
pub struct SealingKeys {
    current: SealingKey,
    earlier: Vec<SealingKey>,
}

struct SealingKey {
    /// Tells keys apart without telling anything of them.
    name: String,
    cipher: RandomizedNonceKey,
}

/// Why a text holds no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealingKeyError {
    /// No line.
    #[error("there is no key in it; write 64 hexadecimal digits on a line, as `openssl rand -hex 32` prints them")]
    Empty,
    /// A line that is no key. The line itself may be a secret with a slip in it.
    #[error("line {0} is no key; expected 64 hexadecimal digits, as `openssl rand -hex 32` prints them")]
    Line(usize),
}

impl SealingKeys {
    /// Reads keys, one a line, 64 hexadecimal digits each. Empty lines and those that begin with `#` do not count.
    ///
    /// # Errors
    /// [`SealingKeyError`].
    pub fn parse(text: &str) -> Result<Self, SealingKeyError> {
        let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
        let mut keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(|(number, line)| {
            let bytes = Zeroizing::new(hex::decode(line).map_err(|_| SealingKeyError::Line(number))?);
            SealingKey::new(&bytes).ok_or(SealingKeyError::Line(number))
        });
        let current = keys.next().ok_or(SealingKeyError::Empty)??;
        let earlier = keys.collect::<Result<_, _>>()?;
        Ok(Self { current, earlier })
    }

    fn of_name(&self, name: &str) -> Option<&SealingKey> {
        std::iter::once(&self.current).chain(&self.earlier).find(|key| key.name == name)
    }
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKeys({}, {} earlier)", self.current.name, self.earlier.len())
    }
}

impl SealingKey {
    fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != KEY_BYTES {
            return None;
        }
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, bytes).ok()?;
        let name = digest(&SHA256, bytes).as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Some(Self { name, cipher })
    }
}

/// The form in which a sealed value is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    sealed: StoredValue,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredValue {
    by: String,
    value: String,
}

/// A store of which some values are sealed.
pub struct Sealed {
    store: Arc<dyn Store>,
    seal: Seal,
}

/// Cheap to copy into streams.
#[derive(Clone)]
struct Seal {
    keys: Arc<SealingKeys>,
    is_secret: fn(&Key) -> bool,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.keys.fmt(f)
    }
}

impl Sealed {
    /// Seals the values of the keys that `is_secret` names.
    pub fn new(store: Arc<dyn Store>, keys: Arc<SealingKeys>, is_secret: fn(&Key) -> bool) -> Self {
        Self { store, seal: Seal { keys, is_secret } }
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("seal", &self.seal).finish_non_exhaustive()
    }
}

impl Seal {
    fn seal(&self, key: &Key, document: Document) -> Result<Document, StoreError> {
        if !(self.is_secret)(key) {
            return Ok(document);
        }
        let SealingKey { name, cipher } = &self.keys.current;
        let mut bytes = document.json().as_bytes().to_vec();
        let failed = || StoreError::Sealed { key: key.clone(), problem: "it could not be encrypted".to_owned() };
        let nonce = cipher
            .seal_in_place_append_tag(Aad::from(bound_to(key, document.schema())), &mut bytes)
            .map_err(|_| failed())?;
        let value = STANDARD.encode([nonce.as_ref().as_slice(), &bytes].concat());
        let stored = Stored { sealed: StoredValue { by: name.clone(), value } };
        // Base64 makes the largest values larger than others may be; there is room for that in every storage.
        let json = serde_json::to_string(&stored).map_err(|_| failed())?;
        Ok(Document::stored(document.schema(), &json))
    }

    fn open(&self, key: &Key, document: Document) -> Result<Document, StoreError> {
        if !(self.is_secret)(key) {
            return Ok(document);
        }
        // What is not in this form was stored before there was a key.
        let Ok(Stored { sealed: StoredValue { by, value } }) = document.decode() else { return Ok(document) };
        let failed = |problem: String| StoreError::Sealed { key: key.clone(), problem };
        let sealing = self.keys.of_name(&by).ok_or_else(|| {
            failed(format!("it was sealed by the key `{by}`, which is not among those given at the start"))
        })?;
        let damaged = || failed("it was changed since it was sealed".to_owned());
        let bytes = STANDARD.decode(&value).map_err(|_| damaged())?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let aad = Aad::from(bound_to(key, document.schema()));
        let opened = sealing.cipher.open_in_place(nonce, aad, &mut sealed).map_err(|_| damaged())?;
        let json = std::str::from_utf8(opened).map_err(|_| damaged())?;
        Document::from_json(document.schema(), json).map_err(|_| damaged())
    }

    fn open_item(&self, item: Item) -> Result<Item, StoreError> {
        let Item { key, value: Versioned { document, revision } } = item;
        let document = self.open(&key, document)?;
        Ok(Item { key, value: Versioned { document, revision } })
    }

    fn open_batch(&self, batch: Batch) -> Result<Batch, StoreError> {
        let events = batch.events.into_iter().map(|Event { key, change }| {
            let change = match change {
                Change::Put(document) => Change::Put(self.open(&key, document)?),
                Change::Deleted => Change::Deleted,
            };
            Ok(Event { key, change })
        });
        Ok(Batch { revision: batch.revision, events: events.collect::<Result<_, StoreError>>()? })
    }
}

/// What a sealed value is good for, and nothing else.
fn bound_to(key: &Key, schema: u32) -> Vec<u8> {
    format!("doorward value 1\n{schema}\n{key}").into_bytes()
}

impl Store for Sealed {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Versioned>, StoreError>> {
        async move {
            let Some(Versioned { document, revision }) = self.store.get(key).await? else { return Ok(None) };
            Ok(Some(Versioned { document: self.seal.open(key, document)?, revision }))
        }
        .boxed()
    }

    fn scan<'a>(&'a self, prefix: &'a Prefix) -> BoxFuture<'a, Result<Scan, StoreError>> {
        async move {
            let scan = self.store.scan(prefix).await?;
            let (revision, seal) = (scan.revision, self.seal.clone());
            let open =
                move |part: Result<Vec<Item>, StoreError>| part?.into_iter().map(|item| seal.open_item(item)).collect();
            Ok(Scan::new(revision, scan.into_parts().map(open)))
        }
        .boxed()
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<Outcome, StoreError>> {
        async move {
            let (compares, writes) = txn.into_parts();
            let mut sealed = Txn::new();
            for (key, expect) in compares {
                sealed = sealed.when(key, expect);
            }
            for write in writes {
                sealed = match write {
                    Write::Put(key, document) => {
                        let document = self.seal.seal(&key, document)?;
                        sealed.put(key, document)
                    }
                    Write::Delete(key) => sealed.delete(key),
                };
            }
            self.store.txn(sealed).await
        }
        .boxed()
    }

    fn announce<'a>(
        &'a self,
        key: &'a Key,
        document: Document,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Revision, StoreError>> {
        async move {
            let document = self.seal.seal(key, document)?;
            self.store.announce(key, document, ttl).await
        }
        .boxed()
    }

    fn watch<'a>(&'a self, prefix: &'a Prefix, after: Revision) -> BoxFuture<'a, Result<Watch, StoreError>> {
        async move {
            let watch = self.store.watch(prefix, after).await?;
            let seal = self.seal.clone();
            Ok(Watch::new(watch.map(move |batch| seal.open_batch(batch?))))
        }
        .boxed()
    }

    fn settle(&self) {
        self.store.settle();
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.store.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SqliteOptions, SqliteStore};

    const OLD: &str = "0000000000000000000000000000000000000000000000000000000000000001";
    const NEW: &str = "0000000000000000000000000000000000000000000000000000000000000002";

    fn key(text: &str) -> Key {
        Key::new(text).unwrap()
    }

    fn secret(value: &str) -> Document {
        Document::encode(3, value).unwrap()
    }

    fn is_secret(key: &Key) -> bool {
        key.as_str().starts_with("secret/")
    }

    fn open(folder: &tempfile::TempDir) -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(&folder.path().join("db"), SqliteOptions::default()).unwrap())
    }

    fn sealed(store: &Arc<SqliteStore>, keys: &str) -> Sealed {
        Sealed::new(Arc::<SqliteStore>::clone(store), Arc::new(SealingKeys::parse(keys).unwrap()), is_secret)
    }

    async fn put(store: &dyn Store, name: &str, value: &str) {
        let committed = store.txn(Txn::new().put(key(name), secret(value))).await.unwrap();
        assert!(matches!(committed, Outcome::Committed(_)));
    }

    async fn read(store: &dyn Store, name: &str) -> Result<String, StoreError> {
        Ok(store.get(&key(name)).await?.unwrap().document.decode().unwrap())
    }

    #[tokio::test]
    async fn a_secret_is_not_to_be_found_in_the_storage_and_what_is_none_is() {
        let folder = tempfile::tempdir().unwrap();
        let plain = open(&folder);
        let store = sealed(&plain, NEW);
        put(&store, "secret/key", "wJalrXUtnFEMI").await;
        put(&store, "open/key", "in the open").await;
        let stored = plain.list(&Prefix::all()).await.unwrap();
        let text: String = stored.items.iter().map(|item| item.value.document.json()).collect();
        assert!(!text.contains("wJalrXUtnFEMI") && text.contains("in the open"), "{text}");
        assert_eq!(read(&store, "secret/key").await.unwrap(), "wJalrXUtnFEMI");
        // The history of the store is read by watches.
        let mut watch = store.watch(&Prefix::all(), Revision(0)).await.unwrap();
        let batch = watch.next().await.unwrap().unwrap();
        assert_eq!(batch.events, [Event { key: key("secret/key"), change: Change::Put(secret("wJalrXUtnFEMI")) }]);
    }

    #[tokio::test]
    async fn a_key_is_changed_by_putting_the_new_one_first() {
        let folder = tempfile::tempdir().unwrap();
        let plain = open(&folder);
        put(plain.as_ref(), "secret/plain", "stored before there was a key").await;
        put(&sealed(&plain, OLD), "secret/old", "sealed by the old key").await;
        let both = sealed(&plain, &format!("# the new one\n{NEW}\n\n{OLD}\n"));
        assert_eq!(read(&both, "secret/old").await.unwrap(), "sealed by the old key");
        assert_eq!(read(&both, "secret/plain").await.unwrap(), "stored before there was a key");
        put(&both, "secret/old", "written again").await;
        assert_eq!(read(&sealed(&plain, NEW), "secret/old").await.unwrap(), "written again");
        assert!(matches!(read(&sealed(&plain, OLD), "secret/old").await, Err(StoreError::Sealed { .. })));
    }

    #[tokio::test]
    async fn a_sealed_value_is_good_in_its_own_place_only() {
        let folder = tempfile::tempdir().unwrap();
        let plain = open(&folder);
        let store = sealed(&plain, NEW);
        put(&store, "secret/administrator", "a").await;
        let value = plain.get(&key("secret/administrator")).await.unwrap().unwrap().document;
        let moved = Txn::new()
            .put(key("secret/other"), value.clone())
            .put(key("secret/schema"), Document::from_json(4, value.json()).unwrap())
            .put(
                key("secret/cut"),
                Document::from_json(3, &value.json().replace("\"value\":\"", "\"value\":\"AAAA")).unwrap(),
            );
        assert!(matches!(plain.txn(moved).await.unwrap(), Outcome::Committed(_)));
        for name in ["secret/other", "secret/schema", "secret/cut"] {
            assert!(matches!(read(&store, name).await, Err(StoreError::Sealed { .. })), "{name}");
        }
        assert!(store.list(&Prefix::all()).await.is_err());
    }

    #[test]
    fn a_key_file_that_is_none_is_refused_without_repeating_what_is_in_it() {
        assert_eq!(SealingKeys::parse("# nothing\n\n").unwrap_err(), SealingKeyError::Empty);
        for wrong in ["00", &OLD[1..], &format!("{OLD}0"), &OLD.replace('0', "g"), "correct horse"] {
            let error = SealingKeys::parse(&format!("{NEW}\n{wrong}\n")).unwrap_err();
            assert_eq!(error, SealingKeyError::Line(2));
            assert!(!error.to_string().contains(wrong));
        }
        assert!(!format!("{:?}", SealingKeys::parse(NEW).unwrap()).contains("0002"));
    }
}
