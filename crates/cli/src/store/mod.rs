//! `doorward store`: take everything out of a store, put it in, move it from SQLite to etcd or back.

mod args;
mod copy;
mod dump;
mod export;
mod import;
mod migrate;
mod place;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub(crate) use place::StorePlaceError;

use crate::error::CliError;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  doorward store export --data-dir /var/lib/doorward --out backup.json
  doorward store import backup.json --data-dir /var/lib/doorward
  doorward store migrate --from sqlite:/var/lib/doorward --to etcd:https://10.0.0.1:2379,https://10.0.0.2:2379 \\
    --etcd-ca ca.crt --etcd-cert doorward.crt --etcd-key doorward.key

A store in SQLite is opened by one process at a time: stop its server first.";

/// What to do with everything that a server has stored.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct StoreVerbArgs {
    #[command(subcommand)]
    verb: StoreVerb,
}

#[derive(Debug, Subcommand)]
enum StoreVerb {
    /// Write everything, secrets included, as one JSON document with a digest.
    Export(export::ExportArgs),
    /// Put an exported document into an empty store.
    Import(import::ImportArgs),
    /// Copy everything from one store to another that is empty, and check that both hold the same.
    Migrate(migrate::MigrateArgs),
}

/// Does it.
///
/// # Errors
/// If a store cannot be opened, read or written, or does not hold what it should.
pub(crate) async fn run(args: StoreVerbArgs, talk: Talk) -> Result<ExitCode, CliError> {
    match args.verb {
        StoreVerb::Export(args) => export::run(args, talk).await,
        StoreVerb::Import(args) => import::run(args, talk).await,
        StoreVerb::Migrate(args) => migrate::run(args, talk).await,
    }
}
