//! The contract, on SQLite of which every value is sealed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod common;

use std::sync::Arc;

use doorward_store::{Sealed, SealingKeys};

doorward_store::store_contract!(common::Folder::new(|store| {
    let keys = Arc::new(SealingKeys::parse(&"5e".repeat(32)).unwrap());
    Arc::new(Sealed::new(store, keys, |_| true))
}));
