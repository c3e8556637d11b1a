//! `doorward migrate prove` and `migrate check` on files: verdicts, what is accepted, and certificates that were changed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here has found what it looks for")]

mod common;

use common::{Answer, Place};
use serde_json::{Value, json};

const HEAD: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata:\n  mapRoles: |\n";
const TEAM: &str =
    "    - {rolearn: 'arn:aws:iam::123456789012:role/carts', username: 'c:{{SessionName}}', groups: [carts]}\n";
const ADMIN: &str =
    "    - {rolearn: 'arn:aws:iam::123456789012:role/admins', username: admin, groups: ['system:masters']}\n";
const NODES: &str = "    - {rolearn: 'arn:aws:iam::123456789012:role/nodes', username: 'system:node:{{EC2PrivateDNSName}}', \
                     groups: ['system:bootstrappers', 'system:nodes']}\n";
const RBAC: &str = "\
{kind: Role, metadata: {name: r, namespace: carts}, rules: [{apiGroups: [''], resources: [pods], verbs: [list]}]}
---
{kind: RoleBinding, metadata: {name: b, namespace: carts}, roleRef: {kind: Role, name: r},
 subjects: [{kind: Group, name: carts}]}
";

fn files(rows: &[&str]) -> Place {
    let place = Place::new();
    place.write("aws-auth.yaml", &format!("{HEAD}{}", rows.concat()));
    place.write("rbac.yaml", RBAC);
    place
}

fn prove(place: &Place, more: &[&str]) -> Answer {
    let pieces = ["migrate", "prove", "--aws-auth", "aws-auth.yaml", "--rbac", "rbac.yaml"];
    place.run(&[&pieces[..], more].concat())
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.stdout).unwrap()
}

fn ids(certificate: &Value) -> Vec<String> {
    let differences = certificate["differences"].as_array().unwrap().iter();
    differences.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_equal_ends_with_0_in_every_form() {
    let place = files(&[TEAM]);
    let mode = ["--mode", "API_AND_CONFIG_MAP"];
    let told = prove(&place, &mode);
    assert_eq!(told.stderr, "", "{told:?}");
    assert!(told.ok().starts_with("Equal: nobody gains or loses anything.\n"));
    let form = |form: &str| prove(&place, &[&mode[..], &["--final", "-o", form]].concat());
    let document = json(&form("json"));
    assert_eq!(
        (&document["verdict"], &document["after"]["world"]["authenticationMode"]),
        (&json!("equal"), &json!("API"))
    );
    let yaml: Value = serde_saphyr::from_str(&form("yaml").ok()).unwrap();
    assert_eq!(yaml["principals"], document["principals"]);
}

#[test]
fn where_nobody_knows_who_made_the_cluster_the_proof_says_that_it_is_silent_about_them() {
    let told = prove(&files(&[TEAM]), &["--mode", "CONFIG_MAP"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stderr.contains("whoever made the cluster is an administrator whom nothing shows"), "{told:?}");
}

#[test]
fn differences_end_with_3_until_each_is_accepted_by_its_id() {
    let place = files(&[TEAM, ADMIN, NODES]);
    let told = prove(&place, &["-o", "json"]);
    assert_eq!(told.code, Some(3), "{told:?}");
    let ids = ids(&json(&told));
    let [bypass, nodes] = &ids[..] else { unreachable!("two differences, not {ids:?}") };
    assert!(bypass.starts_with("bypass-lost:role/admins:") && nodes.starts_with("identity-changed:role/nodes:"));

    let one = prove(&place, &["--accept", bypass]);
    assert_eq!(one.code, Some(3), "{one:?}");
    assert!(one.stdout.starts_with("Different: 2 differences, 1 not accepted.\n"), "{one:?}");
    assert!(one.stdout.contains(&format!("  accepted: {bypass}\n")), "{one:?}");
    assert!(one.stdout.contains(&format!("  --accept {nodes}\n")), "{one:?}");
    let all = prove(&place, &["--accept", bypass, "--accept", nodes]).ok();
    assert!(all.starts_with("Accepted: 2 differences, each accepted.\n"), "{all}");
    let unknown = prove(&place, &["--accept", "lost:role/admins:0123456789"]).refused(1);
    assert!(unknown.contains("`--accept lost:role/admins:0123456789`: there is no such difference"), "{unknown}");
}

#[test]
fn a_world_that_is_given_is_compared_instead_of_a_plans() {
    let place = files(&[TEAM]);
    place.write("none.json", "[]");
    let gone = prove(&place, &["--after-access-entries", "none.json", "--after-mode", "API"]);
    assert_eq!(gone.code, Some(3), "{gone:?}");
    let sentence = "`role/carts` came in as `c:alice` in carts and could list pods in carts; after: is not let in";
    assert!(gone.stdout.contains(sentence), "{gone:?}");
    let missing = prove(&place, &["--after-world", "gone.json"]).refused(1);
    assert!(missing.contains("cannot read `gone.json`"), "{missing}");
    assert!(prove(&place, &["--after-mode", "NONE"]).refused(2).contains("possible values: CONFIG_MAP"));
}

#[test]
fn rows_that_a_server_goes_on_with_and_that_no_file_has_are_never_called_equal() {
    let place = files(&["    - {rolearn: \"unclosed\n"]);
    let doorward = ["--mode", "API_AND_CONFIG_MAP", "--authenticator", "doorward"];
    let said = prove(&place, &doorward).refused(1);
    assert!(said.contains("`mapRoles`, line 1") && said.contains("mend the section first"), "{said}");
    let planned = [&["migrate", "plan", "--aws-auth", "aws-auth.yaml", "--final"][..], &doorward].concat();
    assert!(place.run(&planned).refused(1).contains("mend the section first"));
}

/// A certificate of two differences, and what it says after `change`.
fn checked(change: impl FnOnce(&mut Value)) -> Answer {
    let place = files(&[TEAM, ADMIN, NODES]);
    assert_eq!(prove(&place, &["--certificate", "c.json"]).code, Some(3));
    let mut certificate: Value = serde_json::from_str(&place.read("c.json")).unwrap();
    change(&mut certificate);
    place.write("c.json", &certificate.to_string());
    place.run(&["migrate", "check", "c.json"])
}

#[test]
fn a_certificate_holds_whatever_its_verdict_and_says_of_which_worlds_it_is() {
    let text = checked(|_| {}).ok();
    assert!(text.starts_with("The certificate holds: different; 4 principals"), "{text}");
    assert!(text.contains("2 differences, 0 accepted.\nbefore ") && text.contains("\nafter  "), "{text}");
}

#[test]
fn a_certificate_that_was_changed_does_not_hold_and_ends_with_3() {
    let silent = |certificate: &mut Value| {
        certificate["differences"] = json!([]);
        certificate["verdict"] = json!("equal");
        certificate["principals"].as_array_mut().unwrap().iter_mut().for_each(|one| one["differs"] = json!([]));
    };
    type Change<'a> = &'a dyn Fn(&mut Value);
    let changes: [(Change<'_>, &str); 9] = [
        (&|it| it["verdict"] = json!("equal"), "verdict is not what its differences say"),
        (&silent, "has a difference (bypass-lost) that the certificate does not name"),
        (&|it| it["after"]["world"]["accessEntries"] = json!([]), "the World after has the digest"),
        (&|it| drop(it["principals"].as_array_mut().unwrap().pop()), "the certificate says nothing of it"),
        (&|it| it["accepted"] = json!(["lost:role/x:0"]), "is no difference of this certificate"),
        (&|it| it["differences"][0]["id"] = json!("bypass-lost:role/admins:0"), "does not say what its id stands for"),
        (&|it| it["differences"][0]["sentence"] = json!("all is well"), "does not say what the difference is"),
        (&|it| it["differences"][0]["before"]["username"] = json!("nobody"), "the witness of `bypass-lost:role/admins"),
        (&|it| it["version"] = json!(2), "only version 1 can be checked"),
    ];
    for (change, says) in changes {
        let said = checked(|certificate| change(certificate)).refused(3);
        assert!(said.starts_with("error: the certificate does not hold: ") && said.contains(says), "{says}: {said}");
    }
}

#[test]
fn what_is_no_certificate_ends_with_1_and_says_where() {
    let place = Place::new();
    let check = |text: &str| {
        place.write("c.json", text);
        place.run(&["migrate", "check", "c.json"]).refused(1)
    };
    for text in ["", "{", "a: b", "[]", r#"{"kind": "World"}"#] {
        let said = check(text);
        assert!(said.contains("`c.json` is not a certificate of `doorward migrate prove`"), "{text}: {said}");
        assert!(said.contains("at line 1 column"), "{text}: {said}");
    }
    assert!(place.run(&["migrate", "check", "gone"]).refused(1).contains("cannot read `gone`"));
    assert!(place.run(&["migrate", "check"]).refused(2).contains("<CERT>"));
}
