//! Two Worlds, compared: who gains, who loses, and a request that shows it.
//!
//! `compare` looks at every principal there can be (`principals`), for each at finitely many sessions that stand for
//! all (`session`), and for each at every request, as sets (`rights`). It is exact in both directions: what it
//! calls equal is equal for every caller and request, and each difference has a witness that was tried.
//!
//! `system:masters` is a bypass and no right, a node has what the Node authorizer gives it, and an access policy whose
//! rules AWS does not print is equal only to itself: each is compared as what it is.

mod bits;
mod comparer;
mod difference;
mod namespaces;
mod pattern;
mod principals;
mod region;
mod request;
mod rights;
mod sentence;
mod session;
mod sides;
mod universe;

use serde::{Deserialize, Serialize};

use crate::principal::PrincipalArn;
use crate::world::World;

pub use difference::{Difference, DifferenceKind, Identities, Identity, WitnessCaller};
pub use principals::Who;
pub use request::Request;
pub use rights::ScopedRule;

/// What two Worlds have in common and what not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Comparison {
    /// Everybody that was compared.
    pub principals: Vec<PrincipalVerdict>,
    /// Principals that are named and that, by the directory, do not exist.
    pub absent: Vec<PrincipalArn>,
    /// Whatever differs, in the order of the principals.
    pub differences: Vec<Difference>,
}

/// What came out for one principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrincipalVerdict {
    /// Whom it is about.
    pub who: Who,
    /// The kinds of its differences; none if both Worlds are the same to it.
    pub differs: Vec<DifferenceKind>,
}

impl Comparison {
    /// Whether the Worlds are the same to everybody.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Compares two Worlds.
pub fn compare(before: &World, after: &World) -> Comparison {
    let principals::Principals { present, absent } = principals::principals(before, after);
    let mut comparer = comparer::Comparer::new(before, after, principals::namesakes(&present));
    let mut comparison = Comparison { absent, ..Comparison::default() };
    for (who, callers) in present {
        let differences = comparer.differences(&who, &callers);
        let mut differs: Vec<DifferenceKind> = differences.iter().map(|difference| difference.kind).collect();
        differs.sort_unstable();
        differs.dedup();
        comparison.differences.extend(differences);
        comparison.principals.push(PrincipalVerdict { who, differs });
    }
    comparison
}
