//! `doorward migrate plan` on files: every form of a plan, its exit codes, and what is said of files that are none.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here has found what it looks for")]

mod common;

use common::{Answer, Place};
use serde_json::Value;

/// An administrator, a team, nodes, and a row that matches nobody.
const AWS_AUTH: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: aws-auth, namespace: kube-system}
data:
  mapRoles: |
    - rolearn: arn:aws:iam::123456789012:role/admins
      username: admin
      groups: [system:masters, oncall]
    - rolearn: arn:aws:iam::123456789012:role/carts
      username: carts:{{SessionName}}
      groups: [eks:carts]
    - rolearn: arn:aws:iam::123456789012:role/nodes
      username: system:node:{{EC2PrivateDNSName}}
      groups: [system:bootstrappers, system:nodes]
    - rolearn: arn:aws:iam::123456789012:role/team/dead
      username: dead
      groups: [system:masters]
";
const RBAC: &str = "\
{kind: Role, metadata: {name: r, namespace: carts}, rules: [{apiGroups: [''], resources: [pods], verbs: [list]}]}
---
{kind: RoleBinding, metadata: {name: b, namespace: carts}, roleRef: {kind: Role, name: r},
 subjects: [{kind: Group, name: 'eks:carts'}]}
";

fn files() -> Place {
    let place = Place::new();
    place.write("aws-auth.yaml", AWS_AUTH);
    place.write("rbac.yaml", RBAC);
    place
}

fn plan(place: &Place, more: &[&str]) -> Answer {
    place.run(&[&["migrate", "plan", "--aws-auth", "aws-auth.yaml", "--rbac", "rbac.yaml"], more].concat())
}

/// Whether these stand in the text in this order.
fn assert_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let (_, after) =
            rest.split_once(part).unwrap_or_else(|| panic!("`{part}` is missing, or too early, in {text}"));
        rest = after;
    }
}

#[test]
fn the_table_has_every_row_with_its_line_then_the_steps_with_what_undoes_them() {
    let text = plan(&files(), &[]).ok();
    let line = |begin: &str| text.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("{text}"));
    assert_in_order(line("mapRoles[0]"), &["1", "role/admins", "entry arn:aws:iam", "AmazonEKSClusterAdminPolicy"]);
    assert_in_order(line("mapRoles[1]"), &["4", "role/carts", "entry arn:aws:iam", "carts:{{SessionName}}"]);
    assert_in_order(line("mapRoles[2]"), &["7", "role/nodes", "EC2_LINUX"]);
    assert_in_order(line("mapRoles[3]"), &["10", "role/team/dead", "dropped", "has a path"]);
    assert!(text.contains("4 rows: 3 become entries, 0 have one, 1 dropped, 0 stay in aws-auth"), "{text}");
    let steps =
        ["STEP", "set the authentication mode API_AND_CONFIG_MAP", "never", "create the entry of", "remove 4 rows"];
    assert_in_order(&text, &steps);
}

#[test]
fn json_and_yaml_say_the_same_and_each_step_has_its_reversal() {
    let place = files();
    let json: Value = serde_json::from_str(&plan(&place, &["-o", "json"]).ok()).unwrap();
    let yaml: Value = serde_saphyr::from_str(&plan(&place, &["-o", "yaml"]).ok()).unwrap();
    assert_eq!(json, yaml);
    let steps = json.pointer("/steps").and_then(Value::as_array).unwrap();
    let id = |step: &Value| step.pointer("/id").and_then(Value::as_str).unwrap().to_owned();
    let irreversible: Vec<_> =
        steps.iter().filter(|step| step.pointer("/undo") == Some(&Value::Null)).map(id).collect();
    assert_eq!(irreversible, ["set-mode:API_AND_CONFIG_MAP"]);
    assert!(id(steps.last().unwrap()).starts_with("remove-mapping:mapRoles"), "{json:#}");
}

#[test]
fn terraform_eksctl_and_the_aws_cli_say_the_same_entries() {
    let place = files();
    let terraform = plan(&place, &["-o", "terraform"]).ok();
    let eksctl = plan(&place, &["-o", "eksctl"]).ok();
    let commands = plan(&place, &["-o", "aws"]).ok();
    for text in [&terraform, &eksctl, &commands] {
        for said in ["role/admins", "role/carts", "carts:{{SessionName}}", "EC2_LINUX", "AmazonEKSClusterAdminPolicy"] {
            assert!(text.contains(said), "`{said}` is missing in {text}");
        }
        assert!(!text.contains("principal_arn     = \"arn:aws:iam::123456789012:role/team/dead"), "{text}");
    }
    assert_in_order(
        &terraform,
        &["resource \"aws_eks_access_entry\" \"role_admins\"", "kubernetes_groups = [\"oncall\"]"],
    );
    let config: Value = serde_saphyr::from_str(&eksctl).unwrap();
    let entries = config.pointer("/accessConfig/accessEntries").and_then(Value::as_array).unwrap();
    assert_eq!(entries.len(), 3, "{eksctl}");
    let order = ["update-cluster-config", "create-access-entry", "associate-access-policy", "patch configmap aws-auth"];
    assert_in_order(&commands, &order);
    let checked = place.write("steps.sh", &commands);
    assert!(std::process::Command::new("/bin/sh").arg("-n").arg(checked).status().unwrap().success(), "{commands}");
}

#[test]
fn the_bindings_are_those_of_the_groups_that_entries_refuse() {
    let text = plan(&files(), &["-o", "bindings"]).ok();
    let binding: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(binding.pointer("/metadata/namespace").unwrap(), "carts", "{text}");
    let subject = binding.pointer("/subjects/0/name").and_then(Value::as_str).unwrap();
    assert!(!subject.starts_with("eks:") && subject.ends_with("eks:carts"), "{text}");
}

#[test]
fn a_row_that_no_entry_can_say_ends_with_3_and_wrong_flags_with_2() {
    let place = files();
    place.write("aws-auth.yaml", &AWS_AUTH.replace("[eks:carts]", "['g:{{SessionName}}']"));
    let kept = plan(&place, &[]);
    assert_eq!(kept.code, Some(3), "{kept:?}");
    assert!(kept.stdout.contains("stays in aws-auth") && kept.stdout.contains("1 to decide"), "{kept:?}");
    assert!(plan(&place, &["-o", "xml"]).refused(2).contains("possible values: table, json"));
    let both = place.run(&["migrate", "plan", "--aws-auth", "aws-auth.yaml", "--cluster", "c"]).refused(2);
    assert!(both.contains("cannot be used with"), "{both}");
}

#[test]
fn a_file_that_is_something_else_is_refused_with_its_name_its_place_and_what_was_expected() {
    let place = files();
    place.write("plain", "a: b\n");
    place.write("broken", "{");
    place.write("entry.json", r#"[{"principalArn": "arn:aws:iam::123456789012:role/a", "usernam": "a"}]"#);
    place.write("directory.json", r#"[{"arn": "junk"}]"#);
    place.write("list.json", r#"{"kind": "ClusterRoleList", "items": [{"metadata": {"name": "admin"}, "rules": []}]}"#);
    for (args, says) in [
        (["--aws-auth", "gone"], &["cannot read `gone`"][..]),
        (["--aws-auth", "plain"], &["`plain`, given as `--aws-auth`", "expected the ConfigMap `aws-auth`"]),
        (["--aws-auth", "broken"], &["`broken`, given as `--aws-auth`", "line"]),
        (["--access-entries", "entry.json"], &["accessEntries[0]", "`usernam`; did you mean `username`?"]),
        (["--directory", "directory.json"], &["directory[0].arn", "`junk` is not a valid ARN"]),
        (["--world", "plain"], &["`kind` is missing", "doorward world export"]),
        (["--rbac", "plain"], &["`plain`, given as `--rbac`", "no `kind`; expected what `kubectl get clusterroles"]),
        (["--rbac", "aws-auth.yaml"], &["found no RBAC, but a `ConfigMap`"]),
        (["--rbac", "list.json"], &["the object `admin` has no `kind`"]),
    ] {
        let of_files: &[&str] =
            if matches!(args, ["--rbac" | "--directory", _]) { &["--aws-auth", "aws-auth.yaml"] } else { &[] };
        let said = place.run(&[&["migrate", "plan"], of_files, &args].concat()).refused(1);
        let line = said.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{args:?}: {said}"));
        assert!(says.iter().all(|part| line.contains(part)), "{args:?}: {line}");
    }
}
