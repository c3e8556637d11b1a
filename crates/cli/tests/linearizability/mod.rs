//! Whether what clients were answered about one access entry can have happened one after the other.
//!
//! The entry is a register: there is none, or it has groups, a username, and the identifier that its creation gave it. It
//! is created where there is none, deleted where there is one, and an update sets one of the two values and answers with
//! the whole, so that it tells what the other was. A history is right if its operations can be put in an order in which
//! each gives its answer, and that keeps to this:
//!
//! - a **write** (whatever was answered to it, a refusal too) comes after every operation that had been answered before it
//!   was asked for, at whichever server: writes are linearizable;
//! - a **read** comes after every operation that had been answered *by the same server* before it was asked for, and before
//!   every write that was asked for after its answer: a server never goes back behind what it has answered, and never
//!   tells of what is not yet asked for, but may be behind the others.
//!
//! A write whose outcome nobody knows may have happened at any moment after it was asked for, or never.
//!
//! The search is that of Wing and Gong with the memory of Lowe: one operation after the other, and never twice from the
//! same set of operations and the same state. Operations that change nothing are taken as soon as they can be: that is no
//! loss, for they hinder none of the others.

mod search;
#[cfg(test)]
mod tests;

pub(crate) use search::{Problem, check};

/// What there is where there is an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    /// What the creation called it; none where nobody heard what that was.
    pub(crate) creation: Option<String>,
    pub(crate) groups: String,
    pub(crate) username: String,
}

/// What is asked for. Values are never asked for twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Create { groups: String, username: String },
    SetGroups(String),
    SetUsername(String),
    Delete,
    Read,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The entry, as it is afterwards.
    Entry(Entry),
    Deleted,
    /// It cannot be created: it is there.
    Exists,
    NotFound,
    /// Nobody knows.
    Unknown,
}

/// One call of one client.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// The server.
    pub(crate) server: usize,
    pub(crate) action: Action,
    pub(crate) answer: Answer,
    /// When it was asked for, and when the answer was there, by one clock.
    pub(crate) asked: u64,
    pub(crate) answered: u64,
}

impl Operation {
    pub(crate) fn is_read(&self) -> bool {
        self.action == Action::Read
    }

    /// Whether every order has this before the other.
    fn precedes(&self, other: &Self) -> bool {
        self.answer != Answer::Unknown
            && self.answered < other.asked
            && (!other.is_read() || self.server == other.server)
    }

    /// What is there after it; `None` if it cannot have been answered so.
    fn after(&self, state: &Option<Entry>) -> Option<Option<Entry>> {
        let changed = |change: &dyn Fn(&mut Entry)| {
            let mut entry = state.clone()?;
            change(&mut entry);
            Some(entry)
        };
        let intended = match &self.action {
            Action::Create { .. } if state.is_some() => None,
            Action::Create { groups, username } => {
                Some(Entry { creation: None, groups: groups.clone(), username: username.clone() })
            }
            Action::SetGroups(groups) => changed(&|entry| entry.groups.clone_from(groups)),
            Action::SetUsername(username) => changed(&|entry| entry.username.clone_from(username)),
            Action::Delete => None,
            Action::Read => state.clone(),
        };
        match &self.answer {
            Answer::Entry(answer) => intended.filter(|entry| entry.is_seen_as(answer)).map(|_| Some(answer.clone())),
            Answer::Deleted => state.is_some().then_some(None),
            Answer::Exists => state.is_some().then(|| state.clone()),
            Answer::NotFound => state.is_none().then_some(None),
            Answer::Unknown if matches!(self.action, Action::Create { .. }) && state.is_some() => Some(state.clone()),
            Answer::Unknown => Some(intended),
        }
    }
}

impl Entry {
    fn is_seen_as(&self, answer: &Self) -> bool {
        self.groups == answer.groups
            && self.username == answer.username
            && (self.creation.is_none() || self.creation == answer.creation)
    }
}
