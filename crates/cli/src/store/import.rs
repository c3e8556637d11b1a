//! `doorward store import`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::args::StoreArgs;
use super::copy::{Target, fill};
use super::dump::Dump;
use crate::error::CliError;
use crate::talk::Talk;

/// What to import, and where to.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// What `doorward store export` wrote.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    /// Replace everything that the store holds.
    #[arg(long)]
    force: bool,
}

/// Does it.
///
/// # Errors
/// If the document is not what was exported, or the store not empty or not to be written.
pub(super) async fn run(args: ImportArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let read = std::fs::read_to_string(&args.file);
    let text = read.map_err(|error| CliError::Failed(format!("cannot read `{}`: {error}", args.file.display())))?;
    let dump = Dump::parse(&text)?;
    let place = args.store.place()?;
    let store = place.open(false).await?;
    let filled = fill(store.as_ref(), &dump, if args.force { Target::Overwritten } else { Target::Empty }).await;
    store.close().await;
    filled?;
    talk.note(format_args!("{place} holds {} keys, {}", dump.entries().len(), dump.digest()));
    Ok(ExitCode::SUCCESS)
}
