//! `doorward migrate rollback`: everything as it was before.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::restore::restore;
use jiff::Timestamp;

use super::engine::{Backup, Journal, Live, Opening, Phase, StepState, Target as _};
use super::report::Report;
use super::site::{Site, SiteArgs, Steps, run as engine};
use crate::error::{CliError, exit};
use crate::output::{Format, OutputArgs, print, print_line};
use crate::table::Table;
use crate::talk::Talk;
use crate::world::WorldArgs;

const EXAMPLES: &str = "\
Examples:
  doorward migrate rollback --cluster prod                        take back what `migrate apply` did
  doorward migrate rollback --cluster prod --backup FILE          make everything as it is in a backup

A change of the authentication mode is never taken back by EKS. In the mode API entries therefore stay, because they are
the only way in, and only the ConfigMap is made again.";

/// Take back what `migrate apply` did, before or after the confirmation, or make everything as it is in a backup.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RollbackArgs {
    /// A backup that `migrate apply` wrote, instead of what the last migration did.
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,
    /// Do not wait for what API servers remember: whoever used a token within the last seconds may be refused for as long.
    #[arg(long, conflicts_with = "backup")]
    at_once: bool,
    /// With `--backup`: print what would be done, and change nothing.
    #[arg(long, requires = "backup")]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    site: SiteArgs,
}

/// Takes back.
///
/// # Errors
/// If there is nothing to take back, or it cannot be.
pub(super) async fn run(args: &RollbackArgs, talk: Talk) -> Result<ExitCode, CliError> {
    if let Some(path) = &args.backup {
        return from_backup(args, &Backup::read(path)?, talk).await;
    }
    let none = || CliError::Failed("there is no migration of this cluster to take back".to_owned());
    let mut site = Site::open(&args.site, talk)?.ok_or_else(none)?;
    site.check().await?;
    if site.journal.phase() == Phase::Reverted {
        talk.note("everything was taken back already");
    } else {
        site.revert("it was asked for", args.at_once, talk).await?;
    }
    tell(args.output.output, &site.journal, talk)?;
    Ok(ExitCode::from(exit::FINE))
}

fn tell(format: Format, journal: &Journal, talk: Talk) -> Result<(), CliError> {
    let report = Report::of(journal);
    let is_left = |state| matches!(state, StepState::Done | StepState::Started);
    let left = report.steps.iter().filter(|step| is_left(step.state)).count();
    if format != Format::Table {
        return print(format, &report, |_| Table::new([]));
    }
    print_line(&format!("taken back: the migration of {}", report.cluster))?;
    if left > 0 {
        talk.note(format_args!(
            "{left} steps stay, because they cannot be taken back (`doorward migrate status` lists them)"
        ));
    }
    Ok(())
}

/// Makes everything as it is in a backup, as a migration of its own that is confirmed from the beginning.
async fn from_backup(args: &RollbackArgs, backup: &Backup, talk: Talk) -> Result<ExitCode, CliError> {
    let named = backup.world.cluster.as_ref();
    let mut site_args = args.site.clone();
    if site_args.kubernetes.cluster.is_none() && site_args.kubernetes.context.is_none() {
        site_args.kubernetes.cluster = named.map(|cluster| cluster.name.clone());
    }
    let world = WorldArgs {
        world: None,
        aws_auth: None,
        access_entries: None,
        rbac: None,
        directory: None,
        mode: None,
        authenticator: None,
        kubernetes: site_args.kubernetes.clone(),
        aws: site_args.aws.clone(),
    };
    let now = world.load(talk).await?;
    let arn = |of: &doorward_core::world_document::WorldDocument| of.cluster.as_ref().and_then(|it| it.arn.clone());
    if arn(&now) != arn(&backup.world) {
        let name = arn(&backup.world).unwrap_or_default();
        return Err(CliError::Failed(format!(
            "the backup is of `{name}`, and that is not the cluster that is reached"
        )));
    }
    let steps = restore(&now, &backup.world);
    if now.authentication_mode == AuthenticationMode::Api && backup.world.authentication_mode != AuthenticationMode::Api
    {
        talk.warning("the mode is API, which EKS never changes back: entries stay, only the ConfigMap is made again");
    }
    if args.dry_run || steps.is_empty() {
        let mut table = Table::new(["STEP", "WHAT", "WHY"]);
        for (number, step) in steps.iter().enumerate() {
            table.row([(number + 1).to_string(), step.id.clone(), step.why.clone()]);
        }
        print(args.output.output, &steps, |_| table)?;
        talk.note(if steps.is_empty() {
            "everything is as it is in the backup"
        } else {
            "dry run: nothing was changed"
        });
        return Ok(ExitCode::from(exit::FINE));
    }
    let cluster = site_args.cluster()?;
    let dir = site_args.state_dir()?;
    let locked = dir.lock()?;
    if let Some(journal) = Journal::open(&dir.journal())? {
        locked.put_aside(&journal)?;
    }
    let live = Live::new(cluster.clone(), &site_args.kubernetes, &site_args.aws, talk)?;
    let taken_at = Timestamp::now();
    let copy = dir.backup(taken_at);
    let manifest = live.aws_auth().await.map_err(|error| CliError::Failed(error.to_string()))?;
    let digest = now.digest();
    let cluster_arn = arn(&now);
    Backup::new(taken_at, now, manifest.map(|found| found.manifest)).write(&copy)?;
    talk.note(format_args!("everything as it is now is in `{}`", copy.display()));
    let mut opening = Opening::new(cluster, taken_at, copy, steps);
    opening.cluster_arn = cluster_arn;
    opening.digest = digest;
    opening.reach = site_args.reach()?;
    let mut journal = Journal::begin(&dir.journal(), opening)?;
    let progress = Steps::new(talk, "doing", journal.opening().steps.len());
    let tell_step = |number: usize, step: &doorward_core::plan::Step| progress.tell(number, step);
    let run = engine(&live, &tell_step);
    run.forward(&mut journal).await?;
    run.confirm(&mut journal).await?;
    let report = Report::of(&journal);
    if args.output.output == Format::Table {
        print_line(&format!("restored: {} is as it is in the backup", report.cluster))?;
    } else {
        print(args.output.output, &report, |_| Table::new([]))?;
    }
    Ok(ExitCode::from(exit::FINE))
}
