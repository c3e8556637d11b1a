//! `doorward mapping` on files.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here has found what it looks for")]

mod common;

use std::io::Write as _;
use std::process::Stdio;

use common::{Answer, Place};

const FILE: &str = "\
# Kept by the platform team
apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth # as EKS wants it
  namespace: kube-system
data:
  mapRoles: |
    # nodes
    - rolearn: arn:aws:iam::123456789012:role/nodes
      username: system:node:{{EC2PrivateDNSName}}
      groups: [system:bootstrappers, system:nodes] # as EKS made it
    # people
    - rolearn: arn:aws:iam::123456789012:role/admins
      username: cluster-admin
      groups:
        - system:masters
  mapUsers: |
    []
";
const ADMINS: &str = "arn:aws:iam::123456789012:role/admins";

fn place() -> Place {
    let place = Place::new();
    place.write("aws-auth.yaml", FILE);
    place
}

fn mapping(place: &Place, args: &[&str]) -> Answer {
    let (verb, flags) = args.split_first().unwrap();
    place.run(&[&["mapping", verb, "--aws-auth", "aws-auth.yaml"], flags].concat())
}

#[test]
fn rows_are_listed_as_a_table_and_as_eksctl_prints_them() {
    let place = place();
    let table = mapping(&place, &["list"]).ok();
    assert!(table.starts_with("ARN  ") && table.contains("  cluster-admin  "), "{table}");
    assert!(table.lines().all(|line| line == line.trim_end()), "{table}");
    let json = mapping(&place, &["list", "-o", "json", "--arn", ADMINS]).ok();
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        rows,
        serde_json::json!([{ "rolearn": ADMINS, "username": "cluster-admin", "groups": ["system:masters"] }])
    );
    assert!(mapping(&place, &["list", "-o", "yaml"]).ok().contains("username: cluster-admin"));
    let said = mapping(&place, &["list", "--arn", "arn:aws:iam::123456789012:role/nobody"]).refused(1);
    assert!(said.contains("is for `arn:aws:iam::123456789012:role/nobody`"), "{said}");
}

#[test]
fn standard_input_can_be_listed_and_not_changed() {
    let place = place();
    let mut command = place.doorward(&["mapping", "list", "--aws-auth", "-", "-o", "json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(FILE.as_bytes()).unwrap();
    assert!(Answer::from(child.wait_with_output().unwrap()).ok().contains(ADMINS));
    let said = place.run(&["mapping", "delete", "--aws-auth", "-", "--arn", ADMINS]).refused(1);
    assert!(said.contains("standard input can only be read"), "{said}");
}

#[test]
fn delete_removes_one_row_and_keeps_every_other_byte() {
    let place = place();
    let said = mapping(&place, &["delete", "--arn", ADMINS]).ok();
    assert_eq!(
        said,
        format!("deleted row 2 of mapRoles: {ADMINS} as cluster-admin in system:masters\n0 rows left for {ADMINS}\n")
    );
    let (after, row) = (place.read("aws-auth.yaml"), FILE.find("    - rolearn: arn:aws:iam::123456789012:role/admins"));
    let end = FILE.find("  mapUsers").unwrap();
    assert_eq!(after, format!("{}{}", &FILE.get(..row.unwrap()).unwrap(), FILE.get(end..).unwrap()));
    let said = mapping(&place, &["delete", "--arn", ADMINS]).refused(1);
    assert!(said.contains(&format!("no row of `mapRoles` or `mapUsers` is for `{ADMINS}`")), "{said}");
    assert_eq!(place.read("aws-auth.yaml"), after);
    // Where all are wanted gone, none is fine.
    assert_eq!(mapping(&place, &["delete", "--arn", ADMINS, "--all"]).ok(), format!("0 rows left for {ADMINS}\n"));
}

#[test]
fn a_dry_run_shows_a_diff_and_changes_nothing() {
    let place = place();
    let answer = mapping(&place, &["delete", "--arn", ADMINS, "--dry-run"]);
    assert_eq!(answer.stderr, "dry run: nothing was changed\n");
    let diff = answer.ok();
    assert!(diff.starts_with("--- a/aws-auth.yaml\n+++ b/aws-auth.yaml\n@@ "), "{diff}");
    assert_eq!(diff.lines().filter(|line| line.starts_with('-')).count(), 5, "{diff}");
    assert_eq!(place.read("aws-auth.yaml"), FILE);
}

#[test]
fn create_appends_and_tells_of_what_it_shadows() {
    let place = place();
    let user = "arn:aws:iam::123456789012:user/bob";
    let args = ["create", "--arn", user, "--username", "bob", "--group", "b", "--group", "a"];
    assert_eq!(mapping(&place, &args).ok(), format!("created: {user} as bob in b, a\n"));
    let after = place.read("aws-auth.yaml");
    assert!(after.starts_with(FILE.get(..FILE.find("    []").unwrap()).unwrap()), "{after}");
    let again = mapping(&place, &[&args[..], &["--no-duplicate-arns"]].concat());
    assert!(again.stderr.contains("says the same already; nothing was added"), "{again:?}");
    assert_eq!(place.read("aws-auth.yaml"), after);
    let other = ["create", "--arn", user, "--username", "robert"];
    let said = mapping(&place, &[&other[..], &["--no-duplicate-arns"]].concat()).refused(1);
    assert!(said.contains("to another username or other groups"), "{said}");
    let shadowing = mapping(&place, &other);
    assert!(shadowing.stderr.contains("will be shadowed by the new row"), "{shadowing:?}");
    let json = mapping(&place, &["delete", "--arn", user, "-o", "json"]).ok();
    let outcome: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (outcome.pointer("/remaining").unwrap().as_u64(), outcome.pointer("/changed").unwrap().as_bool()),
        (Some(1), Some(true))
    );
}

#[test]
fn accounts_are_added_and_removed() {
    let place = place();
    mapping(&place, &["create", "--account", "111122223333"]).ok();
    assert!(place.read("aws-auth.yaml").contains("  mapAccounts: |\n"));
    assert!(mapping(&place, &["list"]).ok().contains("111122223333"));
    mapping(&place, &["delete", "--account", "111122223333"]).ok();
    assert!(mapping(&place, &["delete", "--account", "111122223333"]).refused(1).contains("not in `mapAccounts`"));
}

#[test]
fn a_row_that_could_not_count_is_not_added() {
    let place = place();
    for (args, words) in [
        (["--arn", "nonsense", "--username", "u"], "nonsense"),
        (["--arn", "arn:aws:iam::123456789012:group/g", "--username", "u"], "neither a user nor a role"),
        (["--arn", ADMINS, "--group", "g"], "give it a username"),
        (["--arn", ADMINS, "--username", "{{Nonsense}}"], "{{Nonsense}}"),
    ] {
        let said = mapping(&place, &[&["create"], &args[..]].concat()).refused(1);
        assert!(said.contains(words), "{args:?}: {said}");
        assert_eq!(place.read("aws-auth.yaml"), FILE);
    }
}

#[test]
fn a_bad_row_is_told_and_the_good_ones_are_listed() {
    let place = Place::new();
    let bad = FILE.replace("cluster-admin", "[a, b]");
    place.write("aws-auth.yaml", &bad);
    let answer = mapping(&place, &["list", "-o", "json"]);
    assert!(answer.stderr.starts_with("warning: `mapRoles`, row 2, line 7: "), "{answer:?}");
    assert!(answer.ok().contains("role/nodes"));
    for (content, words) in [
        ("kind: Secret\n", "the kind `Secret`"),
        ("{", "neither YAML nor JSON"),
        ("kind: ConfigMap\ndata: {mapRoles: [a]}\n", "`data.mapRoles` is not text"),
    ] {
        place.write("aws-auth.yaml", content);
        let said = mapping(&place, &["list"]).refused(1);
        assert!(said.contains(words) && said.contains("`aws-auth.yaml`"), "{said}");
    }
    let said = place.run(&["mapping", "list", "--aws-auth", "absent"]).refused(1);
    assert!(said.contains("cannot read `absent`"), "{said}");
}
