//! Wildcards of IAM policies: `*` is any run of characters, the empty one too; `?` is exactly one character.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Resource" and "Action". (A well-known authenticator lets `?` stand
//! for nothing as well; IAM does not.)

use super::fuel::Fuel;

/// Whether case counts: it does in ARNs, it does not in actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `a` is not `A`.
    Sensitive,
    /// ASCII letters match in either case.
    Insensitive,
}

/// One element of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glyph {
    /// This character.
    Char(char),
    /// `?`
    One,
    /// `*`
    Run,
}

impl Glyph {
    /// What a character of a pattern stands for.
    pub(super) fn of(c: char) -> Self {
        match c {
            '*' => Self::Run,
            '?' => Self::One,
            other => Self::Char(other),
        }
    }
}

/// Whether `text`, all of it, is what `pattern` describes. Takes at most the product of both lengths.
pub fn matches(pattern: &str, text: &str, case: Case) -> bool {
    match_glyphs(pattern.chars().map(Glyph::of), text, case, &Fuel::unlimited()).unwrap_or(false)
}

/// As [`matches`], for a pattern in pieces; `None` once the fuel is used up.
pub(super) fn match_glyphs(
    pattern: impl Iterator<Item = Glyph> + Clone,
    text: &str,
    case: Case,
    fuel: &Fuel,
) -> Option<bool> {
    let mut pattern = pattern;
    let mut text = text.chars();
    // Only the last `*` can ever need a longer run: an earlier one that took more would not make room it lacks.
    let mut last_star = None;
    loop {
        fuel.spend(1)?;
        let mut after = pattern.clone();
        match after.next() {
            Some(Glyph::Run) => {
                last_star = Some((after.clone(), text.clone()));
                pattern = after;
                continue;
            }
            Some(wanted) => {
                let mut rest = text.clone();
                if rest.next().is_some_and(|found| is_same(wanted, found, case)) {
                    (pattern, text) = (after, rest);
                    continue;
                }
            }
            None if text.as_str().is_empty() => return Some(true),
            None => {}
        }
        let Some((after_star, mut taken)) = last_star else { return Some(false) };
        if taken.next().is_none() {
            return Some(false);
        }
        (pattern, text) = (after_star.clone(), taken.clone());
        last_star = Some((after_star, taken));
    }
}

fn is_same(wanted: Glyph, found: char, case: Case) -> bool {
    match wanted {
        Glyph::Char(c) => c == found || (case == Case::Insensitive && c.eq_ignore_ascii_case(&found)),
        Glyph::One | Glyph::Run => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_is_any_run_and_a_question_mark_is_one_character() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "abc", true),
            ("?", "", false),
            ("?", "é", true),
            ("?", "ab", false),
            ("a?c", "ac", false),
            ("a*c", "abcabc", true),
            ("a*c", "abcab", false),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "aab", false),
            ("eks:Describe*", "eks:DescribeCluster", true),
            ("eks:describe*", "eks:DescribeCluster", false),
        ] {
            assert_eq!(matches(pattern, text, Case::Sensitive), expected, "{pattern} on {text}");
        }
        assert!(matches("EKS:describe*", "eks:DescribeCluster", Case::Insensitive));
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let pattern = "*a".repeat(2000) + "b";
        assert!(!matches(&pattern, &"a".repeat(4000), Case::Sensitive));
    }

    #[test]
    fn a_match_that_costs_more_than_it_may_says_neither_yes_nor_no() {
        let (pattern, text) = ("*ab".repeat(500), "a".repeat(9_000));
        let ask = |steps| match_glyphs(pattern.chars().map(Glyph::of), &text, Case::Sensitive, &Fuel::new(steps));
        assert_eq!(ask(100_000), Some(false));
        assert_eq!(ask(10_000), None);
    }

    /// The definition, word for word; exponential, and therefore only for short texts.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|taken| by_definition(rest, &text[taken..])),
            [wanted, rest @ ..] => text
                .split_first()
                .is_some_and(|(c, after)| (*wanted == '?' || wanted == c) && by_definition(rest, after)),
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(matches(&pattern, &text, Case::Sensitive), by_definition(&p, &t));
        }
    }
}
