//! The contract, on SQLite of which every value is sealed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::sync::{Arc, Mutex};

use doorward_store::contract::Fixture;
use doorward_store::{Revision, Sealed, SealingKeys, SqliteOptions, SqliteStore, Store};
use futures::future::{BoxFuture, FutureExt};

doorward_store::store_contract!(Folder::new());

/// A database in a folder that goes away with it.
struct Folder {
    folder: tempfile::TempDir,
    opened: Mutex<Option<Arc<SqliteStore>>>,
}

impl Folder {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), opened: Mutex::default() }
    }
}

impl Fixture for Folder {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        async {
            let path = self.folder.path().join("doorward.db");
            let store = Arc::new(SqliteStore::open(&path, SqliteOptions::default()).unwrap());
            *self.opened.lock().unwrap() = Some(Arc::clone(&store));
            let keys = Arc::new(SealingKeys::parse(&"5e".repeat(32)).unwrap());
            Arc::new(Sealed::new(store, keys, |_| true)) as Arc<dyn Store>
        }
        .boxed()
    }

    fn compact(&self, up_to: Revision) -> BoxFuture<'_, ()> {
        let store = self.opened.lock().unwrap().clone().unwrap();
        async move { store.compact(up_to).await.unwrap() }.boxed()
    }
}
