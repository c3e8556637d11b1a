//! What the verbs of a migration share: which cluster, where its state is kept, and how it is reached.

use std::cell::Cell;
use std::io::Write as _;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;

use super::engine::{Journal, Live, Locked, Patience, Phase, Reach, Run, RunError, StateDir};
use crate::aws::{AwsArgs, Environment};
use crate::error::CliError;
use crate::kubernetes::{self, KubernetesArgs};
use crate::talk::Talk;

/// Which cluster.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SiteArgs {
    #[command(flatten)]
    pub(crate) kubernetes: KubernetesArgs,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
}

impl SiteArgs {
    /// The cluster's name.
    ///
    /// # Errors
    /// If neither a flag nor the kubeconfig's context says it.
    pub(super) fn cluster(&self) -> Result<String, CliError> {
        let name = self.kubernetes.cluster.clone().or_else(|| kubernetes::cluster_of_context(&self.kubernetes));
        name.ok_or_else(|| CliError::Usage("which cluster? give it with `--cluster NAME`".to_owned()))
    }

    /// Where the state of its migrations is kept.
    ///
    /// # Errors
    /// If nothing says where, or which cluster.
    pub(super) fn state_dir(&self) -> Result<StateDir, CliError> {
        Ok(StateDir::of(&self.cluster()?, &Environment::of_process())?)
    }

    /// How it is reached, to be kept.
    ///
    /// # Errors
    /// If the current folder is gone.
    pub(super) fn reach(&self) -> Result<Reach, CliError> {
        Ok(Reach {
            kubeconfig: self.kubernetes.kubeconfig.as_ref().map(std::path::absolute).transpose()?,
            context: self.kubernetes.context.clone(),
            profile: self.aws.profile.clone(),
            region: self.aws.region.clone(),
            endpoint_url: self.aws.endpoint_url.clone(),
        })
    }

    /// These flags, and where one is not given, how the migration reached the cluster when it began.
    fn or(&self, cluster: &str, kept: &Reach) -> Self {
        let or = |given: &Option<String>, kept: &Option<String>| given.clone().or_else(|| kept.clone());
        let given = &self.kubernetes;
        let is_given = given.kubeconfig.is_some() || given.context.is_some();
        let (kubeconfig, context) = if is_given {
            (given.kubeconfig.clone(), given.context.clone())
        } else {
            (kept.kubeconfig.clone(), kept.context.clone())
        };
        Self {
            kubernetes: KubernetesArgs { cluster: Some(cluster.to_owned()), kubeconfig, context },
            aws: AwsArgs {
                profile: or(&self.aws.profile, &kept.profile),
                region: or(&self.aws.region, &kept.region),
                endpoint_url: or(&self.aws.endpoint_url, &kept.endpoint_url),
            },
        }
    }
}

/// A migration that is under way or over, with nobody else at it.
pub(super) struct Site {
    pub(super) locked: Locked,
    pub(super) journal: Journal,
    pub(super) live: Live,
}

impl Site {
    /// Takes up the migration of a cluster, if there is one.
    ///
    /// # Errors
    /// If another process works on it, or its journal cannot be read.
    pub(super) fn open(args: &SiteArgs, talk: Talk) -> Result<Option<Self>, CliError> {
        Self::open_in(&args.state_dir()?, args, talk)
    }

    /// The same, in a folder.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub(super) fn open_in(dir: &StateDir, args: &SiteArgs, talk: Talk) -> Result<Option<Self>, CliError> {
        let locked = dir.lock()?;
        let Some(journal) = Journal::open(&dir.journal())? else { return Ok(None) };
        let opening = journal.opening();
        let args = args.or(&opening.cluster, &opening.reach);
        let live = Live::new(opening.cluster.clone(), &args.kubernetes, &args.aws, talk)?;
        Ok(Some(Self { locked, journal, live }))
    }

    /// The cluster whose state this is must be the one that is reached: another region may have one of the same name.
    ///
    /// # Errors
    /// If it is another one.
    pub(super) async fn check(&self) -> Result<(), CliError> {
        let opening = self.journal.opening();
        let now = self.live.aws().describe_cluster(&opening.cluster).await?.arn;
        match &opening.cluster_arn {
            Some(then) if *then != now => Err(CliError::Failed(format!(
                "the migration in `{}` is that of `{then}`, and the cluster reached now is `{now}`; choose the region or \
                 the endpoint of the former, or another `XDG_STATE_HOME`",
                self.locked.dir().path().display()
            ))),
            _ => Ok(()),
        }
    }

    /// Takes everything back if the time for the confirmation is over, or that was under way already. True if it did.
    ///
    /// # Errors
    /// If it cannot be taken back.
    pub(super) async fn revert_if_due(&mut self, talk: Talk) -> Result<bool, CliError> {
        let is_overdue = self.journal.progress().is_overdue(Timestamp::now());
        if !is_overdue && self.journal.phase() != Phase::Reverting {
            return Ok(false);
        }
        self.revert("nobody confirmed in time", false, talk).await?;
        Ok(true)
    }

    /// Takes everything back; `at_once` without waiting for what API servers remember of tokens.
    ///
    /// # Errors
    /// If it cannot be taken back; doing this again goes on.
    pub(super) async fn revert(&mut self, reason: &str, at_once: bool, talk: Talk) -> Result<(), CliError> {
        let progress = Steps::new(talk, "taking back", self.journal.opening().steps.len());
        let tell = |number: usize, step: &doorward_core::plan::Step| progress.tell(number, step);
        Run { at_once, ..run(&self.live, &tell) }.back(&mut self.journal, reason).await?;
        Ok(())
    }
}

/// The engine on a real cluster.
pub(super) fn run<'a>(live: &'a Live, tell: super::engine::Tell<'a>) -> Run<'a, Live> {
    Run { target: live, patience: Patience::default(), at_once: false, tell }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Tells of steps: on a terminal on one line that is written over, elsewhere a line now and then, and nothing at all
/// within the first two seconds.
pub(super) struct Steps {
    talk: Talk,
    what: &'static str,
    count: usize,
    begun: Instant,
    told: Cell<Option<Instant>>,
}

impl Steps {
    pub(super) fn new(talk: Talk, what: &'static str, count: usize) -> Self {
        Self { talk, what, count, begun: Instant::now(), told: Cell::new(None) }
    }

    pub(super) fn tell(&self, number: usize, step: &doorward_core::plan::Step) {
        let every = Duration::from_secs(if self.talk.verbose > 0 { 0 } else { 2 });
        let is_due = match self.told.get() {
            None => self.begun.elapsed() >= every,
            Some(told) => told.elapsed() >= every,
        };
        if is_due {
            self.told.set(Some(Instant::now()));
            self.talk.note(format_args!("{} step {} of {}: {}", self.what, number + 1, self.count, step.id));
        }
    }
}

/// Asks for a typed `yes`, where somebody is there to type it.
///
/// # Errors
/// If nobody is, or the answer is another one.
pub(super) fn ask(question: &str, is_sure: bool) -> Result<(), CliError> {
    use std::io::IsTerminal as _;
    if is_sure {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Usage(format!("{question} Say that you want that with `--yes`")));
    }
    let mut err = std::io::stderr();
    write!(err, "{question}\nType `yes` to go on: ")?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if answer.trim() == "yes" { Ok(()) } else { Err(CliError::Failed("nothing was changed".to_owned())) }
}
