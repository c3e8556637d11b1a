//! Hostile aws-auth: whatever stands in it, reading it ends, soon, and gives nobody more than its rows say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use doorward_core::aws_auth::edit::{NewMapping, Which, create_mapping, delete_mapping};
use doorward_core::aws_auth::{Authenticator, AwsAuth, Effect, Section, SectionState, parse, parse_as};
use doorward_core::lint::fix::fix;
use doorward_core::lint::{Context, lint};
use doorward_core::principal::PrincipalArn;
use proptest::prelude::*;

const ROLE: &str = "arn:aws:iam::123456789012:role/admin";

fn roles(text: impl Into<String>) -> AwsAuth {
    parse(&BTreeMap::from([("mapRoles".to_owned(), text.into())]))
}

fn maps_admin(aws_auth: &AwsAuth) -> bool {
    aws_auth.find(&PrincipalArn::parse(ROLE).unwrap()).is_some()
}

/// A debug build on a busy machine; a release build takes a tenth.
fn ends_soon<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    println!("{what}: {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(20), "{what} took {:?}", started.elapsed());
    result
}

#[test]
fn large_and_deep_texts_end_soon() {
    let mebibyte = 1 << 20;
    let fill = |piece: &str| piece.repeat(mebibyte / piece.len());
    for (what, text) in [
        ("rows", fill(&format!("- {{rolearn: '{ROLE}', username: u}}\n"))),
        ("empty rows", fill("- \n")),
        ("nulls in brackets", format!("[{}]", fill("~,").get(..mebibyte - 2).unwrap())),
        ("open brackets", fill("[")),
        ("open braces", fill("{a: ")),
        ("nested dashes", fill("- ")),
        ("closing brackets", fill("]")),
        ("one long word", fill("a")),
        ("one long key", format!("- {}: b", fill("a").get(..mebibyte - 10).unwrap())),
        ("open quotes", fill("- \"")),
        ("comments", fill("#\n")),
        ("comments in a row", format!("- a: b\n{}", fill("  # c\n").get(..mebibyte - 10).unwrap())),
        ("blank lines", fill("\n")),
        ("documents", fill("---\n")),
        ("directives", fill("%A b\n")),
        ("anchors", fill("- &a b\n")),
        ("anchors and aliases", fill("- &a b\n- *a\n")),
        ("merges", format!("- &a {{username: u}}\n{}", fill("- {<<: *a}\n").get(..mebibyte - 30).unwrap())),
        ("keys", format!("- {{{}}}", (0..90_000).map(|key| format!("k{key}: ,")).collect::<String>())),
        (
            "braces in a name",
            format!("- {{rolearn: '{ROLE}', username: '{}'}}", fill("{{").get(..mebibyte - 100).unwrap()),
        ),
        ("colons", fill(": ")),
        ("question marks", fill("? ")),
        ("tags", fill("- !!str a\n")),
        ("indentation", (0..1400).map(|depth| format!("{}-\n", " ".repeat(depth))).collect()),
        ("too large", "#".repeat(2 * mebibyte)),
    ] {
        ends_soon(what, || roles(text.clone()));
        ends_soon(what, || linted(text));
    }
}

/// What is found for EKS.
fn linted(text: impl Into<String>) -> usize {
    let context = Context { authenticator: Authenticator::Eks, partition: None };
    lint(&BTreeMap::from([("mapRoles".to_owned(), text.into())]), &context).len()
}

#[test]
fn thousands_of_rows_for_one_principal_are_linted_and_mended_soon() {
    let user = "arn:aws:iam::123456789012:user/abcdefghijklm";
    let in_some_case = |number: usize| -> String {
        let upper = |(at, c): (usize, char)| if (number >> (at % 13)) & 1 == 1 { c.to_ascii_uppercase() } else { c };
        user.char_indices().map(upper).collect()
    };
    let rows = |key: &str, arn: &dyn Fn(usize) -> String| -> String {
        (0..2_000).map(|row| format!("- {key}: {}\n  username: u{row}\n  groups: [a]\n", arn(row))).collect()
    };
    let data = BTreeMap::from([
        ("mapRoles".to_owned(), rows("rolearn", &|_| ROLE.to_owned())),
        ("mapUsers".to_owned(), rows("userarn", &|row| in_some_case(row % 1_500))),
    ]);
    for authenticator in [Authenticator::Eks, Authenticator::Doorward] {
        let context = Context { authenticator, partition: None };
        let found = ends_soon("lint", || lint(&data, &context));
        assert!(found.len() >= 3_500 && found.iter().all(|finding| finding.message.len() < 1_000));
        let fixed = ends_soon("fix", || fix(&data, &context));
        assert_eq!(parse_as(&fixed.data, authenticator).roles.len(), 1);
    }
}

#[test]
fn a_tab_or_a_letter_that_folds_never_makes_a_row_of_another() {
    let read = |text: &str| parse_as(&BTreeMap::from([("mapRoles".to_owned(), text.to_owned())]), Authenticator::Eks);
    let long_s = read(
        "- {rolearn: \"arn:aws:iam::123456789012:role/op\u{17F}\", username: a}\n- {rolearn: 'arn:aws:iam::123456789012:role/ops', username: b}\n",
    );
    let ops = PrincipalArn::parse("arn:aws:iam::123456789012:role/ops").unwrap();
    assert_eq!(long_s.candidates(&ops).len(), 2, "kept under two keys, and equal to one caller");
    let kelvin = read(
        "- {rolearn: \"arn:aws:iam::123456789012:role/\u{212A}\", username: a}\n- {rolearn: 'arn:aws:iam::123456789012:role/k', username: b}\n",
    );
    let k = PrincipalArn::parse("arn:aws:iam::123456789012:role/k").unwrap();
    assert_eq!(kelvin.candidates(&k).len(), 1, "one key, of which the last row counts");
    assert_eq!(read("- rolearn: x\n\tusername: u\n").state(Section::Roles), SectionState::Unreadable);
}

#[test]
fn aliases_do_not_multiply() {
    let mut laughs = format!("- &a0 {{rolearn: '{ROLE}', username: u}}\n");
    for level in 1..30 {
        laughs.push_str(&format!("- &a{level} [*a{0}, *a{0}, *a{0}, *a{0}]\n", level - 1));
    }
    let read = ends_soon("laughs", || roles(laughs));
    assert_eq!(read.state(Section::Roles), SectionState::Unreadable);
    assert!(!maps_admin(&read));
    assert_eq!(roles("- &a {<<: *a}").state(Section::Roles), SectionState::Unreadable);
}

#[test]
fn an_invisible_or_foldable_letter_is_another_name() {
    for arn in [
        "arn:aws:iam::123456789012:role/admin\u{200B}",
        "\u{FEFF}arn:aws:iam::123456789012:role/admin",
        "arn:aws:iam::123456789012:role/adm\u{131}n",
        "arn:aws:iam::123456789012:role/ad\u{FF4D}in",
        "arn:aws:iam::１２３４５６７８９０１２:role/admin",
        "arn:aws:iam::123456789012:role/admin\u{301}",
        "arn:aws:iam::123456789012:role/admin ",
    ] {
        let read = roles(format!("- {{rolearn: \"{arn}\", username: u}}"));
        assert_eq!(read.roles.len(), 1, "{arn}");
        assert!(!maps_admin(&read), "{arn}");
    }
    let kelvin = roles("- {rolearn: \"arn:aws:iam::123456789012:role/\u{212A}\", username: u}");
    assert!(kelvin.find(&PrincipalArn::parse("arn:aws:iam::123456789012:role/k").unwrap()).is_none());
}

#[test]
fn characters_that_readers_disagree_on_make_a_section_unreadable() {
    for hidden in ["\0", "\u{1}", "\u{7f}", "\u{85}", "\u{2028}", "\u{2029}", "\u{9b}"] {
        let text = format!("# a comment{hidden}- {{rolearn: '{ROLE}', username: u}}\n");
        assert_eq!(roles(text).state(Section::Roles), SectionState::Unreadable, "{hidden:?}");
    }
    let carriage_return = roles(format!("# a comment\r- {{rolearn: '{ROLE}', username: u}}\n"));
    assert!(maps_admin(&carriage_return), "for every reader a carriage return ends the comment");
    let in_the_middle = roles(format!("- {{rolearn: x, username: u}}\n\u{FEFF}- {{rolearn: '{ROLE}', username: u}}\n"));
    assert_eq!(in_the_middle.state(Section::Roles), SectionState::Unreadable);
}

#[test]
fn a_message_shows_little_of_a_hostile_value_and_nothing_raw() {
    let read = roles(format!("- \"\\e[31m\\n{}\"", "x".repeat(100_000)));
    let message = read.problems[0].to_string();
    assert!(message.len() < 1000 && !message.contains(['\u{1b}', '\n']), "{message}");
    let read = roles(format!("- {{rolearn: x, username: \"{{{{\\n\\e{}}}}}\"}}", "y".repeat(10_000)));
    let message = read.problems[0].to_string();
    assert!(message.len() < 1000 && !message.contains(['\u{1b}', '\n']), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_text_makes_reading_or_editing_panic(
        roles in "[-a-c:#&*<|>'\"{}\\[\\], \n\r\t~!%?\\\\éA0]{0,80}",
        users in any::<String>(),
        accounts in "[-0-9\\[\\], \n\"']{0,60}",
    ) {
        let data = BTreeMap::from([
            ("mapRoles".to_owned(), roles),
            ("mapUsers".to_owned(), users),
            ("mapAccounts".to_owned(), accounts),
        ]);
        let read = parse(&data);
        prop_assert_eq!(&read, &parse(&data));
        let _ = create_mapping(&data, &NewMapping { arn: ROLE, username: "u", groups: &[] }, Default::default());
        let _ = delete_mapping(&data, "a", Which::All);
        for authenticator in [Authenticator::Eks, Authenticator::Doorward] {
            let context = Context { authenticator, partition: None };
            let found = lint(&data, &context);
            prop_assert!(found.iter().all(|d| d.line >= 1 && d.column >= 1 && !d.message.chars().any(char::is_control)));
            let fixed = fix(&data, &context);
            prop_assert_eq!(fix(&fixed.data, &context).mended, vec![]);
        }
    }

    #[test]
    fn cutting_a_good_text_short_never_gives_another_identity(at in any::<prop::sample::Index>()) {
        let text = format!("- rolearn: {ROLE}\n  username: viewer\n  groups:\n  - viewers\n- rolearn: other\n  username: admin\n  groups:\n  - system:masters\n");
        let read = roles(&text[..at.index(text.len() + 1)]);
        for row in &read.roles {
            let is_prefix = |name: &str| "viewer".starts_with(name) || "admin".starts_with(name);
            prop_assert!(is_prefix(row.username.as_str()));
            let is_masters = row.groups.iter().any(|group| group.as_str() == "system:masters");
            prop_assert!(!(is_masters && row.arn == ROLE));
        }
        for problem in &read.problems {
            prop_assert!(problem.kind.effect() != Effect::RowShadowed);
        }
    }
}
