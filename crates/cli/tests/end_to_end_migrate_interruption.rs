//! `doorward migrate` on a real kube-apiserver: it may be killed at any step, and what nobody confirms is taken back.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here has found what it looks for")]

mod migrating;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use migrating::{Lab, both};
use serde_json::Value;

/// Starts `migrate apply` and kills it as soon as its journal says that this step begins. Gives the steps that it has
/// begun by then.
fn kill_at(lab: &Lab, flags: &str, step: usize) -> usize {
    let mut apply: Child = lab.sh(&lab.apply(flags)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let begins = |event: &Value| matches!(event["event"].as_str(), Some("started" | "done")) && event["step"] == step;
    while !lab.journal().iter().any(begins) {
        assert!(apply.try_wait().unwrap().is_none(), "it ended before step {step}: {:#?}", lab.journal());
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_micros(200));
    }
    // SIGKILL.
    let _ = apply.kill();
    apply.wait().unwrap();
    lab.journal().iter().filter(|event| event["event"] == "started").count()
}

#[test]
fn killed_at_every_step_in_turn_it_goes_on_or_goes_back_and_ends_nowhere_else() {
    let lab = Lab::up();
    let old = lab.decides();
    let accept = lab.accept();
    lab.ok(&lab.apply(&accept));
    let new = lab.decides();
    let rollback = "doorward migrate rollback --cluster $EKS_CLUSTER_NAME --at-once";
    lab.ok(rollback);
    assert_ne!(old, new);
    let status: Value =
        serde_json::from_str(&lab.ok("doorward migrate status --cluster $EKS_CLUSTER_NAME -o json")).unwrap();
    let count = status["migration"]["steps"].as_array().unwrap().len();
    assert!(count >= 8, "{status:#}");
    for step in 0..count {
        for goes_on in [true, false] {
            let begun = kill_at(&lab, &accept, step);
            let context = format!("killed at step {step}, {begun} begun, goes on: {goes_on}");
            if goes_on {
                // The kill may have come after the last step: then there is nothing to go on with.
                let again = lab.run(&lab.apply(&accept));
                let is_applied = again.status.success() || both(&again).contains("all steps are done already");
                assert!(is_applied, "{context}: {}", both(&again));
                assert_eq!(lab.decides(), new, "{context}");
            }
            lab.ok(rollback);
            assert_eq!(lab.decides(), old, "{context}");
        }
    }
}

/// Waits until the last migration has come to this phase.
fn until_phase(lab: &Lab, phase: &str) {
    let begun = Instant::now();
    loop {
        let status: Value =
            serde_json::from_str(&lab.ok("doorward migrate status --cluster $EKS_CLUSTER_NAME -o json")).unwrap();
        if status["migration"]["phase"] == phase {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{status:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_nobody_confirms_in_time_is_taken_back_by_itself_or_by_whoever_comes_next() {
    let lab = Lab::up();
    let old = lab.decides();
    let flags = format!("{} --confirm-within 2s", lab.accept());
    lab.ok(&lab.apply(&flags));
    until_phase(&lab, "reverted");
    assert_eq!(lab.decides(), old);

    // An apply that was killed is taken back just so.
    kill_at(&lab, &flags, 3);
    until_phase(&lab, "reverted");
    assert_eq!(lab.decides(), old);

    // Without the process that waits, status says it and the next verb does it.
    lab.ok(&lab.apply(&flags));
    let watcher = std::fs::read_to_string(lab.state().join("watcher.lock")).unwrap();
    assert!(Command::new("kill").args(["-9", watcher.trim()]).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(2_100));
    let status = lab.run("doorward migrate status --cluster $EKS_CLUSTER_NAME");
    assert!(both(&status).contains("has ended"), "{}", both(&status));
    let confirm = lab.run("doorward migrate confirm --cluster $EKS_CLUSTER_NAME");
    assert_eq!(confirm.status.code(), Some(1));
    assert!(both(&confirm).contains("so everything was taken back"), "{}", both(&confirm));
    assert_eq!(lab.decides(), old);
}
