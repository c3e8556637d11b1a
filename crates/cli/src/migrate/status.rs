//! `doorward migrate status`: what was done, what is pending and until when, and which rows nobody uses.

use std::process::ExitCode;

use clap::Args;
use doorward_core::aws_auth::{Section, parse};
use jiff::Timestamp;
use serde::Serialize;

use super::engine::{Journal, Live, Phase, StateDir, Target as _};
use super::report::Report;
use super::site::SiteArgs;
use crate::doorward_api::{DoorwardApi, Evidence, Usage};
use crate::error::{CliError, exit};
use crate::output::{Format, OutputArgs, print, print_line, print_text};
use crate::table::Table;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  doorward migrate status --cluster prod
  doorward migrate status --cluster prod -o json";

/// Tell what a migration has done, what it waits for, and which rows of aws-auth are still used.
///
/// How rows and entries are used is counted by a Doorward server; EKS does not tell.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    site: SiteArgs,
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    /// The last migration; null where there was none.
    migration: Option<Report>,
    /// Whether a process waits to take everything back at the deadline; null where nothing has to.
    watcher: Option<bool>,
    /// The rows of aws-auth; null where the cluster does not answer.
    identity_mappings: Option<Vec<Used>>,
    /// The access entries of the migration.
    access_entries: Option<Vec<Used>>,
}

/// An entry or a row, and how it is used.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Used {
    #[serde(skip_serializing_if = "Option::is_none")]
    section: Option<Section>,
    arn: String,
    #[serde(flatten)]
    evidence: Option<Evidence>,
}

/// Tells it.
///
/// # Errors
/// If the state cannot be read. That a cluster does not answer is none.
pub(super) async fn run(args: &StatusArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let dir = args.site.state_dir()?;
    let journal = Journal::open(&dir.journal())?;
    let live = Live::new(args.site.cluster()?, &args.site.kubernetes, &args.site.aws, talk)?;
    let usage = usage(&live, &args.site.cluster()?).await;
    let status = Status {
        watcher: journal.as_ref().and_then(|journal| watcher(journal, &dir)),
        identity_mappings: rows(&live, usage.as_ref(), talk).await,
        access_entries: journal.as_ref().map(|journal| entries(journal, usage.as_ref())),
        migration: journal.as_ref().map(Report::of),
    };
    if args.output.output != Format::Table {
        print(args.output.output, &status, |_| Table::new([]))?;
        return Ok(ExitCode::from(exit::FINE));
    }
    match &status.migration {
        None => print_line("no migration of this cluster was applied from here")?,
        Some(report) => for_people(report, &status, &dir, talk)?,
    }
    if usage.is_none() {
        talk.note("how rows are used is not known: that is counted by a Doorward server");
    }
    used_for_people("rows of aws-auth", status.identity_mappings.as_deref())?;
    used_for_people("access entries of the migration", status.access_entries.as_deref())?;
    Ok(ExitCode::from(exit::FINE))
}

async fn usage(live: &Live, cluster: &str) -> Option<Usage> {
    // Whatever is no Doorward server has no endpoint, or no such operation.
    DoorwardApi(live.aws()).usage(cluster).await.ok()
}

/// Whether somebody waits for the deadline, where there is one.
fn watcher(journal: &Journal, dir: &StateDir) -> Option<bool> {
    let waits = matches!(journal.phase(), Phase::Applying | Phase::AwaitingConfirmation);
    (waits && journal.opening().confirm_within_seconds > 0).then(|| dir.watcher().is_some())
}

async fn rows(live: &Live, usage: Option<&Usage>, talk: Talk) -> Option<Vec<Used>> {
    let found = match live.aws_auth().await {
        Ok(found) => found,
        Err(error) => {
            talk.warning(error);
            return None;
        }
    };
    let aws_auth = found.map(|found| parse(&found.data)).unwrap_or_default();
    let used = |section, arn: String| {
        let evidence = usage.and_then(|usage| usage.of_row(section, &arn)).cloned();
        Used { section: Some(section), arn, evidence }
    };
    let mappings = aws_auth.mappings().map(|row| used(row.section, row.arn.clone()));
    let accounts = aws_auth.accounts.iter().map(|row| used(Section::Accounts, row.account.to_string()));
    Some(mappings.chain(accounts).collect())
}

fn entries(journal: &Journal, usage: Option<&Usage>) -> Vec<Used> {
    let made = journal.opening().steps.iter().filter_map(|step| match &step.action {
        doorward_core::plan::Action::CreateEntry { principal_arn, .. } => Some(principal_arn.as_str().to_owned()),
        _ => None,
    });
    made.map(|arn| Used { section: None, evidence: usage.and_then(|usage| usage.of_entry(&arn)).cloned(), arn })
        .collect()
}

fn for_people(report: &Report, status: &Status, dir: &StateDir, talk: Talk) -> Result<(), CliError> {
    let phase = match report.phase {
        Phase::Applying => {
            "not all steps are done: `doorward migrate apply` goes on, `doorward migrate rollback` goes back"
        }
        Phase::AwaitingConfirmation => "applied, and waiting for `doorward migrate confirm`",
        Phase::Confirmed => "confirmed, and not finished: `doorward migrate confirm` goes on",
        Phase::Finished => "done and confirmed",
        Phase::Reverting => "being taken back: `doorward migrate rollback` goes on",
        Phase::Reverted => "taken back",
    };
    let reason = report.reason.as_ref().map(|reason| format!(", because {reason}")).unwrap_or_default();
    print_line(&format!("migration of {}: {phase}{reason}", report.cluster))?;
    print_line(&format!("begun {:.0}; everything as it was is in {}", report.started_at, report.backup))?;
    if !report.accepted.is_empty() {
        print_line(&format!("accepted differences: {}", report.accepted.join(", ")))?;
    }
    if let Some(deadline) = report.deadline {
        let left = deadline.as_second() - Timestamp::now().as_second();
        let when = if left > 0 { format!("in {left} s") } else { "now due".to_owned() };
        print_line(&format!("taken back unless it is confirmed: at {deadline:.0}, {when}"))?;
        if status.watcher == Some(false) {
            talk.warning(format_args!(
                "the process that was to take it back has ended (`{}`), so nothing happens by itself; confirm, or roll back",
                dir.watcher_log().display()
            ));
        }
    }
    print_text(&format!("\n{}", report.table()))
}

fn used_for_people(what: &str, used: Option<&[Used]>) -> Result<(), CliError> {
    let Some(used) = used.filter(|used| !used.is_empty()) else { return Ok(()) };
    let now = Timestamp::now();
    let mut table = Table::new(["SECTION", "ARN", "LAST USED"]);
    for one in used {
        let section = one.section.map(|section| section.to_string()).unwrap_or_default();
        let words = one.evidence.as_ref().map_or_else(|| "unknown".to_owned(), |evidence| evidence.in_words(now));
        table.row([section, one.arn.clone(), words]);
    }
    let unused = used.iter().filter(|one| one.evidence.as_ref().is_some_and(|it| it.last_login_at.is_none())).count();
    print_text(&format!("\n{what}: {} ({unused} not used since counting began)\n{table}", used.len()))
}
