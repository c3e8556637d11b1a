//! Where a migration stands, as its journal tells it.

use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::plan::Action;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::journal::{Event, Opening};

/// Where a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Steps are being done, or were when it crashed.
    Applying,
    /// All steps that can be taken back are done, and wait for a confirmation.
    AwaitingConfirmation,
    /// It is confirmed; steps that cannot be taken back are being done.
    Confirmed,
    /// All is done.
    Finished,
    /// Everything is being taken back.
    Reverting,
    /// Everything is taken back.
    Reverted,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StepState {
    /// Nothing was done.
    Pending,
    /// It may have been done.
    Started,
    /// It is done.
    Done,
    /// It was so before.
    WasSo,
    /// It may have been taken back.
    Undoing,
    /// It is taken back.
    Undone,
}

/// Where a migration stands.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    pub(crate) steps: Vec<StepState>,
    /// When everything is taken back, if nobody confirms. While steps are done it is pushed on by each of them.
    pub(crate) deadline: Timestamp,
    /// Why it is or was taken back.
    pub(crate) reason: Option<String>,
    /// When something happened last.
    pub(crate) last_at: Timestamp,
    within: SignedDuration,
}

impl Progress {
    pub(super) fn new(opening: &Opening) -> Self {
        let within = SignedDuration::from_secs(i64::try_from(opening.confirm_within_seconds).unwrap_or(i64::MAX));
        Self {
            phase: Phase::Applying,
            steps: vec![StepState::Pending; opening.steps.len()],
            deadline: later(opening.started_at, within),
            reason: None,
            last_at: opening.started_at,
            within,
        }
    }

    pub(super) fn take(&mut self, event: &Event, at: Timestamp) {
        self.last_at = at;
        if self.phase == Phase::Applying {
            self.deadline = later(at, self.within);
        }
        match event {
            Event::Started { step } => self.set(*step, StepState::Started),
            Event::Done { step, by_us } => self.set(*step, if *by_us { StepState::Done } else { StepState::WasSo }),
            Event::Applied { deadline } => {
                self.phase = Phase::AwaitingConfirmation;
                self.deadline = *deadline;
            }
            Event::Confirmed => self.phase = Phase::Confirmed,
            Event::Finished => self.phase = Phase::Finished,
            Event::Reverting { reason } => {
                self.phase = Phase::Reverting;
                self.reason = Some(reason.clone());
            }
            Event::Undoing { step } => self.set(*step, StepState::Undoing),
            Event::Undone { step } => self.set(*step, StepState::Undone),
            Event::Reverted => self.phase = Phase::Reverted,
        }
    }

    fn set(&mut self, step: usize, state: StepState) {
        if let Some(step) = self.steps.get_mut(step) {
            *step = state;
        }
    }

    /// The state of a step.
    pub(crate) fn step(&self, at: usize) -> StepState {
        self.steps.get(at).copied().unwrap_or(StepState::Pending)
    }

    /// How many steps are done or were so.
    pub(crate) fn done(&self) -> usize {
        self.steps.iter().filter(|state| matches!(state, StepState::Done | StepState::WasSo)).count()
    }

    /// Whether the time for a confirmation is over.
    pub(crate) fn is_overdue(&self, now: Timestamp) -> bool {
        matches!(self.phase, Phase::Applying | Phase::AwaitingConfirmation)
            && self.within.is_positive()
            && now >= self.deadline
    }
}

impl Opening {
    /// The first step that cannot be taken back and after which what came before cannot be either: the change to the
    /// mode API. Where there is none, the number of steps.
    pub(crate) fn point_of_no_return(&self) -> usize {
        let is_it = |action: &Action| matches!(action, Action::SetMode(AuthenticationMode::Api));
        self.steps.iter().position(|step| is_it(&step.action)).unwrap_or(self.steps.len())
    }

    /// Whether there is anything to wait for a confirmation with: a step that could be taken back.
    pub(crate) fn is_reversible(&self) -> bool {
        self.steps.iter().take(self.point_of_no_return()).any(|step| step.undo.is_some())
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
