//! The plan of a migration: its cases, and what must hold of every plan.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod cases;
mod properties;
mod safety;
