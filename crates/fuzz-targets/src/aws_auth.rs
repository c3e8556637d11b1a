//! aws-auth: what is read of it, and what edits make of it.

use doorward_core::aws_auth::edit::{
    Data, Duplicates, EditError, Edited, NewMapping, Which, create_account, create_mapping, delete_account,
    delete_mapping,
};
use doorward_core::aws_auth::{
    Authenticator, AwsAuth, Effect, IdentityMapping, Match, RowStatus, Section, SectionState, parse, parse_as,
};
use doorward_core::lint::fix::fix;
use doorward_core::lint::{Context, lint};
use doorward_core::principal::PrincipalArn;

use crate::{Outcome, assert_is_a_message};

/// The input is the three sections, separated by NUL.
///
/// Rows stand in order and have names; every row's ARN finds a row for that ARN, the last of its section; an unreadable
/// section has no row and one problem; problems lie within the text; what was good last stays if a section breaks, and
/// goes if it is gone. For EKS every row has one status with its reasons, every row that may count is a candidate of its
/// principal, and no unreadable section has a row. What is linted lies within the text; mending twice is mending once.
pub fn aws_auth(data: &[u8]) -> Outcome {
    let Some(data) = sections(data) else { return "not text" };
    let now = parse(&data);
    assert_eq!(now, parse(&data));
    for (section, rows) in [(Section::Roles, &now.roles), (Section::Users, &now.users)] {
        assert!(
            rows.iter().zip(rows.iter().skip(1)).all(|(row, next)| row.index < next.index && row.line <= next.line)
        );
        for row in rows {
            assert_eq!(row.section, section);
            assert!(!row.arn.is_empty() && !row.username.as_str().is_empty());
            check_found(&now, row);
        }
        if now.state(section) != SectionState::Read {
            assert!(rows.is_empty());
        }
    }
    for problem in &now.problems {
        assert_is_a_message(&problem.kind.to_string());
        let text = data.get(problem.section.key()).map_or("", String::as_str);
        assert!((1..=text.split(['\n', '\r']).count()).contains(&problem.line), "{problem:?}");
    }
    let is_unreadable = |section| now.state(section) == SectionState::Unreadable;
    for section in Section::ALL {
        let about = |effect| now.problems.iter().filter(|p| p.section == section && p.kind.effect() == effect).count();
        assert_eq!(about(Effect::SectionUnreadable), usize::from(is_unreadable(section)));
    }
    check_eks(&data);
    check_lint(&data);
    let mut broken = data.clone();
    broken.insert("mapRoles".to_owned(), "- {".to_owned());
    let kept = parse(&broken).with_last_good(&now);
    assert_eq!(kept.roles, now.roles, "one bad character locks everybody out");
    assert!(parse(&Data::new()).with_last_good(&now).roles.is_empty(), "a removed section still lets people in");
    match (Section::ALL.into_iter().filter(|section| is_unreadable(*section)).count(), now.mappings().count()) {
        (0, 0) if now.accounts.is_empty() => "empty",
        (0, _) if now.problems.is_empty() => "read",
        (0, _) => "read with problems",
        _ => "unreadable",
    }
}

fn check_eks(data: &Data) {
    let eks = parse_as(data, Authenticator::Eks);
    assert_eq!(eks, parse_as(data, Authenticator::Eks));
    let rows = eks.rows();
    assert!(rows.windows(2).all(|pair| (pair[0].section, pair[0].index) < (pair[1].section, pair[1].index)));
    for row in rows {
        assert_eq!(row.status == RowStatus::Live, row.reasons.is_empty());
        assert_eq!(eks.state(row.section), SectionState::Read);
        let Some(principal) =
            row.mapping.and_then(|mapping| PrincipalArn::parse(&mapping.arn.to_ascii_lowercase()).ok())
        else {
            continue;
        };
        let candidates = eks.candidates(&principal);
        let is_candidate = candidates.iter().any(|candidate| {
            matches!(candidate, Match::Mapping(found) if (found.section, found.index) == (row.section, row.index))
        });
        match row.status {
            RowStatus::Live | RowStatus::Hazardous => assert!(is_candidate && candidates.len() == 1),
            RowStatus::Ambiguous => assert!(is_candidate && candidates.len() > 1),
            RowStatus::Shadowed | RowStatus::Dropped => assert!(!is_candidate),
            RowStatus::Dead => {}
        }
    }
}

fn check_lint(data: &Data) {
    for authenticator in [Authenticator::Eks, Authenticator::Doorward] {
        let context = Context { authenticator, partition: None };
        for finding in lint(data, &context) {
            assert_is_a_message(&finding.message);
            assert!(finding.line >= 1 && finding.column >= 1);
        }
        let fixed = fix(data, &context);
        assert!(fix(&fixed.data, &context).mended.is_empty());
    }
}

fn check_found(aws_auth: &AwsAuth, row: &IdentityMapping) {
    let Ok(principal) = PrincipalArn::parse(&row.arn) else { return };
    let Some(Match::Mapping(found)) = aws_auth.find(&principal) else { panic!("a row that counts is not found") };
    assert!(found.arn.eq_ignore_ascii_case(&row.arn));
    let last_of = |rows: &[IdentityMapping]| rows.iter().rev().find(|r| r.arn.eq_ignore_ascii_case(&row.arn)).cloned();
    assert_eq!(last_of(&aws_auth.roles).or_else(|| last_of(&aws_auth.users)).as_ref(), Some(found));
}

/// The input is an edit and the sections, separated by NUL: `ARN\nUSERNAME\nGROUP\n…` first, or an account.
///
/// What is added is what is read afterwards, behind what was there; adding and removing it gives the same rows; removing
/// removes exactly what it says; nothing else of the ConfigMap changes; an edit that is refused says why.
pub fn aws_auth_edit(data: &[u8]) -> Outcome {
    let at = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (Ok(edit), Some(mut data)) =
        (std::str::from_utf8(&data[..at]), sections(data.get(at + 1..).unwrap_or_default()))
    else {
        return "not text";
    };
    data.insert("other".to_owned(), "stays".to_owned());
    let before = parse(&data);
    if let Ok(account) = edit.parse() {
        let outcome = match create_account(&data, account) {
            Ok(edited) => {
                let after = check_others(&data, &edited, &[Section::Accounts]);
                assert!(after.account_mapped(account).is_some());
                let removed = delete_account(&edited.data, account).expect("what was added can be removed");
                assert!(parse(&removed.data).account_mapped(account).is_none());
                "account added"
            }
            Err(error) => refused(&error),
        };
        return outcome;
    }
    let mut lines = edit.split('\n').map(str::to_owned);
    let (arn, username) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let groups: Vec<String> = lines.collect();
    check_removal(&data, &before, &arn);
    let new = NewMapping { arn: &arn, username: &username, groups: &groups };
    let edited = match create_mapping(&data, &new, Duplicates::Shadow) {
        Ok(edited) => edited,
        Err(error) => return refused(&error),
    };
    let is_user = arn.contains(":user/");
    let section = if is_user { Section::Users } else { Section::Roles };
    let after = check_others(&data, &edited, &[section]);
    let rows = |aws_auth: &AwsAuth| if is_user { aws_auth.users.clone() } else { aws_auth.roles.clone() };
    let (was, is) = (rows(&before), rows(&after));
    let (added, kept) = is.split_last().expect("the row is there");
    assert!(kept.len() == was.len() && kept.iter().zip(&was).all(|(a, b)| a.says_the_same_as(b)), "rows have changed");
    assert_eq!((added.arn.as_str(), added.username.as_str()), (arn.as_str(), username.as_str()));
    assert!(added.groups.iter().map(|group| group.as_str()).eq(groups.iter().map(String::as_str)));
    if edited.rewritten.is_some() { "rewritten" } else { "added" }
}

fn check_removal(data: &Data, before: &AwsAuth, arn: &str) {
    match delete_mapping(data, arn, Which::All) {
        Ok(edited) => {
            let after = check_others(data, &edited, &[Section::Roles, Section::Users]);
            let is_other = |row: &&IdentityMapping| !row.arn.eq_ignore_ascii_case(arn);
            let left: Vec<_> = before.mappings().filter(is_other).collect();
            let rows: Vec<_> = after.mappings().collect();
            assert!(left.len() == rows.len() && left.iter().zip(&rows).all(|(a, b)| a.says_the_same_as(b)));
            assert_eq!(edited.removed.len(), before.mappings().count() - left.len());
        }
        Err(error) => drop(refused(&error)),
    }
}

/// Reads an edited ConfigMap, in which nothing but these sections may have changed.
fn check_others(data: &Data, edited: &Edited, sections: &[Section]) -> AwsAuth {
    let is_meant = |key: &str| sections.iter().any(|section| section.key() == key);
    let others = |data: &Data| data.clone().into_iter().filter(|(key, _)| !is_meant(key)).collect::<Data>();
    assert_eq!(others(data), others(&edited.data));
    parse(&edited.data)
}

fn refused(error: &EditError) -> Outcome {
    assert_is_a_message(&error.to_string());
    match error {
        EditError::Unreadable(_) => "unreadable",
        EditError::WouldLose { .. } | EditError::NotReadBack(_) => "cannot be edited",
        _ => "refused",
    }
}

fn sections(data: &[u8]) -> Option<Data> {
    let text = std::str::from_utf8(data).ok()?;
    let keys = Section::ALL.map(Section::key);
    Some(keys.into_iter().map(str::to_owned).zip(text.split('\0').map(str::to_owned)).collect())
}
