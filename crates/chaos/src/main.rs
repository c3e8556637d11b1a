//! `make chaos`: every bad day tried on real processes, under load.
//!
//! Three members of etcd, two servers on them and one kube-apiserver that asks them run as they would elsewhere. While
//! clients ask what must be allowed and what must be refused, and others write, one thing after the other is killed,
//! stopped, cut off, filled or made slow. Each row of the table says what was tried, and whether anybody was refused or
//! let in wrongly, whether a write was lost that had been acknowledged, and how long it took until all was well again.

mod abuse;
mod balancer;
mod etcd;
mod fault;
mod kubernetes;
mod line;
mod link;
mod load;
mod people;
mod play;
mod question;
mod replica;
mod report;
mod revoke;
mod rows;
mod settings;
mod stage;
mod tally;
mod write;

use std::path::Path;
use std::process::ExitCode;

use crate::report::{Outcome, Report};
use crate::rows::{On, ROWS, Row};
use crate::settings::Settings;
use crate::stage::Stage;

fn main() -> anyhow::Result<ExitCode> {
    let settings = Settings::of_environment()?;
    // Programs are started by this thread, because they end with the thread that started them; the load is on others.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let is_kept = runtime.block_on(run(&settings))?;
    Ok(if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(settings: &Settings) -> anyhow::Result<bool> {
    let mut report = Report::create(&settings.out)?;
    // Those of the last run say nothing of this one; that there are none is no error.
    let _ = std::fs::remove_dir_all(&settings.logs);
    std::fs::create_dir_all(&settings.logs)?;
    let folder = tempfile::Builder::new().prefix("doorward-chaos.").tempdir_in(&settings.scratch)?;
    for on in On::ALL {
        let rows: Vec<&Row> = ROWS.iter().filter(|row| row.on == on && settings.wants(row.name)).collect();
        if !rows.is_empty() {
            say(on.what());
            play_on(on, settings, folder.path(), &rows, &mut report).await?;
        }
    }
    report.print()
}

async fn play_on(on: On, settings: &Settings, folder: &Path, rows: &[&Row], report: &mut Report) -> anyhow::Result<()> {
    let mut stage = match on {
        On::Etcd => Stage::on_etcd(settings, folder).await?,
        On::Sqlite => Stage::on_sqlite(settings, &folder.join("sqlite"), false).await?,
        On::SmallDisk => {
            // What not every system grants.
            if let Err(reason) = replica::own_mounts()? {
                return rows.iter().try_for_each(|row| report.row(row, &Outcome::NotTried(reason.clone())));
            }
            Stage::on_sqlite(settings, &folder.join("small"), true).await?
        }
        On::Aws => Stage::on_aws(settings, folder).await?,
    };
    let mut failed = false;
    for row in rows {
        say(row.tried);
        let outcome = if failed {
            Outcome::Failed("a row before it left something broken".to_owned())
        } else if let Some(reason) = row.fault.hindrance(settings) {
            Outcome::NotTried(reason.to_owned())
        } else {
            play::play(settings, &mut stage, row).await.unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")))
        };
        failed |= matches!(outcome, Outcome::Failed(_) | Outcome::Tried { recovered: None, .. });
        report.row(row, &outcome)?;
    }
    stage.close().await
}

fn say(what: &str) {
    eprintln!("chaos: {what} …");
}
