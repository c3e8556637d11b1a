//! Watching `kube-system/aws-auth` of one cluster.
//!
//! A list, then a watch from there, for ever. Whatever goes wrong (the API server restarts, the resource version is too
//! old or, after a restore, too new), everything begins again with a list: so what was missed is seen, a deletion too,
//! and success is known, which a resumed watch would not tell. And so does it after a minute of silence, because a
//! connection that died without a word, or a server that hangs, is silent as well. AWS's authenticator never lists, and
//! lets a deletion that it missed go on granting access.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
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

/// How patient a watch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a list may take. With [`Self::silence`], the longest time that a change can stay unseen.
    pub list: Duration,
    /// After so long without a change, all begins again with a list.
    pub silence: Duration,
    /// The first pause after a failure; each further one is twice as long.
    pub min_pause: Duration,
    /// The longest pause.
    pub max_pause: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            list: Duration::from_secs(15),
            silence: Duration::from_secs(60),
            min_pause: Duration::from_millis(250),
            max_pause: Duration::from_secs(10),
        }
    }
}

/// What the API server said last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The ConfigMap's `data`; none where there is no such ConfigMap.
    pub data: Option<BTreeMap<String, String>>,
    /// Its resource version, where it exists.
    pub resource_version: Option<String>,
    /// When this was seen first.
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

/// When the API server last said that what was observed is what is. Apart from [`WatchState`], because it moves without
/// any change: at each change, and with the list after each silence.
#[derive(Debug, Default)]
pub struct Confirmed(AtomicI64);

impl Confirmed {
    /// None before the first time.
    pub fn at(&self) -> Option<Timestamp> {
        let millis = self.0.load(Ordering::Relaxed);
        (millis != 0).then(|| Timestamp::from_millisecond(millis).ok()).flatten()
    }

    /// Takes note that it was so at that time.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.as_millisecond(), Ordering::Relaxed);
    }
}

/// A running watch. Dropping it ends the watch.
#[derive(Debug)]
pub struct AwsAuthWatch {
    state: watch::Receiver<WatchState>,
    confirmed: Arc<Confirmed>,
    task: JoinHandle<()>,
}

impl AwsAuthWatch {
    /// Begins to watch. Must be called within a tokio runtime; never fails, and never gives up.
    pub fn start(client: Client, timing: Timing) -> Self {
        let (sender, state) = watch::channel(WatchState { observed: None, health: Health::Starting });
        let confirmed = Arc::<Confirmed>::default();
        let watcher =
            Watcher { api: Api::namespaced(client, NAMESPACE), sender, confirmed: Arc::clone(&confirmed), timing };
        let task = tokio::spawn(async move { watcher.run().await });
        Self { state, confirmed, task }
    }

    /// What is known now, and every change of it. States may be skipped, the last one never is.
    pub fn state(&self) -> watch::Receiver<WatchState> {
        self.state.clone()
    }

    /// When it was last confirmed, now and from here on.
    pub fn confirmed(&self) -> Arc<Confirmed> {
        Arc::clone(&self.confirmed)
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
    confirmed: Arc<Confirmed>,
    timing: Timing,
}

/// Why a watch ended.
enum End {
    /// There was nothing to see, or nobody there any more to show it.
    Silence,
    /// Something went wrong.
    Failure(String),
}

impl Watcher {
    async fn run(self) {
        let mut pause = self.timing.min_pause;
        while !self.sender.is_closed() {
            let started = tokio::time::Instant::now();
            match self.follow().await {
                End::Silence => pause = self.timing.min_pause,
                End::Failure(error) => {
                    if started.elapsed() > self.timing.silence {
                        pause = self.timing.min_pause;
                    }
                    tracing::warn!(error, pause_ms = pause.as_millis(), "watching aws-auth failed, beginning again");
                    self.failing(error);
                    tokio::time::sleep(with_jitter(pause)).await;
                    pause = (pause * 2).min(self.timing.max_pause);
                }
            }
        }
    }

    /// Lists, and watches from there until something goes wrong or nothing happens.
    async fn follow(&self) -> End {
        let config = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
        let mut events = std::pin::pin!(watcher(self.api.clone(), config));
        // While there is a list under way: what it found so far.
        let mut listed: Option<Option<ConfigMap>> = Some(None);
        loop {
            let patience = if listed.is_some() { self.timing.list } else { self.timing.silence };
            match tokio::time::timeout(patience, events.next()).await {
                Err(_) if listed.is_none() => return End::Silence,
                Err(_) => return End::Failure(format!("no answer within {} s", patience.as_secs_f32())),
                Ok(Some(Ok(Event::Init))) => listed = Some(None),
                Ok(Some(Ok(Event::InitApply(config_map)))) => listed = Some(Some(config_map)),
                Ok(Some(Ok(Event::InitDone))) => self.observed(listed.take().flatten()),
                Ok(Some(Ok(Event::Apply(config_map)))) => self.observed(Some(config_map)),
                Ok(Some(Ok(Event::Delete(_)))) => self.observed(None),
                Ok(Some(Err(error))) => return End::Failure(describe(&error)),
                Ok(None) => return End::Failure("the watch ended".to_owned()),
            }
        }
    }

    fn observed(&self, config_map: Option<ConfigMap>) {
        let at = Timestamp::now();
        self.confirmed.set(at);
        let resource_version = config_map.as_ref().and_then(|found| found.metadata.resource_version.clone());
        let data = config_map.map(|found| found.data.unwrap_or_default());
        self.sender.send_if_modified(|state| {
            let was_connected = matches!(state.health, Health::Connected { .. });
            if !was_connected {
                state.health = Health::Connected { since: at };
            }
            let is_known = state
                .observed
                .as_ref()
                .is_some_and(|known| known.data == data && known.resource_version == resource_version);
            if !is_known {
                state.observed = Some(Observed { data, resource_version, at });
            }
            !(was_connected && is_known)
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
