//! Which namespaces there can be, as far as patterns and names can tell them apart.
//!
//! Two namespaces that match the same of all patterns, and that no rule names, are the same to every rule. So one name
//! for each combination of patterns that some name can match stands for all. The combinations are found by walking all
//! patterns at once, letter by letter; whatever leads to the same places is walked once. A namespace's name is a DNS
//! label: at most 63 lower-case letters, digits and `-`, and no `-` at either end.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::access_scope::NamespacePattern;

/// Places visited before giving up: patterns that are entangled like that stand in no cluster.
const MAX_PLACES: usize = 30_000;
const LONGEST: usize = 63;

/// A name for each combination of `patterns` that a namespace outside `known` can match, the shortest there is; none
/// where there are too many.
pub(super) fn representatives(patterns: &[&NamespacePattern], known: &BTreeSet<&str>) -> Option<Vec<String>> {
    let globs: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_str().as_bytes()).collect();
    let letters = letters(&globs);
    let mut found: BTreeMap<Vec<bool>, String> = BTreeMap::new();
    let start = Place { globs: globs.iter().map(|glob| settle(glob, 1)).collect(), known: Known::Prefix, dash: true };
    let mut seen = HashSet::new();
    let mut here = vec![(start, String::new())];
    for _ in 0..LONGEST {
        let mut next = Vec::new();
        for (place, name) in &here {
            for &letter in &letters {
                if letter == b'-' && name.is_empty() {
                    continue;
                }
                let name = format!("{name}{}", char::from(letter));
                let place = place.after(&globs, letter, &name, known);
                let key = (place.clone(), (place.known == Known::Prefix).then(|| name.clone()));
                if !seen.insert(key) {
                    continue;
                }
                if seen.len() > MAX_PLACES {
                    return None;
                }
                if !place.dash && !known.contains(name.as_str()) {
                    let matched = globs.iter().zip(&place.globs).map(|(glob, at)| at >> glob.len() & 1 == 1).collect();
                    found.entry(matched).or_insert_with(|| name.clone());
                }
                next.push((place, name));
            }
        }
        here = next;
    }
    Some(found.into_values().collect())
}

/// Where a name leads to.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    /// For each pattern the places in it, a bit each; its length is a match.
    globs: Vec<u64>,
    known: Known,
    /// Whether the name ends with `-` (or is empty), so that it is none yet.
    dash: bool,
}

/// Whether a known name begins with this one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Known {
    Prefix,
    No,
}

impl Place {
    fn after(&self, globs: &[&[u8]], letter: u8, name: &str, known: &BTreeSet<&str>) -> Self {
        let globs = globs.iter().zip(&self.globs).map(|(glob, at)| step(glob, *at, letter)).collect();
        let begins = || known.range(name..).next().is_some_and(|longer| longer.starts_with(name));
        let known = if self.known == Known::Prefix && begins() { Known::Prefix } else { Known::No };
        Self { globs, known, dash: letter == b'-' }
    }
}

/// The letters that patterns tell apart, and one that none of them has.
fn letters(globs: &[&[u8]]) -> Vec<u8> {
    let named: BTreeSet<u8> = globs.iter().flat_map(|glob| glob.iter().copied()).filter(|one| *one != b'*').collect();
    let other = (b'a'..=b'z').chain(b'0'..=b'9').chain([b'-']).find(|letter| !named.contains(letter));
    // The other one first: a name that resembles no pattern is the simplest.
    other.into_iter().chain(named).collect()
}

fn step(glob: &[u8], at: u64, letter: u8) -> u64 {
    let mut next = 0;
    for (place, wanted) in glob.iter().enumerate() {
        if at >> place & 1 == 0 {
            continue;
        }
        if *wanted == b'*' {
            next |= 1 << place;
        } else if *wanted == letter {
            next |= 1 << (place + 1);
        }
    }
    settle(glob, next)
}

/// Adds the places behind stars, and forgets those before the last star: whatever they can match, it can.
fn settle(glob: &[u8], mut at: u64) -> u64 {
    let mut last_star = None;
    for (place, wanted) in glob.iter().enumerate() {
        if at >> place & 1 == 1 && *wanted == b'*' {
            at |= 1 << (place + 1);
            last_star = Some(place);
        }
    }
    last_star.map_or(at, |place| at >> place << place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn combinations(patterns: &[&str], known: &[&str]) -> BTreeSet<Vec<bool>> {
        let patterns: Vec<_> = patterns.iter().map(|text| NamespacePattern::parse(text).unwrap()).collect();
        let borrowed: Vec<_> = patterns.iter().collect();
        let names = representatives(&borrowed, &known.iter().copied().collect()).unwrap();
        for name in &names {
            assert!(!known.contains(&name.as_str()) && !name.starts_with('-') && !name.ends_with('-'), "{name}");
        }
        let found: Vec<Vec<bool>> =
            names.iter().map(|name| patterns.iter().map(|pattern| pattern.matches(name)).collect()).collect();
        let distinct: BTreeSet<_> = found.iter().cloned().collect();
        assert_eq!(found.len(), distinct.len());
        distinct
    }

    #[test]
    fn each_combination_that_a_name_can_match_is_found_and_no_other() {
        let all = combinations(&["dev-*", "*-prod"], &[]);
        assert_eq!(all.len(), 4);
        assert_eq!(combinations(&["dev-*", "prod-*"], &[]).len(), 3);
        assert_eq!(combinations(&["*", "**"], &[]), BTreeSet::from([vec![true, true]]));
        assert_eq!(combinations(&["a*", "a"], &["a"]), BTreeSet::from([vec![true, false], vec![false, false]]));
    }

    #[test]
    fn a_name_that_would_be_too_long_is_no_name() {
        let long = format!("{}*", "a".repeat(32));
        let end = format!("*{}b", "b".repeat(31));
        assert_eq!(combinations(&[&long, &end], &[]).len(), 3);
        let end = format!("*{}b", "b".repeat(30));
        assert_eq!(combinations(&[&long, &end], &[]).len(), 4);
    }

    #[test]
    fn words_of_few_letters_agree_with_trying_them_all() {
        let words: Vec<String> = (1..=6_u32)
            .flat_map(|length| (0..3_u32.pow(length)).map(move |number| (length, number)))
            .map(|(length, number)| {
                (0..length).map(|at| ['a', 'b', 'c'][(number / 3_u32.pow(at) % 3) as usize]).collect()
            })
            .collect();
        for patterns in
            [vec!["a*", "*b", "ab"], vec!["*a*", "*b*", "*ab*"], vec!["a*b*a", "*", "b"], vec!["ab*ba", "a*"]]
        {
            let parsed: Vec<_> = patterns.iter().map(|text| NamespacePattern::parse(text).unwrap()).collect();
            let expected: BTreeSet<Vec<bool>> =
                words.iter().map(|word| parsed.iter().map(|pattern| pattern.matches(word)).collect()).collect();
            assert_eq!(combinations(&patterns, &[]), expected, "{patterns:?}");
        }
    }

    #[test]
    fn what_is_too_entangled_is_given_up() {
        let patterns: Vec<_> = (b'a'..=b'z')
            .flat_map(|letter| (0..2).map(move |other| format!("*{}{other}*", char::from(letter))))
            .map(|text| NamespacePattern::parse(&text).unwrap())
            .collect();
        assert_eq!(representatives(&patterns.iter().collect::<Vec<_>>(), &BTreeSet::new()), None);
    }
}
