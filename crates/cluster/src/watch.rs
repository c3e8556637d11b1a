//! Watching `kube-system/aws-auth` of one cluster.
//!
//! A list, then a watch from there, for ever. Whatever goes wrong (the API server restarts, the resource version is too
//! old or, after a restore, too new, the connection dies without a word), everything begins again with a list: so what
//! was missed is seen, a deletion too, and success is known, which a resumed watch would not tell. AWS's authenticator
//! never lists, and lets a deletion that it missed go on granting access.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error_text;

/// Where aws-auth is.
pub const NAMESPACE: &str = "kube-system";
/// What it is called.
pub const NAME: &str = "aws-auth";

/// One watch call lasts this long, in seconds. A connection that died silently is noticed five seconds later.
const WATCH_SECONDS: u32 = 60;
/// How long the list may take.
const LIST_TIMEOUT: Duration = Duration::from_secs(15);
/// The first pause after a failure; each further one is twice as long, up to [`MAX_PAUSE`].
const MIN_PAUSE: Duration = Duration::from_millis(250);
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// A connection that lasted this long begins again with the first pause.
const STEADY: Duration = Duration::from_secs(30);

/// What the API server said last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The ConfigMap's `data`; none where there is no such ConfigMap.
    pub data: Option<BTreeMap<String, String>>,
    /// Its resource version, where it exists.
    pub resource_version: Option<String>,
    /// When it was seen.
    pub at: Timestamp,
}

/// Whether what was observed is what is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing is known yet.
    Starting,
    /// Changes are seen as they happen.
    Connected {
        /// Since when.
        since: Timestamp,
    },
    /// The API server does not answer as it should; it is asked again and again.
    Failing {
        /// Since when.
        since: Timestamp,
        /// What it failed with last.
        error: String,
    },
}

/// What is known of a cluster's aws-auth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchState {
    /// What was seen last, however long ago; none before the first success.
    pub observed: Option<Observed>,
    /// Whether it can be relied on.
    pub health: Health,
}

/// A running watch. Dropping it ends the watch.
#[derive(Debug)]
pub struct AwsAuthWatch {
    state: watch::Receiver<WatchState>,
    task: JoinHandle<()>,
}

impl AwsAuthWatch {
    /// Begins to watch. Must be called within a tokio runtime; never fails, and never gives up.
    pub fn start(client: Client) -> Self {
        let (sender, state) = watch::channel(WatchState { observed: None, health: Health::Starting });
        let api = Api::namespaced(client, NAMESPACE);
        let task = tokio::spawn(async move { Watcher { api, sender, pause: MIN_PAUSE }.run().await });
        Self { state, task }
    }

    /// What is known now, and every change of it. States may be skipped, the last one never is.
    pub fn state(&self) -> watch::Receiver<WatchState> {
        self.state.clone()
    }
}

impl Drop for AwsAuthWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Watcher {
    api: Api<ConfigMap>,
    sender: watch::Sender<WatchState>,
    pause: Duration,
}

impl Watcher {
    async fn run(mut self) {
        while !self.sender.is_closed() {
            let started = tokio::time::Instant::now();
            let error = self.follow().await;
            if started.elapsed() > STEADY {
                self.pause = MIN_PAUSE;
            }
            tracing::warn!(error, pause_ms = self.pause.as_millis(), "watching aws-auth failed, beginning again");
            self.failing(error);
            tokio::time::sleep(with_jitter(self.pause)).await;
            self.pause = (self.pause * 2).min(MAX_PAUSE);
        }
    }

    /// Lists and watches until something goes wrong, and gives what.
    async fn follow(&self) -> String {
        let config = watcher::Config::default().fields(&format!("metadata.name={NAME}")).timeout(WATCH_SECONDS);
        let mut events = std::pin::pin!(watcher(self.api.clone(), config));
        let mut listed: Option<Option<ConfigMap>> = Some(None);
        loop {
            // A list that is not answered would be waited for for ever; a watch ends by itself.
            let next = match listed {
                Some(_) => match tokio::time::timeout(LIST_TIMEOUT, events.next()).await {
                    Ok(next) => next,
                    Err(_) => return format!("no answer within {} s", LIST_TIMEOUT.as_secs()),
                },
                None => events.next().await,
            };
            match next {
                Some(Ok(Event::Init)) => listed = Some(None),
                Some(Ok(Event::InitApply(config_map))) => listed = Some(Some(config_map)),
                Some(Ok(Event::InitDone)) => self.observed(listed.take().flatten()),
                Some(Ok(Event::Apply(config_map))) => self.observed(Some(config_map)),
                Some(Ok(Event::Delete(_))) => self.observed(None),
                Some(Err(error)) => return describe(&error),
                None => return "the watch ended".to_owned(),
            }
        }
    }

    fn observed(&self, config_map: Option<ConfigMap>) {
        let now = Timestamp::now();
        let resource_version = config_map.as_ref().and_then(|found| found.metadata.resource_version.clone());
        let data = config_map.map(|found| found.data.unwrap_or_default());
        self.sender.send_modify(|state| {
            if !matches!(state.health, Health::Connected { .. }) {
                state.health = Health::Connected { since: now };
            }
            state.observed = Some(Observed { data, resource_version, at: now });
        });
    }

    fn failing(&self, error: String) {
        self.sender.send_modify(|state| {
            let since = match state.health {
                Health::Failing { since, .. } => since,
                Health::Starting | Health::Connected { .. } => Timestamp::now(),
            };
            state.health = Health::Failing { since, error };
        });
    }
}

fn describe(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => error_text::of_client(error),
        watcher::Error::WatchError(status) => status.message.clone(),
        other => error_text::of(other),
    }
}

/// Up to a quarter more, so that replicas which failed together do not come back together.
fn with_jitter(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 256;
    pause + pause * u32::try_from(random).unwrap_or_default() / 1024
}
