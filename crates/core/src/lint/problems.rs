//! What reading aws-auth has found, as findings: each problem has its code and its words.

use super::{At, Code, Diagnostic, Findings};
use crate::arn::printable;
use crate::aws_auth::{AwsAuth, IdentityMapping, NeverMatches, Place, Problem, ProblemKind, Section};

/// Tells the problems.
pub(super) fn check(aws_auth: &AwsAuth, found: &mut Findings) {
    for problem in &aws_auth.problems {
        if let Some((code, message)) = words(problem, aws_auth) {
            let place = Place { line: problem.line, column: problem.column };
            let at = At { section: Some(problem.section), row: problem.row, place };
            let diagnostic = found.add(code, at, message);
            if let ProblemKind::NeverMatches(never) = &problem.kind {
                name_the_role(diagnostic, never);
            }
        }
    }
}

/// Where the row's ARN has a path: the ARN that the fix speaks of.
fn name_the_role(diagnostic: &mut Diagnostic, never: &NeverMatches) {
    if let NeverMatches::Path { without_path, .. } = never {
        let arn = printable(without_path);
        diagnostic.fix =
            format!("Write `{arn}`. Whoever has that role is then let in: make sure that this is still meant.").into();
    }
}

/// The code and what is there; nothing for what is found elsewhere.
fn words(problem: &Problem, aws_auth: &AwsAuth) -> Option<(Code, String)> {
    Some(match &problem.kind {
        ProblemKind::Syntax { message } => (Code::Syntax, format!("the text is not YAML: {message}")),
        ProblemKind::TooLarge => (Code::Syntax, "the text is larger than a ConfigMap can be".to_owned()),
        ProblemKind::Aliases => (Code::Syntax, "an alias has no anchor above it, or aliases copy too much".to_owned()),
        ProblemKind::KeyLosesSection { found, .. } => (Code::Syntax, format!("a key is {found}")),
        ProblemKind::NumberLosesSection { found } => (Code::Syntax, format!("`{found}` is a number that JSON has not")),
        ProblemKind::TagLosesSection { found } => (Code::Syntax, format!("{found} is not what its tag says")),
        ProblemKind::TagLosesRest { found } => (Code::RestIgnored, format!("{found} is not what its tag says")),
        ProblemKind::Merge { found } => (Code::Syntax, format!("`<<` merges {found}, expected a mapping")),
        ProblemKind::UnquotedLosesSection => (Code::UnquotedTemplate, "`{{` begins here without quotes".to_owned()),
        ProblemKind::Unquoted { key } => {
            (Code::UnquotedTemplate, format!("`{key}` begins with `{{{{` and is not in quotes"))
        }
        ProblemKind::NotAList { found } => (Code::NotAList, format!("expected a list of rows, found {found}")),
        ProblemKind::Documents => (Code::RestIgnored, "a second document begins here".to_owned()),
        ProblemKind::RestIgnored => (Code::RestIgnored, "the list has ended, and more follows".to_owned()),
        ProblemKind::NotAMapping { found, .. } => (Code::NotARow, format!("expected a row, found {found}")),
        ProblemKind::Key { found, .. } => (Code::NotARow, format!("a key of the row is {found}")),
        ProblemKind::NoArn { expected } => (Code::ArnMissing, format!("`{expected}` is missing or empty")),
        ProblemKind::WrongArnKey { expected, found } => {
            (Code::WrongArnKey, format!("`{found}` stands in `{}`, which reads `{expected}`", problem.section))
        }
        ProblemKind::NotText { key: "username", found } => (Code::UsernameNotText, format!("`username` is {found}")),
        ProblemKind::NotText { key: "groups", found } => (Code::GroupNotText, format!("a group is {found}")),
        ProblemKind::NotText { key, found } => (Code::ArnNotText, format!("`{key}` is {found}")),
        ProblemKind::Sso | ProblemKind::SsoOff => (Code::Sso, "the row is for a permission set (`sso`)".to_owned()),
        ProblemKind::SsoDropped { why } => (Code::Sso, format!("the row is for a permission set, and {why}")),
        ProblemKind::NoUsername => (Code::UsernameMissing, "`username` is missing or empty".to_owned()),
        ProblemKind::Nameless { found } if matches!(found.as_str(), "missing" | "empty" | "nothing") => {
            (Code::UsernameMissing, format!("`username` is {found}"))
        }
        ProblemKind::Nameless { found } => (Code::UsernameNotText, format!("`username` is {found}")),
        ProblemKind::GroupsNotAList { found } | ProblemKind::GroupsLost { found } => {
            (Code::GroupsNotAList, format!("`groups` is {found}"))
        }
        ProblemKind::GroupNameless { found } => (Code::GroupNotText, format!("a group is {found}")),
        ProblemKind::EmptyGroup => (Code::GroupNotText, "a group is empty".to_owned()),
        ProblemKind::LiteralPlaceholder { key, placeholder } => {
            (Code::UnknownPlaceholder, format!("`{placeholder}` in `{key}` is no placeholder"))
        }
        ProblemKind::Template { key, error } => {
            (Code::UnknownPlaceholder, format!("`{}` in `{key}` is no placeholder", error.placeholder))
        }
        ProblemKind::NeverMatches(never) => (code_of(never), never.to_string()),
        ProblemKind::NotAnAccount { found } | ProblemKind::NobodysAccount { found } => {
            (Code::NotAnAccount, format!("expected an account, found {found}"))
        }
        ProblemKind::Shadowed { section, row } => return shadowed(problem, *section, *row, aws_auth),
        ProblemKind::Ambiguous { section, rows } => {
            let others: Vec<String> = rows.iter().take(5).map(|row| (row + 1).to_string()).collect();
            let more = if rows.len() > 5 { " and more" } else { "" };
            let message =
                format!("the same user stands in row {}{more} of `{section}`, in another case", others.join(", "));
            (Code::Ambiguous, message)
        }
        // Keys are looked at as they are written.
        ProblemKind::DuplicateKey { .. } | ProblemKind::MisspeltKey { .. } => return None,
    })
}

fn shadowed(problem: &Problem, section: Section, row: usize, aws_auth: &AwsAuth) -> Option<(Code, String)> {
    let find = |section, index| {
        let rows = if section == Section::Users { &aws_auth.users } else { &aws_auth.roles };
        let at = rows.partition_point(|row: &IdentityMapping| row.index < index);
        rows.get(at).filter(|row| row.index == index)
    };
    let (here, winner) = (find(problem.section, problem.row?)?, find(section, row)?);
    let place = format!("row {} of `{section}`", row + 1);
    Some(if here.username == winner.username && here.groups == winner.groups {
        (Code::Repeated, format!("{place} is for the same ARN and says the same"))
    } else {
        (Code::Shadowed, format!("{place} is for the same ARN, says something else, and counts"))
    })
}

fn code_of(never: &NeverMatches) -> Code {
    match never {
        NeverMatches::Path { .. } => Code::RolePath,
        NeverMatches::Session { .. } => Code::SessionArn,
        NeverMatches::Wildcard { .. } => Code::Wildcard,
        NeverMatches::Account { .. } => Code::AccountDigits,
        NeverMatches::Character { .. } => Code::ArnCharacter,
        NeverMatches::NotAPrincipal { .. } => Code::NotAPrincipal,
        NeverMatches::Malformed(_) => Code::NotAnArn,
    }
}
