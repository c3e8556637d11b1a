//! Certificates: what a comparison found, in a form that others can check without believing whoever made it.
//!
//! A certificate holds both Worlds with their digests, a verdict for every principal, every difference with a witness,
//! and which of them somebody accepted. [`check`] tries all of it again by a simpler procedure of its own: it asks
//! `resolve`, `permissions` and `covers`, and shares nothing else with [`compare`](crate::compare).

mod check;
mod coverage;
mod error;
mod evidence;
mod expected;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::compare::{Comparison, Difference, PrincipalVerdict};
use crate::principal::PrincipalArn;
use crate::world_document::WorldDocument;

pub use check::{Checked, check};
pub use error::CheckError;

/// The version of the format.
pub const VERSION: u64 = 1;

/// A comparison of two Worlds that can be checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Certificate {
    /// What it is.
    pub kind: CertificateKind,
    /// [`VERSION`].
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it certifies.
    pub verdict: CertificateVerdict,
    /// The World before.
    pub before: SealedWorld,
    /// The World after.
    pub after: SealedWorld,
    /// Everybody that was compared.
    pub principals: Vec<PrincipalVerdict>,
    /// Principals that are named and that, by the directory, do not exist.
    pub absent: Vec<PrincipalArn>,
    /// Whatever differs.
    pub differences: Vec<Difference>,
    /// The ids of those differences that somebody accepted, sorted.
    pub accepted: Vec<String>,
}

/// What a document is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CertificateKind {
    /// The only kind.
    #[default]
    MigrationCertificate,
}

/// What a certificate certifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateVerdict {
    /// Nobody gains or loses anything.
    Equal,
    /// Somebody does, and every difference was accepted.
    Accepted,
    /// Somebody does, and not all of it was accepted.
    Different,
}

/// A World and its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SealedWorld {
    /// As [`WorldDocument::digest`] gives it.
    pub digest: String,
    /// The World.
    pub world: WorldDocument,
}

impl SealedWorld {
    fn new(world: &WorldDocument) -> Self {
        Self { digest: world.digest(), world: world.clone() }
    }
}

impl Certificate {
    /// Puts a comparison of two documents' Worlds in a certificate. Ids that no difference has accept nothing.
    pub fn new(
        before: &WorldDocument,
        after: &WorldDocument,
        comparison: Comparison,
        accepted: &BTreeSet<String>,
        created_at: Timestamp,
    ) -> Self {
        let Comparison { principals, absent, differences } = comparison;
        let mut ids: Vec<String> = differences.iter().map(|difference| difference.id.clone()).collect();
        ids.retain(|id| accepted.contains(id));
        ids.sort_unstable();
        Self {
            kind: CertificateKind::MigrationCertificate,
            version: VERSION,
            created_at,
            verdict: verdict(&differences, &ids),
            before: SealedWorld::new(before),
            after: SealedWorld::new(after),
            principals,
            absent,
            differences,
            accepted: ids,
        }
    }

    /// The differences that nobody accepted.
    pub fn open_differences(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|difference| !self.accepted.contains(&difference.id))
    }
}

fn verdict(differences: &[Difference], accepted: &[String]) -> CertificateVerdict {
    if differences.is_empty() {
        CertificateVerdict::Equal
    } else if differences.iter().all(|difference| accepted.contains(&difference.id)) {
        CertificateVerdict::Accepted
    } else {
        CertificateVerdict::Different
    }
}
