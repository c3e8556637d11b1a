//! `doorward migrate`: from aws-auth to access entries, with a proof that nobody gains or loses access.

mod apply;
mod check;
mod confirm;
mod engine;
mod plan;
mod prove;
mod report;
mod rollback;
mod site;
mod status;
mod watch;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub(crate) use engine::{BackupError, JournalError, StateError};

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
    Apply(Box<apply::ApplyArgs>),
    Confirm(Box<confirm::ConfirmArgs>),
    Rollback(Box<rollback::RollbackArgs>),
    Status(Box<status::StatusArgs>),
    #[command(hide = true)]
    WatchDeadline(watch::WatchArgs),
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
        MigrateVerb::Apply(args) => apply::run(&args, talk).await,
        MigrateVerb::Confirm(args) => confirm::run(&args, talk).await,
        MigrateVerb::Rollback(args) => rollback::run(&args, talk).await,
        MigrateVerb::Status(args) => status::run(&args, talk).await,
        MigrateVerb::WatchDeadline(args) => watch::run(&args, talk).await,
    }
}
