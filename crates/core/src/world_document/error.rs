//! Why a text is not taken for a World, or a piece of one.

use super::aws_auth::ConfigMapError;
use crate::rbac::RbacError;

/// Each names the place as a path from the top of the text, such as `accessEntries[2].username`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldDocumentError {
    /// Neither JSON nor YAML.
    #[error("the text is neither JSON nor YAML with one document: {0}")]
    Syntax(String),
    /// A value of the wrong kind, or one that makes no sense.
    #[error("{place}: {problem}")]
    Value {
        /// Where.
        place: String,
        /// What is wrong, and what is expected.
        problem: String,
    },
    /// A key that there is not.
    #[error("{place}: unknown key `{key}`; {hint}")]
    UnknownKey {
        /// The object that has it.
        place: String,
        /// The key.
        key: String,
        /// What was probably meant.
        hint: String,
    },
    /// A key that must be there.
    #[error("{place}: `{key}` is missing; {expected}")]
    MissingKey {
        /// The object.
        place: String,
        /// The key.
        key: &'static str,
        /// What should stand there.
        expected: &'static str,
    },
    /// Another version of the format.
    #[error("version {found} of the World format is not known to this version of doorward, which reads version 1")]
    Version {
        /// What the text says.
        found: String,
    },
    /// Rows count that are in no document.
    #[error(
        "what aws-auth says now does not decide alone: {problem}; the server goes on with the rows that it read last, \
         which are not known here; mend the section first"
    )]
    LastGoodRows {
        /// Where, and why it cannot be read.
        problem: String,
    },
    /// A hidden administrator whom nothing recognises.
    #[error(
        "`{arn}` made the cluster, is an administrator in the mode CONFIG_MAP, and has no unique id here; add its \
         `uniqueId` to `creator`, or to the directory"
    )]
    CreatorUnknown {
        /// Whoever made the cluster.
        arn: String,
    },
    /// The ConfigMap.
    #[error(transparent)]
    ConfigMap(#[from] ConfigMapError),
    /// RBAC objects.
    #[error(transparent)]
    Rbac(#[from] RbacError),
}

impl WorldDocumentError {
    pub(super) fn value(place: &str, problem: impl Into<String>) -> Self {
        Self::Value { place: place.to_owned(), problem: problem.into() }
    }
}
