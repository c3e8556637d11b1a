//! Calling AWS APIs, AWS's own or Doorward's, with the settings that the aws CLI would use.

mod client;
mod credentials;
pub(crate) mod eks;
mod endpoint;
mod environment;
mod error;
mod iam;
mod ini;
mod process;
mod settings;
mod sts;

pub(crate) use client::{AwsClient, Call};
pub(crate) use endpoint::Service;
pub(crate) use environment::Environment;
pub(crate) use error::AwsError;
pub(crate) use settings::{AwsArgs, AwsSettings};
