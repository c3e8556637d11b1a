//! What in aws-auth does not count, and the words for it: what is wrong, where, why, and how to fix it.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{NeverMatches, Place, Section};
use crate::username::TemplateError;

/// Something in aws-auth that does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The section that it is in.
    pub section: Section,
    /// The row, by its place in the section's list, from 0; none if it is about the whole section.
    pub row: Option<usize>,
    /// The line within the section's text, from 1.
    pub line: usize,
    /// The column in that line, in characters, from 1.
    pub column: usize,
    /// What it is.
    #[serde(serialize_with = "as_text")]
    pub kind: ProblemKind,
}

impl Problem {
    pub(super) fn new(section: Section, row: Option<usize>, place: Place, kind: ProblemKind) -> Self {
        Self { section, row, line: place.line, column: place.column, kind }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.section)?;
        if let Some(row) = self.row {
            write!(f, ", row {}", row + 1)?;
        }
        write!(f, ", line {}: {}", self.line, self.kind)
    }
}

/// What follows from a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum Effect {
    /// The section cannot be read.
    SectionUnreadable,
    /// The row does not count.
    RowDropped,
    /// The row counts, and another one for the same ARN counts instead of it.
    RowShadowed,
    /// A key of the ConfigMap is ignored.
    KeyIgnored,
    /// What follows the first document is ignored.
    TextIgnored,
    /// The row is kept, and nobody can ever be whom it names.
    RowDead,
    /// The row counts, and says something else than its author can have meant.
    RowHazardous,
    /// Which of several rows counts is decided at random, request by request.
    RowAmbiguous,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// No YAML.
    #[error("the text is not YAML ({message}); every row of the section is lost until it is")]
    Syntax {
        /// What the parser says.
        message: String,
    },
    /// Larger than any ConfigMap.
    #[error("the text is larger than 1 MiB, more than a ConfigMap holds")]
    TooLarge,
    /// An alias without an anchor above it, inside its own, or too many.
    #[error("an alias names no anchor that is complete above it, or aliases copy too much; write the rows out")]
    Aliases,
    /// More than one document.
    #[error("a second document begins here with `---`, and its rows would not count; keep all rows in one list")]
    Documents,
    /// Something else than a list.
    #[error("expected a list of rows, found {found}; begin each row with `- `")]
    NotAList {
        /// What stands there.
        found: String,
    },
    /// A row that is no mapping.
    #[error("expected a row with keys such as `{expected}`, found {found}")]
    NotAMapping {
        /// The key of the ARN here.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A key that is no text.
    #[error("expected a key such as `{expected}`, found {found}")]
    Key {
        /// The key of the ARN here.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// The same key twice.
    #[error("the key `{key}` stands here twice; keep one of them")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// No ARN.
    #[error("`{expected}` is missing or empty; add the ARN that this row is for")]
    NoArn {
        /// The key of the ARN here.
        expected: &'static str,
    },
    /// The other section's key.
    #[error("the ARN's key is `{found}`, which does not count in this section; write `{expected}`, or move the row")]
    WrongArnKey {
        /// The key of the ARN here.
        expected: &'static str,
        /// The key that stands there.
        found: &'static str,
    },
    /// A row for a permission set of IAM Identity Center.
    #[error("rows with `sso` are not supported and match nobody; write the role's ARN, without its path, as `rolearn`")]
    Sso,
    /// A value that is no text.
    #[error("`{key}` is {found}, expected text; put it in quotes if it is meant as text")]
    NotText {
        /// The key.
        key: &'static str,
        /// What stands there.
        found: String,
    },
    /// A template without quotes, which YAML takes for a mapping.
    #[error(
        "`{key}` begins with `{{{{` and is not in quotes, so YAML takes it for a mapping (on EKS, the whole section is \
         lost); put it in quotes"
    )]
    Unquoted {
        /// The key.
        key: &'static str,
    },
    /// No username.
    #[error("`username` is missing or empty; add one, or nobody could tell who this is")]
    NoUsername,
    /// Groups that are no list.
    #[error("`groups` is {found}, expected a list; write each group on a line of its own with `- `")]
    GroupsNotAList {
        /// What stands there.
        found: String,
    },
    /// A group without a name.
    #[error("a group in `groups` is empty; remove it")]
    EmptyGroup,
    /// A placeholder that does not exist.
    #[error("in `{key}`, {error}")]
    Template {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        error: TemplateError,
    },
    /// No account.
    #[error("expected an account id of 12 digits, found {found}")]
    NotAnAccount {
        /// What stands there.
        found: String,
    },
    /// A row that another one hides.
    #[error("row {} of `{section}` is for the same ARN and counts instead of this one; remove one of them", row + 1)]
    Shadowed {
        /// The section of the row that counts.
        section: Section,
        /// The row that counts, from 0.
        row: usize,
    },
    /// A key that the authenticator cannot take, which costs the section.
    #[error(
        "a key is {found}, which AWS's authenticator cannot take for one, so that every row of the section is lost; \
         write a name such as `{expected}`"
    )]
    KeyLosesSection {
        /// The key of the ARN here.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A template without quotes, where it costs the section.
    #[error(
        "something begins with `{{{{` and is not in quotes, so YAML takes it for a mapping, and every row of the section \
         is lost; put it in quotes"
    )]
    UnquotedLosesSection,
    /// A tag that lies, which costs the section.
    #[error("{found} is not what its tag says, so that every row of the section is lost; remove the tag")]
    TagLosesSection {
        /// What stands there.
        found: String,
    },
    /// A tag that lies, in `mapAccounts`.
    #[error("{found} is not what its tag says, so that it and every row after it is lost; remove the tag")]
    TagLosesRest {
        /// What stands there.
        found: String,
    },
    /// A number that JSON has not, which costs the section.
    #[error(
        "`{found}` is a number that AWS's authenticator cannot pass on, so that every row of the section is lost; put it \
         in quotes"
    )]
    NumberLosesSection {
        /// The number.
        found: String,
    },
    /// `<<` with something else than mappings.
    #[error("`<<` merges {found}, expected a mapping; every row of the section is lost until it is one")]
    Merge {
        /// What stands there.
        found: String,
    },
    /// Something after the first document.
    #[error("the list ends here, and whatever follows is ignored; keep all rows in one list")]
    RestIgnored,
    /// A row whose ARN nobody has.
    #[error("the row lets nobody in, because {0}; correct the ARN, or remove the row")]
    NeverMatches(NeverMatches),
    /// A row of `mapAccounts` that is no account.
    #[error("{found} is not an account id of 12 digits, so that nobody is of that account")]
    NobodysAccount {
        /// What stands there.
        found: String,
    },
    /// A row for a permission set, which is not switched on.
    #[error("rows with `sso` match nobody on EKS; write the role's ARN, without its path, as `rolearn`")]
    SsoOff,
    /// A row that names a permission set wrongly, or a role as well.
    #[error("the row is dropped, because {why}")]
    SsoDropped {
        /// What is wrong.
        why: &'static str,
    },
    /// A row without a username.
    #[error(
        "`username` is {found}, and the row counts all the same: its callers come in under an empty name, in its groups"
    )]
    Nameless {
        /// What stands there.
        found: String,
    },
    /// Groups that are no list.
    #[error("`groups` is {found}, and the row counts all the same, without any group")]
    GroupsLost {
        /// What stands there.
        found: String,
    },
    /// A group that is no text.
    #[error("a group is {found}, and its callers are in a group with an empty name instead")]
    GroupNameless {
        /// What stands there.
        found: String,
    },
    /// A placeholder that does not exist.
    #[error("`{placeholder}` in `{key}` is not a placeholder, and its braces become part of the name")]
    LiteralPlaceholder {
        /// The key.
        key: &'static str,
        /// What stands there.
        placeholder: String,
    },
    /// Rows for one user that differ in case.
    #[error(
        "{} for the same user, in another case, and which of them counts is decided at random, request by request",
        rows_of(*section, rows)
    )]
    Ambiguous {
        /// The section of the others.
        section: Section,
        /// The other rows, from 0.
        rows: Vec<usize>,
    },
    /// A key of the ConfigMap that differs from a section's in case only.
    #[error("the key `{key}` of the ConfigMap is ignored, because keys are case-sensitive; rename it to `{expected}`")]
    MisspeltKey {
        /// The key as it is.
        key: String,
        /// The key as it should be.
        expected: &'static str,
    },
}

impl ProblemKind {
    /// What follows from it.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Syntax { .. }
            | Self::TooLarge
            | Self::Aliases
            | Self::Documents
            | Self::NotAList { .. }
            | Self::KeyLosesSection { .. }
            | Self::UnquotedLosesSection
            | Self::NumberLosesSection { .. }
            | Self::TagLosesSection { .. }
            | Self::Merge { .. } => Effect::SectionUnreadable,
            Self::Shadowed { .. } => Effect::RowShadowed,
            Self::RestIgnored | Self::TagLosesRest { .. } => Effect::TextIgnored,
            Self::NeverMatches(_) | Self::NobodysAccount { .. } | Self::SsoOff => Effect::RowDead,
            Self::Nameless { .. }
            | Self::GroupsLost { .. }
            | Self::GroupNameless { .. }
            | Self::LiteralPlaceholder { .. } => Effect::RowHazardous,
            Self::Ambiguous { .. } => Effect::RowAmbiguous,
            Self::MisspeltKey { .. } => Effect::KeyIgnored,
            _ => Effect::RowDropped,
        }
    }
}

/// At most five rows by their number.
fn rows_of(section: Section, rows: &[usize]) -> String {
    let numbers: Vec<String> = rows.iter().take(5).map(|row| (row + 1).to_string()).collect();
    let more = if rows.len() > 5 { " and more" } else { "" };
    let (noun, verb) = if rows.len() == 1 { ("row", "is") } else { ("rows", "are") };
    format!("{noun} {}{more} of `{section}` {verb}", numbers.join(", "))
}

fn as_text<S: Serializer>(kind: &ProblemKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(kind)
}
