//! The search for an order.

use std::collections::HashSet;

use super::{Action, Answer, Entry, Operation};

/// States that are looked at before the search is given up. A history that is right takes about one an operation.
const BUDGET: usize = 2_000_000;

/// Why a history is not found to be right.
#[derive(Debug)]
#[expect(dead_code, reason = "shown by Debug to whoever reads of a failure")]
pub(crate) enum Problem {
    /// There is no order. The longest that was found, what was there at its end, and what could not come next.
    NoOrder { done: Vec<Operation>, state: Option<Entry>, next: Vec<Operation> },
    /// There are too many to look at.
    Undecided,
}

/// Looks for an order in which every operation of one entry gives its answer.
///
/// # Errors
/// If there is none, or too many would have to be looked at.
pub(crate) fn check(mut operations: Vec<Operation>) -> Result<(), Problem> {
    drop_what_nobody_saw(&mut operations);
    operations.sort_by_key(|operation| operation.asked);
    let mut search = Search::new(&operations);
    if search.goes_on(None) {
        return Ok(());
    }
    if search.seen.len() >= BUDGET {
        return Err(Problem::Undecided);
    }
    let Search { longest: (done, state), .. } = search;
    let is_done = |at: &usize| done.contains(at);
    let next = (0..operations.len()).filter(|at| !is_done(at)).take(12).map(|at| operations[at].clone()).collect();
    let done = done.iter().map(|at| operations[*at].clone()).collect();
    Err(Problem::NoOrder { done, state, next })
}

/// An update that nobody knows the outcome of and whose value nobody ever saw: with it, or without, everybody is answered
/// the same.
fn drop_what_nobody_saw(operations: &mut Vec<Operation>) {
    let mut seen = HashSet::new();
    for operation in operations.iter() {
        if let Answer::Entry(entry) = &operation.answer {
            seen.extend([entry.groups.clone(), entry.username.clone()]);
        }
    }
    operations.retain(|operation| match (&operation.action, &operation.answer) {
        (Action::SetGroups(value) | Action::SetUsername(value), Answer::Unknown) => seen.contains(value),
        _ => true,
    });
}

struct Search<'a> {
    operations: &'a [Operation],
    /// What has to come before each.
    before: Vec<Set>,
    /// In the order in which they were done.
    order: Vec<usize>,
    done: Set,
    /// How many are left that surely happened.
    left: usize,
    seen: HashSet<(Set, Option<Entry>)>,
    longest: (Vec<usize>, Option<Entry>),
}

impl<'a> Search<'a> {
    fn new(operations: &'a [Operation]) -> Self {
        let before = operations.iter().map(|operation| {
            let mut before = Set::none(operations.len());
            let first = operations.iter().enumerate().filter(|(_, first)| first.precedes(operation));
            first.for_each(|(at, _)| before.add(at));
            before
        });
        Self {
            before: before.collect(),
            order: Vec::new(),
            done: Set::none(operations.len()),
            left: operations.iter().filter(|operation| operation.answer != Answer::Unknown).count(),
            seen: HashSet::new(),
            longest: (Vec::new(), None),
            operations,
        }
    }

    /// Whether all that is left can be done from here.
    fn goes_on(&mut self, state: Option<Entry>) -> bool {
        let begun = self.order.len();
        let state = self.do_what_changes_nothing(state);
        if self.order.len() > self.longest.0.len() {
            self.longest = (self.order.clone(), state.clone());
        }
        if self.left == 0 {
            return true;
        }
        if self.seen.len() < BUDGET && self.seen.insert((self.done.clone(), state.clone())) {
            // What surely happened first: of the rest, most never did.
            for is_unknown in [false, true] {
                for at in 0..self.operations.len() {
                    if (self.operations[at].answer == Answer::Unknown) != is_unknown || !self.is_next(at) {
                        continue;
                    }
                    let after = self.operations[at].after(&state).filter(|after| *after != state);
                    if let Some(after) = after {
                        self.put(at);
                        if self.goes_on(after) {
                            return true;
                        }
                        self.take_back(self.order.len() - 1);
                    }
                }
            }
        }
        self.take_back(begun);
        false
    }

    /// Reads and refusals that are right now; the state, with what they tell of its creation.
    fn do_what_changes_nothing(&mut self, mut state: Option<Entry>) -> Option<Entry> {
        loop {
            let found = (0..self.operations.len()).find_map(|at| {
                let operation = &self.operations[at];
                let changes_nothing = match operation.answer {
                    Answer::Exists | Answer::NotFound => true,
                    Answer::Entry(_) => operation.is_read(),
                    Answer::Deleted | Answer::Unknown => false,
                };
                let after = if changes_nothing && self.is_next(at) { operation.after(&state) } else { None };
                Some((at, after?))
            });
            let Some((at, after)) = found else { return state };
            self.put(at);
            state = after;
        }
    }

    fn is_next(&self, at: usize) -> bool {
        !self.done.has(at) && self.done.has_all(&self.before[at])
    }

    fn put(&mut self, at: usize) {
        self.done.add(at);
        self.order.push(at);
        self.left -= usize::from(self.operations[at].answer != Answer::Unknown);
    }

    /// Takes back what was done, until so many are left.
    fn take_back(&mut self, length: usize) {
        for at in self.order.drain(length..) {
            self.done.remove(at);
            self.left += usize::from(self.operations[at].answer != Answer::Unknown);
        }
    }
}

/// A set of operations.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Set(Vec<u64>);

impl Set {
    fn none(size: usize) -> Self {
        Self(vec![0; size.div_ceil(64)])
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] & (1 << (at % 64)) != 0
    }

    fn has_all(&self, others: &Self) -> bool {
        self.0.iter().zip(&others.0).all(|(here, there)| here & there == *there)
    }

    fn add(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn remove(&mut self, at: usize) {
        self.0[at / 64] &= !(1 << (at % 64));
    }
}
