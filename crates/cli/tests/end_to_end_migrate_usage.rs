//! `doorward migrate` on a real kube-apiserver: who uses what is seen, and a backup restores what was.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here has found what it looks for")]

mod migrating;

use std::process::Command;
use std::time::{Duration, Instant};

use migrating::{ApiServer, Lab, both, callers, doorward};

#[test]
fn whoever_uses_a_row_or_an_entry_is_seen_and_a_backup_restores_what_was() {
    let lab = Lab::up();
    let old = lab.decides();
    let list = || lab.ok("doorward mapping list --cluster $EKS_CLUSTER_NAME -o wide");
    let line = |text: &str| text.lines().find(|line| line.contains("eks-workshop-carts-team")).unwrap().to_owned();
    assert!(line(&list()).contains("never since counting began"), "{}", list());
    let server = ApiServer::of(&lab);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let callers = callers(&lab);
    let team = callers.iter().find(|caller| caller.name == "carts team").unwrap();
    runtime.block_on(server.ask(team)).unwrap();
    assert!(line(&list()).contains("just now (1 login)"), "{}", list());
    // It survives a restart of the server.
    let restarted =
        Command::new(doorward()).args(["lab", "restart", "doorward", "--dir"]).arg(lab.dir()).output().unwrap();
    assert!(restarted.status.success(), "{}", both(&restarted));
    let begun = Instant::now();
    while !line(&list()).contains("(1 login)") {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", list());
        std::thread::sleep(Duration::from_millis(100));
    }

    lab.ok(&lab.apply(&format!("{} --confirm-within 0", lab.accept())));
    runtime.block_on(server.ask(team)).unwrap();
    let status = lab.ok("doorward migrate status --cluster $EKS_CLUSTER_NAME");
    assert!(line(&status).contains("create-entry"), "{status}");
    let used = status.lines().filter(|line| line.contains("carts-team") && line.contains("(1 login)")).count();
    assert_eq!(used, 1, "{status}");
    let backup = std::fs::read_dir(lab.state()).unwrap().map(|entry| entry.unwrap().path());
    let backup = backup.into_iter().find(|path| path.to_string_lossy().contains("backup-")).unwrap();
    lab.ok(&format!("doorward migrate rollback --cluster $EKS_CLUSTER_NAME --backup {}", backup.display()));
    let mut end = lab.decides();
    // Bindings that were added stay: they bind nobody any more.
    end["bindings"] = old["bindings"].clone();
    assert_eq!(end, old);
}
