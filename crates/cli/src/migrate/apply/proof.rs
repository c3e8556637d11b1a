//! What the proof says to a plan that is about to be carried out.

use std::collections::BTreeSet;
use std::path::Path;

use doorward_core::certificate::{Certificate, check};
use doorward_core::compare::{Difference, compare};
use doorward_core::world::World;
use doorward_core::world_document::WorldDocument;

use crate::error::CliError;

/// What differs, and what of it is accepted.
#[derive(Debug, Default)]
pub(super) struct Proof {
    /// Differences that nobody accepted, in words.
    pub(super) open: Vec<String>,
    /// The ids of those that were.
    pub(super) accepted: Vec<String>,
    /// Ids that were to be accepted and that no difference has.
    pub(super) unused: Vec<String>,
}

/// Compares the World before with the one after, and takes out what is accepted.
pub(super) fn prove(before: &World, after: &World, accept: &[String]) -> Proof {
    let accept: BTreeSet<&str> = accept.iter().map(String::as_str).collect();
    let comparison = compare(before, after);
    let mut proof = Proof::default();
    for difference in &comparison.differences {
        if accept.contains(difference.id.as_str()) {
            proof.accepted.push(difference.id.clone());
        } else {
            proof.open.push(in_words(difference));
        }
    }
    let known: BTreeSet<&str> = comparison.differences.iter().map(|difference| difference.id.as_str()).collect();
    proof.unused = accept.difference(&known).map(|&id| id.to_owned()).collect();
    proof
}

fn in_words(difference: &Difference) -> String {
    format!("{}: {}", difference.id, difference.sentence)
}

/// Reads a certificate, checks it by the independent procedure, and sees that it is about these Worlds. Gives the ids
/// that whoever made it accepted.
///
/// # Errors
/// If it cannot be read, does not hold, or is about other Worlds: what decides access on the cluster changed since.
pub(super) fn accepted_by(path: &Path, before: &WorldDocument, after: &WorldDocument) -> Result<Vec<String>, CliError> {
    let failed = |problem: String| CliError::Failed(format!("the certificate `{}` {problem}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(format!("cannot be read: {error}")))?;
    let certificate: Certificate =
        serde_json::from_str(&text).map_err(|error| failed(format!("is none of `migrate prove`: {error}")))?;
    check(&certificate).map_err(|error| failed(format!("does not hold: {error}")))?;
    for (side, sealed, document) in [("before", &certificate.before, before), ("after", &certificate.after, after)] {
        if sealed.digest != document.digest() {
            return Err(failed(format!(
                "is about another World ({side}): what decides access on the cluster, or the plan, changed since; prove anew"
            )));
        }
    }
    Ok(certificate.accepted)
}
