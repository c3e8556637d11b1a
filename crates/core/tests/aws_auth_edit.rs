//! Edits of aws-auth: what they change, what they leave alone, what they refuse.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use doorward_core::aws_auth::edit::{
    Data, Duplicates, EditError, EditWarning, NewMapping, Which, create_account, create_mapping, delete_account,
    delete_mapping,
};
use doorward_core::aws_auth::{AwsAuth, Effect, Section, parse};
use proptest::prelude::*;

const NODE: &str = "arn:aws:iam::123456789012:role/node";
const ADMINS: &str = "arn:aws:iam::123456789012:role/eks-workshop-admins";
const NEW: &str = "arn:aws:iam::123456789012:role/new";

/// The ConfigMap of the walkthrough, with the comments that people write.
const WORKSHOP: &str = "\
# nodes first; do not touch
- groups:
  - system:bootstrappers # needed to join
  - system:nodes
  rolearn: arn:aws:iam::123456789012:role/node
  username: system:node:{{EC2PrivateDNSName}}

# people
- groups:
  - system:masters
  rolearn: arn:aws:iam::123456789012:role/eks-workshop-admins
  username: cluster-admin
# end
";

fn data(roles: &str) -> Data {
    Data::from([
        ("mapRoles".to_owned(), roles.to_owned()),
        ("mapUsers".to_owned(), "[]\n".to_owned()),
        ("note".to_owned(), "not ours".to_owned()),
    ])
}

fn create(data: &Data, arn: &str) -> Result<doorward_core::aws_auth::edit::Edited, EditError> {
    let groups = ["viewers".to_owned(), "team:{{SessionName}}".to_owned()];
    create_mapping(data, &NewMapping { arn, username: "{{AccountID}}", groups: &groups }, Duplicates::Shadow)
}

#[test]
fn a_new_row_stands_at_the_end_and_the_rest_is_untouched() {
    let before = data(WORKSHOP);
    let edited = create(&before, NEW).unwrap();
    let row = format!(
        "- groups:\n  - viewers\n  - \"team:{{{{SessionName}}}}\"\n  rolearn: {NEW}\n  username: \"{{{{AccountID}}}}\"\n"
    );
    // A template behind a colon needs no quotes.
    let row = row.replace("\"team:{{SessionName}}\"", "team:{{SessionName}}");
    assert_eq!(edited.data["mapRoles"], format!("{WORKSHOP}{row}"));
    assert_eq!((edited.rewritten, edited.warnings.len()), (None, 0));
    assert_eq!((&edited.data["mapUsers"], &edited.data["note"]), (&before["mapUsers"], &before["note"]));
    assert_eq!(delete_mapping(&edited.data, NEW, Which::First).unwrap().data, before);
}

#[test]
fn a_removed_row_takes_its_own_lines_and_no_comment_between_rows() {
    let edited = delete_mapping(&data(WORKSHOP), ADMINS, Which::First).unwrap();
    assert_eq!(edited.removed.len(), 1);
    let people = WORKSHOP.find("- groups:\n  - system:masters").unwrap();
    assert_eq!(edited.data["mapRoles"], format!("{}# end\n", &WORKSHOP[..people]));
    let empty = delete_mapping(&edited.data, NODE, Which::First).unwrap();
    assert_eq!(empty.data["mapRoles"], "# nodes first; do not touch\n\n# people\n# end\n");
    assert_eq!(parse(&empty.data), AwsAuth::default());
    let again = create(&empty.data, NEW).unwrap();
    assert!(again.data["mapRoles"].starts_with("# nodes first; do not touch\n\n# people\n# end\n- groups:\n"));
}

#[test]
fn the_last_row_leaves_an_empty_list_behind() {
    let one = create(&Data::new(), NEW).unwrap();
    let none = delete_mapping(&one.data, NEW, Which::First).unwrap();
    assert_eq!(none.data["mapRoles"], "[]\n");
    assert_eq!(create(&none.data, NEW).unwrap().data, one.data);
}

#[test]
fn indentation_and_line_ends_stay_as_they_are() {
    let windows = WORKSHOP.replace('\n', "\r\n");
    let edited = create(&data(&windows), NEW).unwrap();
    assert_eq!(edited.rewritten, None);
    assert!(edited.data["mapRoles"].starts_with(&windows));
    assert_eq!(edited.data["mapRoles"].matches('\n').count(), edited.data["mapRoles"].matches("\r\n").count());

    let indented = "   - rolearn: a\n     username: b\n     ";
    let edited = create(&data(indented), NEW).unwrap();
    assert!(edited.data["mapRoles"].starts_with(indented));
    assert!(edited.data["mapRoles"].contains("\n   - groups:\n     - viewers\n"), "{}", edited.data["mapRoles"]);
}

#[test]
fn a_section_in_brackets_is_written_anew_and_that_is_told() {
    let json = "[{\"rolearn\":\"a\",\"username\":\"b\",\"groups\":[\"yes\"]}] # lost\n";
    let edited = create(&data(json), NEW).unwrap();
    assert_eq!(edited.rewritten, Some(Section::Roles));
    assert!(edited.data["mapRoles"].starts_with("- groups:\n  - \"yes\"\n  rolearn: a\n  username: b\n- groups:\n"));
    let deleted = delete_mapping(&data(json), "a", Which::First).unwrap();
    assert_eq!((deleted.data["mapRoles"].as_str(), deleted.rewritten), ("[]\n", Some(Section::Roles)));
}

#[test]
fn an_anchor_that_others_need_is_written_out() {
    let anchored = "- &a\n  rolearn: x\n  username: u\n  groups: &g [g]\n- {rolearn: z1, username: v, groups: *g}\n";
    let edited = delete_mapping(&data(anchored), "x", Which::First).unwrap();
    assert_eq!(edited.rewritten, Some(Section::Roles));
    assert_eq!(edited.data["mapRoles"], "- groups:\n  - g\n  rolearn: z1\n  username: v\n");
}

#[test]
fn rows_that_do_not_count_stay_where_they_are() {
    let bad = "- rolearn: x\n  username: 5 # number\n- rolearn: z1\n  username: y1\n";
    let edited = delete_mapping(&data(bad), "z1", Which::First).unwrap();
    assert_eq!(edited.data["mapRoles"], "- rolearn: x\n  username: 5 # number\n");
    assert!(create(&data(bad), NEW).unwrap().data["mapRoles"].starts_with(bad));
    let in_brackets = "[{rolearn: x, username: 5}, {rolearn: z1, username: y1}]";
    assert!(matches!(create(&data(in_brackets), NEW), Err(EditError::WouldLose { .. })));
    assert!(matches!(delete_mapping(&data(in_brackets), "z1", Which::First), Err(EditError::WouldLose { .. })));
}

#[test]
fn what_cannot_be_read_is_not_edited() {
    for broken in ["- rolearn: \"x\n", "{}", "- a\n---\n- b\n", "\t- a"] {
        assert!(matches!(create(&data(broken), NEW), Err(EditError::Unreadable(_))), "{broken}");
        assert!(matches!(delete_mapping(&data(broken), NEW, Which::All), Err(EditError::Unreadable(_))), "{broken}");
    }
}

#[test]
fn a_row_that_could_not_count_is_not_made() {
    let create = |arn, username, groups: &[String]| {
        create_mapping(&Data::new(), &NewMapping { arn, username, groups }, Duplicates::Shadow).unwrap_err()
    };
    let neither = |arn: &str| EditError::NeitherUserNorRole(arn.to_owned());
    for arn in [
        "arn:aws:iam::123456789012:root",
        "arn:aws:iam::123456789012:group/g",
        "arn:aws:sts::123456789012:assumed-role/a/b",
        "arn:aws:sts::123456789012:federated-user/a",
    ] {
        assert_eq!(create(arn, "u", &[]), neither(arn));
    }
    assert!(matches!(create("role/a", "u", &[]), EditError::Arn(_)));
    assert_eq!(create(NEW, "", &["g".to_owned()]), EditError::NoUsername);
    assert_eq!(create(NEW, "u", &[String::new()]), EditError::EmptyGroup);
    assert!(matches!(create(NEW, "{{Who}}", &[]), EditError::Template(_)));
    assert!(matches!(create(NEW, "u", &["{{Who}}".to_owned()]), EditError::Template(_)));
}

#[test]
fn duplicates_shadow_or_are_refused() {
    let groups = ["b".to_owned(), "a".to_owned()];
    let new = NewMapping { arn: NEW, username: "u", groups: &groups };
    let one = create_mapping(&Data::new(), &new, Duplicates::Refuse).unwrap();
    let two = create_mapping(&one.data, &new, Duplicates::Shadow).unwrap();
    assert_eq!(two.warnings, [EditWarning::Shadows { section: Section::Roles, row: 0 }]);

    let reordered = ["a".to_owned(), "b".to_owned(), "a".to_owned()];
    let same = create_mapping(&one.data, &NewMapping { groups: &reordered, ..new.clone() }, Duplicates::Refuse);
    let same = same.unwrap();
    assert_eq!(same.warnings, [EditWarning::Exists { section: Section::Roles, row: 0 }]);
    assert_eq!(same.data, one.data);
    let other = create_mapping(&one.data, &NewMapping { username: "v", ..new.clone() }, Duplicates::Refuse);
    assert!(matches!(other, Err(EditError::Duplicate { section: Section::Roles, row: 0, .. })));

    let user = "arn:aws:iam::123456789012:user/bob";
    let crossed = Data::from([("mapRoles".to_owned(), format!("- {{rolearn: '{user}', username: u}}\n"))]);
    let crossed = create_mapping(&crossed, &NewMapping { arn: user, ..new.clone() }, Duplicates::Shadow).unwrap();
    assert_eq!(crossed.warnings, [EditWarning::ShadowedBy { section: Section::Roles, row: 0 }]);

    let path = NewMapping { arn: "arn:aws:iam::123456789012:role/p/new", ..new };
    let path = create_mapping(&Data::new(), &path, Duplicates::Shadow).unwrap();
    assert_eq!(path.warnings, [EditWarning::Path { without_path: NEW.to_owned() }]);
}

#[test]
fn the_first_row_goes_or_all() {
    let rows = "- {rolearn: a, username: u1}\n- {rolearn: b, username: u2}\n- {rolearn: a, username: u3}\n- {rolearn: A, username: u4}\n";
    let mut both = data(rows);
    both.insert("mapUsers".to_owned(), "- {userarn: a, username: u5}\n".to_owned());
    let first = delete_mapping(&both, "a", Which::First).unwrap();
    assert_eq!(first.removed[0].username.as_str(), "u1");
    assert_eq!(first.warnings, [EditWarning::Left { count: 3 }]);
    let exact = delete_mapping(&both, "A", Which::First).unwrap();
    assert_eq!(exact.removed[0].username.as_str(), "u4");
    let all = delete_mapping(&both, "a", Which::All).unwrap();
    assert_eq!(all.removed.len(), 4);
    assert_eq!(all.data["mapRoles"], "- {rolearn: b, username: u2}\n");
    assert_eq!(all.data["mapUsers"], "[]\n");
    assert_eq!(delete_mapping(&all.data, "a", Which::First), Err(EditError::NotFound("a".to_owned())));
    assert_eq!(delete_mapping(&all.data, "a", Which::All).unwrap().data, all.data);
}

#[test]
fn accounts_are_added_once_and_keep_their_zeros() {
    let account = "012345678901".parse().unwrap();
    let before = Data::from([("mapAccounts".to_owned(), "# ours\n- 222222222222\n".to_owned())]);
    let added = create_account(&before, account).unwrap();
    assert_eq!(added.data["mapAccounts"], "# ours\n- 222222222222\n- \"012345678901\"\n");
    assert_eq!(create_account(&added.data, account).unwrap().data, added.data);
    assert_eq!(delete_account(&added.data, account).unwrap().data, before);
    assert_eq!(delete_account(&before, account), Err(EditError::AccountNotFound(account)));
    let flow = Data::from([("mapAccounts".to_owned(), "[012345678901, 222222222222]".to_owned())]);
    let flow = delete_account(&flow, account).unwrap();
    assert_eq!(flow.data["mapAccounts"], "- \"222222222222\"\n");
}

/// A row as people write it: several styles, comments in many places.
fn row_text() -> impl Strategy<Value = String> {
    let groups = prop::collection::vec("[a-z:]{1,8}[a-z]", 0..3);
    let styles = (0..5u8, any::<bool>(), 0..100u32);
    (groups, styles).prop_map(|(groups, (style, is_commented, number))| {
        let arn = format!("arn:aws:iam::123456789012:role/r{number}");
        let comment = if is_commented { " # a comment" } else { "" };
        let list: String = groups.iter().map(|group| format!("  - {group}{comment}\n")).collect();
        let groups_key = if groups.is_empty() { String::new() } else { format!("  groups:\n{list}") };
        match style {
            0 => format!("- rolearn: {arn}{comment}\n  username: 'u{number}'\n{groups_key}"),
            1 => format!("-{comment}\n  username: u{number}\n{groups_key}  rolearn: \"{arn}\"\n\n"),
            2 => format!(
                "- {{rolearn: '{arn}',\n   username: u{number},{comment}\n   groups: [{}]}}\n",
                groups.join(", ")
            ),
            3 => format!("# a comment above\n- rolearn: {arn}\n  username: |-\n    u{number}\n# a comment below\n"),
            _ => format!("- rolearn: {arn}\n  username: {number}\n"),
        }
    })
}

fn comments(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| line.starts_with('#')).collect()
}

fn rows(data: &Data) -> Vec<(String, String, String)> {
    let aws_auth = parse(data);
    aws_auth.roles.iter().map(|row| (row.arn.clone(), row.username.to_string(), format!("{:?}", row.groups))).collect()
}

fn dropped(data: &Data) -> usize {
    parse(data).problems.iter().filter(|problem| problem.kind.effect() == Effect::RowDropped).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_row_made_and_removed_leaves_the_text_as_it_was(texts in prop::collection::vec(row_text(), 0..8)) {
        let before = data(&texts.concat());
        let created = create(&before, NEW).unwrap();
        prop_assert_eq!(created.rewritten, None);
        prop_assert_eq!(&rows(&created.data)[..rows(&before).len()], &rows(&before)[..]);
        let deleted = delete_mapping(&created.data, NEW, Which::First).unwrap();
        let expected = if texts.is_empty() { "[]\n".to_owned() } else { texts.concat() };
        prop_assert_eq!(&deleted.data["mapRoles"], &expected);
    }

    #[test]
    fn removing_any_row_keeps_the_others_and_the_comments(
        texts in prop::collection::vec(row_text(), 1..8),
        at in any::<prop::sample::Index>(),
    ) {
        let before = data(&texts.concat());
        let all = rows(&before);
        if all.is_empty() {
            return Ok(());
        }
        let (arn, ..) = at.get(&all);
        let edited = delete_mapping(&before, arn, Which::First).unwrap();
        prop_assert_eq!(edited.rewritten, None);
        let mut expected = all.clone();
        expected.remove(all.iter().position(|row| row.0 == *arn).unwrap());
        prop_assert_eq!(rows(&edited.data), expected);
        prop_assert_eq!(dropped(&edited.data), dropped(&before));
        prop_assert_eq!(comments(&edited.data["mapRoles"]), comments(&before["mapRoles"]));
    }

    #[test]
    fn whatever_the_text_an_edit_says_what_was_meant_or_is_refused(text in "[-a-c:#&*<|>'\"{}\\[\\], \n\r\t~!%?]{0,60}") {
        let before = data(&text);
        let now = rows(&before);
        if let Ok(created) = create(&before, NEW) {
            prop_assert_eq!(&rows(&created.data)[..now.len()], &now[..]);
            prop_assert_eq!(rows(&created.data).len(), now.len() + 1);
            prop_assert_eq!(dropped(&created.data), dropped(&before));
            if let Ok(deleted) = delete_mapping(&created.data, NEW, Which::First) {
                prop_assert_eq!(rows(&deleted.data), now);
            }
        }
    }

    #[test]
    fn no_name_is_written_that_reads_back_otherwise(username in "\\PC{1,20}", group in any::<String>()) {
        let groups = [group.clone()];
        let new = NewMapping { arn: NEW, username: &username, groups: &groups };
        if let Ok(created) = create_mapping(&data(WORKSHOP), &new, Duplicates::Shadow) {
            let row = parse(&created.data).roles.pop().unwrap();
            prop_assert_eq!((row.username.as_str(), row.groups[0].as_str()), (username.as_str(), group.as_str()));
        } else {
            prop_assert!(username.contains("{{") || group.contains("{{") || group.is_empty());
        }
    }
}
