//! The HTTP edge: EKS, STS and IAM APIs, the webhooks and operations.
//!
//! The only crate that knows of status codes. No rule of access is decided here: handlers read a request, ask
//! [`doorward_core`] or [`doorward_identity`], and write the answer. What they ask is the current [`view::View`]; what
//! they change goes through the [`engine::Engine`].

pub mod api;
mod aws_auth_watch;
pub mod body;
pub mod bootstrap;
pub mod change;
mod cluster_record;
pub mod config;
pub mod contact;
pub mod diagnosis;
pub mod eks;
pub mod engine;
mod error;
pub mod health;
pub mod iam;
pub mod listener;
mod log_writer;
pub mod metrics;
pub mod ops;
pub mod own;
mod per_client;
mod permission;
pub mod query;
pub mod replica;
pub mod secrets;
mod serve;
pub mod sts;
mod update_record;
pub mod usage;
pub mod view;
pub mod webhook;
mod webhook_tls;

pub use cluster_record::ClusterRecord;
pub use config::{Config, IdentityProvider, Storage};
pub use error::{ServerError, WriteError};
pub use log_writer::LogWriter;
pub use serve::{Addresses, run};
pub use update_record::UpdateRecord;
