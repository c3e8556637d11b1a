//! Not asking again and again who has just failed to answer several times: a breaker for each endpoint.
//!
//! One for each, because who sends a token chooses among the endpoints: with a single breaker, tokens for a region that
//! the server's network does not reach would shut everybody out. Endpoints come from a closed list, so there is no end
//! of the list that a client could push.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// All breakers.
pub(crate) struct Breakers {
    by_host: Mutex<HashMap<String, Breaker>>,
    /// How many failures in a row open a breaker.
    threshold: u32,
    /// How long it stays open before one call is let through to try.
    open_for: Duration,
}

#[derive(Clone, Copy, Default)]
struct Breaker {
    /// In a row.
    failures: u32,
    /// Nobody is let through before; afterwards one at a time until a call succeeds.
    closed_until: Option<Instant>,
    is_tried: bool,
}

impl Breakers {
    pub(crate) fn new(threshold: u32, open_for: Duration) -> Self {
        Self { by_host: Mutex::default(), threshold: threshold.max(1), open_for }
    }

    /// Leave to call a host; `None` while its breaker is open.
    pub(crate) fn admit(&self, host: &str, now: Instant) -> Option<Pass<'_>> {
        let mut by_host = self.lock();
        let mut is_trial = false;
        if let Some(breaker) = by_host.get_mut(host)
            && let Some(until) = breaker.closed_until
        {
            if now < until || breaker.is_tried {
                return None;
            }
            breaker.is_tried = true;
            is_trial = true;
        }
        Some(Pass { breakers: self, host: host.to_owned(), is_trial, is_spent: false })
    }

    /// The hosts that are not called now.
    pub(crate) fn open_hosts(&self) -> Vec<String> {
        let mut hosts: Vec<String> = self
            .lock()
            .iter()
            .filter(|(_, breaker)| breaker.closed_until.is_some())
            .map(|(host, _)| host.clone())
            .collect();
        hosts.sort();
        hosts
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Breaker>> {
        self.by_host.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave for one call. Dropped without a word (the call was not made after all), it changes nothing.
pub(crate) struct Pass<'a> {
    breakers: &'a Breakers,
    host: String,
    is_trial: bool,
    is_spent: bool,
}

impl Pass<'_> {
    /// The host answered, whatever it said.
    pub(crate) fn answered(mut self) {
        self.is_spent = true;
        self.breakers.lock().remove(&self.host);
    }

    /// It did not.
    pub(crate) fn failed(mut self, now: Instant) {
        self.is_spent = true;
        let mut by_host = self.breakers.lock();
        let breaker = by_host.entry(std::mem::take(&mut self.host)).or_default();
        breaker.failures = breaker.failures.saturating_add(1);
        if self.is_trial {
            breaker.is_tried = false;
        }
        if breaker.failures >= self.breakers.threshold {
            breaker.closed_until = Some(now + self.breakers.open_for);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_trial
            && !self.is_spent
            && let Some(breaker) = self.breakers.lock().get_mut(&self.host)
        {
            breaker.is_tried = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Duration = Duration::from_secs(5);

    fn fail(breakers: &Breakers, host: &str, times: u32, now: Instant) {
        for _ in 0..times {
            breakers.admit(host, now).unwrap().failed(now);
        }
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_answer_closes_it() {
        let (breakers, start) = (Breakers::new(3, OPEN), Instant::now());
        fail(&breakers, "a", 2, start);
        breakers.admit("a", start).unwrap().answered();
        fail(&breakers, "a", 3, start);
        assert!(breakers.admit("a", start).is_none());
        assert_eq!(breakers.open_hosts(), ["a"]);
        assert!(breakers.admit("b", start).is_some(), "another endpoint is not held back");
        breakers.admit("a", start + OPEN).unwrap().answered();
        assert!(breakers.open_hosts().is_empty());
        assert!(breakers.admit("a", start + OPEN).is_some());
    }

    #[test]
    fn after_a_while_one_call_tries_and_the_others_wait_for_what_it_finds() {
        let (breakers, start) = (Breakers::new(1, OPEN), Instant::now());
        fail(&breakers, "a", 1, start);
        let trial = breakers.admit("a", start + OPEN).unwrap();
        assert!(breakers.admit("a", start + OPEN).is_none());
        trial.failed(start + OPEN);
        assert!(breakers.admit("a", start + OPEN + OPEN / 2).is_none());
        assert!(breakers.admit("a", start + OPEN * 2).is_some());
    }

    #[test]
    fn a_trial_that_is_given_up_lets_another_one_try() {
        let (breakers, start) = (Breakers::new(1, OPEN), Instant::now());
        fail(&breakers, "a", 1, start);
        drop(breakers.admit("a", start + OPEN).unwrap());
        assert!(breakers.admit("a", start + OPEN).is_some());
    }

    #[test]
    fn calls_that_were_under_way_when_it_opened_do_not_end_the_trial() {
        let (breakers, start) = (Breakers::new(1, OPEN), Instant::now());
        let late = breakers.admit("a", start).unwrap();
        fail(&breakers, "a", 1, start);
        let _trial = breakers.admit("a", start + OPEN).unwrap();
        late.failed(start + OPEN);
        assert!(breakers.admit("a", start + OPEN * 3).is_none(), "the trial is still under way");
    }
}
