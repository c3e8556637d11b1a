//! The verbs that ask a server, with a real one. What needs a real kube-apiserver is tested on the lab.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here has found what it looks for")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{Answer, Place, Server, fake_kubernetes};
use serde_json::Value;

/// Runs a verb as the server's administrator.
fn run(place: &Place, args: &[&str]) -> Answer {
    place.run_as_administrator(args)
}

fn json(place: &Place, args: &[&str]) -> Value {
    serde_json::from_str(&run(place, args).ok()).unwrap()
}

/// A kubeconfig for an API server that knows its version.
fn kubeconfig(place: &Place, server: &str) {
    run(place, &["init", "--cluster", "demo", "--out", "webhook"]).ok();
    place.write(
        "admin.kubeconfig",
        &format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: admin\ncontexts:\n- {{name: admin, context: {{cluster: c, \
             user: u}}}}\nclusters:\n- {{name: c, cluster: {{server: '{server}', certificate-authority: \
             webhook/ca.crt}}}}\nusers:\n- {{name: u, user: {{token: secret-token}}}}\n"
        ),
    );
}

const REGISTER: [&str; 7] =
    ["cluster", "register", "demo", "--kubeconfig", "admin.kubeconfig", "--endpoint", "https://api.example:6443"];

#[test]
fn a_cluster_is_registered_listed_written_to_a_kubeconfig_and_removed() {
    let place = Place::new();
    let _server = Server::start(&place);
    assert_eq!(run(&place, &["cluster", "list"]).ok(), "NAME  STATUS  VERSION  MODE  ENDPOINT\n");
    kubeconfig(
        &place,
        &fake_kubernetes(
            r#"{"major":"1","minor":"33+","gitVersion":"v1.33.1","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#,
        ),
    );
    let registered = run(&place, &REGISTER);
    assert!(registered.stderr.contains("next: aws eks update-kubeconfig --name demo"), "{registered:?}");
    let words: Vec<String> = registered.ok().lines().nth(1).unwrap().split_whitespace().map(str::to_owned).collect();
    assert_eq!(words, ["demo", "ACTIVE", "1.33", "API_AND_CONFIG_MAP", "https://api.example:6443"]);
    assert!(run(&place, &REGISTER).refused(1).contains("ResourceInUseException"));

    let listed = json(&place, &["cluster", "list", "-o", "json"]);
    assert_eq!(listed[0]["name"], "demo");
    assert!(!listed.to_string().contains("secret-token"));
    let status = json(&place, &["status", "-o", "json"]);
    assert_eq!((&status["clusters"][0]["name"], &status["clusters"][0]["accessEntries"]), (&"demo".into(), &1.into()));
    assert!(!status.to_string().contains("secret-token"));
    assert!(run(&place, &["status"]).ok().lines().nth(1).unwrap().starts_with("demo "));

    let update = ["kubeconfig", "update", "--name", "demo", "--alias", "d", "--kubeconfig", "users.kubeconfig"];
    let said = run(&place, &update).ok();
    assert_eq!(said, "Added new context d to users.kubeconfig\n");
    let plugin = run(&place, &[&update[..], &["--exec", "doorward", "--role-arn", "arn:x"]].concat()).ok();
    assert_eq!(plugin, "Updated context d in users.kubeconfig\n");
    let written = place.read("users.kubeconfig");
    for part in ["https://api.example:6443", "token", "AWS_PROFILE", "arn:x"] {
        assert!(written.contains(part), "{written}");
    }

    let said = run(&place, &["cluster", "remove", "demo"]).refused(2);
    assert!(said.contains("give `--yes`"), "{said}");
    run(&place, &["cluster", "remove", "demo", "--yes"]).ok();
    assert!(
        run(&place, &["cluster", "remove", "demo", "--yes"]).refused(1).contains("No cluster found for name: demo")
    );
    assert!(run(&place, &update).refused(1).contains("DescribeCluster failed: ResourceNotFoundException"));
}

#[test]
fn a_cluster_that_does_not_answer_is_not_registered() {
    let place = Place::new();
    let _server = Server::start(&place);
    kubeconfig(&place, "http://127.0.0.1:1");
    let said = run(&place, &REGISTER).refused(1);
    assert!(said.contains("cannot ask the API server at http://127.0.0.1:1 for its version"), "{said}");
    assert!(!said.contains("secret-token"), "{said}");
    assert_eq!(json(&place, &["cluster", "list", "-o", "json"]), serde_json::json!([]));
    let said = run(&place, &[&REGISTER[..], &["--context", "other"]].concat()).refused(1);
    assert!(said.contains("no context `other` (there are: `admin`)"), "{said}");
}

#[test]
fn a_token_is_a_signed_request_for_its_cluster_alone() {
    let place = Place::new();
    let server = Server::start(&place);
    let credential = json(&place, &["token", "--cluster-name", "demo"]);
    assert_eq!(credential["kind"], "ExecCredential");
    assert_eq!(credential["apiVersion"], "client.authentication.k8s.io/v1beta1");
    let token = credential["status"]["token"].as_str().unwrap().strip_prefix("k8s-aws-v1.").unwrap();
    let url = String::from_utf8(URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap();
    let target = url.strip_prefix(&format!("http://{}", server.api)).unwrap();
    let get = |cluster: &str| {
        let mut stream = TcpStream::connect(&server.api).unwrap();
        let host = &server.api;
        write!(stream, "GET {target} HTTP/1.1\r\nhost: {host}\r\nx-k8s-aws-id: {cluster}\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(get("demo").contains("arn:aws:iam::123456789012:user/administrator"));
    assert!(get("other").starts_with("HTTP/1.1 403"), "{}", get("other"));
}

#[test]
fn a_role_that_may_not_be_assumed_gives_no_token() {
    let place = Place::new();
    let _server = Server::start(&place);
    let role = "arn:aws:iam::123456789012:role/nobody";
    let said = run(&place, &["token", "--cluster-name", "demo", "--role-arn", role]).refused(1);
    assert!(said.contains(&format!("AssumeRole for `{role}` failed: AccessDenied")), "{said}");
}

#[test]
fn an_instance_of_a_role_that_is_not_there_is_refused() {
    let place = Place::new();
    let _server = Server::start(&place);
    let id = "i-0123456789abcdef0";
    let add =
        ["directory", "add-instance", "--instance-id", id, "--role", "nobody", "--private-dns-name", "n.internal"];
    let said = run(&place, &add).refused(1);
    assert!(said.contains("PutInstance failed: ResourceNotFoundException: role `nobody`"), "{said}");
    assert_eq!(json(&place, &["directory", "list-instances", "-o", "json"]), serde_json::json!([]));
    assert!(run(&place, &["directory", "remove-instance", "--instance-id", id]).refused(1).contains(id));
}

#[test]
fn wrong_credentials_are_refused_by_the_server() {
    let place = Place::new();
    let server = Server::start(&place);
    let mut command = place.doorward(&["status"]);
    command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env("AWS_SECRET_ACCESS_KEY", "wrong");
    let said = Answer::of(command.env("AWS_ENDPOINT_URL", format!("http://{}", server.api))).refused(1);
    assert!(said.starts_with("error: GetStatus failed: "), "{said}");
}
