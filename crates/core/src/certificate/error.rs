//! Why a certificate does not hold.

use crate::compare::DifferenceKind;
use crate::world_document::WorldDocumentError;

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// Another version.
    #[error("the certificate has version {found}, and only version {} can be checked", super::VERSION)]
    Version {
        /// What it says.
        found: u64,
    },
    /// A World that was changed.
    #[error("the World {which} has the digest `{found}`, the certificate says `{claimed}`")]
    Digest {
        /// `before` or `after`.
        which: &'static str,
        /// What the certificate says.
        claimed: String,
        /// What it is.
        found: String,
    },
    /// A World that makes no sense.
    #[error("the World {which}: {error}")]
    World {
        /// `before` or `after`.
        which: &'static str,
        /// What is wrong.
        error: WorldDocumentError,
    },
    /// The verdict is not what the differences say.
    #[error("the certificate's verdict is not what its differences say")]
    Verdict,
    /// Accepted ids that no difference has, or in disorder.
    #[error("`{0}` is accepted, and is no difference of this certificate or is accepted twice")]
    Accepted(String),
    /// A principal that nothing is said of.
    #[error("`{0}` is missing: the certificate says nothing of it")]
    Missing(String),
    /// A principal that is said not to exist without reason.
    #[error("`{0}` is called absent, and the directory does not say so")]
    NotAbsent(String),
    /// Verdicts and differences disagree.
    #[error("the verdict on `{0}` is not what its differences say")]
    PrincipalVerdict(String),
    /// A difference whose id is another's.
    #[error("the difference `{0}` does not say what its id stands for")]
    Id(String),
    /// A sentence that says something else than the difference, to whoever reads it and accepts.
    #[error("the sentence of `{0}` does not say what the difference is")]
    Sentence(String),
    /// A witness that shows nothing.
    #[error("the witness of `{0}` shows no such difference")]
    Witness(String),
    /// A difference that the certificate keeps silent.
    #[error("`{who}` has a difference ({kind}) that the certificate does not name, for instance {example}")]
    Silent {
        /// Whom it is about.
        who: String,
        /// What kind of difference.
        kind: DifferenceKind,
        /// When it shows.
        example: String,
    },
}
