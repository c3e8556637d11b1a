//! `doorward migrate apply`: the plan, proved and done to a cluster, and taken back unless somebody confirms.

mod begin;
mod proof;
mod review;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use doorward_core::account_id::AccountId;

use super::engine::{Journal, Live, Phase, Stopped};
use super::report::Report;
use super::site::{Site, SiteArgs, Steps, ask, run as engine};
use super::watch;
use crate::error::{CliError, exit};
use crate::output::{Format, OutputArgs, print, print_line};
use crate::table::Table;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  doorward migrate apply --cluster prod --dry-run                     what would be done; nothing is changed
  doorward migrate apply --cluster prod                               do it, and take it back after 10 minutes unless …
  doorward migrate confirm --cluster prod                             … somebody says that all is well
  doorward migrate apply --cluster prod --accept bypass-lost:role/x   accept a difference that `migrate prove` names
  doorward migrate apply --cluster prod --final --yes                 then the mode API, which EKS never takes back

Exit codes: 0 done (or nothing to do); 1 it failed, and everything is as it was unless it says otherwise; 3 a difference is
not accepted, somebody would be locked out, or something must be decided first: nothing was changed.

If it is interrupted, however that happens, run it again: it goes on where it stopped. `migrate rollback` goes back.";

/// Do the plan: entries before removals, each step checked, everything taken back unless it is confirmed in time.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ApplyArgs {
    /// Accept a difference between before and after, by the id that `migrate prove` gives it; repeatable.
    #[arg(long = "accept", value_name = "ID")]
    accept: Vec<String>,
    /// A certificate of `migrate prove`: what it accepts is accepted, and nothing is done if the cluster is not as it was
    /// then.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Take everything back unless it is confirmed within this time, such as `90s`, `10m` or `2h`; `0` waits for nothing
    /// and takes nothing back by itself.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    confirm_within: Duration,
    /// Go on to the authentication mode API, which EKS never takes back, and remove the ConfigMap. That is done by
    /// `migrate confirm`, or at once where nothing comes before that could be taken back.
    #[arg(long = "final")]
    is_final: bool,
    /// With `--final`: accept that whoever no entry can let in loses access.
    #[arg(long)]
    accept_loss: bool,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Print what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Principals of IAM: a JSON array of `{"arn": …, "uniqueId": …}` [default: what IAM says of the own account].
    #[arg(long, value_name = "FILE")]
    directory: Option<PathBuf>,
    /// The cluster's account, where nothing else says it.
    #[arg(long, value_name = "ACCOUNT")]
    cluster_account: Option<AccountId>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    site: SiteArgs,
}

/// A time with its unit: `90s`, `10m`, `2h`; a bare number is of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 =
        digits.parse().map_err(|_| format!("`{text}` is not a time; expected such as `90s`, `10m` or `2h`"))?;
    let unit = match text.get(digits.len()..) {
        Some("" | "s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        _ => return Err(format!("`{text}` has a unit that is none of `s`, `m` and `h`")),
    };
    Ok(Duration::from_secs(number.saturating_mul(unit)))
}

/// Does the plan.
///
/// # Errors
/// If something is in the way, or goes wrong.
pub(super) async fn run(args: &ApplyArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let cluster = args.site.cluster()?;
    if args.dry_run {
        let live = Live::new(cluster, &args.site.kubernetes, &args.site.aws, talk)?;
        let ready = match begin::prepare(args, &live, talk).await? {
            begin::Prepared::Ready(ready) => ready,
            begin::Prepared::Ended(code) => return Ok(ExitCode::from(code)),
        };
        begin::print_dry_run(args.output.output, &ready.plan)?;
        talk.note("dry run: nothing was changed");
        return Ok(ExitCode::from(exit::FINE));
    }
    let mut site = match Site::open(&args.site, talk)? {
        Some(mut site) => {
            site.check().await?;
            if site.revert_if_due(talk).await? {
                let text =
                    "an earlier migration was not confirmed in time, and was taken back now; apply again to begin anew";
                return Err(CliError::Failed(text.to_owned()));
            }
            match site.journal.phase() {
                Phase::AwaitingConfirmation => {
                    let text = "all steps are done already; `doorward migrate confirm` keeps them, `doorward migrate \
                                rollback` takes them back";
                    return Err(CliError::Failed(text.to_owned()));
                }
                Phase::Applying | Phase::Confirmed => {
                    let (done, count) = (site.journal.progress().done(), site.journal.opening().steps.len());
                    talk.note(format_args!("going on with the migration that stopped after {done} of {count} steps"));
                    site
                }
                Phase::Finished | Phase::Reverted | Phase::Reverting => {
                    site.locked.put_aside(&site.journal)?;
                    let Site { locked, .. } = site;
                    drop(locked);
                    match begin::begin(args, talk).await? {
                        begin::Begun::Site(site) => *site,
                        begin::Begun::Ended(code) => return Ok(ExitCode::from(code)),
                    }
                }
            }
        }
        None => match begin::begin(args, talk).await? {
            begin::Begun::Site(site) => *site,
            begin::Begun::Ended(code) => return Ok(ExitCode::from(code)),
        },
    };
    carry_out(&mut site, args, talk).await
}

/// Does the steps that are not done yet.
async fn carry_out(site: &mut Site, args: &ApplyArgs, talk: Talk) -> Result<ExitCode, CliError> {
    let opening = site.journal.opening().clone();
    let waits = opening.confirm_within_seconds > 0 && opening.is_reversible();
    let progress = Steps::new(talk, "doing", opening.steps.len());
    let tell = |number: usize, step: &doorward_core::plan::Step| progress.tell(number, step);
    if site.journal.phase() == Phase::Applying {
        if waits {
            watch::start(site.locked.dir())?;
        }
        let Site { live, journal, .. } = &mut *site;
        let review = async || review::review(live, &opening, talk).await;
        engine(live, &tell).apply(journal, review).await.map_err(|stopped| failed(&stopped, &opening))?;
    }
    if !waits || site.journal.phase() == Phase::Confirmed {
        let Site { live, journal, .. } = &mut *site;
        engine(live, &tell).confirm(journal).await?;
    }
    tell_outcome(args.output.output, &site.journal, talk)
}

fn failed(stopped: &Stopped, opening: &super::engine::Opening) -> CliError {
    let way_out = match stopped {
        Stopped::TakenBack(_) => String::new(),
        Stopped::HalfWay { .. } => {
            format!(
                "; `doorward migrate rollback` tries again, and everything as it was is in `{}`",
                opening.backup.display()
            )
        }
    };
    CliError::Failed(format!("{stopped}{way_out}"))
}

fn tell_outcome(format: Format, journal: &Journal, talk: Talk) -> Result<ExitCode, CliError> {
    let report = Report::of(journal);
    let count = report.steps.len();
    if format != Format::Table {
        print(format, &report, |_| Table::new([]))?;
    } else if report.phase == Phase::AwaitingConfirmation {
        print_line(&format!("applied: {count} steps are done, each was checked"))?;
    } else {
        print_line(&format!("applied: {count} steps are done; nothing is left to confirm"))?;
    }
    if let Some(deadline) = report.deadline {
        talk.note(format_args!(
            "look whether all is well, and then run `doorward migrate confirm --cluster {}`; otherwise everything is taken \
             back at {deadline:.0}, or at once by `doorward migrate rollback --cluster {}`",
            report.cluster, report.cluster
        ));
        if journal.opening().point_of_no_return() < count {
            talk.note("the mode API and the removal of the ConfigMap come with the confirmation");
        }
    }
    Ok(ExitCode::from(exit::FINE))
}

/// Spells out what cannot be taken back, and wants a yes for it.
fn ask_for_the_last_step(is_sure: bool, cluster: &str) -> Result<(), CliError> {
    ask(
        &format!(
            "The authentication mode of `{cluster}` becomes API, and EKS never changes it back: from then on aws-auth is not \
             asked any more, and access entries are the only way in."
        ),
        is_sure,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        for (text, seconds) in [("0", 0), ("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "m", "-1s", "1d", "1.5h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
