//! `doorward mapping lint` on files.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here has found what it looks for")]

mod common;

use common::Place;
use serde_json::Value;

const GOOD: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth
data:
  mapRoles: |
    # nodes
    - rolearn: arn:aws:iam::123456789012:role/nodes
      username: system:node:{{EC2PrivateDNSName}}
      groups: [system:bootstrappers, system:nodes]
    # people
    - rolearn: arn:aws:iam::123456789012:role/admins
      username: cluster-admin
      groups: [system:masters]
";
const BAD: &str = concat!(
    "    - rolearn: arn:aws:iam::123456789012:role/ADMINS\n",
    "      username: {{SessionName}} # who\n",
    "      groups: [system:masters]\n",
    "  mapusers: |\n",
    "    - userarn: arn:aws:iam::123456789012:user/bob\n",
    "      username: bob\n",
);

fn place(text: &str) -> Place {
    let place = Place::new();
    place.write("aws-auth.yaml", text);
    place
}

fn lint(place: &Place, flags: &[&str]) -> (Option<i32>, String) {
    let output =
        place.doorward(&[&["mapping", "lint", "--aws-auth", "aws-auth.yaml"], flags].concat()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_clean_file_ends_with_0_though_there_are_notes_and_findings_with_3() {
    let (code, text) = lint(&place(GOOD), &[]);
    assert_eq!(code, Some(0));
    assert!(
        text.ends_with("0 errors, 0 warnings, 1 note\n`doorward mapping lint --explain DW061` tells more.\n"),
        "{text}"
    );
    let (code, text) = lint(&place(&format!("{GOOD}{BAD}")), &[]);
    assert_eq!(code, Some(3));
    assert!(text.contains("error DW002  aws-auth.yaml:16:17  mapRoles\n"), "{text}");
    assert!(text.contains("error DW005  aws-auth.yaml:19:5  mapUsers\n"), "{text}");
}

#[test]
fn wrong_flags_end_with_2_and_what_is_no_config_map_with_1() {
    let place = place("a: b\n");
    assert_eq!(lint(&place, &[]).0, Some(1));
    assert_eq!(lint(&place, &["--authenticator", "nobody"]).0, Some(2));
    let said = place.run(&["mapping", "lint", "--explain", "DW999"]).refused(2);
    assert!(said.contains("no finding has the code `DW999`"), "{said}");
}

#[test]
fn every_code_is_explained_and_all_are_listed() {
    let place = Place::new();
    let one = place.run(&["mapping", "lint", "--explain", "role-path"]).ok();
    assert!(one.starts_with("DW030 role-path (error): a role's ARN has a path\n\ncause\n"), "{one}");
    let all = place.run(&["mapping", "lint", "--explain"]).ok();
    assert!(all.lines().count() > 40 && all.starts_with("CODE"), "{all}");
}

#[test]
fn mending_shows_itself_keeps_comments_and_is_done_once() {
    let text = format!("{GOOD}{BAD}");
    let place = place(&text);
    let (_, tried) = lint(&place, &["--fix", "--dry-run"]);
    assert!(tried.contains("-      username: {{SessionName}} # who\n"), "{tried}");
    assert_eq!(place.read("aws-auth.yaml"), text);
    let (code, _) = lint(&place, &["--fix"]);
    assert_eq!(code, Some(3), "that a session chooses its name is left to a decision");
    let after = place.read("aws-auth.yaml");
    assert!(after.contains("username: \"{{SessionName}}\" # who\n") && after.contains("  mapUsers: |\n"), "{after}");
    assert!(
        !after.contains("cluster-admin") && after.contains("# people"),
        "the row that another one hid is gone: {after}"
    );
    let (_, again) = lint(&place, &["--fix", "-o", "json"]);
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!((&again["fix"]["mended"], &again["fix"]["diff"]), (&serde_json::json!([]), &Value::from("")));
}

#[test]
fn sarif_names_rule_level_file_and_region() {
    let (code, text) = lint(&place(&format!("{GOOD}{BAD}")), &["-o", "sarif"]);
    assert_eq!(code, Some(3));
    let log: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(!results.is_empty());
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules.get(index).unwrap()["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "aws-auth.yaml");
    }
    let unquoted = results.iter().find(|result| result["ruleId"] == "DW002").unwrap();
    assert_eq!(
        unquoted["locations"][0]["physicalLocation"]["region"],
        serde_json::json!({"startLine": 16, "startColumn": 17})
    );
}

#[test]
fn sarif_has_the_shape_of_version_2_1_0() {
    // OASIS, SARIF 2.1.0: 3.13 log, 3.14 run, 3.19 driver, 3.49 rule, 3.27 result, 3.28 location, 3.30 region.
    let (_, text) = lint(&place(&format!("{GOOD}{BAD}")), &["-o", "sarif"]);
    let log: Value = serde_json::from_str(&text).unwrap();
    assert!(log["$schema"].as_str().unwrap().ends_with("sarif-2.1.0.json"), "{log}");
    assert_eq!(log["version"], "2.1.0");
    let runs = log["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    let driver = &runs[0]["tool"]["driver"];
    assert_eq!(
        (&driver["name"], &runs[0]["columnKind"]),
        (&Value::from("doorward"), &Value::from("unicodeCodePoints"))
    );
    let rules = driver["rules"].as_array().unwrap();
    let ids: std::collections::BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), rules.len(), "a rule's id is its own");
    for rule in rules {
        assert!(["error", "warning", "note"].contains(&rule["defaultConfiguration"]["level"].as_str().unwrap()));
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(!rule[text]["text"].as_str().unwrap().is_empty(), "{rule}");
        }
        // A property that is there has its type; null is none.
        assert!(
            rule.get("helpUri").is_none_or(|uri| uri.as_str().is_some_and(|uri| uri.starts_with("https://"))),
            "{rule}"
        );
    }
    let lines: Vec<usize> = format!("{GOOD}{BAD}").lines().map(|line| line.chars().count()).collect();
    let results = runs[0]["results"].as_array().unwrap();
    assert!(!results.is_empty());
    for result in results {
        assert!(ids.contains(result["ruleId"].as_str().unwrap()), "{result}");
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let locations = result["locations"].as_array().unwrap();
        assert_eq!(locations.len(), 1);
        let region = &locations[0]["physicalLocation"]["region"];
        if region.is_null() {
            assert_eq!(locations[0]["logicalLocations"][0]["fullyQualifiedName"], "kube-system/aws-auth", "{result}");
            continue;
        }
        let number = |key: &str| usize::try_from(region[key].as_u64().unwrap()).unwrap();
        let (line, column) = (number("startLine"), number("startColumn"));
        let width = line.checked_sub(1).and_then(|at| lines.get(at)).unwrap();
        assert!((1..=width + 1).contains(&column), "{region} is no place of the file");
    }
}

#[test]
fn json_has_the_place_in_the_file_and_in_the_section() {
    let (_, text) = lint(&place(&format!("{GOOD}{BAD}")), &["-o", "json"]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    let finding = &answer["findings"][0];
    assert_eq!((&finding["line"], &finding["sectionLine"]), (&Value::from(16), &Value::from(10)), "{finding}");
    let in_json = serde_json::json!({"kind": "ConfigMap", "data": {"mapRoles": "- [a]\n"}});
    let (_, text) = lint(&place(&in_json.to_string()), &["-o", "json"]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&answer["findings"][0]["line"], &answer["findings"][0]["sectionLine"]),
        (&Value::Null, &Value::from(1))
    );
}
