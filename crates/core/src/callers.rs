//! How callers are recognised: a World's entries by a digest of what their callers are told apart by.
//!
//! The entries themselves know their unique ids and names, so the index holds no copies of them: a digest of eight
//! bytes leads to an entry, and the entry says whether it is the one.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use crate::access_entry::AccessEntry;
use crate::digest_map::DigestMap;

/// Entries by what one kind of text says of their callers, in whatever case.
///
/// Nearly always one entry belongs to a text; entries read from elsewhere, without unique ids, may be more: a role that
/// moved to another path leaves its old entry behind. Of these the first in the order of their ARNs counts, so that a
/// World decides by what its entries are, not by which was written last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Callers {
    /// Seeded at random, so that nobody can make ids with one digest.
    digests: RandomState,
    first: DigestMap<Arc<AccessEntry>>,
    /// What has the same digest and comes after the first, in the order of their ARNs. Nearly always empty.
    others: imbl::OrdMap<u64, Vec<Arc<AccessEntry>>>,
}

impl Callers {
    /// The first entry that belongs to a text, as `belongs` knows it.
    pub(crate) fn find(&self, text: &str, belongs: impl Fn(&AccessEntry) -> bool) -> Option<&Arc<AccessEntry>> {
        if self.first.is_empty() {
            return None;
        }
        let digest = self.digest(text);
        let first = self.first.get(digest)?;
        if belongs(first) {
            return Some(first);
        }
        self.others.get(&digest)?.iter().find(|entry| belongs(entry))
    }

    /// Adds an entry, which must not be there.
    pub(crate) fn insert(&mut self, text: &str, entry: &Arc<AccessEntry>) {
        let digest = self.digest(text);
        let Some(first) = self.first.get(digest).cloned() else {
            self.first.insert(digest, Arc::clone(entry));
            return;
        };
        let mut later = Arc::clone(entry);
        if later.principal_arn < first.principal_arn {
            self.first.insert(digest, std::mem::replace(&mut later, first));
        }
        let mut others = self.others.get(&digest).cloned().unwrap_or_default();
        others.insert(others.partition_point(|other| other.principal_arn < later.principal_arn), later);
        self.others.insert(digest, others);
    }

    /// Removes an entry.
    pub(crate) fn remove(&mut self, text: &str, entry: &AccessEntry) {
        let digest = self.digest(text);
        let is_it = |one: &Arc<AccessEntry>| one.principal_arn == entry.principal_arn;
        let mut others = self.others.remove(&digest).unwrap_or_default();
        if !self.first.get(digest).is_some_and(is_it) {
            others.retain(|other| !is_it(other));
        } else if others.is_empty() {
            self.first.remove(digest);
        } else {
            self.first.insert(digest, others.remove(0));
        }
        if !others.is_empty() {
            self.others.insert(digest, others);
        }
    }

    /// Of the text in lower case, so that no copy of it is needed where case does not matter.
    fn digest(&self, text: &str) -> u64 {
        let mut hasher = self.digests.build_hasher();
        // Eight bytes at a time, because a hasher that is given one after the other takes three times as long.
        for chunk in text.as_bytes().chunks(8) {
            let mut eight = [0; 8];
            eight.iter_mut().zip(chunk).for_each(|(to, from)| *to = from.to_ascii_lowercase());
            hasher.write_u64(u64::from_le_bytes(eight));
        }
        hasher.write_usize(text.len());
        hasher.finish()
    }
}
