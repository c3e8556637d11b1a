//! The plan of a migration from aws-auth to access entries: what becomes of every row, and the steps that get there
//! without a moment in which somebody has less access than before and after.
//!
//! Sources: Amazon EKS user guide, "Migrating existing aws-auth ConfigMap entries to access entries" and "Change
//! authentication mode"; API reference of CreateAccessEntry and AssociateAccessPolicy.

mod action;
mod manifest;
mod verdict;

use serde::{Deserialize, Serialize};

pub use action::{Action, MappingRow, Step};
pub use manifest::{BindingManifest, ManifestError};
pub use verdict::{Change, ChangeKind, DropCode, KeepCode, Outcome, RowVerdict};

/// What becomes of every row of aws-auth, and the steps that get there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Every row, in the order of aws-auth.
    pub rows: Vec<RowVerdict>,
    /// The steps, in the order in which they must be done.
    pub steps: Vec<Step>,
    /// What else a reader should know.
    pub warnings: Vec<String>,
}

/// What the person who asks for the plan has decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Go on to the mode API, and remove the ConfigMap.
    pub is_final: bool,
    /// Accept that what no entry can say is lost.
    pub accept_loss: bool,
}
