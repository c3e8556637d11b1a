//! What an operator sees of a real cluster: the ids of decisions in kube-apiserver's own audit log, and `doorward doctor`.
//! Needs what `make setup` installs.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here has found what it looks for")]

mod migrating;

use std::time::{Duration, Instant};

use migrating::{CLUSTER, Lab, both};
use serde_json::Value;

/// The JSON lines of one of the lab's logs; a last line that is not whole yet is left out.
fn lines(lab: &Lab, log: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(lab.dir().join("log").join(log)).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The first line that is so, as soon as there is one.
fn line(lab: &Lab, log: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = lines(lab, log).into_iter().find(&is_it) {
            return found;
        }
        assert!(Instant::now() < deadline, "not in {log}: {:#?}", lines(lab, log).len());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_audit_log_names_the_decisions_that_the_servers_log_tells_and_the_doctor_finds_all_well() {
    let lab = Lab::bare(&["--audit"]);
    lab.ok("kubectl --context default get configmaps -n carts");

    // What an access policy allowed: by its reason.
    let event = line(&lab, "audit.jsonl", |event| {
        event["objectRef"]["resource"] == "configmaps" && event["objectRef"]["namespace"] == "carts"
    });
    let reason = event["annotations"]["authorization.k8s.io/reason"].as_str().unwrap_or_else(|| panic!("{event:#}"));
    let (eks, id) = reason.strip_suffix(')').and_then(|reason| reason.split_once(" (decision ")).unwrap();
    assert!(eks.starts_with("EKS Access Policy: allowed by ClusterRoleBinding \"arn:aws:iam::"), "{reason}");
    assert!(eks.ends_with('"'), "{reason}");
    let told = line(&lab, "doorward.log", |line| line["decision_id"] == id);
    assert_eq!((&told["message"], &told["cluster"]), (&"allowed".into(), &CLUSTER.into()), "{told:#}");
    assert!(told["asked"].as_str().unwrap().contains("configmaps"), "{told:#}");

    // Who it was: by the extra attribute of the token's identity.
    let extra = event["user"]["extra"]["doorward.io/decision-id"][0].as_str().unwrap_or_else(|| panic!("{event:#}"));
    assert_ne!(extra, id);
    let told = line(&lab, "doorward.log", |line| line["decision_id"] == extra);
    assert_eq!(told["message"], "access granted", "{told:#}");
    assert_eq!(event["user"]["username"], told["username"]);
    assert_eq!(event["user"]["extra"]["accessKeyId"][0], told["access_key_id"]);

    let webhook = lab.dir().join("webhook");
    let doctor = lab.run(&format!(
        "doorward doctor -o json --webhook-config '{0}/authentication-webhook.kubeconfig' \
         --webhook-config '{0}/authorization-webhook.kubeconfig'",
        webhook.display()
    ));
    let report: Value = serde_json::from_slice(&doctor.stdout).unwrap_or_else(|_| panic!("{}", both(&doctor)));
    let verdict = |name: &str| {
        let steps = report["steps"].as_array().unwrap();
        let found: Vec<&str> =
            steps.iter().filter(|step| step["name"] == name).map(|step| step["verdict"].as_str().unwrap()).collect();
        assert!(!found.is_empty(), "no {name}: {report:#}");
        found
    };
    for name in ["clock", "store", "certificates", "tls", "webhook-calls", "client-certificate", "aws-auth"] {
        assert_eq!(verdict(name), ["ok"], "{report:#}");
    }
    assert_eq!(verdict("api-server-calls"), ["ok"], "{report:#}");
    assert_eq!(verdict("webhook-file"), ["ok", "ok"], "{report:#}");
    for name in ["rows", "principals", "administrators"] {
        assert_eq!(verdict(name), ["ok"], "{report:#}");
    }
    assert_eq!(doctor.status.code(), Some(0), "{}", both(&doctor));
}
