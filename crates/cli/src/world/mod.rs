//! Where a World comes from, and `doorward world export`.

mod args;
mod cluster;
mod export;
mod file;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub(crate) use args::AfterArgs;
pub(crate) use args::WorldArgs;
pub(crate) use cluster::authenticator_of;
pub(crate) use file::WorldFileError;

use crate::error::CliError;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  doorward world export --cluster prod > prod.json                 keep what decides today
  doorward can-i list pods --as ARN --world prod.json               ask about it later, without the cluster";

/// What to do with Worlds: everything that decides access on one cluster at one moment.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct WorldVerbArgs {
    #[command(subcommand)]
    verb: WorldVerb,
}

#[derive(Debug, Subcommand)]
enum WorldVerb {
    /// Print everything that decides access on a cluster as one JSON file.
    Export(Box<WorldArgs>),
}

/// Does it.
///
/// # Errors
/// If the World cannot be read.
pub(crate) async fn run(args: WorldVerbArgs, talk: Talk) -> Result<ExitCode, CliError> {
    match args.verb {
        WorldVerb::Export(args) => export::run(&args, talk).await,
    }
}
