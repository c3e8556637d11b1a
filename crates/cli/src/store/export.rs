//! `doorward store export`.

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::args::StoreArgs;
use super::dump::Dump;
use crate::error::CliError;
use crate::output::print_text;
use crate::talk::Talk;

/// What to export, and where to.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The file to write, for this user alone; it must not be there yet. Without, standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How to write it.
    #[arg(short, long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    output: ExportFormat,
    /// Print secrets to a terminal.
    #[arg(long)]
    yes: bool,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// One JSON document.
    #[default]
    Json,
}

/// Does it.
///
/// # Errors
/// If the store cannot be read, or the document not written.
pub(super) async fn run(args: ExportArgs, talk: Talk) -> Result<ExitCode, CliError> {
    if args.out.is_none() && std::io::stdout().is_terminal() && !args.yes {
        let text = "the export has secret keys in it; write it to a file with `--out FILE`, or add `--yes`";
        return Err(CliError::Usage(text.to_owned()));
    }
    let store = args.store.place()?.open(true).await?;
    let dump = Dump::of(store.as_ref()).await;
    store.close().await;
    let dump = dump?;
    let text = match args.output {
        ExportFormat::Json => dump.to_json()?,
    };
    match &args.out {
        None => print_text(&text)?,
        Some(path) => write(path, &text)?,
    }
    talk.note(format_args!("{} keys, {}", dump.entries().len(), dump.digest()));
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::Failed(format!("cannot write `{}`: {error}", path.display()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}
