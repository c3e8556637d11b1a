//! `resolve` and `authorize` in core: nanoseconds a call.
//!
//! Callers are spread over the whole World and asked in turn, so that a large World pays for its cache misses too.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward_core::access_policy::{AccessPolicyArn, Catalogue};
use doorward_core::access_scope::AccessScope;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::authorize::{Decision, Subject, authorize};
use doorward_core::partition::Partition;
use doorward_core::principal::Principal;
use doorward_core::rbac::{Attributes, ResourceAttributes};
use doorward_core::resolve::resolve;
use doorward_core::world::World;
use serde_json::json;

use crate::place::{ACCOUNT, entry};
use crate::report::{Report, Rounds, Target, short};
use crate::settings::Settings;

const CALLERS: usize = 1_000;
const CALLS: usize = 50_000;
/// Calls that are timed together.
const BATCH: usize = 20;

#[derive(Clone)]
struct Caller {
    principal: Principal,
    uid: String,
}

/// A World with so many entries; some callers, each with so many associations.
fn world(entries: usize, associations: usize) -> anyhow::Result<(World, Vec<Caller>)> {
    let mut world = World::new(AuthenticationMode::Api);
    // As a server loads it.
    for number in 0..entries {
        world.put_entry(Arc::new(entry(number)?));
    }
    let mut callers = Vec::new();
    let step = (entries / CALLERS).max(1);
    for number in (0..entries).step_by(step) {
        let mut entry = entry(number)?;
        let id = entry.principal_id().unwrap_or_default().to_owned();
        // Others are elsewhere: none of them allows what is asked, all of them are looked at.
        let elsewhere = AccessScope::parse("namespace", &["elsewhere".to_owned()])?;
        let others = Catalogue::built_in()
            .iter()
            .filter(|policy| policy.name != "AmazonEKSViewPolicy" && !policy.service_linked_role_only);
        for policy in others.take(associations - 1) {
            let arn = AccessPolicyArn::new(Partition::Aws, &policy.name);
            let now = entry.created_at();
            let associated = entry.associated(&arn, elsewhere.clone(), Catalogue::built_in(), Partition::Aws, now);
            entry = associated?.0;
        }
        anyhow::ensure!(entry.access_policies.len() == associations, "the catalogue has too few policies");
        world = world.with_entry(entry);
        let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/role-{number:07}/session");
        let principal = Principal::from_caller_identity(&arn, ACCOUNT, &format!("{id}:session"), "ASIABENCH")?;
        callers.push(Caller { principal, uid: format!("aws-iam-authenticator:{ACCOUNT}:{id}") });
    }
    Ok((world, callers))
}

/// Measures Worlds in turn.
pub(crate) fn measure(settings: &Settings, report: &mut Report) -> anyhow::Result<()> {
    let cases = [(10, 1), (10, 20), (settings.entries, 1), (settings.entries, 20)];
    let mut worlds = Vec::new();
    for (entries, associations) in cases {
        worlds.push((entries, associations, world(entries, associations)?, Vec::new(), Vec::new()));
    }
    for round in 0..settings.rounds {
        for (entries, associations, (world, callers), resolved, authorized) in &mut worlds {
            let (one, two) = (time_resolve(world, callers)?, time_authorize(world, callers)?);
            resolved.push(one);
            authorized.push(two);
            let values =
                json!({ "entries": entries, "associations": associations, "resolve_ns": one, "authorize_ns": two });
            report.raw("core", round, &values)?;
        }
    }
    let rounds = |of: &dyn Fn(usize) -> Vec<f64>| (0..worlds.len()).map(|at| Rounds::of(of(at))).collect::<Vec<_>>();
    let at = |at: usize| worlds.get(at);
    let resolved = rounds(&|case| at(case).map(|case| case.3.clone()).unwrap_or_default());
    let authorized = rounds(&|case| at(case).map(|case| case.4.clone()).unwrap_or_default());
    for (name, all) in [("resolve", resolved), ("authorize", authorized)] {
        let first = all.first().map_or(f64::NAN, Rounds::median);
        for ((entries, associations), rounds) in cases.iter().zip(&all) {
            let what = format!("core: {name}, {entries} entries, {associations} associations");
            let from = format!("{} × that of 10 and 1, in time", short(rounds.median() / first));
            report.row(&what, Target::AtMost(1_000.0), rounds, "ns", from);
        }
    }
    let reason = "counted by scripts/instructions.sh, which `make bench` runs first";
    report.not_measured("core: instructions a decision, growth", "≤ 1.3 ×", reason);
    Ok(())
}

fn time_resolve(world: &World, callers: &[Caller]) -> anyhow::Result<f64> {
    time("resolved", callers, |caller| resolve(black_box(world), &caller.principal).is_ok())
}

fn time_authorize(world: &World, callers: &[Caller]) -> anyhow::Result<f64> {
    let asked = ResourceAttributes { verb: "get", resource: "pods", namespace: "carts", ..Default::default() };
    let asked = Attributes::Resource(asked);
    time("allowed", callers, |caller| {
        let subject = Subject { uid: &caller.uid, principal_id: Some(&caller.principal.id.0), canonical_arn: None };
        matches!(authorize(black_box(world), subject, black_box(&asked)), Decision::Allow(_))
    })
}

/// Nanoseconds a call. Callers are copied right before they are asked about, as a webhook has just read them: what
/// they say is in the processor's cache, what the World says of them is wherever it was.
fn time(what: &str, callers: &[Caller], decide: impl Fn(&Caller) -> bool) -> anyhow::Result<f64> {
    let (mut good, mut calls, mut took) = (0, 0, Duration::ZERO);
    for batch in callers.chunks(BATCH).cycle().take(CALLS / BATCH) {
        let fresh = batch.to_vec();
        let started = Instant::now();
        good += fresh.iter().filter(|caller| black_box(decide(caller))).count();
        took += started.elapsed();
        calls += fresh.len();
    }
    anyhow::ensure!(good == calls, "{good} of {calls} were {what}");
    Ok(took.as_nanos() as f64 / calls as f64)
}
