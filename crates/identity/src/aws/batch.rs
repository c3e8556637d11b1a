//! Gathering questions that come at nearly the same time into one call, as when a group of nodes starts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::oneshot;

use super::error::{IdentityError, Throttled, Undecided};

/// How long the first one waits for others.
const LINGER: Duration = Duration::from_millis(25);

/// Questions that wait at once. Each is a request that waits, too.
const MAX_WAITING: usize = 4_096;

type Answers<A> = Result<HashMap<String, A>, IdentityError>;

/// Asks about several at once. Nobody's question fails because of what another one asks about.
pub(crate) struct Batches<A> {
    waiting: Mutex<Vec<Waiting<A>>>,
    max: usize,
    ask: Box<dyn Fn(Vec<String>) -> BoxFuture<'static, Answers<A>> + Send + Sync>,
}

struct Waiting<A> {
    id: String,
    answer: oneshot::Sender<Result<Option<A>, IdentityError>>,
}

impl<A: Clone + Send + Sync + 'static> Batches<A> {
    /// `ask` is given at most `max` ids, each once, and answers those that exist.
    pub(crate) fn new(
        max: usize,
        ask: impl Fn(Vec<String>) -> BoxFuture<'static, Answers<A>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), max, ask: Box::new(ask) })
    }

    /// Asks about one; `None` if it does not exist.
    ///
    /// # Errors
    /// What the call failed with, or that too many wait.
    pub(crate) async fn ask(self: &Arc<Self>, id: String) -> Result<Option<A>, IdentityError> {
        let (answer, answered) = oneshot::channel();
        let count = {
            let mut waiting = self.lock();
            if waiting.len() >= MAX_WAITING {
                return Err(Throttled::InFlight.into());
            }
            waiting.push(Waiting { id, answer });
            waiting.len()
        };
        // The first of a batch sends it after a while; the one that fills it sends it now.
        if count == 1 || count == self.max {
            let batches = Arc::clone(self);
            tokio::spawn(async move {
                if count == 1 {
                    tokio::time::sleep(LINGER).await;
                }
                batches.send().await;
            });
        }
        answered.await.unwrap_or_else(|_| Err(Undecided::Interrupted.into()))
    }

    async fn send(&self) {
        loop {
            let batch: Vec<Waiting<A>> = {
                let mut waiting = self.lock();
                let count = waiting.len().min(self.max);
                waiting.drain(..count).collect()
            };
            if batch.is_empty() {
                return;
            }
            let mut ids: Vec<String> = batch.iter().map(|waiting| waiting.id.clone()).collect();
            ids.sort();
            ids.dedup();
            let answers = (self.ask)(ids).await;
            for Waiting { id, answer } in batch {
                // Whoever has gone away does not want to know.
                let _ = answer.send(answers.as_ref().map(|found| found.get(&id).cloned()).map_err(Clone::clone));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting<A>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(calls: &Arc<Mutex<Vec<usize>>>) -> Arc<Batches<usize>> {
        let calls = Arc::clone(calls);
        Batches::new(10, move |ids| {
            calls.lock().unwrap().push(ids.len());
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let exists = |id: &String| !id.starts_with("no");
                Ok(ids.into_iter().filter(exists).map(|id| (id.clone(), id.len())).collect())
            })
        })
    }

    #[tokio::test(start_paused = true)]
    async fn questions_of_one_moment_are_one_call_and_an_unknown_id_harms_nobody() {
        let calls = Arc::default();
        let batches = lengths(&calls);
        let asked = ["a", "no such", "bb", "a"].map(|id| batches.ask(id.to_owned()));
        let answers = futures::future::join_all(asked).await;
        assert_eq!(answers, [Ok(Some(1)), Ok(None), Ok(Some(2)), Ok(Some(1))]);
        assert_eq!(*calls.lock().unwrap(), [3]);
        assert_eq!(batches.ask("ccc".to_owned()).await, Ok(Some(3)));
        assert_eq!(*calls.lock().unwrap(), [3, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_a_batch_holds_become_several_and_nobody_is_left_waiting() {
        let calls = Arc::default();
        let batches = lengths(&calls);
        let answers = futures::future::join_all((0..95).map(|n| batches.ask(format!("{n:03}")))).await;
        assert!(answers.iter().all(|answer| *answer == Ok(Some(3))));
        let calls = calls.lock().unwrap();
        assert!(calls.iter().all(|size| *size <= 10) && calls.iter().sum::<usize>() == 95, "{calls:?}");
    }
}
