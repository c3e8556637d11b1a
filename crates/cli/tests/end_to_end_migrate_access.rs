//! `doorward migrate` on a real kube-apiserver: nobody is refused while it works, and without consent it does nothing.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here has found what it looks for")]

mod migrating;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use migrating::{ApiServer, Lab, ask_until, both, callers};
use serde_json::{Value, json};

#[test]
fn nobody_is_refused_while_a_cluster_is_migrated_confirmed_and_taken_back() {
    let lab = Lab::up();
    let before = lab.decides();
    let accept = lab.accept();
    let stop = Arc::new(AtomicBool::new(false));
    let asking = ask_until(&lab, Arc::clone(&stop));
    let pause = || std::thread::sleep(Duration::from_secs(2));
    pause();
    lab.ok(&lab.apply(&accept));
    pause();
    lab.ok("doorward migrate confirm --cluster $EKS_CLUSTER_NAME");
    let after = lab.decides();
    // Tokens made before are remembered by the API server for 10 s: those made later count.
    std::thread::sleep(Duration::from_secs(3));
    lab.ok("doorward migrate rollback --cluster $EKS_CLUSTER_NAME");
    pause();
    stop.store(true, Ordering::Relaxed);
    let (let_in, refusals) = asking.join().unwrap();
    assert!(refusals.is_empty(), "{refusals:#?}");
    assert_eq!(let_in.len(), 5, "{let_in:?}");
    assert!(let_in.values().all(|&times| times > 30), "{let_in:?}");
    assert_eq!(after["awsAuth"]["data"]["mapRoles"], "[]\n", "{after:#}");
    assert_eq!(lab.decides(), before);
}

#[test]
fn without_being_told_that_a_difference_is_fine_or_that_the_last_step_is_meant_nothing_is_changed() {
    let lab = Lab::up();
    let old = lab.decides();
    let refused = lab.run(&lab.apply(""));
    assert_eq!(refused.status.code(), Some(3), "{}", both(&refused));
    assert!(both(&refused).contains("bypass-lost:role/eks-workshop-admins"), "{}", both(&refused));
    let accept = lab.accept();
    let not_sure = lab.run(&lab.apply(&format!("{accept} --final")));
    assert_eq!(not_sure.status.code(), Some(2), "{}", both(&not_sure));
    assert!(both(&not_sure).contains("EKS never changes it back"), "{}", both(&not_sure));
    assert_eq!(lab.decides(), old);

    lab.ok(&lab.apply(&format!("{accept} --final --yes")));
    assert_eq!(lab.decides()["mode"], "API_AND_CONFIG_MAP", "not before the confirmation");
    lab.ok("doorward migrate confirm --cluster $EKS_CLUSTER_NAME");
    let end = lab.decides();
    assert_eq!((&end["mode"], &end["awsAuth"]), (&json!("API"), &Value::Null));
    let server = ApiServer::of(&lab);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for caller in callers(&lab) {
        runtime.block_on(server.ask(&caller)).unwrap();
    }
}
