//! `doorward doctor`: against a server that is well, one with a dead principal, one without an administrator, files that
//! do not fit it, and no server at all. What needs a real kube-apiserver is tested on the lab.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here has found what it looks for")]

mod common;

use common::{Answer, Place, Server, registration, signed_call};
use serde_json::{Value, json};

/// The verdict and the message of a step; of the cluster `demo` or of none.
fn step(report: &Value, name: &str) -> (String, String) {
    let steps = report["steps"].as_array().unwrap();
    let found = steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("no {name}: {report:#}"));
    assert_eq!(found["remedy"].is_null(), found["verdict"] == "ok", "{found:#}");
    (found["verdict"].as_str().unwrap().to_owned(), found["message"].as_str().unwrap().to_owned())
}

fn doctor(place: &Place, flags: &[&str]) -> (Option<i32>, Value) {
    let answer = place.run_as_administrator(&[&["doctor", "-o", "json"], flags].concat());
    (answer.code, serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{answer:#?}")))
}

/// A server with the cluster `demo`, which nobody can reach, and what calls its APIs.
struct Ready {
    place: Place,
    server: Server,
}

impl Ready {
    fn start() -> Self {
        let place = Place::new();
        let server = Server::start(&place);
        let ready = Self { place, server };
        ready.call("doorward", "PUT", "/doorward/v1/clusters/demo", &registration());
        ready
    }

    fn call(&self, service: &str, method: &str, path: &str, body: &str) -> String {
        signed_call(&self.server, &self.place.path().join("doorward-data"), service, (method, path), body)
    }

    fn iam(&self, action: &str, rest: &str) -> String {
        self.call("iam", "POST", "/", &format!("Action={action}&Version=2010-05-08&{rest}"))
    }

    fn create_role(&self, name: &str) {
        const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;
        let trust = doorward_sigv4::query::encode(TRUST);
        self.iam("CreateRole", &format!("RoleName={name}&AssumeRolePolicyDocument={trust}"));
    }

    fn create_entry(&self, role: &str) {
        let body = json!({ "principalArn": format!("arn:aws:iam::123456789012:role/{role}") });
        self.call("eks", "POST", "/clusters/demo/access-entries", &body.to_string());
    }
}

#[test]
fn a_server_that_is_well_has_nothing_to_be_told() {
    let place = Place::new();
    let _server = Server::start(&place);
    let (code, report) = doctor(&place, &[]);
    assert_eq!((code, &report["verdict"]), (Some(0), &json!("ok")), "{report:#}");
    for name in ["clock", "store", "certificates", "tls"] {
        assert_eq!(step(&report, name).0, "ok", "{report:#}");
    }
    let told = place.run_as_administrator(&["doctor"]);
    assert!(told.stderr.contains("all is well"), "{told:#?}");
    assert!(told.ok().lines().any(|line| line.starts_with("ok ") && line.contains("store")));
    let said = place.run_as_administrator(&["doctor", "--cluster", "absent"]).refused(1);
    assert!(said.contains("no cluster `absent`"), "{said}");
}

#[test]
fn a_server_that_is_not_there_cannot_be_asked() {
    let place = Place::new();
    let mut server = Server::start(&place);
    server.stop();
    let said = place.run_as_administrator(&["doctor"]).refused(1);
    assert!(said.contains(&server.api), "{said}");
}

#[test]
fn an_api_server_that_never_called_and_is_not_there_is_told_for_its_cluster() {
    let ready = Ready::start();
    let (code, report) = doctor(&ready.place, &["--cluster", "demo"]);
    assert_eq!(code, Some(3), "{report:#}");
    let (verdict, message) = step(&report, "webhook-calls");
    assert!(verdict == "warn" && message.contains("has not called since"), "{message}");
    let (verdict, message) = step(&report, "api-server-calls");
    assert!(verdict == "warn" && message.contains("https://127.0.0.1:9"), "{message}");
    assert_eq!(step(&report, "administrators").0, "ok");
    assert_eq!(step(&report, "principals").0, "ok");
}

#[test]
fn a_principal_that_is_gone_is_a_warning_and_one_that_was_made_again_a_failure() {
    let ready = Ready::start();
    let found = || step(&doctor(&ready.place, &["--no-probe"]).1, "principals");
    ready.create_role("dev");
    ready.create_entry("dev");
    assert_eq!(found().0, "ok");
    ready.iam("DeleteRole", "RoleName=dev");
    let (verdict, message) = found();
    assert_eq!(verdict, "warn");
    assert!(message.contains("do not exist: `arn:aws:iam::123456789012:role/dev`"), "{message}");
    ready.create_role("dev");
    let (verdict, message) = found();
    assert_eq!(verdict, "fail");
    assert!(message.contains("made again") && message.contains("role/dev"), "{message}");
    let told = ready.place.run_as_administrator(&["doctor", "--no-probe"]);
    assert_eq!(told.code, Some(3), "{told:#?}");
    assert!(told.stdout.lines().any(|line| line.starts_with("FAIL") && line.contains("principals")), "{told:#?}");
    assert!(told.stderr.contains("principals of `demo`: delete such an entry and create it again"), "{told:#?}");
}

#[test]
fn a_cluster_without_an_administrator_who_exists_is_a_failure() {
    let ready = Ready::start();
    let found = || step(&doctor(&ready.place, &["--no-probe"]).1, "administrators");
    assert_eq!(found().0, "ok");
    let administrator = doorward_sigv4::query::encode("arn:aws:iam::123456789012:user/administrator");
    ready.call("eks", "DELETE", &format!("/clusters/demo/access-entries/{administrator}"), "");
    let (verdict, message) = found();
    assert_eq!(
        (verdict.as_str(), message.as_str()),
        ("fail", "nobody who exists may do everything by an entry or a row")
    );
    // One that is dead is none.
    ready.create_role("admins");
    ready.create_entry("admins");
    let entry = doorward_sigv4::query::encode("arn:aws:iam::123456789012:role/admins");
    let policy = json!({
        "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        "accessScope": { "type": "cluster" },
    });
    ready.call("eks", "POST", &format!("/clusters/demo/access-entries/{entry}/access-policies"), &policy.to_string());
    assert_eq!(found().0, "ok");
    ready.iam("DeleteRole", "RoleName=admins");
    ready.create_role("admins");
    assert_eq!(found().0, "fail");
}

#[test]
fn the_files_of_a_kube_apiserver_are_used_as_it_uses_them() {
    let ready = Ready::start();
    let init = |out: &str, data: &str, webhook: &str| {
        let args = ["init", "--cluster", "demo", "--out", out, "--data-dir", data, "--webhook", webhook];
        ready.place.run(&args).ok();
        format!("{out}/authentication-webhook.kubeconfig")
    };
    let good = init("good", "doorward-data", &ready.server.webhook);
    let judge = |file: &str| {
        let (code, report) = doctor(&ready.place, &["--no-probe", "--webhook-config", file]);
        assert_eq!(code, Some(3), "the API server of `demo` never called: {report:#}");
        step(&report, "webhook-file")
    };
    let (verdict, message) = judge(&good);
    assert!(verdict == "ok" && message.contains("the server is trusted and answers"), "{message}");

    // Made with another data folder: another authority has signed both certificates.
    let foreign = init("foreign", "other-data", &ready.server.webhook);
    let (verdict, message) = judge(&foreign);
    assert!(verdict == "fail" && message.contains("the authority in it is not this server's"), "{message}");

    // The right authority and a client certificate that it did not sign: the server ends TLS, and tells so by itself.
    let text = |file: &str| std::fs::read_to_string(ready.place.path().join(file)).unwrap();
    let line = |file: &str, key: &str| text(file).lines().find(|line| line.contains(key)).unwrap().to_owned();
    let key = "certificate-authority-data:";
    let mixed = text(&foreign).replace(&line(&foreign, key), &line(&good, key));
    ready.place.write("mixed.kubeconfig", &mixed);
    let (verdict, message) = judge("mixed.kubeconfig");
    assert!(verdict == "fail" && message.contains("TLS with https://"), "{message}");
    let (verdict, message) = step(&doctor(&ready.place, &["--no-probe"]).1, "tls");
    assert!(verdict == "warn" && message.contains("unknown_authority"), "{message}");

    // Another cluster's path, with this cluster's certificate.
    ready.place.write("other.kubeconfig", &text(&good).replace("/clusters/demo/", "/clusters/other/"));
    let (verdict, message) = judge("other.kubeconfig");
    assert!(verdict == "fail" && message.contains("that of the cluster `demo`"), "{message}");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    ready.place.write("away.kubeconfig", &text(&good).replace(&ready.server.webhook, &free));
    let (verdict, message) = judge("away.kubeconfig");
    assert!(verdict == "fail" && message.contains("cannot be reached"), "{message}");

    let said = ready.place.run_as_administrator(&["doctor", "--no-probe", "--webhook-config", "absent"]).refused(1);
    assert!(said.contains("the webhook file `absent` cannot be used"), "{said}");
}

#[test]
fn whoever_may_not_ask_is_told_which_permission_is_missing() {
    let ready = Ready::start();
    ready.iam("CreateUser", "UserName=bob");
    let made = ready.iam("CreateAccessKey", "UserName=bob");
    let part = |name: &str| made.split_once(&format!("<{name}>")).unwrap().1.split_once("</").unwrap().0.to_owned();
    let mut command = ready.place.doorward(&["doctor"]);
    command
        .env("AWS_ACCESS_KEY_ID", part("AccessKeyId"))
        .env("AWS_SECRET_ACCESS_KEY", part("SecretAccessKey"))
        .env("AWS_REGION", "us-west-2")
        .env("AWS_ENDPOINT_URL", format!("http://{}", ready.server.api));
    let said = Answer::of(&mut command).refused(1);
    assert!(said.contains("doorward:GetDiagnosis"), "{said}");
}
