//! `docs/install.md` shows a YAML for each installer: it parses, and it says what `doorward init` says.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that fails here has found what it looks for")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::Place;
use serde_json::Value;

/// Where the document puts the files, unless an installer wants them elsewhere.
const FOLDER: &str = "/etc/kubernetes/doorward";

/// kOps names flags by fields of its own.
const KOPS: [(&str, &str); 2] = [
    ("authenticationTokenWebhookConfigFile", "authentication-token-webhook-config-file"),
    ("authenticationTokenWebhookCacheTtl", "authentication-token-webhook-cache-ttl"),
];

fn document() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/install.md")).unwrap()
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// Every fenced YAML of the document, parsed.
fn yamls(document: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut rest = document;
    while let Some((_, after)) = rest.split_once("\n```yaml\n") {
        let (block, after) = after.split_once("\n```\n").unwrap();
        found.push(yaml(block));
        rest = after;
    }
    found
}

/// A folder with what `init` writes in `out`.
fn place_with_files() -> Place {
    let place = Place::new();
    place.run(&["init", "--cluster", "prod", "--out", "out", "--installed-at", FOLDER]).ok();
    place
}

/// The flags that `init` writes, those in comments too, with their values.
fn flags_of_init() -> BTreeMap<String, String> {
    let text = place_with_files().read("out/flags");
    let flags = text.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix("--"));
    flags.map(named_value).collect()
}

fn named_value(flag: &str) -> (String, String) {
    let (name, value) = flag.split_once('=').unwrap();
    (name.to_owned(), value.to_owned())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The flags of kube-apiserver that this part of a YAML sets, in whatever way its installer has for that.
fn collect_flags(part: &Value, found: &mut Vec<(String, String)>) {
    match part {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("extraArgs", Value::Object(args)) => {
                        found.extend(args.iter().map(|(name, value)| (name.clone(), text(value))));
                    }
                    ("extraArgs", Value::Array(args)) => {
                        found.extend(args.iter().map(|arg| (text(&arg["name"]), text(&arg["value"]))));
                    }
                    ("kube-apiserver-arg+", Value::Array(args)) => {
                        found.extend(args.iter().map(|arg| named_value(arg.as_str().unwrap())));
                    }
                    ("kubeAPIServer", Value::Object(fields)) => {
                        found.extend(fields.iter().map(|(field, value)| {
                            let flag = KOPS.iter().find(|(name, _)| name == field).map(|(_, flag)| *flag);
                            (flag.unwrap_or(field).to_owned(), text(value))
                        }));
                    }
                    ("kubeadmConfigPatches", Value::Array(patches)) => {
                        patches.iter().for_each(|patch| collect_flags(&yaml(patch.as_str().unwrap()), found));
                    }
                    _ => collect_flags(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_flags(item, found)),
        _ => {}
    }
}

fn flags(part: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect_flags(part, &mut found);
    found
}

/// Every value below that name, at any depth.
fn below<'a>(part: &'a Value, wanted: &str, found: &mut Vec<&'a Value>) {
    match part {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == wanted {
                    found.push(value);
                }
                below(value, wanted, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| below(item, wanted, found)),
        _ => {}
    }
}

/// What `--authorization-config` replaces, and does not tolerate beside itself.
fn is_replaced_by_the_configuration(flag: &str) -> bool {
    flag.starts_with("authorization-") && flag != "authorization-config"
}

#[test]
fn every_yaml_of_the_document_is_one_and_none_is_hidden_from_these_tests() {
    let document = document();
    let found = yamls(&document);
    assert_eq!(found.len(), document.matches("```yaml").count());
    assert!(found.iter().all(Value::is_object), "{found:#?}");
    assert_eq!(found.iter().filter(|yaml| !flags(yaml).is_empty()).count(), 7, "{found:#?}");
}

#[test]
fn every_flag_of_the_document_is_one_that_init_writes_with_the_same_value() {
    let init = flags_of_init();
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for (flag, value) in yamls(&document()).iter().flat_map(flags) {
        let is_same = init.get(&flag).is_some_and(|wanted| match wanted.strip_prefix(FOLDER) {
            // The folder is the installer's, the file is ours. kOps has one folder for everybody's.
            Some(file) => value.starts_with('/') && value.ends_with(file.trim_start_matches('/')),
            None => value == *wanted,
        });
        if !is_same {
            wrong.push(format!("--{flag}={value}"));
        }
        seen.insert(flag);
    }
    assert!(wrong.is_empty(), "{wrong:#?} where init writes {init:#?}");
    assert!(init.keys().eq(seen.iter()), "{seen:#?} of {init:#?}");
}

#[test]
fn no_yaml_of_the_document_sets_an_authorization_flag_without_its_fellows_or_with_what_replaces_them() {
    let fellows = flags_of_init().keys().filter(|flag| is_replaced_by_the_configuration(flag)).count();
    assert_eq!(fellows, 5);
    for found in yamls(&document()).iter().map(flags) {
        let has_configuration = found.iter().any(|(flag, _)| flag == "authorization-config");
        let replaced = found.iter().filter(|(flag, _)| is_replaced_by_the_configuration(flag)).count();
        assert!(replaced == 0 || (replaced == fellows && !has_configuration), "{found:#?}");
    }
}

#[test]
fn the_authorizers_of_the_document_are_those_of_init() {
    let init = yaml(&place_with_files().read("out/authorization-configuration.yaml"));
    let yamls = yamls(&document());
    let mut found = Vec::new();
    yamls.iter().for_each(|yaml| below(yaml, "authorizationConfig", &mut found));
    assert_eq!(found, [&init["authorizers"]]);
}

#[test]
fn every_flag_that_the_text_names_is_one_that_init_writes() {
    let (document, init) = (document(), flags_of_init());
    let words = document.split(|c: char| !c.is_ascii_lowercase() && c != '-');
    let named: BTreeSet<&str> =
        words.filter_map(|word| word.strip_prefix("--")).filter(|word| word.starts_with("auth")).collect();
    let unknown: Vec<_> = named.iter().filter(|flag| !init.contains_key(**flag)).collect();
    assert!(unknown.is_empty(), "{unknown:?} of {init:#?}");
    assert!(named.len() >= 3, "{named:?}");
}
