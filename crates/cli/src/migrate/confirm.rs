//! `doorward migrate confirm`: what was done stays, and what cannot be taken back is done.

use std::process::ExitCode;

use clap::Args;

use super::engine::Phase;
use super::report::Report;
use super::site::{Site, SiteArgs, Steps, run as engine};
use crate::error::{CliError, exit};
use crate::output::{Format, OutputArgs, print, print_line};
use crate::table::Table;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  doorward migrate confirm --cluster prod";

/// Keep what `migrate apply` did: nothing is taken back by itself any more.
///
/// Where it was applied with `--final`, the mode API, which EKS never takes back, comes now.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConfirmArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    site: SiteArgs,
}

/// Confirms.
///
/// # Errors
/// If there is nothing to confirm, or the time for it is over.
pub(super) async fn run(args: &ConfirmArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let none = || CliError::Failed("there is no migration of this cluster to confirm".to_owned());
    let mut site = Site::open(&args.site, talk)?.ok_or_else(none)?;
    site.check().await?;
    if site.revert_if_due(talk).await? {
        let text = "the time for the confirmation was over, so everything was taken back; `doorward migrate apply` begins anew";
        return Err(CliError::Failed(text.to_owned()));
    }
    match site.journal.phase() {
        Phase::AwaitingConfirmation | Phase::Confirmed => {
            let progress = Steps::new(talk, "doing", site.journal.opening().steps.len());
            let Site { live, journal, .. } = &mut site;
            engine(live, &|number, step| progress.tell(number, step)).confirm(journal).await?;
        }
        Phase::Finished => talk.note("it is confirmed already"),
        Phase::Applying => {
            let text = "not all steps are done yet: `doorward migrate apply` goes on, `doorward migrate rollback` takes back \
                        what was done";
            return Err(CliError::Failed(text.to_owned()));
        }
        Phase::Reverting | Phase::Reverted => {
            let reason = site.journal.progress().reason.clone().unwrap_or_default();
            return Err(CliError::Failed(format!(
                "everything was taken back, because {reason}; there is nothing to confirm"
            )));
        }
    }
    let report = Report::of(&site.journal);
    if args.output.output == Format::Table {
        print_line(&format!("confirmed: the migration of {} is done", report.cluster))?;
    } else {
        print(args.output.output, &report, |_| Table::new([]))?;
    }
    Ok(ExitCode::from(exit::FINE))
}
