//! Asking once for everybody who wants to know: what was found is kept for a while, and who asks meanwhile waits.
//!
//! Three rules. A question is asked by a task of its own, so that whoever asked first may go away without harm to the
//! others. Failures are kept apart from findings, so that a flood of the one cannot push out the other. And nothing is
//! kept longer than whoever found it says; findings for no time at all are only shared with those who wait already.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use moka::Expiry;
use moka::future::Cache;
use tokio::time::Instant;

/// Findings and failures by key.
pub(crate) struct Flights<K, V, E> {
    found: Cache<K, Kept<V>>,
    failed: Cache<K, Kept<E>>,
}

/// A finding or a failure, and how long it may be kept.
#[derive(Clone)]
pub(crate) struct Keep<T> {
    pub(crate) value: T,
    /// Zero: not at all.
    pub(crate) time: Duration,
}

/// The task that asked is gone; the server is stopping.
pub(crate) struct Interrupted;

#[derive(Clone)]
struct Kept<T> {
    value: T,
    /// This decides.
    until: Instant,
    /// This frees the memory.
    time: Duration,
}

impl<T> Kept<T> {
    fn new(keep: Keep<T>) -> Self {
        Self { value: keep.value, until: Instant::now() + keep.time, time: keep.time }
    }

    fn is_fresh(&self) -> bool {
        Instant::now() < self.until
    }
}

struct ForItsTime;

impl<K, T> Expiry<K, Kept<T>> for ForItsTime {
    fn expire_after_create(&self, _: &K, kept: &Kept<T>, _: StdInstant) -> Option<Duration> {
        Some(kept.time)
    }

    fn expire_after_update(&self, _: &K, kept: &Kept<T>, _: StdInstant, _: Option<Duration>) -> Option<Duration> {
        Some(kept.time)
    }
}

impl<K, V, E> Flights<K, V, E>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + From<Interrupted> + Send + Sync + 'static,
{
    /// Room for so many findings and so many failures.
    pub(crate) fn new(max_found: u64, max_failed: u64) -> Self {
        Self {
            found: Cache::builder().max_capacity(max_found).expire_after(ForItsTime).build(),
            failed: Cache::builder().max_capacity(max_failed).expire_after(ForItsTime).build(),
        }
    }

    /// What is known of the key; if nothing is, `ask` finds out.
    ///
    /// # Errors
    /// The failure that `ask` gave, now or a while ago.
    pub(crate) async fn get<F>(&self, key: K, ask: F) -> Result<V, E>
    where
        F: Future<Output = Result<Keep<V>, Keep<E>>> + Send + 'static,
    {
        match self.found.get(&key).await {
            Some(kept) if kept.is_fresh() => return Ok(kept.value),
            Some(_) => self.found.invalidate(&key).await,
            None => {}
        }
        if let Some(failure) = fresh(&self.failed, &key).await {
            return Err(failure);
        }
        let (found, failed) = (self.found.clone(), self.failed.clone());
        let flight = tokio::spawn(async move {
            let failures = failed.clone();
            let ask_key = key.clone();
            let once = async move {
                // Whoever flew just before may have failed since we looked.
                if let Some(failure) = fresh(&failures, &ask_key).await {
                    return Err(failure);
                }
                match ask.await {
                    Ok(finding) => Ok(Kept::new(finding)),
                    Err(failure) => {
                        let value = failure.value.clone();
                        if !failure.time.is_zero() {
                            failures.insert(ask_key, Kept::new(failure)).await;
                        }
                        Err(value)
                    }
                }
            };
            found.try_get_with(key, once).await.map(|kept| kept.value).map_err(|failure: Arc<E>| E::clone(&failure))
        });
        flight.await.unwrap_or_else(|_| Err(E::from(Interrupted)))
    }
}

async fn fresh<K, T>(cache: &Cache<K, Kept<T>>, key: &K) -> Option<T>
where
    K: Eq + Hash + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    cache.get(key).await.filter(Kept::is_fresh).map(|kept| kept.value)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Failure(&'static str);

    impl From<Interrupted> for Failure {
        fn from(_: Interrupted) -> Self {
            Self("interrupted")
        }
    }

    type Numbers = Flights<&'static str, usize, Failure>;

    struct Counted {
        flights: Numbers,
        calls: Arc<AtomicUsize>,
    }

    impl Counted {
        fn new() -> Self {
            Self { flights: Flights::new(100, 100), calls: Arc::default() }
        }

        /// Asks something that takes a second.
        async fn ask(&self, key: &'static str, outcome: Result<u64, u64>) -> Result<usize, Failure> {
            let calls = Arc::clone(&self.calls);
            let ask = async move {
                let number = calls.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
                match outcome {
                    Ok(seconds) => Ok(Keep { value: number, time: Duration::from_secs(seconds) }),
                    Err(seconds) => Err(Keep { value: Failure("no"), time: Duration::from_secs(seconds) }),
                }
            };
            self.flights.get(key, ask).await
        }

        fn calls(&self) -> usize {
            self.calls.load(Ordering::SeqCst)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_at_once_cause_one_call() {
        let counted = Counted::new();
        let asked = futures::future::join_all((0..1_000).map(|_| counted.ask("a", Ok(60)))).await;
        assert!(asked.iter().all(|number| *number == Ok(1)));
        assert_eq!(counted.calls(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_may_not_be_kept_is_shared_with_those_who_wait_and_then_forgotten() {
        let counted = Counted::new();
        let asked = futures::future::join_all((0..100).map(|_| counted.ask("a", Err(0)))).await;
        assert!(asked.iter().all(|failure| *failure == Err(Failure("no"))));
        assert_eq!(counted.calls(), 1);
        assert_eq!(counted.ask("a", Ok(60)).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asked_first_may_go_away() {
        let counted = Counted::new();
        let gone = tokio::time::timeout(Duration::from_millis(1), counted.ask("a", Ok(60))).await;
        assert!(gone.is_err());
        assert_eq!(counted.ask("a", Ok(60)).await, Ok(1), "the call that was under way is the one that counts");
        assert_eq!(counted.calls(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn findings_and_failures_last_as_long_as_was_said() {
        let counted = Counted::new();
        assert_eq!(counted.ask("a", Ok(60)).await, Ok(1));
        assert_eq!(counted.ask("b", Err(5)).await, Err(Failure("no")));
        tokio::time::advance(Duration::from_millis(4_900)).await;
        assert_eq!(counted.ask("b", Ok(60)).await, Err(Failure("no")));
        assert_eq!(counted.calls(), 2);
        tokio::time::advance(Duration::from_millis(200)).await;
        assert_eq!(counted.ask("b", Ok(60)).await, Ok(3));
        tokio::time::advance(Duration::from_secs(50)).await;
        assert_eq!(counted.ask("a", Ok(60)).await, Ok(1));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(counted.ask("a", Ok(60)).await, Ok(4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_finding_for_no_time_is_asked_for_again() {
        let counted = Counted::new();
        assert_eq!(counted.ask("a", Ok(0)).await, Ok(1));
        assert_eq!(counted.ask("a", Ok(0)).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn neither_findings_nor_failures_grow_without_bound() {
        let counted = Counted { flights: Flights::new(10, 10), calls: Arc::default() };
        for number in 0..500_usize {
            let key: &'static str = Box::leak(number.to_string().into_boxed_str());
            let _ = counted.ask(key, if number % 2 == 0 { Ok(600) } else { Err(600) }).await;
        }
        counted.flights.found.run_pending_tasks().await;
        counted.flights.failed.run_pending_tasks().await;
        assert!(counted.flights.found.entry_count() <= 10);
        assert!(counted.flights.failed.entry_count() <= 10);
    }
}
