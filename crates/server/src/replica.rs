//! The servers of one store: each announces below `live/replicas` that it is there and up to where it knows the store,
//! so that whoever wrote at one of them can wait until all decide by it.

use std::collections::BTreeMap;

use doorward_store::{Change, Document, DocumentError, Event, Item, Key, KeyError, Prefix, Revision};
use serde::{Deserialize, Serialize};

/// The version of the JSON that this program writes.
const SCHEMA: u32 = 1;

/// Where servers announce themselves.
const ROOT: &str = "live/replicas";

/// A server that is there, as it announces itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replica {
    /// The revision of the last write that it decides by, as the store counts; none before the first.
    pub knows: Option<u64>,
    /// Its program's version.
    pub version: String,
    /// Where its API listens, as it knows that itself.
    pub api: String,
}

/// The servers that are there, by name.
pub type Replicas = BTreeMap<String, Replica>;

impl Replica {
    /// What it announces, and where.
    ///
    /// # Errors
    /// If the name is no segment of a key, which no server's is.
    pub(crate) fn announcement(&self, name: &str) -> Result<(Key, Document), AnnouncementError> {
        Ok((key(name)?, Document::encode(SCHEMA, self)?))
    }

    /// Whether it decides by a write of that revision.
    pub fn knows(&self, revision: Option<Revision>) -> bool {
        self.knows >= revision.map(|revision| revision.0)
    }
}

/// The key at which a server announces itself.
///
/// # Errors
/// As [`Replica::announcement`].
pub(crate) fn key(name: &str) -> Result<Key, KeyError> {
    Key::of(ROOT.split('/').chain([name]))
}

/// Everything that servers announce.
pub(crate) fn prefix() -> Result<Prefix, KeyError> {
    Ok(Prefix::below(&Key::new(ROOT)?))
}

/// Puts what is announced into the list. What another version announces in another form is left out: it is not waited
/// for.
pub(crate) fn announced(replicas: &mut Replicas, item: &Item) {
    put(replicas, &item.key, Some(&item.value.document));
}

/// Puts an event into the list; whether it was about one of the servers.
pub(crate) fn take_up(replicas: &mut Replicas, event: &Event) -> bool {
    let document = match &event.change {
        Change::Put(document) => Some(document),
        Change::Deleted => None,
    };
    put(replicas, &event.key, document)
}

fn put(replicas: &mut Replicas, key: &Key, document: Option<&Document>) -> bool {
    if !prefix().is_ok_and(|prefix| prefix.contains(key)) {
        return false;
    }
    let Some(name) = key.segments().last() else { return false };
    match document.filter(|document| document.schema() == SCHEMA).and_then(|document| document.decode().ok()) {
        Some(replica) => replicas.insert(name.into_owned(), replica),
        None => replicas.remove(name.as_ref()),
    };
    true
}

/// Why a server cannot announce itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnnouncementError {
    /// Its name is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It cannot be written.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// It was not stored.
    #[error(transparent)]
    Store(#[from] doorward_store::StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_in_the_list_from_its_announcement_to_its_end() {
        let replica = Replica { knows: Some(7), version: "1".to_owned(), api: "127.0.0.1:1".to_owned() };
        let (key, document) = replica.announcement("a-1").unwrap();
        assert!(key.is_live());
        let mut replicas = Replicas::new();
        let put = Event { key: key.clone(), change: Change::Put(document) };
        assert!(take_up(&mut replicas, &put));
        assert_eq!(replicas.get("a-1"), Some(&replica));
        assert!(take_up(&mut replicas, &Event { key, change: Change::Deleted }));
        assert!(replicas.is_empty());
        let elsewhere = Event { key: Key::new("clusters/live").unwrap(), change: Change::Deleted };
        assert!(!take_up(&mut replicas, &elsewhere));
    }

    #[test]
    fn a_server_of_another_version_that_cannot_be_read_is_not_waited_for() {
        let mut replicas = Replicas::new();
        for document in [Document::encode(2, &1).unwrap(), Document::encode(SCHEMA, &"x").unwrap()] {
            assert!(take_up(&mut replicas, &Event { key: key("b").unwrap(), change: Change::Put(document) }));
            assert!(replicas.is_empty());
        }
    }

    #[test]
    fn a_server_knows_what_is_not_newer_than_the_last_that_it_took_up() {
        let replica = Replica { knows: Some(7), version: String::new(), api: String::new() };
        assert!(replica.knows(None) && replica.knows(Some(Revision(7))) && !replica.knows(Some(Revision(8))));
        assert!(!Replica { knows: None, ..replica }.knows(Some(Revision(1))));
    }
}
