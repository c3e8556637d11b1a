//! Before the first step: plan, proof, whom it would lock out, and the copy of everything as it is.

use doorward_core::lock_out::lock_outs;
use doorward_core::plan::{Plan, PlanOptions, plan};
use doorward_core::principal::Principal;
use doorward_core::world_document::WorldDocument;
use jiff::Timestamp;

use super::super::engine::{Backup, Journal, Live, Opening, StateDir, Target as _};
use super::super::site::Site;
use super::{ApplyArgs, ask_for_the_last_step, proof};
use crate::aws::Environment;
use crate::error::{CliError, exit};
use crate::output::{Format, print};
use crate::table::Table;
use crate::talk::Talk;
use crate::world::WorldArgs;

/// What came of the preparation.
pub(super) enum Prepared {
    Ready(Box<Ready>),
    /// There is nothing to do, or something is in the way; the exit code says which.
    Ended(u8),
}

/// A plan that may be carried out.
pub(super) struct Ready {
    pub(super) before: WorldDocument,
    pub(super) plan: Plan,
    pub(super) accepted: Vec<String>,
}

/// What came of the beginning.
pub(super) enum Begun {
    Site(Box<Site>),
    Ended(u8),
}

/// Plans, proves and looks whom it would lock out. Changes nothing.
pub(super) async fn prepare(args: &ApplyArgs, live: &Live, talk: Talk) -> Result<Prepared, CliError> {
    let before = world(args).load(talk).await?;
    let options =
        PlanOptions { is_final: args.is_final, accept_loss: args.accept_loss, cluster_account: args.cluster_account };
    let plan = plan(&before, &options)?;
    plan.warnings.iter().for_each(|warning| talk.warning(warning));
    let needs_a_decision = plan.needs_a_decision();
    if plan.steps.is_empty() {
        talk.note("there is nothing to do");
        return Ok(Prepared::Ended(if needs_a_decision { exit::FINDINGS } else { exit::FINE }));
    }
    let after = plan.after(&before)?;
    if args.is_final && after.authentication_mode.uses_aws_auth() {
        talk.error(
            "nothing was changed: `--final` is asked for, and the plan stops short of it (see the warnings above)",
        );
        return Ok(Prepared::Ended(exit::FINDINGS));
    }
    let mut accept = args.accept.clone();
    if let Some(path) = &args.certificate {
        accept.extend(proof::accepted_by(path, &before, &after)?);
    }
    let (world_before, world_after) = (before.to_complete_world()?, after.to_complete_world()?);
    let proof = proof::prove(&world_before, &world_after, &accept);
    proof.unused.iter().for_each(|id| talk.warning(format_args!("no difference has the id `{id}`")));
    if !proof.open.is_empty() {
        proof.open.iter().for_each(|difference| talk.error(difference));
        let count = proof.open.len();
        let noun = if count == 1 { "difference is" } else { "differences are" };
        talk.error(format_args!("nothing was changed: {count} {noun} not accepted; `--accept ID` accepts one"));
        return Ok(Prepared::Ended(exit::FINDINGS));
    }
    let caller = caller(live).await?;
    let locked_out = lock_outs(&world_before, &world_after, Some(&caller));
    if !locked_out.is_empty() {
        locked_out.iter().for_each(|problem| talk.error(problem));
        talk.error("nothing was changed");
        return Ok(Prepared::Ended(exit::FINDINGS));
    }
    Ok(Prepared::Ready(Box::new(Ready { before, plan, accepted: proof.accepted })))
}

/// Begins a migration: the backup and the journal are on the disk when this returns.
pub(super) async fn begin(args: &ApplyArgs, talk: Talk) -> Result<Begun, CliError> {
    let cluster = args.site.cluster()?;
    let dir = StateDir::of(&cluster, &Environment::of_process())?;
    let locked = dir.lock()?;
    let live = Live::new(cluster.clone(), &args.site.kubernetes, &args.site.aws, talk)?;
    let ready = match prepare(args, &live, talk).await? {
        Prepared::Ready(ready) => *ready,
        Prepared::Ended(code) => return Ok(Begun::Ended(code)),
    };
    if args.is_final {
        ask_for_the_last_step(args.yes, &cluster)?;
    }
    let now = Timestamp::now();
    let backup = dir.backup(now);
    let manifest = live.aws_auth().await.map_err(|error| CliError::Failed(error.to_string()))?;
    let manifest = manifest.map(|found| found.manifest);
    Backup::new(now, ready.before.clone(), manifest).write(&backup)?;
    talk.note(format_args!("everything as it is now is in `{}`", backup.display()));
    let mut opening = Opening::new(cluster, now, backup, ready.plan.steps);
    opening.cluster_arn = ready.before.cluster.as_ref().and_then(|cluster| cluster.arn.clone());
    opening.reach = args.site.reach()?;
    opening.confirm_within_seconds = args.confirm_within.as_secs();
    opening.digest = ready.before.digest();
    opening.accepted = ready.accepted;
    let journal = Journal::begin(&dir.journal(), opening)?;
    Ok(Begun::Site(Box::new(Site { locked, journal, live })))
}

/// Whoever calls, as the token webhook would know them.
pub(super) async fn caller(live: &Live) -> Result<Principal, CliError> {
    let identity = live.aws().caller_identity().await?;
    let principal = Principal::from_caller_identity(&identity.arn, &identity.account, &identity.user_id, "");
    principal.map_err(|error| CliError::Failed(format!("who calls cannot be read: {error}")))
}

fn world(args: &ApplyArgs) -> WorldArgs {
    WorldArgs {
        world: None,
        aws_auth: None,
        access_entries: None,
        rbac: None,
        directory: args.directory.clone(),
        mode: None,
        authenticator: None,
        kubernetes: args.site.kubernetes.clone(),
        aws: args.site.aws.clone(),
    }
}

/// Prints the steps of a plan.
pub(super) fn print_dry_run(format: Format, plan: &Plan) -> Result<(), CliError> {
    print(format, plan, |plan| {
        let mut table = Table::new(["STEP", "WHAT", "WHY"]);
        for (number, step) in plan.steps.iter().enumerate() {
            table.row([(number + 1).to_string(), step.id.clone(), step.why.clone()]);
        }
        table
    })
}
