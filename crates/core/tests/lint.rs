//! What `lint` finds: each code on a text that has it and nothing else of note, at its place, and nothing on good texts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

use doorward_core::aws_auth::edit::Data;
use doorward_core::aws_auth::{Authenticator, Match, parse_as};
use doorward_core::lint::fix::{Mended, fix};
use doorward_core::lint::{Code, Context, Diagnostic, Severity, lint};
use doorward_core::partition::Partition;
use doorward_core::principal::PrincipalArn;

const NODES: &str = "- {rolearn: 'arn:aws:iam::123456789012:role/nodes', username: 'system:node:{{EC2PrivateDNSName}}', groups: ['system:bootstrappers', 'system:nodes']}\n";
const ADMIN: &str =
    "- {rolearn: 'arn:aws:iam::123456789012:role/admin', username: admin, groups: ['system:masters']}\n";

fn eks() -> Context {
    Context { authenticator: Authenticator::Eks, partition: None }
}

fn data(sections: &[(&str, &str)]) -> Data {
    sections.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
}

/// What is found in mapRoles with these rows behind good ones, apart from notes about entries.
fn found_in_roles(rows: &str, context: &Context) -> Vec<Diagnostic> {
    let text = format!("{NODES}{ADMIN}{rows}");
    let mut found = lint(&data(&[("mapRoles", &text)]), context);
    let is_of_entries = |d: &Diagnostic| d.code.as_str().starts_with("DW06") && d.severity == Severity::Note;
    found.retain(|diagnostic| !is_of_entries(diagnostic));
    found
}

fn places(found: &[Diagnostic]) -> Vec<(&'static str, usize, usize)> {
    found.iter().map(|d| (d.code.as_str(), d.line, d.column)).collect()
}

#[test]
fn a_good_aws_auth_has_no_finding_but_notes() {
    for authenticator in [Authenticator::Eks, Authenticator::Doorward] {
        let context = Context { authenticator, partition: Some(Partition::Aws) };
        let found = lint(&data(&[("mapRoles", &format!("{NODES}{ADMIN}")), ("mapUsers", "[]\n")]), &context);
        assert_eq!(
            found.iter().map(|d| (d.code, d.severity)).collect::<Vec<_>>(),
            [(Code::ReservedGroup, Severity::Note)]
        );
    }
}

#[test]
fn each_finding_in_a_row_has_its_code_and_place() {
    for (rows, expected) in [
        ("- [a]\n", vec![("DW010", 3, 3)]),
        ("- username: u\n", vec![("DW011", 3, 3)]),
        ("- {userarn: 'arn:aws:iam::123456789012:user/u', username: u}\n", vec![("DW012", 3, 4)]),
        ("- {rolearn: 5, username: u}\n", vec![("DW013", 3, 13)]),
        ("- {sso: {permissionSetName: P, accountID: '123456789012'}, username: u}\n", vec![("DW014", 3, 9)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:role/r'}\n", vec![("DW020", 3, 3)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:role/r', username: no}\n", vec![("DW021", 3, 59)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:role/r', username: r, groups: g}\n", vec![("DW022", 3, 70)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:role/r', username: r, groups: [a, 1]}\n", vec![("DW023", 3, 74)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:role/r', username: 'r:{{User}}'}\n", vec![("DW024", 3, 59)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:role/p/r', username: r}\n", vec![("DW030", 3, 13)]),
        ("- {rolearn: 'arn:aws:sts::123456789012:assumed-role/r/s', username: r}\n", vec![("DW031", 3, 13)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:role/*', username: r}\n", vec![("DW032", 3, 13)]),
        ("- {rolearn: 'arn:aws:iam::1234567890:role/r', username: r}\n", vec![("DW033", 3, 13)]),
        ("- {rolearn: ' arn:aws:iam::123456789012:role/r', username: r}\n", vec![("DW034", 3, 13)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:instance-profile/r', username: r}\n", vec![("DW035", 3, 13)]),
        ("- {rolearn: 'role/r', username: r}\n", vec![("DW036", 3, 13)]),
        ("- {rolearn: 'arn:aws-cn:iam::123456789012:role/r', username: r}\n", vec![("DW038", 3, 13)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:role/r', username: '{{AccessKeyID}}:'}\n", vec![("DW050", 3, 59)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:role/r', username: 'r:{{SessionName}}'}\n", vec![("DW051", 3, 59)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:role/r', username: '{{SessionNameRaw}}'}\n", vec![("DW052", 3, 59)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:user/r', username: 'r:{{SessionName}}'}\n", vec![("DW053", 3, 59)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:role/r', username: 'r:{{{AccountID}}}'}\n", vec![("DW054", 3, 59)]),
        (
            "- {rolearn: 'arn:aws:iam::123456789012:role/r', username: 'system:kube-scheduler'}\n",
            vec![("DW064", 3, 59)],
        ),
        (
            "- {rolearn: 'arn:aws:iam::123456789012:role/r', username: r, groups: ['system:bootstrappers', 'system:nodes']}\n",
            vec![("DW070", 3, 59)],
        ),
        (
            "- {rolearn: 'arn:aws:iam::123456789012:role/r', username: 'system:node:{{SessionNameRaw}}', groups: ['system:bootstrappers']}\n",
            vec![("DW071", 3, 3)],
        ),
        (
            "- {rolearn: 'arn:aws:iam::123456789012:role/r', username: 'system:node:{{SessionNameRaw}}', groups: ['system:bootstrappers', 'system:nodes', x]}\n",
            vec![("DW072", 3, 142)],
        ),
        ("- {rolearn: 'arn:aws:iam::123456789012:root', username: r}\n", vec![("DW081", 3, 13)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:role/r', username: r, username: s}\n", vec![("DW006", 3, 62)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:role/r', username: r, UserName: s}\n", vec![("DW006", 3, 62)]),
        ("- {rolearn: 'arn:aws:iam::123456789012:role/r', username: r, group: [g]}\n", vec![("DW007", 3, 62)]),
    ] {
        assert_eq!(places(&found_in_roles(rows, &eks())), expected, "{rows}");
    }
}

#[test]
fn each_finding_in_a_section_has_its_code_and_place() {
    for (rows, expected) in [
        ("- \"x\n", vec![("DW001", 3, 3)]),
        ("- {rolearn: x, username: !!int y}\n", vec![("DW001", 3, 32)]),
        ("- username: {{SessionName}}\n", vec![("DW002", 3, 13)]),
        ("---\n- x\n", vec![("DW004", 3, 1)]),
    ] {
        assert_eq!(places(&found_in_roles(rows, &eks())), expected, "{rows}");
    }
    let roles = format!("{NODES}{ADMIN}");
    let codes = |sections: &[(&str, &str)]| -> Vec<&'static str> {
        let mut sections = sections.to_vec();
        sections.push(("mapRoles", &roles));
        let found = lint(&data(&sections), &eks());
        found.iter().filter(|d| d.code != Code::ReservedGroup).map(|d| d.code.as_str()).collect()
    };
    assert_eq!(codes(&[("mapUsers", "a: b\n")]), ["DW003"]);
    assert_eq!(codes(&[("mapusers", "[]")]), ["DW005"]);
    assert_eq!(codes(&[("mapUser", "[]")]), ["DW005"]);
    assert_eq!(codes(&[("mapGroups", "[]")]), ["DW008"]);
    assert_eq!(codes(&[("mapAccounts", "- 1234567890\n")]), ["DW037"]);
    assert_eq!(codes(&[("mapAccounts", "- '123456789012'\n- '123456789012'\n")]), ["DW080", "DW043"]);
    let users = "- {userarn: 'arn:aws:iam::123456789012:user/u', username: u}\n- {userarn: 'arn:aws:iam::123456789012:user/U', username: v}\n";
    assert_eq!(codes(&[("mapUsers", users)]), ["DW042", "DW042"]);
}

#[test]
fn what_entries_refuse_is_a_note() {
    let codes = |row: &str| -> Vec<_> {
        let found = lint(&data(&[("mapRoles", &format!("{NODES}{row}"))]), &eks());
        found
            .into_iter()
            .map(|d| (d.code.as_str(), d.severity))
            .filter(|(_, severity)| *severity == Severity::Note)
            .collect()
    };
    let row = |name: &str, username: &str, groups: &str| {
        format!("- {{rolearn: 'arn:aws:iam::123456789012:role/{name}', username: '{username}', groups: [{groups}]}}\n")
    };
    assert_eq!(codes(&row("r", "eks:r", "'eks:g'")), [("DW060", Severity::Note), ("DW061", Severity::Note)]);
    assert_eq!(codes(&row("AWSServiceRoleForX", "x", "g")), [("DW062", Severity::Note)]);
    assert_eq!(codes(&row("r", "r:{{AccountID}}", "g")), [("DW063", Severity::Note)]);
    assert_eq!(codes(&row("r", "r", "g")), []);
}

#[test]
fn a_cluster_without_administrators_or_nodes_is_told() {
    let codes = |roles: &str| -> Vec<_> {
        let found = lint(&data(&[("mapRoles", roles)]), &eks());
        found.into_iter().filter(|d| d.section.is_none()).map(|d| d.code.as_str()).collect()
    };
    assert_eq!(codes("[]"), ["DW073", "DW074"]);
    assert_eq!(codes(NODES), ["DW074"]);
    assert_eq!(codes(ADMIN), ["DW073"]);
    let shadowed = format!("{NODES}{ADMIN}{}", ADMIN.replace("'system:masters'", "g"));
    assert_eq!(codes(&shadowed), ["DW074"], "the row that would make an administrator does not count");
    let nodes_as_masters = NODES.replace("'system:nodes'", "'system:nodes', 'system:masters'");
    assert_eq!(codes(&nodes_as_masters), ["DW074"]);
    assert_eq!(codes("- \"x"), Vec::<&str>::new(), "nothing is known of a section that cannot be read");
}

#[test]
fn rows_for_one_arn_are_told_by_what_they_say() {
    let same = "- {rolearn: 'arn:aws:iam::123456789012:role/ADMIN', username: admin, groups: ['system:masters']}\n";
    let other = "- {rolearn: 'arn:aws:iam::123456789012:role/ADMIN', username: other}\n";
    assert_eq!(places(&found_in_roles(same, &eks())), [("DW040", 2, 3)]);
    let found = found_in_roles(other, &eks());
    assert_eq!(places(&found)[0], ("DW041", 2, 3));
    assert!(found[0].message.contains("row 3 of `mapRoles`"), "{}", found[0].message);
}

#[test]
fn every_code_is_found_by_some_test() {
    let text = include_str!("lint.rs");
    let missing: BTreeSet<&str> =
        Code::ALL.iter().map(|code| code.as_str()).filter(|code| !text.contains(code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn doorwards_own_consequences_are_told_for_its_own_reading() {
    let row = "- {rolearn: 'arn:aws:iam::123456789012:role/r', username: yes}\n";
    let consequence = |authenticator| {
        let found = found_in_roles(row, &Context { authenticator, partition: None });
        assert_eq!(found[0].code, Code::UsernameNotText);
        found[0].consequence.clone()
    };
    assert!(consequence(Authenticator::Eks).contains("empty name"));
    assert_eq!(consequence(Authenticator::Doorward), "The row is dropped.");
    let path = "- {rolearn: 'arn:aws:iam::123456789012:role/p/r', username: r}\n";
    let doorward = Context { authenticator: Authenticator::Doorward, partition: None };
    assert_eq!(places(&found_in_roles(path, &doorward)), [("DW030", 3, 13)]);
}

#[test]
fn the_clusters_partition_is_the_one_that_is_given_else_that_of_most_rows() {
    let found = |partition| {
        let found = lint(&data(&[("mapRoles", &format!("{NODES}{ADMIN}"))]), &Context { partition, ..eks() });
        found.iter().filter(|d| d.code == Code::Partition).count()
    };
    assert_eq!(found(None), 0);
    assert_eq!(found(Some(Partition::AwsCn)), 2);
}

#[test]
fn templates_get_their_quotes_and_nothing_else_changes() {
    let before = "# head\n- rolearn: arn:aws:iam::123456789012:role/r\n  username: {{SessionName}}  # who\n  groups:\n  - {{AccountID}}\n  - plain\n";
    let after = "# head\n- rolearn: arn:aws:iam::123456789012:role/r\n  username: \"{{SessionName}}\"  # who\n  groups:\n  - \"{{AccountID}}\"\n  - plain\n";
    let before = data(&[("mapRoles", before)]);
    let fixed = fix(&before, &eks());
    assert_eq!(fixed.data["mapRoles"], after);
    assert!(matches!(&fixed.mended[..], [Mended::Quoted { lines, .. }] if *lines == [3, 5]));
    assert!(lint(&before, &eks()).iter().any(|d| d.code == Code::UnquotedTemplate && d.fixable));
    let in_brackets = data(&[("mapRoles", "- {rolearn: x, username: {{SessionName}}}\n")]);
    assert_eq!(fix(&in_brackets, &eks()).data, in_brackets);
    assert!(lint(&in_brackets, &eks()).iter().all(|d| !d.fixable));
}

#[test]
fn a_section_is_renamed_only_where_its_right_name_is_free_and_one_key_means_it() {
    let renamed = fix(&data(&[("maproles", ADMIN), ("other", "x")]), &eks());
    assert_eq!(renamed.data, data(&[("mapRoles", ADMIN), ("other", "x")]));
    for sections in [vec![("maproles", ADMIN), ("mapRoles", "[]")], vec![("maproles", ADMIN), ("MapRoles", ADMIN)]] {
        let before = data(&sections);
        assert_eq!(fix(&before, &eks()).data, before);
    }
}

#[test]
fn what_fix_removes_gives_nobody_another_identity() {
    let rows = format!(
        "# one\n{ADMIN}# two\n{}# three\n- {{username: nobody}}\n{NODES}{}",
        ADMIN.replace("username: admin", "username: other"),
        ADMIN.replace("role/admin", "role/ADMIN")
    );
    for authenticator in [Authenticator::Eks, Authenticator::Doorward] {
        let before = data(&[("mapRoles", &rows)]);
        let fixed = fix(&before, &Context { authenticator, partition: None });
        assert!(matches!(&fixed.mended[..], [Mended::Removed { rows, .. }] if *rows == [0, 1]), "{:?}", fixed.mended);
        for comment in ["# one", "# two", "# three", "nobody"] {
            assert!(fixed.data["mapRoles"].contains(comment));
        }
        for name in ["admin", "nodes"] {
            let arn = PrincipalArn::parse(&format!("arn:aws:iam::123456789012:role/{name}")).unwrap();
            let says = |data: &Data| match parse_as(data, authenticator).find(&arn) {
                Some(Match::Mapping(row)) => (row.username.clone(), row.groups.clone()),
                other => panic!("{other:?}"),
            };
            assert_eq!(says(&before), says(&fixed.data));
        }
        let again = fix(&fixed.data, &Context { authenticator, partition: None });
        assert_eq!((again.data, again.mended), (fixed.data, Vec::new()));
    }
}

#[test]
fn rows_of_which_chance_takes_one_are_left_to_a_decision() {
    let users = "- {userarn: 'arn:aws:iam::123456789012:user/u', username: u}\n- {userarn: 'arn:aws:iam::123456789012:user/U', username: v}\n";
    let before = data(&[("mapUsers", users)]);
    assert_eq!(fix(&before, &eks()).data, before);
}

#[test]
fn counts_add_up() {
    let found = found_in_roles("- [a]\n- username: u\n", &eks());
    assert_eq!(doorward_core::lint::counts(&found), BTreeMap::from([(Severity::Error, 2)]));
}
