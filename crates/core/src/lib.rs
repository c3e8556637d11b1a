//! The rules of EKS access management, as pure functions of values.
//!
//! Everything that decides access on one cluster at one moment is a World, an immutable value. What Doorward
//! answers, and what its tools say about a cluster, are functions of Worlds; there is no second copy of any rule. This
//! crate knows no network, file, clock or environment: time, ids and randomness are arguments.

pub mod access_entry;
pub mod access_policy;
pub mod access_scope;
pub mod account_id;
pub mod arn;
pub mod authentication_mode;
pub mod authorize;
pub mod aws_auth;
mod callers;
pub mod certificate;
pub mod cluster;
pub mod cluster_name;
pub mod compare;
mod digest_map;
pub mod directory;
pub mod existence;
mod few;
pub mod lint;
pub mod lock_out;
pub mod partition;
pub mod permissions;
pub mod plan;
pub mod principal;
pub mod questions;
pub mod rbac;
pub mod resolve;
pub mod restore;
mod short_text;
pub mod suggestion;
mod text_form;
pub mod username;
pub mod world;
pub mod world_document;
