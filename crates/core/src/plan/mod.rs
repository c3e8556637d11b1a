//! The plan of a migration from aws-auth to access entries: what becomes of every row, and the steps that get there
//! without a moment in which somebody has less access than before and after.
//!
//! Sources: Amazon EKS user guide, "Migrating existing aws-auth ConfigMap entries to access entries" and "Change
//! authentication mode"; API reference of CreateAccessEntry and AssociateAccessPolicy.

mod accounts;
mod action;
mod apply;
mod bindings;
mod describe;
mod entry;
mod groups;
mod known;
mod manifest;
mod names;
mod node;
mod order;
mod pattern;
mod policy;
mod principal;
mod removal;
pub mod render;
mod row;
mod rows;
mod stop;
mod target;
mod username;
mod verdict;
mod warnings;

use serde::{Deserialize, Serialize};

use crate::account_id::AccountId;
use crate::arn::Arn;
use crate::aws_auth::edit::Data;
use crate::world::World;
use crate::world_document::{WorldDocument, WorldDocumentError};
use known::Known;

pub use action::{Action, MappingRow, Step};
pub use apply::ApplyError;
pub use manifest::{BindingManifest, ManifestError};
pub use removal::RemovalError;
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
    /// The cluster's account, where the document does not say it: nodes must be of it.
    pub cluster_account: Option<AccountId>,
}

impl Plan {
    /// Whether somebody must decide something: a row stays in aws-auth, or something is lost or gained.
    pub fn needs_a_decision(&self) -> bool {
        self.rows.iter().any(RowVerdict::needs_a_decision)
    }
}

/// Makes the plan of a document.
///
/// # Errors
/// If the document makes no World.
pub fn plan(document: &WorldDocument, options: &PlanOptions) -> Result<Plan, WorldDocumentError> {
    Ok(planned(document, &document.to_complete_world()?, options).0)
}

/// Makes the plan of a document whose World is `world`, and the document after all its steps: what [`plan`] and
/// [`Plan::after`] give, without reading a large aws-auth again for either of them.
///
/// # Errors
/// As for [`Plan::after`].
pub fn plan_and_after(
    document: &WorldDocument,
    world: &World,
    options: &PlanOptions,
) -> Result<(Plan, WorldDocument), ApplyError> {
    let (plan, left) = planned(document, world, options);
    let after = plan.after_with(document, left)?;
    Ok((plan, after))
}

/// The plan, and the data of aws-auth that it leaves.
fn planned(document: &WorldDocument, world: &World, options: &PlanOptions) -> (Plan, Option<Data>) {
    let rbac = document.rbac.as_ref().map(|_| world.rbac().as_ref());
    let arn = document.cluster.as_ref().and_then(|cluster| cluster.arn.as_deref());
    let arn = arn.and_then(|arn| Arn::parse(arn).ok());
    let account = arn.and_then(|arn| arn.account.parse().ok()).or(options.cluster_account);
    let known = Known::new(world, rbac, account, arn.map(|arn| arn.partition));
    of_world(&known, document.aws_auth.as_ref().map(|aws_auth| &aws_auth.data), options)
}

/// Makes the plan of a World whose aws-auth has this data.
fn of_world(known: &Known<'_>, data: Option<&Data>, options: &PlanOptions) -> (Plan, Option<Data>) {
    let mut judged = rows::judge(known);
    let mut warnings = warnings::warnings(known, &judged);
    let mut plan = Plan::default();
    let mut left = data.cloned();
    if judged.iter().any(|row| rows::blocks_the_mode(&row.verdict)) {
        warnings.push("nothing is planned, because the change of the mode would take access away".to_owned());
    } else {
        let ordered = order::steps(&mut judged, known, data, options);
        plan.steps = ordered.steps;
        left = ordered.left;
        warnings.extend(ordered.warnings);
    }
    plan.rows = judged.into_iter().map(|judged| judged.verdict).collect();
    plan.warnings = warnings;
    (plan, left)
}
