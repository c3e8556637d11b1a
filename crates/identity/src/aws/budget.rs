//! How many calls may be made: a token bucket, of which one half is kept for those who are known.
//!
//! Anybody who reaches a cluster's API server can send tokens that only STS can tell from good ones. They may spend the
//! upper half of the bucket and what flows in; what is below is for access keys that have been let in before.
//!
//! Kept as one number, the time at which the bucket will be full again (the generic cell rate algorithm of ATM,
//! ITU-T I.371): nothing has to tick, and nothing is lost to rounding.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A bucket that is filled at a steady rate and starts full.
pub(crate) struct Budget {
    interval: Duration,
    /// How long an empty bucket takes to fill.
    capacity: Duration,
    full_at: Mutex<Option<Instant>>,
}

impl Budget {
    /// So many calls a second, and so many at once after a pause. Zero of either counts as one.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self { interval, capacity: interval.saturating_mul(burst.max(1)), full_at: Mutex::new(None) }
    }

    /// Takes one call out, if there is one for somebody known or not.
    pub(crate) fn take(&self, now: Instant, is_known: bool) -> bool {
        let depth = if is_known { self.capacity } else { self.strangers() };
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let after = full_at.map_or(now, |at| at.max(now)) + self.interval;
        if after.duration_since(now) > depth {
            return false;
        }
        *full_at = Some(after);
        true
    }
}

/// How many calls could be made at once now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetLeft {
    /// For access keys that were let in before.
    pub for_known: u32,
    /// For all others.
    pub for_strangers: u32,
    /// After a pause, for those who are known.
    pub burst: u32,
}

impl Budget {
    /// What is left.
    pub(crate) fn left(&self, now: Instant) -> BudgetLeft {
        let full_at = *self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let used = full_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let calls = |depth: Duration| {
            u32::try_from(depth.saturating_sub(used).as_nanos() / self.interval.as_nanos()).unwrap_or(u32::MAX)
        };
        BudgetLeft {
            for_known: calls(self.capacity),
            for_strangers: calls(self.strangers()),
            burst: u32::try_from(self.capacity.as_nanos() / self.interval.as_nanos()).unwrap_or(u32::MAX),
        }
    }

    fn strangers(&self) -> Duration {
        (self.capacity / 2).max(self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(budget: &Budget, now: Instant) -> usize {
        (0..1_000).take_while(|_| budget.take(now, true)).count()
    }

    #[test]
    fn strangers_cannot_spend_what_is_kept_for_those_who_are_known() {
        let (budget, start) = (Budget::new(50, 100), Instant::now());
        let by_strangers = |now: Instant| (0..1_000).take_while(|_| budget.take(now, false)).count();
        assert_eq!(by_strangers(start), 50);
        assert_eq!(taken(&budget, start), 50, "the other half is still there");
        // While those who are known need all that flows in, strangers get nothing.
        let later = start + Duration::from_secs(1);
        assert_eq!(by_strangers(later), 0);
        assert_eq!(taken(&budget, later), 50);
        assert_eq!(by_strangers(start + Duration::from_secs(3)), 50);
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_its_rate() {
        let (budget, start) = (Budget::new(50, 100), Instant::now());
        assert_eq!(taken(&budget, start), 100);
        assert_eq!(taken(&budget, start), 0);
        assert_eq!(taken(&budget, start + Duration::from_millis(19)), 0);
        assert_eq!(taken(&budget, start + Duration::from_millis(20)), 1);
        assert_eq!(taken(&budget, start + Duration::from_millis(1_020)), 50);
        assert_eq!(taken(&budget, start + Duration::from_secs(3_600)), 100, "no more than the burst is ever saved up");
    }

    #[test]
    fn a_clock_that_stands_or_steps_back_gives_nothing_away() {
        let (budget, start) = (Budget::new(1, 2), Instant::now() + Duration::from_secs(60));
        assert_eq!(taken(&budget, start), 2);
        assert_eq!(taken(&budget, start - Duration::from_secs(30)), 0);
        assert_eq!(taken(&budget, start + Duration::from_secs(1)), 1);
    }

    #[test]
    fn what_is_left_is_what_can_still_be_taken() {
        let (budget, start) = (Budget::new(50, 100), Instant::now());
        let full = BudgetLeft { for_known: 100, for_strangers: 50, burst: 100 };
        assert_eq!(budget.left(start), full);
        (0..30).for_each(|_| assert!(budget.take(start, false)));
        assert_eq!(budget.left(start), BudgetLeft { for_known: 70, for_strangers: 20, burst: 100 });
        assert_eq!(taken(&budget, start), 70);
        assert_eq!(budget.left(start), BudgetLeft { for_known: 0, for_strangers: 0, burst: 100 });
        assert_eq!(budget.left(start + Duration::from_secs(2)), full);
    }

    #[test]
    fn zero_is_read_as_one() {
        assert_eq!(taken(&Budget::new(0, 0), Instant::now()), 1);
        assert!(Budget::new(0, 0).take(Instant::now(), false));
    }
}
