//! One row, from the load's beginning to the look at what is left.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::load::Client;
use crate::report::Outcome;
use crate::revoke::{self, Last, Revoker, Server};
use crate::rows::{Row, Since};
use crate::settings::Settings;
use crate::stage::Stage;
use crate::tally::Tally;
use crate::write::{self, Writer};

/// How long everything is well before something is broken, and after it is mended.
const CALM: Duration = Duration::from_millis(700);

/// How long becoming well may take.
const RECOVERY: Duration = Duration::from_secs(30);

/// Somebody who writes for each of these.
const WRITERS: usize = 2;

/// Principals whose access comes and goes: one, and another whenever something about it was put off.
const PRINCIPALS: usize = 16;

/// Load that runs until it is stopped. Dropped, it is cut off.
struct Load {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    revoker: JoinHandle<Vec<Last>>,
    tally: Arc<Tally>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.revoker.abort();
    }
}

impl Load {
    async fn start(stage: &Stage, row: &Row) -> anyhow::Result<Self> {
        let (tally, (stop, stopped)) = (Arc::<Tally>::default(), watch::channel(false));
        let servers = stage.servers();
        let principals = stage.people.make_principals(stage.home(), row.name, PRINCIPALS).await?;
        let mut tasks = Vec::new();
        let always = Arc::new(AtomicBool::new(true));
        for (first, question) in stage.questions.iter().enumerate() {
            for preferred in 0..servers.len() {
                let client = Client {
                    question: question.clone(),
                    doors: from(&servers, preferred).map(|server| server.webhook.clone()).collect(),
                    is_there: Arc::clone(&always),
                    tally: Arc::clone(&tally),
                    first: 1_000 * (first * servers.len() + preferred) as u64,
                };
                tasks.push(tokio::spawn(client.run(stopped.clone())));
            }
        }
        let questions = stage.people.api_server_questions().into_iter().enumerate();
        let asked =
            stage.kubernetes().into_iter().flat_map(|api_server| questions.clone().map(move |each| (api_server, each)));
        for (api_server, (first, question)) in asked {
            let client = Client {
                question,
                doors: vec![api_server.door.clone()],
                is_there: Arc::clone(&api_server.is_there),
                tally: Arc::clone(&tally),
                first: 100_000 + 1_000 * first as u64,
            };
            tasks.push(tokio::spawn(client.run(stopped.clone())));
        }
        for number in 0..WRITERS {
            let writer = Writer {
                name: format!("{}-w{number}", row.name),
                servers: from(&servers, number).map(|server| server.api.clone()).collect(),
                tally: Arc::clone(&tally),
                book: Arc::clone(&stage.book),
            };
            tasks.push(tokio::spawn(writer.run(stopped.clone())));
        }
        let revoker = Revoker { servers, principals, tally: Arc::clone(&tally) };
        let revoker = tokio::spawn(revoker.run(stopped));
        Ok(Self { stop, tasks, revoker, tally })
    }

    /// Lets everybody finish what was begun.
    async fn stop(&mut self) -> anyhow::Result<Vec<Last>> {
        self.stop.send_replace(true);
        for task in &mut self.tasks {
            task.await?;
        }
        Ok((&mut self.revoker).await?)
    }
}

fn from(servers: &[Server], first: usize) -> impl Iterator<Item = &Server> {
    servers.iter().cycle().skip(first).take(servers.len())
}

/// Plays a row.
///
/// # Errors
/// If something cannot be broken or mended, or a server that should be well is not.
pub(crate) async fn play(settings: &Settings, stage: &mut Stage, row: &Row) -> anyhow::Result<Outcome> {
    stage.well_within(RECOVERY).await.context("before anything is broken")?;
    let written_before = stage.book.names().len();
    let mut load = Load::start(stage, row).await?;
    tokio::time::sleep(CALM).await;

    let began = Instant::now();
    let broken = row.fault.begin(stage).await.context("cannot break it")?;
    let mut recovered = None;
    if row.since == Since::Beginning {
        recovered = stage.well_within(RECOVERY).await.map(|()| began.elapsed()).map_err(complain).ok();
    }
    tokio::time::sleep(settings.fault.saturating_sub(began.elapsed())).await;

    let ended = Instant::now();
    row.fault.end(stage, broken).await.context("cannot mend it")?;
    let well = stage.well_within(RECOVERY).await.map(|()| ended.elapsed()).map_err(complain).ok();
    if row.since == Since::End {
        recovered = well;
    }
    tokio::time::sleep(CALM).await;
    let last = load.stop().await?;
    if well.is_some() {
        let servers = stage.servers();
        let apis: Vec<_> = servers.iter().map(|server| server.api.clone()).collect();
        write::check(&apis, &stage.book, &load.tally).await?;
        revoke::check(&servers, &last, &load.tally).await?;
        if let Some(api) = apis.first() {
            write::make_room(api, &stage.book, written_before).await?;
        }
    }
    Ok(Outcome::Tried { counts: load.tally.counts(), recovered: well.and(recovered) })
}

fn complain(error: anyhow::Error) {
    eprintln!("chaos:   not well after {} s: {error:#}", RECOVERY.as_secs());
}
