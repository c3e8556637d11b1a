//! Tokens that were proved before, so that a signature is computed once for a token and not for every request that
//! carries it. kubectl sends one token for a quarter of an hour.
//!
//! What is remembered is that a signature held and whose it was, never that somebody may come in: who a principal is in
//! the cluster is resolved each time. And it is remembered as a [`Proof`], which is compared with the directory and the
//! clock each time it is used.
//!
//! Bounded without a list of what was used when: each shard keeps two generations. What is used goes to the young one;
//! when that is full it becomes the old one, and what was the old one is forgotten.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};

use crate::token::Proof;

/// SHA-256 of the cluster's name and the token's text: the token itself is a secret, and kept nowhere.
pub(crate) type Key = [u8; 32];

/// The place of one token. It is filled by whoever comes first; copies that come meanwhile wait for that, so that many
/// at once cost one signature. Empty for good where the proof failed.
pub(crate) type Place = Arc<OnceLock<Option<Proof>>>;

/// Locks are held for a look into a map; with many of them two cores rarely meet, and a generation that is forgotten, while
/// whoever came last waits for it, is small.
const SHARDS: usize = 128;

/// Proofs by token.
pub(crate) struct Proven {
    shards: [Mutex<Shard>; SHARDS],
    /// How many a generation of a shard takes.
    room: usize,
}

#[derive(Default)]
struct Shard {
    young: HashMap<Key, Place>,
    old: HashMap<Key, Place>,
}

/// The key of a token for a cluster.
pub(crate) fn key(cluster_name: &str, token: &str) -> Key {
    let mut context = Context::new(&SHA256);
    // No cluster's name has a line break in it.
    context.update(cluster_name.as_bytes());
    context.update(b"\n");
    context.update(token.as_bytes());
    let mut key = Key::default();
    key.iter_mut().zip(context.finish().as_ref()).for_each(|(into, from)| *into = *from);
    key
}

impl Proven {
    /// Room for so many tokens, at least.
    pub(crate) fn new(tokens: usize) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), room: tokens.div_ceil(SHARDS).max(1) }
    }

    /// The place of a token, made if there is none.
    pub(crate) fn place(&self, key: Key) -> Place {
        let mut shard = self.shard(&key);
        if let Some(place) = shard.young.get(&key) {
            return Arc::clone(place);
        }
        let place = shard.old.remove(&key).unwrap_or_default();
        if shard.young.len() >= self.room {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(key, Arc::clone(&place));
        place
    }

    /// Forgets a place that holds no proof, or none any more; not one that was made after it.
    pub(crate) fn forget(&self, key: &Key, place: &Place) {
        let mut shard = self.shard(key);
        let Shard { young, old } = &mut *shard;
        for generation in [young, old] {
            if generation.get(key).is_some_and(|known| Arc::ptr_eq(known, place)) {
                generation.remove(key);
            }
        }
    }

    /// How many tokens are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let of = |shard: &Mutex<Shard>| {
            let shard = lock(shard);
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(of).sum()
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        let [first, ..] = key;
        let [zero, ..] = &self.shards;
        lock(self.shards.get(usize::from(*first) % SHARDS).unwrap_or(zero))
    }
}

/// Nothing panics while it holds a lock, and a map is whole between two calls.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u32) -> Key {
        key("demo", &number.to_string())
    }

    #[test]
    fn it_never_holds_more_than_two_generations_and_what_is_used_stays() {
        let proven = Proven::new(1_280);
        let used = proven.place(number(0));
        for other in 1..40_000 {
            proven.place(number(other));
            assert!(Arc::ptr_eq(&used, &proven.place(number(0))), "{other}");
        }
        assert!((1_280..=2_560).contains(&proven.len()), "{}", proven.len());
    }

    #[test]
    fn what_is_forgotten_has_a_new_place_and_only_its_own_place_is_forgotten() {
        let proven = Proven::new(1);
        let first = proven.place(number(0));
        proven.forget(&number(0), &first);
        let second = proven.place(number(0));
        assert!(!Arc::ptr_eq(&first, &second));
        proven.forget(&number(0), &first);
        assert!(Arc::ptr_eq(&second, &proven.place(number(0))));
    }

    #[test]
    fn a_token_has_another_key_for_another_cluster() {
        assert_ne!(key("demo", "token"), key("other", "token"));
    }
}
