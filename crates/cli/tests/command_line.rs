//! What every verb has in common: help, exit codes, and what is written where.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here has found what it looks for")]

mod common;

use std::process::Stdio;

use common::{Answer, Place};

#[test]
fn help_begins_with_examples() {
    let place = Place::new();
    for verb in [
        vec![],
        vec!["serve"],
        vec!["init"],
        vec!["cluster"],
        vec!["directory"],
        vec!["mapping"],
        vec!["status"],
        vec!["token"],
        vec!["kubeconfig"],
        vec!["completion"],
    ] {
        let help = place.run(&[verb.clone(), vec!["--help"]].concat()).ok();
        assert!(help.starts_with("Examples:\n  "), "{verb:?}: {help}");
        assert!(help.contains("Usage: doorward"), "{help}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_to_do() {
    let place = Place::new();
    for (args, words) in [
        (vec!["frobnicate"], "unrecognized subcommand"),
        (vec!["mapping", "delet"], "tip: a similar subcommand exists: 'delete'"),
        (vec!["mapping", "delete"], "--arn <ARN>|--account <ID>"),
        (vec!["mapping", "delete", "--arn", "a", "--account", "123456789012"], "cannot be used with"),
        (vec!["mapping", "list", "--aws-auth", "f", "--cluster", "c"], "cannot be used with"),
        (vec!["mapping", "create", "--account", "12"], "invalid value '12'"),
        (vec!["init", "--cluster", "a b", "--out", "x"], "`a b` is not a cluster name"),
        (
            vec!["cluster", "register", "c", "--kubeconfig", "k", "--authentication-mode", "BOTH"],
            "`API_AND_CONFIG_MAP`",
        ),
        (vec!["token"], "--cluster-name"),
        (vec!["token", "--cluster-name", "c", "--session-name", "s"], "--role-arn"),
        (vec!["status", "-o", "xml"], "[possible values: table, json, yaml]"),
        (vec!["serve", "--api", "8090"], "invalid value '8090' for '--api"),
        (vec!["status", "-v", "-q"], "cannot be used with"),
    ] {
        let said = place.run(&args).refused(2);
        assert!(said.contains(words), "{args:?}: {said}");
    }
    assert!(place.run(&[]).refused(2).contains("Usage: doorward"));
}

#[test]
fn completion_is_there_for_every_shell() {
    let place = Place::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = place.run(&["completion", shell]).ok();
        assert!(script.contains("doorward") && script.contains("kubeconfig"), "{shell}");
    }
    let page = place.run(&["man"]).ok();
    for verb in ["DOORWARD SERVE", "DOORWARD MAPPING DELETE"] {
        assert!(page.contains(&format!(".SH \"{verb}\"")), "{verb}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = Place::new();
    for args in [vec!["completion", "zsh"], vec!["man"], vec!["--help"]] {
        let mut child = place.doorward(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let answer = Answer::from(child.wait_with_output().unwrap());
        assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let place = Place::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = place.doorward(&["completion", "bash"]).stdout(full).output().unwrap();
    let answer = Answer::from(output);
    assert!(answer.refused(1).starts_with("error: cannot write the answer: "));
}

#[test]
fn without_credentials_it_says_which_were_looked_for_and_where_some_are() {
    let place = Place::new();
    let said = place.run(&["status"]).refused(1);
    assert!(said.starts_with("error: no AWS credentials: neither `AWS_ACCESS_KEY_ID`"), "{said}");
    assert!(!said.contains("export"), "{said}");
    std::fs::create_dir_all(place.path().join("doorward-data/aws")).unwrap();
    place.write("doorward-data/aws/credentials", "");
    let said = place.run(&["status"]).refused(1);
    assert!(said.contains("AWS_PROFILE=doorward`"), "{said}");
}

#[test]
fn a_server_that_is_not_there_is_told_with_its_address() {
    let place = Place::new();
    let mut command = place.doorward(&["cluster", "list"]);
    command.env("AWS_ACCESS_KEY_ID", "AKX").env("AWS_SECRET_ACCESS_KEY", "s").env("AWS_REGION", "us-west-2");
    let said = Answer::of(command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")).refused(1);
    assert!(said.contains("cannot reach http://127.0.0.1:1 for ListClusters"), "{said}");
    let said = Answer::of(command.env("AWS_ENDPOINT_URL", "127.0.0.1:1")).refused(1);
    assert!(said.contains("`127.0.0.1:1` (`AWS_ENDPOINT_URL`) is not an endpoint"), "{said}");
}

#[test]
fn a_lab_that_is_not_there_is_told_once_with_a_command_that_can_be_typed() {
    let place = Place::new();
    place.write("file", "");
    let answer = place.run(&["lab", "status", "--dir", "the lab"]);
    assert_eq!(answer.code, Some(1));
    let dir = place.path().join("the lab");
    let dir = dir.display();
    assert_eq!(
        answer.stderr,
        format!("error: no lab runs in `{dir}`; start one with `doorward lab up --dir '{dir}'`\n")
    );
    let answer = place.run(&["lab", "up", "--dir", "file"]);
    assert_eq!(answer.code, Some(1));
    assert_eq!(answer.stderr.matches("os error").count(), 1, "{}", answer.stderr);
}

#[test]
fn the_lab_whose_env_was_sourced_is_the_one_that_is_meant() {
    let place = Place::new();
    let answer = Answer::of(place.doorward(&["lab", "status"]).env("DOORWARD_LAB_DIR", "/nowhere/lab"));
    assert!(answer.stderr.contains("`/nowhere/lab`"), "{}", answer.stderr);
}
