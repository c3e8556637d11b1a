//! A map by digests that is read by the million and changed one by one: a hash table that all copies share, and beside it
//! what changed since.
//!
//! To find something costs one look into the table, which for a map larger than the processor's caches is what counts: a
//! tree costs a wait for memory on each of its levels. A copy costs nothing, a change what a small tree costs; once in a
//! while, the table is made anew with what changed. A map that shares its table with no copy changes the table itself, so
//! that to load one costs no tree.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Below so many changes, the table is not made anew, however small it is. Few in tests, so that they come there.
const FEW: usize = if cfg!(test) { 4 } else { 1_024 };

/// The table is made anew when one in so many has changed: what changed since is small enough for the processor's caches,
/// and one change costs as much as copying so many values.
const SHARE: usize = 32;

/// Values by digests of eight bytes, which must be as good as random.
#[derive(Clone, Debug)]
pub(crate) struct DigestMap<V> {
    table: Arc<Table<V>>,
    /// What is otherwise in this copy: put, or removed.
    since: imbl::OrdMap<u64, Option<V>>,
}

type Table<V> = HashMap<u64, V, BuildHasherDefault<Digest>>;

impl<V> Default for DigestMap<V> {
    fn default() -> Self {
        Self { table: Arc::default(), since: imbl::OrdMap::new() }
    }
}

impl<V: Clone> DigestMap<V> {
    /// Whether it holds nothing, as far as that is known without a look at what was removed.
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty() && self.since.is_empty()
    }

    /// The value of a digest.
    pub(crate) fn get(&self, digest: u64) -> Option<&V> {
        if !self.since.is_empty()
            && let Some(changed) = self.since.get(&digest)
        {
            return changed.as_ref();
        }
        self.table.get(&digest)
    }

    /// Puts a value, instead of the one that is there.
    pub(crate) fn insert(&mut self, digest: u64, value: V) {
        self.change(digest, Some(value));
    }

    /// Removes a value.
    pub(crate) fn remove(&mut self, digest: u64) {
        self.change(digest, None);
    }

    fn change(&mut self, digest: u64, value: Option<V>) {
        if let Some(table) = Arc::get_mut(&mut self.table) {
            self.since.remove(&digest);
            put(table, digest, value);
            return;
        }
        self.since.insert(digest, value);
        if self.since.len() > FEW.max(self.table.len() / SHARE) {
            let table = Arc::make_mut(&mut self.table);
            std::mem::take(&mut self.since).into_iter().for_each(|(digest, value)| put(table, digest, value));
        }
    }
}

fn put<V>(table: &mut Table<V>, digest: u64, value: Option<V>) {
    match value {
        Some(value) => drop(table.insert(digest, value)),
        None => drop(table.remove(&digest)),
    }
}

/// Takes a digest as it is.
#[derive(Clone, Copy, Debug, Default)]
struct Digest(u64);

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }

    /// Not called: the keys are numbers of eight bytes.
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u64, u32),
        Remove(u64),
        /// Keeps a copy as it is.
        Copy,
        /// Lets go of the oldest copy.
        Forget,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let digest = (0_u64..40).prop_map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let step = prop_oneof![
            6 => (digest.clone(), any::<u32>()).prop_map(|(digest, value)| Step::Insert(digest, value)),
            3 => digest.prop_map(Step::Remove),
            1 => Just(Step::Copy),
            1 => Just(Step::Forget),
        ];
        proptest::collection::vec(step, 0..200)
    }

    fn says_the_same(map: &DigestMap<u32>, model: &BTreeMap<u64, u32>) {
        for number in 0_u64..40 {
            let digest = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            assert_eq!(map.get(digest), model.get(&digest));
        }
    }

    proptest! {
        #[test]
        fn a_map_says_what_was_put_last_and_its_copies_what_was_put_before(steps in steps()) {
            let (mut map, mut model) = (DigestMap::default(), BTreeMap::new());
            let mut copies = Vec::new();
            for step in steps {
                match step {
                    Step::Insert(digest, value) => {
                        map.insert(digest, value);
                        model.insert(digest, value);
                    }
                    Step::Remove(digest) => {
                        map.remove(digest);
                        model.remove(&digest);
                    }
                    Step::Copy => copies.push((map.clone(), model.clone())),
                    Step::Forget => drop(if copies.is_empty() { None } else { Some(copies.remove(0)) }),
                }
                says_the_same(&map, &model);
            }
            copies.iter().for_each(|(map, model)| says_the_same(map, model));
        }
    }

    #[test]
    fn many_changes_make_the_table_anew_and_leave_copies_as_they_are() {
        let mut map = DigestMap::default();
        for number in 0..10_000_u64 {
            map.insert(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number);
        }
        assert!(map.since.is_empty(), "a map of which there is no copy changes its table");
        let before = map.clone();
        for number in 0..5_000_u64 {
            map.remove(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        assert!(!Arc::ptr_eq(&map.table, &before.table) && map.since.len() <= FEW.max(10_000 / SHARE));
        for number in 0..10_000_u64 {
            let digest = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            assert_eq!(before.get(digest), Some(&number));
            assert_eq!(map.get(digest), (number >= 5_000).then_some(&number));
        }
    }
}
