//! Products of sets, and what is left of one when others are taken away.
//!
//! A rule reaches a product: any of its verbs on any of its groups and so on. What it reaches beyond other rules is
//! found by cutting: of two products that meet, the first without the second is at most one product for each dimension.

use super::bits::Bits;

/// A product of one set for each dimension; none of them is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region<const N: usize>([Bits; N]);

/// Whether others reach everything that a region does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Covered<const N: usize> {
    /// They do, together.
    Yes,
    /// They do not: nobody else reaches this part.
    No(Region<N>),
    /// Finding out would take longer than anybody waits.
    TooHard,
}

/// Cuts allowed for one question. Rules that people write need a few dozen.
const MAX_CUTS: usize = 200_000;

impl<const N: usize> Region<N> {
    /// The product, if it is not empty.
    pub(super) fn new(sides: [Bits; N]) -> Option<Self> {
        sides.iter().all(|side| !side.is_empty()).then_some(Self(sides))
    }

    /// Its simplest member: the first atom of each dimension.
    pub(super) fn first(&self) -> [usize; N] {
        self.0.each_ref().map(|side| side.first().unwrap_or_default())
    }

    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(mine, theirs)| mine.is_subset(theirs))
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(mine, theirs)| mine.meets(theirs))
    }

    /// Whether `others` together reach all of this region.
    pub(super) fn covered_by(&self, others: &[Self]) -> Covered<N> {
        let others: Vec<&Self> = others.iter().filter(|other| self.meets(other)).collect();
        if others.iter().any(|other| self.is_within(other)) {
            return Covered::Yes;
        }
        let mut left = vec![(self.clone(), others.as_slice())];
        let mut cuts = 0;
        while let Some((part, others)) = left.pop() {
            let Some(at) = others.iter().position(|other| part.meets(other)) else { return Covered::No(part) };
            let (Some(other), Some(rest)) = (others.get(at), others.get(at + 1..)) else { continue };
            if rest.iter().any(|other| part.is_within(other)) {
                continue;
            }
            cuts += 1;
            if cuts > MAX_CUTS {
                return Covered::TooHard;
            }
            part.without(other, |piece| left.push((piece, rest)));
        }
        Covered::Yes
    }

    /// Cuts `other` out, dimension by dimension: what sticks out in the first, then, of what does not, what sticks out
    /// in the second, and so on.
    fn without(&self, other: &Self, mut keep: impl FnMut(Self)) {
        let mut inside = self.0.clone();
        for (at, theirs) in other.0.iter().enumerate() {
            let Some(mine) = inside.get(at) else { return };
            let (outside, common) = (mine.minus(theirs), mine.and(theirs));
            let mut piece = inside.clone();
            if let Some(side) = piece.get_mut(at) {
                *side = outside;
            }
            if let Some(piece) = Self::new(piece) {
                keep(piece);
            }
            if let Some(side) = inside.get_mut(at) {
                *side = common;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Sides = [u8; 3];

    fn region(sides: Sides) -> Option<Region<3>> {
        Region::new(sides.map(|side| Bits::of(4, |at| side >> at & 1 == 1)))
    }

    fn has(sides: Sides, point: [usize; 3]) -> bool {
        sides.iter().zip(point).all(|(side, at)| side >> at & 1 == 1)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_region_is_covered_exactly_if_each_of_its_points_is(
            one in prop::array::uniform3(1_u8..16),
            others in prop::collection::vec(prop::array::uniform3(1_u8..16), 0..12),
        ) {
            let points = (0..64).map(|at| [at % 4, at / 4 % 4, at / 16]);
            let is_free = |point: [usize; 3]| has(one, point) && !others.iter().any(|other| has(*other, point));
            let expected = points.clone().any(is_free);
            let regions: Vec<_> = others.iter().filter_map(|other| region(*other)).collect();
            match region(one).unwrap().covered_by(&regions) {
                Covered::Yes => prop_assert!(!expected),
                Covered::No(part) => prop_assert!(is_free(part.first())),
                Covered::TooHard => prop_assert!(false),
            }
        }
    }
}
