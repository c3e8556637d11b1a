//! How much work one decision may take.
//!
//! A policy of ten thousand characters against a request with as many groups is a product that nobody should be able to
//! ask for. When the fuel is used up the answer is "not certain", and what is not certain never grants.

use std::cell::Cell;

/// Steps that are left, of a comparison or a match each.
#[derive(Debug)]
pub(super) struct Fuel(Cell<u32>);

impl Fuel {
    /// Enough for every policy and request that anybody writes, and some tens of milliseconds at most.
    pub(super) const DECISION: u32 = 5_000_000;

    /// So many steps.
    pub(super) fn new(steps: u32) -> Self {
        Self(Cell::new(steps))
    }

    /// As good as endless, for what is bounded otherwise.
    pub(super) fn unlimited() -> Self {
        Self::new(u32::MAX)
    }

    /// Whether nothing is left, so that nothing more can become certain.
    pub(super) fn is_used_up(&self) -> bool {
        self.0.get() == 0
    }

    /// Takes some steps; `None` if there are not so many left, now and from then on.
    pub(super) fn spend(&self, steps: usize) -> Option<()> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.0.get().checked_sub(steps));
        self.0.set(left.unwrap_or(0));
        left.map(|_| ())
    }
}
