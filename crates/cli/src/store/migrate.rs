//! `doorward store migrate`.

use std::process::ExitCode;

use clap::Args;

use super::args::EtcdArgs;
use super::copy::{Target, fill, same};
use super::dump::Dump;
use super::place::StorePlace;
use crate::error::CliError;
use crate::talk::Talk;

/// From where to where.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// The store to copy: `sqlite:DIR` or `etcd:URL[,URL]`. Its server must not run.
    #[arg(long, value_name = "STORE")]
    from: String,
    /// The store to fill.
    #[arg(long, value_name = "STORE")]
    to: String,
    #[command(flatten)]
    etcd: EtcdArgs,
    /// Replace everything that the store to fill holds.
    #[arg(long)]
    force: bool,
}

/// Does it.
///
/// # Errors
/// If a store cannot be opened (a server has it open, say), the target is not empty, or the copy is not the same.
pub(super) async fn run(args: MigrateArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let access = args.etcd.access();
    let (from, to) = (StorePlace::parse(&args.from, &access)?, StorePlace::parse(&args.to, &access)?);
    if from.to_string() == to.to_string() {
        return Err(CliError::Usage(format!("`--from` and `--to` are the same store: {from}")));
    }
    let source = from.open(true).await?;
    let target = to.open(false).await?;
    let copied = async {
        let dump = Dump::of(source.as_ref()).await?;
        fill(target.as_ref(), &dump, if args.force { Target::Overwritten } else { Target::Empty }).await?;
        // Nobody may have written to the source meanwhile; SQLite lets nobody, etcd would.
        same(&Dump::of(source.as_ref()).await?, &dump)?;
        Ok::<_, CliError>(dump)
    };
    let copied = copied.await;
    source.close().await;
    target.close().await;
    let dump = copied?;
    talk.note(format_args!("{to} holds what {from} does: {} keys, {}", dump.entries().len(), dump.digest()));
    Ok(ExitCode::SUCCESS)
}
