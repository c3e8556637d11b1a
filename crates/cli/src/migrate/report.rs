//! Where a migration stands, as it is printed.

use jiff::Timestamp;
use serde::Serialize;

use super::engine::{Journal, Phase, StepState};
use crate::table::Table;

/// Where a migration stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) cluster: String,
    pub(super) phase: Phase,
    pub(super) started_at: Timestamp,
    /// When everything is taken back, unless it is confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deadline: Option<Timestamp>,
    /// Why it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    pub(super) backup: String,
    pub(super) accepted: Vec<String>,
    pub(super) steps: Vec<StepReport>,
}

/// Where a step stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StepReport {
    pub(super) id: String,
    pub(super) state: StepState,
    pub(super) why: String,
}

impl Report {
    pub(super) fn of(journal: &Journal) -> Self {
        let (opening, progress) = (journal.opening(), journal.progress());
        let waits = opening.confirm_within_seconds > 0
            && matches!(progress.phase, Phase::Applying | Phase::AwaitingConfirmation);
        let step = |(at, step): (usize, &doorward_core::plan::Step)| StepReport {
            id: step.id.clone(),
            state: progress.step(at),
            why: step.why.clone(),
        };
        Self {
            cluster: opening.cluster.clone(),
            phase: progress.phase,
            started_at: opening.started_at,
            deadline: waits.then_some(progress.deadline),
            reason: progress.reason.clone(),
            backup: opening.backup.display().to_string(),
            accepted: opening.accepted.clone(),
            steps: opening.steps.iter().enumerate().map(step).collect(),
        }
    }

    /// The steps.
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new(["STEP", "STATE", "WHAT"]);
        for (number, step) in self.steps.iter().enumerate() {
            let state = match step.state {
                StepState::Pending => "pending",
                StepState::Started => "begun",
                StepState::Done => "done",
                StepState::WasSo => "was so",
                StepState::Undoing => "being taken back",
                StepState::Undone => "taken back",
            };
            table.row([(number + 1).to_string(), state.to_owned(), step.id.clone()]);
        }
        table
    }
}
