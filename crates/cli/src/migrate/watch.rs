//! The process that takes everything back when nobody confirms. `migrate apply` starts it before its first step, and
//! does not wait for it; it ends by itself as soon as there is nothing to wait for.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;

use super::engine::{Journal, Phase, StateDir};
use super::site::{Site, SiteArgs};
use crate::error::{CliError, exit};
use crate::talk::Talk;

const POLL: Duration = Duration::from_millis(250);
/// How long to wait for the place of another one that is about to end.
const SUCCESSION: Duration = Duration::from_secs(5);
/// Pause after a failure to take back, and how long that is tried.
const PAUSE: Duration = Duration::from_secs(10);
const PERSISTENCE: Duration = Duration::from_secs(3600);

/// Wait for the confirmation of a migration, and take it back if none comes (`migrate apply` starts this itself).
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The folder of the migration's state.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
}

/// Starts the process, away from this one's terminal.
///
/// # Errors
/// If the system refuses.
pub(super) fn start(dir: &StateDir) -> io::Result<()> {
    let log = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(dir.watcher_log())?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["migrate", "watch-deadline", "--state"]).arg(dir.path());
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn().map(|_| ())
}

/// Waits.
///
/// # Errors
/// If the state cannot be read, or nothing could be taken back for an hour.
pub(super) async fn run(args: &WatchArgs, talk: Talk) -> Result<ExitCode, CliError> {
    // A session of its own: closing the terminal must not end it. It fails for who leads one already.
    let _ = rustix::process::setsid();
    let dir = StateDir::at(args.state.clone());
    let Some(_place) = take_place(&dir).await? else { return Ok(ExitCode::from(exit::FINE)) };
    let mut failing: Option<Instant> = None;
    let mut seen = None;
    let mut waits = None;
    loop {
        let stamp = stamp(&dir.journal());
        if stamp != seen || waits.is_none() {
            waits = Journal::open(&dir.journal())?.map(|journal| (journal.phase(), journal.progress().clone()));
            seen = stamp;
        }
        let Some((phase, progress)) = &waits else { return Ok(ExitCode::from(exit::FINE)) };
        let is_due = *phase == Phase::Reverting || progress.is_overdue(Timestamp::now());
        match phase {
            Phase::Confirmed | Phase::Finished | Phase::Reverted => return Ok(ExitCode::from(exit::FINE)),
            Phase::Applying | Phase::AwaitingConfirmation | Phase::Reverting => {}
        }
        if is_due {
            match revert(&dir, talk).await {
                Ok(()) => failing = None,
                Err(error) => {
                    talk.error(format_args!("{} {error}", Timestamp::now()));
                    if failing.get_or_insert_with(Instant::now).elapsed() > PERSISTENCE {
                        return Err(error);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
            seen = None;
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn take_place(dir: &StateDir) -> Result<Option<std::fs::File>, CliError> {
    let begun = Instant::now();
    while begun.elapsed() < SUCCESSION {
        if let Some(place) = dir.become_watcher()? {
            return Ok(Some(place));
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(None)
}

/// Takes everything back, unless somebody else is at it or was faster.
async fn revert(dir: &StateDir, talk: Talk) -> Result<(), CliError> {
    let opened = Site::open_in(dir, &SiteArgs::default(), talk);
    let Some(mut site) = (match opened {
        // Steps are being done, a confirmation comes, or somebody takes it back by hand.
        Err(CliError::State(error)) if error.is_held() => return Ok(()),
        opened => opened?,
    }) else {
        return Ok(());
    };
    site.check().await?;
    if site.revert_if_due(talk).await? {
        talk.note(format_args!("{} everything was taken back", Timestamp::now()));
    }
    Ok(())
}

/// What changes with every line that is written.
fn stamp(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|file| (file.ino(), file.len()))
}
