//! What in aws-auth does not count, and the words for it: what is wrong, where, why, and how to fix it.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Section;
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
    /// What it is.
    #[serde(serialize_with = "as_text")]
    pub kind: ProblemKind,
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
            Self::Syntax { .. } | Self::TooLarge | Self::Aliases | Self::Documents | Self::NotAList { .. } => {
                Effect::SectionUnreadable
            }
            Self::Shadowed { .. } => Effect::RowShadowed,
            Self::MisspeltKey { .. } => Effect::KeyIgnored,
            _ => Effect::RowDropped,
        }
    }
}

fn as_text<S: Serializer>(kind: &ProblemKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(kind)
}
