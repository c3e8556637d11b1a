//! Doing the steps of a migration, and taking them back. Every step is in the journal before and after, so that
//! whoever comes after a crash goes on where it stopped, in either direction.

use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::aws_auth::put_back::put_back;
use doorward_core::plan::{Action, Step};
use jiff::{SignedDuration, Timestamp};

use super::journal::{Event, Journal, JournalError};
use super::perform::{Patience, State, StepError, perform, state};
use super::progress::{Phase, StepState};
use super::target::{Data, Target, TargetError};

/// Why a migration stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The journal: without it nothing is done.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A step.
    #[error("step {} (`{id}`): {error}", number + 1)]
    Step {
        /// Its place, from 0.
        number: usize,
        /// Its id.
        id: String,
        /// What went wrong.
        error: StepError,
    },
    /// What was done does not have the effect that it must have.
    #[error("{0}")]
    Review(String),
    /// The cluster cannot be asked.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// Why a migration was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    /// Everything is as it was.
    #[error("{0}; everything that was done is taken back")]
    TakenBack(RunError),
    /// Not even taking back worked.
    #[error("{error}; and it cannot be taken back now: {problem}")]
    HalfWay {
        /// What went wrong first.
        error: RunError,
        /// What went wrong then.
        problem: RunError,
    },
}

/// What is told before each step is done or taken back: its place, from 0, and what it is.
pub(crate) type Tell<'a> = &'a dyn Fn(usize, &Step);

/// Everything that a run needs beside the journal.
pub(crate) struct Run<'a, T> {
    pub(crate) target: &'a T,
    pub(crate) patience: Patience,
    /// Whether taking back does not wait for what API servers remember of tokens.
    pub(crate) at_once: bool,
    /// Told before each step.
    pub(crate) tell: Tell<'a>,
}

impl<T: Target> Run<'_, T> {
    /// Does the steps that can be taken back and are not done yet.
    ///
    /// # Errors
    /// At the first that fails.
    pub(crate) async fn forward(&self, journal: &mut Journal) -> Result<(), RunError> {
        let end = journal.opening().point_of_no_return();
        self.steps(journal, 0, end).await
    }

    /// Does the steps that can be taken back, looks at their effect, and takes everything back if either fails.
    ///
    /// # Errors
    /// [`Stopped`], which says what is so now.
    pub(crate) async fn apply(
        &self,
        journal: &mut Journal,
        review: impl AsyncFn() -> Result<(), String>,
    ) -> Result<(), Stopped> {
        let done = match self.forward(journal).await {
            Ok(()) => review().await.map_err(RunError::Review),
            Err(error) => Err(error),
        };
        let failed = match done {
            Ok(()) => self.applied(journal),
            Err(error) => Err(error),
        };
        let Err(error) = failed else { return Ok(()) };
        match self.back(journal, &error.to_string()).await {
            Ok(()) => Err(Stopped::TakenBack(error)),
            Err(problem) => Err(Stopped::HalfWay { error, problem }),
        }
    }

    /// Says that the steps are done, and until when they can be confirmed.
    ///
    /// # Errors
    /// If it cannot be written down.
    pub(crate) fn applied(&self, journal: &mut Journal) -> Result<(), RunError> {
        let within = i64::try_from(journal.opening().confirm_within_seconds).unwrap_or(i64::MAX);
        let deadline = Timestamp::now().checked_add(SignedDuration::from_secs(within)).unwrap_or(Timestamp::MAX);
        Ok(journal.append(Event::Applied { deadline })?)
    }

    /// Confirms: nothing is taken back by itself any more, and what cannot be taken back is done.
    ///
    /// # Errors
    /// At the first step that fails; what is confirmed stays so, and doing this again goes on.
    pub(crate) async fn confirm(&self, journal: &mut Journal) -> Result<(), RunError> {
        if journal.phase() != Phase::Confirmed {
            journal.append(Event::Confirmed)?;
        }
        let (begin, end) = (journal.opening().point_of_no_return(), journal.opening().steps.len());
        self.steps(journal, begin, end).await?;
        Ok(journal.append(Event::Finished)?)
    }

    async fn steps(&self, journal: &mut Journal, begin: usize, end: usize) -> Result<(), RunError> {
        let mut last: Option<Action> = None;
        for number in begin..end {
            let Some(step) = journal.opening().steps.get(number).cloned() else { break };
            let was = journal.progress().step(number);
            if !matches!(was, StepState::Pending | StepState::Started) {
                // Done before a crash, possibly just before.
                last = Some(step.action);
                continue;
            }
            (self.tell)(number, &step);
            let failed = |error| RunError::Step { number, id: step.id.clone(), error };
            self.settle(last.as_ref(), &step.action).await.map_err(failed)?;
            last = Some(step.action.clone());
            if was == StepState::Pending {
                match state(self.target, &step.action).await.map_err(|error| failed(error.into()))? {
                    State::InForce => {
                        journal.append(Event::Done { step: number, by_us: false })?;
                        continue;
                    }
                    State::Conflict(problem) => return Err(failed(StepError::Conflict(problem))),
                    State::Open => journal.append(Event::Started { step: number })?,
                }
            }
            perform(self.target, &step.action, &self.patience).await.map_err(failed)?;
            journal.append(Event::Done { step: number, by_us: true })?;
        }
        Ok(())
    }

    /// Takes everything back that was done, last things first.
    ///
    /// In the mode API aws-auth is not asked, and EKS does not change the mode back: then entries stay, because they are
    /// the only way in, and only the ConfigMap is made again, for the record.
    ///
    /// # Errors
    /// At the first step that cannot be taken back; doing this again goes on there.
    pub(crate) async fn back(&self, journal: &mut Journal, reason: &str) -> Result<(), RunError> {
        let mode = self.settled_mode().await?;
        if journal.phase() != Phase::Reverting {
            journal.append(Event::Reverting { reason: reason.to_owned() })?;
        }
        let mut last: Option<Action> = None;
        for number in (0..journal.opening().steps.len()).rev() {
            let Some(step) = journal.opening().steps.get(number).cloned() else { continue };
            let is_ours =
                matches!(journal.progress().step(number), StepState::Started | StepState::Done | StepState::Undoing);
            let Some(undo) = step.undo.as_ref() else { continue };
            if !is_ours {
                // Taken back before a crash, possibly just before.
                last = Some(undo.clone()).filter(|_| journal.progress().step(number) == StepState::Undone).or(last);
                continue;
            }
            if mode == AuthenticationMode::Api && !is_of_aws_auth(undo) {
                continue;
            }
            (self.tell)(number, &step);
            let failed = |error| RunError::Step { number, id: step.id.clone(), error };
            self.settle(last.as_ref(), undo).await.map_err(failed)?;
            self.forget_tokens(last.as_ref(), undo).await;
            last = Some(undo.clone());
            journal.append(Event::Undoing { step: number })?;
            self.undo(&step.action, undo).await.map_err(failed)?;
            journal.append(Event::Undone { step: number })?;
        }
        Ok(journal.append(Event::Reverted)?)
    }

    /// Before an action of another kind than the last: waits until what the last ones did is known to whoever decides.
    /// The steps of a plan are ordered so that those of one kind do not depend on each other.
    async fn settle(&self, last: Option<&Action>, next: &Action) -> Result<(), StepError> {
        let Some(last) = last.filter(|last| std::mem::discriminant(*last) != std::mem::discriminant(next)) else {
            return Ok(());
        };
        let mut tries = 0;
        while !self.target.has_settled(last).await? {
            tries += 1;
            if tries > self.patience.mode_tries {
                return Err(StepError::NotInForce { seconds: u64::from(tries) * self.patience.look.as_secs() });
            }
            tokio::time::sleep(self.patience.look).await;
        }
        tokio::time::sleep(self.target.settling_time(last)).await;
        Ok(())
    }

    /// While taking back: waits until everybody who was let in before an entry changed is let in anew. Whoever is taken for
    /// who they were needs the policies and bindings of that time. (Going forward nobody does: what an identity of before
    /// may do is not taken away.)
    async fn forget_tokens(&self, last: Option<&Action>, next: &Action) {
        let changes_identities = |action: &&Action| {
            matches!(action, Action::UpdateEntry { .. } | Action::DeleteEntry { .. } | Action::CreateEntry { .. })
        };
        let is_other = |last: &&Action| std::mem::discriminant(*last) != std::mem::discriminant(next);
        if !self.at_once && last.filter(changes_identities).filter(is_other).is_some() {
            tokio::time::sleep(self.target.memory_of_tokens()).await;
        }
    }

    /// The mode once it does not change any more: an entry that is removed while the mode becomes API locks somebody out.
    async fn settled_mode(&self) -> Result<AuthenticationMode, RunError> {
        for _ in 0..self.patience.mode_tries {
            if let Some(mode) = self.target.mode().await? {
                return Ok(mode);
            }
            tokio::time::sleep(self.patience.pause).await;
        }
        Err(RunError::Review("the cluster's authentication mode does not settle; try again when it does".to_owned()))
    }

    async fn undo(&self, action: &Action, undo: &Action) -> Result<(), StepError> {
        if let Action::UpdateEntry { principal_arn, .. } | Action::AssociatePolicy { principal_arn, .. } = undo {
            // An entry that somebody removed has nothing to take back.
            if self.target.entry(principal_arn).await?.is_none() {
                return Ok(());
            }
        }
        match (action, undo) {
            (Action::RemoveMapping { rows, .. }, Action::RestoreSection { section, text }) => {
                let rows: Vec<usize> = rows.iter().map(|row| row.index).collect();
                let restore = |data: &Data| put_back(data, *section, text, &rows).map_err(|error| error.to_string());
                self.restore(&restore).await
            }
            (_, Action::RestoreAwsAuth { data }) => {
                // Whoever made it again meanwhile has made it as it is to be.
                if self.target.aws_auth().await?.is_some_and(|found| found.data != *data) {
                    return Ok(());
                }
                perform(self.target, undo, &self.patience).await
            }
            _ => perform(self.target, undo, &self.patience).await,
        }
    }

    /// Edits aws-auth until the edit holds.
    async fn restore(&self, edit: &dyn Fn(&Data) -> Result<Data, String>) -> Result<(), StepError> {
        let mut tries = 0;
        loop {
            let found = self.target.aws_auth().await?;
            let before = found.as_ref().map(|found| found.data.clone()).unwrap_or_default();
            let wanted = edit(&before).map_err(StepError::Conflict)?;
            if found.is_some() && wanted == before {
                return Ok(());
            }
            tries += 1;
            match self.target.put_aws_auth(found.as_ref(), Some(&wanted)).await {
                Ok(()) => {}
                Err(TargetError::Changed(_) | TargetError::NotYet(_)) if tries < self.patience.tries => {
                    tokio::time::sleep(self.patience.pause).await;
                }
                Err(error) => return Err(error.into()),
            }
            if tries > self.patience.tries {
                return Err(StepError::NotInForce { seconds: self.patience.pause.as_secs() * u64::from(tries) });
            }
        }
    }
}

fn is_of_aws_auth(action: &Action) -> bool {
    matches!(action, Action::RestoreSection { .. } | Action::RestoreAwsAuth { .. })
}
