//! Comparing a policy's text with a request's value that is itself a pattern.
//!
//! A request may ask for the namespaces `team-*`. Compared letter by letter, `team-?` fits that value, and a refusal of
//! `kube-system` does not see `kube-*`: either way somebody gets more than the policy's author wrote. So such a value
//! stands for all that it covers: it fits if all of it fits, it does not fit if none of it does, and anything in between
//! is not certain.

use super::fuel::Fuel;
use super::wildcard::Glyph;

/// Whether what `value` covers, a `*` in it being any run of characters, is all within `wanted`.
pub(super) fn cover(wanted: &[Glyph], value: &str, fuel: &Fuel) -> Option<bool> {
    let value: Vec<Glyph> = value.chars().map(|c| if c == '*' { Glyph::Run } else { Glyph::Char(c) }).collect();
    fuel.spend((wanted.len() + 1).checked_mul(2 * (value.len() + 1))?)?;
    if walk(wanted, &value, Walk::Within) {
        return Some(true);
    }
    if walk(wanted, &value, Walk::Overlap) { None } else { Some(false) }
}

#[derive(Clone, Copy, PartialEq)]
enum Walk {
    /// All of the value is within the wanted. A run in the value then has to be taken by a run.
    Within,
    /// They have a text in common.
    Overlap,
}

/// Both sequences are walked from the end: `row[at]` tells whether the rest of `wanted` goes with the value from `at`.
fn walk(wanted: &[Glyph], value: &[Glyph], walk: Walk) -> bool {
    let run = |glyph: Option<&Glyph>| glyph == Some(&Glyph::Run);
    let overlaps = walk == Walk::Overlap;
    let mut below = vec![false; value.len() + 1];
    for index in (0..=wanted.len()).rev() {
        let want = wanted.get(index);
        let mut row = vec![false; value.len() + 1];
        for at in (0..=value.len()).rev() {
            let found = value.get(at);
            let down = below.get(at).copied().unwrap_or(false);
            let right = row.get(at + 1).copied().unwrap_or(false);
            let both = below.get(at + 1).copied().unwrap_or(false);
            let goes = match (want, found) {
                (None, None) => true,
                _ if run(want) => down || (found.is_some() && right),
                _ if run(found) => overlaps && (right || (want.is_some() && down)),
                (Some(Glyph::Char(a)), Some(Glyph::Char(b))) => a == b && both,
                (Some(Glyph::One), Some(_)) => both,
                _ => false,
            };
            if let Some(cell) = row.get_mut(at) {
                *cell = goes;
            }
        }
        below = row;
    }
    below.first().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::wildcard::{Case, matches};
    use super::*;

    fn ask(wanted: &str, value: &str) -> Option<bool> {
        let wanted: Vec<Glyph> = wanted.chars().map(Glyph::of).collect();
        cover(&wanted, value, &Fuel::unlimited())
    }

    #[test]
    fn a_pattern_fits_if_all_that_it_covers_does() {
        for (wanted, value, expected) in [
            ("team-*", "team-*", Some(true)),
            ("team-*", "team-a*", Some(true)),
            ("team-*", "team-*-x", Some(true)),
            ("*", "*", Some(true)),
            ("team-*", "team*", None),
            ("team-*", "*", None),
            ("team-?", "team-*", None),
            ("?-ops", "*-ops", None),
            ("kube-system", "kube-*", None),
            ("kube-system", "*", None),
            ("kube-system", "team-*", Some(false)),
            ("kube-*", "team-*", Some(false)),
            ("*-ops", "team-*", None),
        ] {
            assert_eq!(ask(wanted, value), expected, "{wanted} for {value}");
        }
    }

    proptest! {
        /// A yes holds for everything that the value covers, a no for nothing of it.
        #[test]
        fn what_is_certain_is_true_of_every_name(wanted in "[ab*?]{0,6}", value in "[ab*]{0,6}", name in "[ab]{0,8}") {
            if matches(&value, &name, Case::Sensitive) {
                let fits = matches(&wanted, &name, Case::Sensitive);
                if let Some(certain) = ask(&wanted, &value) {
                    prop_assert_eq!(certain, fits);
                }
            }
        }
    }
}
