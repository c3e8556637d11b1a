//! `doorward can-i`, `who-can`, `why` and `world export` on files: no network, no home, no settings.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here has found what it looks for")]

mod common;

use common::{Answer, Place};
use serde_json::Value;

const AWS_AUTH: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: aws-auth, namespace: kube-system}
data:
  mapRoles: |
    - rolearn: arn:aws:iam::123456789012:role/admins
      username: admin
      groups: [system:masters]
    - rolearn: arn:aws:iam::123456789012:role/carts
      username: carts:{{SessionName}}
      groups: [carts-team]
";
const ENTRIES: &str = r#"[{"principalArn": "arn:aws:iam::123456789012:role/viewer", "type": "STANDARD",
  "username": "arn:aws:sts::123456789012:assumed-role/viewer/{{SessionName}}", "kubernetesGroups": [],
  "createdAt": "2026-01-31T12:00:00+01:00", "tags": {}, "associatedAccessPolicies": [
   {"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy", "associatedAt": 1769857200.5,
    "accessScope": {"type": "namespace", "namespaces": ["ui"]}}]}]"#;
const RBAC: &str = "\
{kind: Role, metadata: {name: r, namespace: carts}, rules: [{apiGroups: [''], resources: [pods], verbs: [list]}]}
---
{kind: RoleBinding, metadata: {name: b, namespace: carts}, roleRef: {kind: Role, name: r},
 subjects: [{kind: Group, name: carts-team}]}
";
const PIECES: [&str; 6] = ["--aws-auth", "aws-auth.yaml", "--access-entries", "entries.json", "--rbac", "rbac.yaml"];
const CARTS: &str = "arn:aws:iam::123456789012:role/carts";
const VIEWER: &str = "arn:aws:iam::123456789012:role/viewer";
const ADMINS: &str = "arn:aws:iam::123456789012:role/admins";

fn files() -> Place {
    let place = Place::new();
    place.write("aws-auth.yaml", AWS_AUTH);
    place.write("entries.json", ENTRIES);
    place.write("rbac.yaml", RBAC);
    place
}

/// Runs `doorward ARGS PIECES` without a single variable: nothing but the files can be read.
fn ask(place: &Place, args: &[&str]) -> Answer {
    Answer::of(place.doorward(args).args(PIECES).env_clear())
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.stdout).unwrap()
}

#[test]
fn the_answer_is_a_word_and_an_exit_code_as_of_kubectl() {
    let place = files();
    for (args, word, code) in [
        (&["can-i", "list", "pods", "-n", "carts", "--as", CARTS][..], "yes\n", 0),
        (&["can-i", "list", "pods", "--as", CARTS], "no\n", 3),
        (&["can-i", "list", "pods", "-A", "--as", VIEWER], "no\n", 3),
        (&["can-i", "get", "po", "web-0", "-n", "ui", "--as", VIEWER], "yes\n", 0),
        (&["can-i", "get", "pods", "--subresource", "log", "-n", "ui", "--as", VIEWER], "yes\n", 0),
        (&["can-i", "get", "pods/exec", "-n", "ui", "--as", VIEWER], "no\n", 3),
        (&["can-i", "*", "*", "--as", ADMINS], "yes\n", 0),
        (&["can-i", "get", "/healthz", "--as", "arn:aws:iam::123456789012:user/x"], "no\n", 3),
        (&["can-i", "list", "pods", "-n", "carts", "--as", CARTS, "-q"], "", 0),
        (&["can-i", "list", "pods", "--as", CARTS, "-q"], "", 3),
    ] {
        let answer = ask(&place, args);
        assert_eq!((answer.stdout.as_str(), answer.code), (word, Some(code)), "{args:?} {answer:?}");
    }
    let told = ask(&place, &["can-i", "list", "pods", "-n", "ui", "--as", VIEWER, "-o", "json"]);
    let told = json(&told);
    assert_eq!(told.pointer("/allowed"), Some(&Value::Bool(true)));
    assert_eq!(told.pointer("/username").unwrap(), "arn:aws:sts::123456789012:assumed-role/viewer/EKSGetTokenAuth");
    let wide = ask(&place, &["can-i", "list", "pods", "-n", "ui", "--as", VIEWER, "-o", "wide"]).ok();
    assert!(wide.starts_with("yes - list pods in namespace ui: access policy AmazonEKSViewPolicy"), "{wide}");
}

#[test]
fn everything_that_a_principal_may_do_is_listed() {
    let place = files();
    let listed = ask(&place, &["can-i", "--list", "--as", CARTS]).ok();
    assert_eq!(listed, "RESOURCE OR PATH  VERBS  WHERE\npods              list   namespace carts\n");
    let elsewhere = ask(&place, &["can-i", "--list", "-n", "ui", "--as", CARTS, "-o", "json"]);
    assert_eq!(json(&elsewhere).pointer("/permissions"), Some(&Value::Array(Vec::new())));
    let master = ask(&place, &["can-i", "--list", "--as", ADMINS, "-o", "json"]);
    assert_eq!(json(&master).pointer("/bypass"), Some(&Value::Bool(true)));
    let stranger = ask(&place, &["can-i", "--list", "--as", "arn:aws:iam::123456789012:user/x"]);
    assert_eq!(stranger.code, Some(3), "{stranger:?}");
    assert!(stranger.stderr.contains("not let into the cluster"), "{stranger:?}");
}

#[test]
fn who_can_tells_everybody_and_where() {
    let place = files();
    let found = ask(&place, &["who-can", "list", "pods"]).ok();
    assert_eq!(
        found,
        format!(
            "KIND   WHO                                    WHERE\n\
             Role   {ADMINS}  the whole cluster (bypass)\n\
             Role   {CARTS}   namespace carts\n\
             Role   {VIEWER}  namespace ui\n\
             Group  carts-team                             namespace carts\n\
             Group  system:masters                         the whole cluster (bypass)\n"
        )
    );
    let names = ask(&place, &["who-can", "list", "pods", "-n", "carts", "-o", "name"]).ok();
    assert_eq!(names, format!("role/{ADMINS}\nrole/{CARTS}\ngroup/carts-team\ngroup/system:masters\n"));
    let wide = ask(&place, &["who-can", "list", "pods", "-n", "carts", "-o", "wide"]).ok();
    assert!(wide.contains("RoleBinding \"b/carts\" of Role \"r\" to Group \"carts-team\""), "{wide}");
}

#[test]
fn why_tells_every_step() {
    let place = files();
    let told = ask(&place, &["why", "delete", "pods", "-n", "carts", "--as", CARTS]).ok();
    let mut rest = told.as_str();
    for part in [
        "Principal\n  arn:aws:iam::123456789012:role/carts\n",
        "Access entry\n  authentication mode API_AND_CONFIG_MAP\n  no access entry\n",
        "aws-auth\n  row 2 of mapRoles (line 4): decides\n",
        "  groups carts-team, system:authenticated\n",
        "RBAC\n",
        "  missing verb: RoleBinding \"b/carts\"",
        "delete pods in namespace carts: no\n",
    ] {
        let at = rest.find(part).unwrap_or_else(|| panic!("no `{part}` in {told}"));
        rest = rest.get(at + part.len()..).unwrap();
    }
    let steps = json(&ask(&place, &["why", "list", "pods", "-n", "ui", "--as", VIEWER, "-o", "json"]));
    assert_eq!(steps.pointer("/decision").unwrap(), "allowed");
}

#[test]
fn an_exported_world_gives_the_same_answers_as_its_pieces() {
    let place = files();
    let exported = ask(&place, &["world", "export"]).ok();
    place.write("world.json", &exported);
    for args in [
        &["can-i", "--list", "--as", CARTS, "-o", "json"][..],
        &["why", "list", "pods", "-n", "ui", "--as", VIEWER],
        &["who-can", "get", "pods/log", "-o", "json"],
    ] {
        let from_world = Answer::of(place.doorward(args).args(["--world", "world.json"]).env_clear());
        assert_eq!(from_world.stdout, ask(&place, args).stdout, "{args:?}");
        assert!(!from_world.stdout.is_empty());
    }
    let again = Answer::of(place.doorward(&["world", "export", "--world", "world.json"]).env_clear()).ok();
    assert_eq!(again, exported);
}

#[test]
fn without_rbac_the_answer_says_what_it_is_about() {
    let place = files();
    let args = ["can-i", "list", "pods", "-n", "carts", "--as", CARTS, "--aws-auth", "aws-auth.yaml"];
    let answer = place.run(&args);
    assert_eq!((answer.stdout.as_str(), answer.code), ("no\n", Some(3)));
    assert!(answer.stderr.contains("warning: RBAC is not known (`--rbac FILE`)"), "{answer:?}");
    place.write("empty.yaml", "kind: List\nitems: []\n");
    let answer = Answer::of(place.doorward(&args).args(["--rbac", "empty.yaml"]));
    assert!(!answer.stderr.contains("RBAC is not known"), "{answer:?}");
}

#[test]
fn what_cannot_be_asked_is_told_with_its_place_and_how_to_fix_it() {
    let place = files();
    place.write("typo.json", &ENTRIES.replace("kubernetesGroups", "kubernetesGroup"));
    place.write("silent.json", r#"[{"principalArn": "arn:aws:iam::123456789012:role/viewer"}]"#);
    for (args, code, words) in [
        (&["can-i", "list", "pods", "--as", "alice", "--aws-auth", "aws-auth.yaml"][..], 2, "`alice` is not an ARN"),
        (&["can-i", "list", "--as", CARTS, "--aws-auth", "aws-auth.yaml"], 2, "<RESOURCE>"),
        (&["can-i", "list", "pods", "--as", CARTS], 2, "whose access? Give a cluster (`--cluster NAME`)"),
        (
            &["can-i", "list", "pods", "--as", CARTS, "--access-entries", "typo.json"],
            1,
            "`typo.json`, given as `--access-entries`: accessEntries[0]: unknown key `kubernetesGroup`; did you mean \
             `kubernetesGroups`?",
        ),
        (&["can-i", "list", "pods", "--as", CARTS, "--world", "absent.json"], 1, "cannot read `absent.json`"),
        (
            &["can-i", "list", "pods", "--as", CARTS, "--world", "entries.json"],
            1,
            "the World: a list, expected an object",
        ),
        (&["can-i", "list", "pods", "--as", CARTS, "--cluster", "c", "--world", "w"], 2, "cannot be used with"),
        (&["who-can", "list", "po ds", "--aws-auth", "aws-auth.yaml"], 2, "cannot be the name of a resource"),
    ] {
        let said = place.run(args).refused(code);
        assert!(said.contains(words), "{args:?}: {said}");
    }
    let silent = place.run(&["can-i", "list", "pods", "--as", VIEWER, "--access-entries", "silent.json"]);
    assert!(silent.stderr.contains("says nothing of `associatedAccessPolicies`"), "{silent:?}");
}
