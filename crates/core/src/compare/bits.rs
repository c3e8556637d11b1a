//! A set of small numbers: which atoms of one dimension a rule reaches.

/// A subset of `0..n`, where `n` is the same for all sets that meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bits(Box<[u64]>);

impl Bits {
    /// Those of `0..n` that fulfil a condition.
    pub(super) fn of(n: usize, mut holds: impl FnMut(usize) -> bool) -> Self {
        let mut words = vec![0_u64; n.div_ceil(64)];
        for (at, word) in words.iter_mut().enumerate() {
            for bit in 0..64.min(n - at * 64) {
                if holds(at * 64 + bit) {
                    *word |= 1 << bit;
                }
            }
        }
        Self(words.into())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn is_subset(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(mine, theirs)| mine & !theirs == 0)
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(mine, theirs)| mine & theirs != 0)
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(mine, theirs)| mine & theirs).collect())
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(mine, theirs)| mine & !theirs).collect())
    }

    /// The smallest member.
    pub(super) fn first(&self) -> Option<usize> {
        let (at, word) = self.0.iter().enumerate().find(|(_, word)| **word != 0)?;
        Some(at * 64 + usize::try_from(word.trailing_zeros()).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_more_than_a_word_keep_their_members() {
        let (even, all) = (Bits::of(130, |at| at % 2 == 0), Bits::of(130, |_| true));
        let odd = all.minus(&even);
        assert_eq!((even.first(), odd.first(), all.minus(&all).first()), (Some(0), Some(1), None));
        assert!(even.is_subset(&all) && !all.is_subset(&even) && !even.meets(&odd) && even.and(&odd).is_empty());
        assert_eq!(Bits::of(130, |at| at == 129).first(), Some(129));
    }
}
