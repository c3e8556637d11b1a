//! What is planned and not stored yet.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use doorward_store::{Key, MAX_TXN_OPS, Write};
use tokio::sync::oneshot;

use crate::change::Change;
use crate::error::WriteError;
use crate::view::View;

/// Below what every store takes in one transaction by one: the generation's.
const MAX_WRITES: usize = MAX_TXN_OPS - 1;
/// Bytes of values in one transaction, if it has more than one piece. etcd takes requests of 1.5 MiB.
const MAX_BYTES: usize = 1024 * 1024;

/// A write, or a part of one, that is stored as a whole or not at all.
pub(super) struct Piece {
    /// When its event was, as the history names it.
    pub(super) time: u64,
    /// What changes in the View.
    pub(super) changes: Vec<Change>,
    /// What changes in the store: the same, and the event.
    pub(super) writes: Vec<Write>,
}

/// What becomes of a piece.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is stored and published.
    Stored,
    /// What it was planned on did not come to be.
    Again,
    /// The store did not take it.
    Failed(WriteError),
}

struct Waiting {
    piece: Piece,
    answer: oneshot::Sender<Verdict>,
}

/// What goes to the store as one transaction.
pub(super) struct Batch {
    /// Unique among this server's.
    pub(super) number: u64,
    /// When its last event was.
    pub(super) last_event: u64,
    /// No key twice.
    pub(super) writes: Vec<Write>,
    /// Who waits for it.
    pub(super) answers: Vec<oneshot::Sender<Verdict>>,
}

/// The batch that is being stored.
struct InFlight {
    number: u64,
    last_event: u64,
    changes: Vec<Change>,
    /// Whether the watch brought it before the store answered.
    published: bool,
}

/// Plans in the order in which they were made.
pub(super) struct Desk {
    /// What will be known once everything here is stored.
    draft: Arc<View>,
    waiting: VecDeque<Waiting>,
    in_flight: Option<InFlight>,
    /// Whether somebody takes batches from here.
    is_served: bool,
    batches: u64,
}

impl Desk {
    pub(super) fn new(view: Arc<View>) -> Self {
        Self { draft: view, waiting: VecDeque::new(), in_flight: None, is_served: false, batches: 0 }
    }

    /// What the next write is planned on.
    pub(super) fn draft(&self) -> &View {
        &self.draft
    }

    /// Whether the draft is what is published.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_none()
    }

    /// Puts a planned piece behind the others.
    pub(super) fn add(&mut self, piece: Piece) -> oneshot::Receiver<Verdict> {
        let mut draft = self.draft.after(&piece.changes);
        draft.last_event = piece.time;
        self.draft = Arc::new(draft);
        self.enqueue(piece)
    }

    /// Tells when everything that is planned so far is stored, or that it is not.
    pub(super) fn wait(&mut self) -> oneshot::Receiver<Verdict> {
        self.enqueue(Piece { time: 0, changes: Vec::new(), writes: Vec::new() })
    }

    fn enqueue(&mut self, piece: Piece) -> oneshot::Receiver<Verdict> {
        let (answer, verdict) = oneshot::channel();
        self.waiting.push_back(Waiting { piece, answer });
        verdict
    }

    /// How many pieces wait for the next batch.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a batch was handed out and has not ended.
    #[cfg(test)]
    pub(super) fn is_under_way(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Something that is not stored changed.
    pub(super) fn observe(&mut self, change: impl FnOnce(View) -> View) {
        self.draft = Arc::new(change(View::clone(&self.draft)));
    }

    /// Whether whoever asks is to take the batches from now on.
    pub(super) fn begin_to_serve(&mut self) -> bool {
        let is_first = !self.is_served && !self.waiting.is_empty();
        self.is_served |= is_first;
        is_first
    }

    /// The next batch: as much of what waits as one transaction takes. With none, nobody serves any longer.
    pub(super) fn next_batch(&mut self) -> Option<Batch> {
        let mut writes = Writes::default();
        let (mut changes, mut answers, mut last_event) = (Vec::new(), Vec::new(), 0);
        while let Some(next) = self.waiting.front() {
            if !answers.is_empty() && !writes.have_room_for(&next.piece.writes) {
                break;
            }
            let Some(Waiting { piece, answer }) = self.waiting.pop_front() else { break };
            piece.writes.into_iter().for_each(|write| writes.add(write));
            changes.extend(piece.changes);
            last_event = last_event.max(piece.time);
            answers.push(answer);
        }
        self.is_served = !answers.is_empty();
        if answers.is_empty() {
            return None;
        }
        self.batches += 1;
        let number = self.batches;
        self.in_flight = Some(InFlight { number, last_event, changes, published: false });
        Some(Batch { number, last_event, writes: writes.into_vec(), answers })
    }

    /// The changes of the batch that is being stored, and when its last event was, to be published: once, whoever learns
    /// first that it is stored.
    pub(super) fn publish_in_flight(&mut self, number: u64) -> Option<(Vec<Change>, u64)> {
        let in_flight = self.in_flight.as_mut().filter(|in_flight| in_flight.number == number)?;
        in_flight.published = true;
        Some((std::mem::take(&mut in_flight.changes), in_flight.last_event))
    }

    /// Ends a batch; whether it was published.
    pub(super) fn end_flight(&mut self) -> bool {
        self.in_flight.take().is_some_and(|in_flight| in_flight.published)
    }

    /// The published View is the draft again: what waits was planned on something else.
    pub(super) fn start_over(&mut self, view: Arc<View>) {
        self.draft = view;
        for waiting in self.waiting.drain(..) {
            let _ = waiting.answer.send(Verdict::Again);
        }
    }

    /// Nothing waits and nothing is under way: what is published is also the draft, and is recognised as the same.
    pub(super) fn rest_on(&mut self, view: &Arc<View>) {
        if self.is_idle() {
            self.draft = Arc::clone(view);
        }
    }
}

/// Writes of several pieces as one: of those of one key the last counts, since all of them happen together.
#[derive(Default)]
struct Writes {
    by_key: HashMap<Key, usize>,
    in_order: Vec<Write>,
    bytes: usize,
}

impl Writes {
    fn have_room_for(&self, more: &[Write]) -> bool {
        self.in_order.len() + more.len() <= MAX_WRITES && self.bytes + more.iter().map(size).sum::<usize>() <= MAX_BYTES
    }

    fn add(&mut self, write: Write) {
        self.bytes += size(&write);
        match self.by_key.get(write.key()).and_then(|&at| self.in_order.get_mut(at)) {
            Some(earlier) => *earlier = write,
            None => {
                self.by_key.insert(write.key().clone(), self.in_order.len());
                self.in_order.push(write);
            }
        }
    }

    fn into_vec(self) -> Vec<Write> {
        self.in_order
    }
}

fn size(write: &Write) -> usize {
    let key = write.key().as_str().len();
    match write {
        Write::Put(_, document) => key + document.json().len(),
        Write::Delete(_) => key,
    }
}
