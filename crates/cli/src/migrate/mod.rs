//! `doorward migrate`: from aws-auth to access entries, with a proof that nobody gains or loses access.

mod check;
mod plan;
mod prove;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::error::CliError;
use crate::talk::Talk;

/// What to do of a migration.
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(subcommand)]
    verb: MigrateVerb,
}

/// The parts of a migration, one file each.
#[derive(Debug, Subcommand)]
enum MigrateVerb {
    Plan(Box<plan::PlanArgs>),
    Prove(Box<prove::ProveArgs>),
    Check(check::CheckArgs),
}

/// Does it.
///
/// # Errors
/// As each part says.
pub(crate) async fn run(args: MigrateArgs, talk: Talk) -> Result<ExitCode, CliError> {
    match args.verb {
        MigrateVerb::Plan(args) => plan::run(&args, talk).await,
        MigrateVerb::Prove(args) => prove::run(&args, talk).await,
        MigrateVerb::Check(args) => check::run(&args, talk),
    }
}
