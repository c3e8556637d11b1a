//! A small key-value contract with revisions and watch, on SQLite or etcd.
//!
//! [`Store`] is all that the server knows of its storage: read a key, list a prefix, commit a transaction under
//! conditions, follow what changes. [`SqliteStore`] implements it in one file for one server, `EtcdStore` (feature `etcd`)
//! for several in a cluster. `contract` (feature `contract-tests`) is the one test-suite that each implementation has to
//! pass.
//!
//! The rules that every implementation keeps:
//!
//! * Every committed transaction that changes something has its own [`Revision`], greater than all before. Revisions
//!   may skip numbers. A transaction is visible as a whole or not at all.
//! * Once [`Store::txn`] has answered `Committed`, a crash does not lose it and every later read sees it.
//! * [`Store::list`] is a snapshot and says at which revision. [`Store::watch`] from that revision brings each later
//!   change once, in order, with none missing.
//! * History is kept for a while only. Whoever asks for changes that are no longer kept is told so
//!   ([`StoreError::Compacted`]) and lists again.
//! * A write that cannot be stored is refused with an error that says whether to try again, and whether it may have
//!   been stored all the same ([`StoreError::Unknown`]). Reads go on.
//! * Only what is announced ([`Store::announce`]) goes away by itself.

#[cfg(feature = "contract-tests")]
pub mod contract;
mod document;
mod error;
#[cfg(feature = "etcd")]
mod etcd;
#[cfg(feature = "contract-tests")]
pub mod etcd_cluster;
mod key;
mod sealed;
mod sqlite;
mod store;
mod txn;
mod watch;

pub use document::{Document, DocumentError, MAX_DOCUMENT_BYTES, Versioned};
pub use error::{OpenError, StoreError};
#[cfg(feature = "etcd")]
pub use etcd::{EtcdOptions, EtcdStore, EtcdTls};
pub use key::{Key, KeyError, MAX_KEY_BYTES, Prefix};
pub use sealed::{Sealed, SealingKeyError, SealingKeys};
pub use sqlite::{SqliteOptions, SqliteStore};
pub use store::{Item, Scan, Snapshot, Store};
pub use txn::{Expect, MAX_TXN_OPS, Outcome, Revision, Txn, TxnError, Write};
pub use watch::{Batch, Change, Event, Watch};
