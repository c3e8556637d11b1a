//! What became of the requests of a row, and whether that is what was promised.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What has to hold while something is broken. Nobody may be let in wrongly and nothing acknowledged be lost in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Everything is answered, at the second try by another server at the latest.
    Everything,
    /// Questions are answered. Writes, and tokens that somebody else proves, may be refused for now, with an error that
    /// says so.
    Questions,
    /// Nothing: nobody is there to answer.
    Nothing,
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The right answer.
    Right,
    /// What may wait was refused, or not confirmed, by an error that says to try again.
    PutOff,
    /// Refused, or not answered at all.
    RefusedWrongly,
    /// Let in, or allowed, although it must not be.
    AllowedWrongly,
}

/// The counts of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) refused_wrongly: u64,
    pub(crate) allowed_wrongly: u64,
    /// Writes, and tokens that somebody else proves, that were refused for now.
    pub(crate) put_off: u64,
    /// Requests that the second server answered.
    pub(crate) retried: u64,
    /// Writes that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Of those, the ones that a server does not know in the end.
    pub(crate) lost: u64,
    /// The longest that anybody waited for a right answer.
    pub(crate) longest: Duration,
    /// What was asked for then.
    pub(crate) longest_of: &'static str,
    /// What was heard instead of a right answer: some of it.
    pub(crate) remarks: Vec<String>,
}

/// Remarks that are kept; a row with more wrong answers needs no more of them.
const REMARKS: usize = 8;

impl Counts {
    /// How many were refused that must not be.
    pub(crate) fn refused_against(&self, promise: Promise) -> u64 {
        match promise {
            Promise::Everything => self.refused_wrongly + self.put_off,
            Promise::Questions => self.refused_wrongly,
            Promise::Nothing => 0,
        }
    }

    /// Whether all is as it was promised.
    pub(crate) fn keep(&self, promise: Promise) -> bool {
        self.allowed_wrongly == 0 && self.lost == 0 && self.refused_against(promise) == 0
    }
}

/// Counts from everywhere at once.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

impl Tally {
    /// Counts a request: what it was, what became of it, at which try, after how long, and what was heard.
    pub(crate) fn count(&self, what: &'static str, fate: Fate, tries: usize, took: Duration, heard: &str) {
        let mut counts = self.lock();
        counts.requests += 1;
        match fate {
            Fate::Right => {
                counts.retried += u64::from(tries > 1);
                if took > counts.longest {
                    (counts.longest, counts.longest_of) = (took, what);
                }
                return;
            }
            Fate::PutOff => counts.put_off += 1,
            Fate::RefusedWrongly => counts.refused_wrongly += 1,
            Fate::AllowedWrongly => counts.allowed_wrongly += 1,
        }
        counts.remark(format!("{what}, after {:.1} s: {fate:?}: {heard}", took.as_secs_f64()));
    }

    /// Counts a write that was acknowledged.
    pub(crate) fn acknowledged(&self) {
        self.lock().acknowledged += 1;
    }

    /// Counts acknowledged writes that are not there.
    pub(crate) fn lost(&self, count: u64, what: &str) {
        if count > 0 {
            let mut counts = self.lock();
            counts.lost += count;
            counts.remark(format!("lost: {what}"));
        }
    }

    /// The counts until now.
    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    /// Nothing that holds the lock can leave the counts half done.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn remark(&mut self, text: String) {
        if self.remarks.len() < REMARKS {
            self.remarks.push(text.chars().take(300).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(fates: &[Fate]) -> Counts {
        let tally = Tally::default();
        fates.iter().for_each(|fate| tally.count("token", *fate, 1, Duration::from_millis(1), "status 503"));
        tally.counts()
    }

    #[test]
    fn a_write_that_is_put_off_breaks_the_promise_of_everything_and_not_that_of_questions() {
        let counts = counted(&[Fate::Right, Fate::PutOff]);
        assert_eq!((counts.requests, counts.refused_against(Promise::Everything)), (2, 1));
        assert!(!counts.keep(Promise::Everything) && counts.keep(Promise::Questions));
    }

    #[test]
    fn a_question_that_is_refused_breaks_every_promise_but_the_empty_one() {
        let counts = counted(&[Fate::RefusedWrongly]);
        assert!(!counts.keep(Promise::Everything) && !counts.keep(Promise::Questions));
        assert!(counts.keep(Promise::Nothing));
        assert_eq!(counts.remarks, ["token, after 0.0 s: RefusedWrongly: status 503"]);
    }

    #[test]
    fn nobody_is_let_in_wrongly_and_nothing_is_lost_whatever_was_promised() {
        assert!(!counted(&[Fate::AllowedWrongly]).keep(Promise::Nothing));
        let tally = Tally::default();
        tally.lost(0, "nothing");
        assert!(tally.counts().keep(Promise::Everything));
        tally.lost(2, "w-1, w-2");
        assert!(!tally.counts().keep(Promise::Nothing));
        assert_eq!(tally.counts().lost, 2);
    }

    #[test]
    fn the_longest_wait_is_that_of_a_right_answer() {
        let tally = Tally::default();
        tally.count("token", Fate::Right, 2, Duration::from_secs(2), "");
        tally.count("write", Fate::Right, 1, Duration::from_secs(1), "");
        tally.count("write", Fate::PutOff, 2, Duration::from_secs(9), "");
        let counts = tally.counts();
        assert_eq!((counts.longest, counts.longest_of, counts.retried), (Duration::from_secs(2), "token", 1));
    }
}
