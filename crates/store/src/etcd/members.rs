//! The members of the cluster, one of which is asked until it fails; then the next is.
//!
//! etcd's own client library spreads requests over all members, dead ones included, and does not say which failed.
//! Here every member has a connection of its own, made when it is first needed.

use std::fmt;
use std::time::Duration;

use etcd_client::{Client, ConnectOptions, Error};
use tokio::sync::{OnceCell, watch};
use tokio::time::{Instant, sleep, timeout};

use super::failure::Failure;
use super::options::EtcdOptions;
use crate::StoreError;

/// Pause after all members have failed, before the first is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// What may be done after a call whose end is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// It changes nothing, so it can be made again.
    Read,
    /// It may have happened.
    Write,
}

pub(super) struct Members {
    members: Vec<Member>,
    /// The one that is asked, modulo their number.
    current: watch::Sender<usize>,
    options: ConnectOptions,
    request_timeout: Duration,
}

struct Member {
    endpoint: String,
    client: OnceCell<Client>,
}

impl Members {
    pub(super) fn new(options: &EtcdOptions) -> Self {
        let member = |endpoint: &String| Member { endpoint: endpoint.clone(), client: OnceCell::new() };
        Self {
            members: options.endpoints.iter().map(member).collect(),
            current: watch::Sender::new(0),
            options: options.connect_options(),
            request_timeout: options.request_timeout,
        }
    }

    /// Makes a call, of one member after the other while it is sure that it has not happened, until it succeeds or the
    /// time for a request is over.
    pub(super) async fn call<T, F>(&self, call: Call, run: impl Fn(Client) -> F + Send + Sync) -> Result<T, Failure>
    where
        T: Send,
        F: Future<Output = Result<T, Error>> + Send,
    {
        let deadline = Instant::now() + self.request_timeout;
        for attempt in 1.. {
            let at = self.current();
            let failure = match self.ask(at, deadline, &run).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let remains = match failure {
                Failure::NotDone(error) => Failure::NotDone(error),
                Failure::Lost(text) if call == Call::Read => Failure::NotDone(StoreError::Unavailable(text)),
                Failure::StaleToken => {
                    let error = StoreError::Unavailable("etcd wants the user to be authenticated again".to_owned());
                    Failure::NotDone(self.refresh_token(at).await.err().unwrap_or(error))
                }
                other => {
                    if matches!(other, Failure::Lost(_)) {
                        self.leave(at);
                    }
                    return Err(other);
                }
            };
            self.leave(at);
            if attempt % self.members.len().max(1) == 0 {
                sleep(PAUSE).await;
            }
            if Instant::now() >= deadline {
                return Err(remains);
            }
        }
        Err(Failure::NotDone(StoreError::Unavailable("etcd was not asked".to_owned())))
    }

    /// Asks the next member from now on, unless somebody else has decided so meanwhile.
    pub(super) fn leave(&self, at: usize) {
        self.current.send_if_modified(|current| {
            let is_asked = *current == at;
            if is_asked {
                *current = at.wrapping_add(1);
            }
            is_asked
        });
    }

    /// Which member is asked at this moment, to be given to [`Members::leave`] when it fails.
    pub(super) fn current(&self) -> usize {
        *self.current.borrow()
    }

    /// Returns once another member than that one is asked.
    pub(super) async fn left(&self, at: usize) {
        // The sender is ours: this ends only by what is waited for.
        let _ = self.current.subscribe().wait_for(|current| *current != at).await;
    }

    async fn ask<T, F>(
        &self,
        at: usize,
        deadline: Instant,
        run: &(impl Fn(Client) -> F + Send + Sync),
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        let silent = |what: &str| format!("{}: {what} within the time-out", self.endpoint(at));
        let mut left = deadline.saturating_duration_since(Instant::now());
        if self.members.len() > 1 {
            // A member that hangs must not use up the time of the others, nor that of whoever can send a write again.
            left = left.min(self.request_timeout / 2);
        }
        let client = match timeout(left, self.client(at)).await {
            Ok(client) => client?,
            Err(_) => return Err(Failure::NotDone(StoreError::Unavailable(silent("no connection")))),
        };
        match timeout(left, run(client)).await {
            Ok(answer) => answer.map_err(|error| self.name(at, error.into())),
            Err(_) => Err(Failure::Lost(silent("no answer"))),
        }
    }

    async fn client(&self, at: usize) -> Result<Client, Failure> {
        let Some(member) = self.member(at) else {
            return Err(Failure::Final(StoreError::Refused("no etcd endpoint was given".to_owned())));
        };
        let connect = || Client::connect([member.endpoint.as_str()], Some(self.options.clone()));
        match member.client.get_or_try_init(connect).await {
            Ok(client) => Ok(client.clone()),
            // With a user, connecting asks etcd for a token, which changes nothing.
            Err(error) => Err(match self.name(at, error.into()) {
                Failure::Lost(text) => Failure::NotDone(StoreError::Unavailable(text)),
                other => other,
            }),
        }
    }

    async fn refresh_token(&self, at: usize) -> Result<(), StoreError> {
        let Some(client) = self.member(at).and_then(|member| member.client.get()) else { return Ok(()) };
        match timeout(self.request_timeout, client.refresh_token()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(StoreError::Unavailable(error.to_string())),
            Err(_) => Err(StoreError::Unavailable("etcd gave no token within the time-out".to_owned())),
        }
    }

    /// Says which member it was.
    fn name(&self, at: usize, failure: Failure) -> Failure {
        match failure {
            Failure::NotDone(StoreError::Unavailable(text)) => {
                Failure::NotDone(StoreError::Unavailable(format!("{}: {text}", self.endpoint(at))))
            }
            Failure::Lost(text) => Failure::Lost(format!("{}: {text}", self.endpoint(at))),
            other => other,
        }
    }

    fn endpoint(&self, at: usize) -> &str {
        self.member(at).map_or("etcd", |member| member.endpoint.as_str())
    }

    fn member(&self, at: usize) -> Option<&Member> {
        self.members.get(at.checked_rem(self.members.len())?)
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.members.iter().map(|member| &member.endpoint)).finish()
    }
}
