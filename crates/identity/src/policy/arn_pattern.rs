//! Patterns of ARNs, in `Resource` and in the ARN operators of conditions.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Resource" and "Amazon Resource Name (ARN) condition operators": each
//! of the six sections is compared on its own.

use super::certainty::all;
use super::context::Evaluation;
use super::pattern::{Pattern, Piece, Syntax, pieces};
use super::wildcard::{Case, Glyph};

/// How many sections an ARN has.
const SECTIONS: usize = 6;

/// A pattern of ARNs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ArnPattern {
    sections: Vec<Pattern>,
    /// The whole pattern, in which a wildcard reaches across colons.
    whole: Pattern,
    ends_in_star: bool,
}

impl ArnPattern {
    pub(super) fn parse(text: &str, variables: bool) -> Self {
        let pieces = pieces(text, Syntax { wildcards: true, variables });
        let colon = Piece::Glyph(Glyph::Char(':'));
        let sections =
            pieces.splitn(SECTIONS, |piece| *piece == colon).map(|section| Pattern::from_pieces(section.to_vec()));
        Self {
            sections: sections.collect(),
            ends_in_star: pieces.last() == Some(&Piece::Glyph(Glyph::Run)),
            whole: Pattern::from_pieces(pieces),
        }
    }

    /// Whether an ARN matches section by section, as in conditions; not certain for a pattern that is no ARN's.
    pub(super) fn matches(&self, arn: &str, evaluation: &Evaluation<'_>) -> Option<bool> {
        if self.sections.len() != SECTIONS {
            return None;
        }
        // A variable without a value leaves nothing certain, not even that another section does not fit.
        if let Pattern::Pieces(_) = self.whole {
            self.whole.glyphs(evaluation)?;
        }
        self.match_sections(arn, evaluation)
    }

    /// Whether a resource's ARN matches. Where a wildcard would have to reach across a colon the answer is not certain,
    /// but for a star at the end, which IAM lets stand for all sections that follow.
    pub(super) fn covers(&self, arn: &str, evaluation: &Evaluation<'_>) -> Option<bool> {
        let sections = self.sections.len();
        if (sections == SECTIONS || self.ends_in_star) && self.match_sections(arn, evaluation)? {
            return Some(true);
        }
        match self.whole.matches(arn, Case::Sensitive, evaluation)? {
            true => None,
            false => Some(false),
        }
    }

    fn match_sections(&self, arn: &str, evaluation: &Evaluation<'_>) -> Option<bool> {
        let found = arn.splitn(self.sections.len(), ':');
        if found.clone().count() != self.sections.len() {
            return Some(false);
        }
        all(
            &evaluation.fuel,
            self.sections
                .iter()
                .zip(found)
                .map(|(pattern, section)| pattern.matches(section, Case::Sensitive, evaluation)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::Context;
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/team/a";

    fn ask(pattern: &str, arn: &str) -> (Option<bool>, Option<bool>) {
        let mut context = Context::default();
        context.set("aws:username", "a");
        let evaluation = Evaluation::of(&context);
        let pattern = ArnPattern::parse(pattern, true);
        (pattern.matches(arn, &evaluation), pattern.covers(arn, &evaluation))
    }

    #[test]
    fn each_section_is_compared_on_its_own() {
        let (yes, no, unclear) = (Some(true), Some(false), None);
        for (pattern, condition, resource) in [
            (ROLE, yes, yes),
            ("arn:aws:iam::*:role/team/?", yes, yes),
            ("arn:*:iam:*:*:role/*", yes, yes),
            ("arn:aws:iam::123456789012:role/*", yes, yes),
            ("arn:aws:iam::123456789012:role/${aws:username}", no, no),
            ("arn:aws:iam::123456789012:role/team/${aws:username}", yes, yes),
            ("arn:aws:iam::123456789012:role/${aws:userid}", unclear, unclear),
            ("arn:aws:iam::123456789012:role/Team/*", no, no),
            ("arn:aws:iam::1*:user/*", no, no),
            // Reaching across colons.
            ("arn:aws:*:role/team/a", unclear, unclear),
            ("arn:aws:*", unclear, yes),
            ("arn:aws:eks:*", unclear, no),
            ("arn:*", unclear, yes),
            ("*", unclear, yes),
            ("arn:aws:iam::123*role/team/a", unclear, unclear),
            ("arn:aws:iam", unclear, no),
        ] {
            assert_eq!(ask(pattern, ROLE), (condition, resource), "{pattern}");
        }
    }

    #[test]
    fn a_text_that_is_no_arn_matches_no_arn() {
        for text in ["", "*", "a:b", "arn:aws:iam::1"] {
            assert_eq!(ask("arn:*:*:*:*:*", text).0, Some(false), "{text}");
        }
        // A resource may have colons of its own.
        assert_eq!(ask("arn:aws:x:::a:*", "arn:aws:x:::a:b:c").0, Some(true));
    }
}
