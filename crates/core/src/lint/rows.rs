//! Rows that count: what their templates make of callers, whom they let in at large, and of which partition they are.

use super::{At, Code, Findings, Live, LiveRow, Severity};
use crate::arn::printable;
use crate::aws_auth::{AwsAuth, Place, Section};
use crate::principal::PrincipalKind;
use crate::username::{Piece, Placeholder, Template};

/// Looks at each row by itself.
pub(super) fn check(aws_auth: &AwsAuth, live: &Live<'_>, found: &mut Findings) {
    for row in &live.foreign {
        let (theirs, ours) = (row.principal.partition(), live.partition);
        let ours = ours.map(|partition| format!(", and the cluster of `{partition}`")).unwrap_or_default();
        found.add(
            Code::Partition,
            row.at(row.mapping.places.arn),
            format!("the ARN is of the partition `{theirs}`{ours}"),
        );
    }
    for row in &live.rows {
        if row.principal.kind() == PrincipalKind::Root {
            let account = row.principal.account();
            let message = format!("the row is for the root user of the account {account}");
            found.add(Code::AccountRoot, row.at(row.mapping.places.arn), message);
        }
        username(row, found);
        let mapping = row.mapping;
        template("username", &mapping.username, row, row.username_at(), found);
        for (at, group) in mapping.groups.iter().enumerate() {
            template("groups", group, row, row.at(mapping.places.groups.get(at).copied()), found);
        }
    }
    let mut seen = std::collections::BTreeMap::new();
    for row in &aws_auth.accounts {
        let at = At::row(Section::Accounts, row.index, Place { line: row.line, column: row.column });
        let (code, message) = match seen.insert(row.account, row.index) {
            None => (Code::WholeAccount, format!("everybody of the account {} is let in", row.account)),
            Some(first) => (Code::AccountTwice, format!("the account {} stands in row {}", row.account, first + 1)),
        };
        found.add(code, at, message);
    }
}

/// Names of Kubernetes' own that nobody should come in under.
fn username(row: &LiveRow<'_>, found: &mut Findings) {
    let text = row.mapping.username.as_str();
    let is_component = text.strip_prefix("system:").is_some_and(|rest| {
        rest.starts_with("kube-")
            || rest.starts_with("serviceaccount:")
            || matches!(rest, "anonymous" | "apiserver" | "admin")
    });
    if is_component {
        let message = format!("the username is `{}`", printable(text));
        found.add(Code::ComponentName, row.username_at(), message);
    }
    let begins_with_session = matches!(
        row.mapping.username.pieces().next(),
        Some(Piece::Placeholder(Placeholder::SessionName | Placeholder::SessionNameRaw))
    );
    if begins_with_session && row.principal.kind() == PrincipalKind::Role {
        let message = format!("the username `{}` begins with the session's name", printable(text));
        found.add(Code::SessionIsName, row.username_at(), message);
    }
}

fn template(key: &str, template: &Template, row: &LiveRow<'_>, at: At, found: &mut Findings) {
    if template.is_literal() {
        return;
    }
    let shown = printable(template.as_str());
    let has = |one: Placeholder| template.placeholders().any(|placeholder| placeholder == one);
    let is_role = row.principal.kind() == PrincipalKind::Role;
    let session = [Placeholder::SessionName, Placeholder::SessionNameRaw, Placeholder::Ec2PrivateDnsName];
    if let Some(placeholder) = session.into_iter().find(|placeholder| !is_role && has(*placeholder)) {
        let message = format!("`{placeholder}` in `{key}`, and `{}` has no session", row.principal);
        let diagnostic = found.add(Code::NoSession, at, message);
        diagnostic.consequence = if placeholder == Placeholder::Ec2PrivateDnsName {
            "The caller is refused.".into()
        } else {
            format!("`{shown}` becomes `{}`.", printable(&without_session(template))).into()
        };
    }
    if has(Placeholder::AccessKeyId) {
        found.add(Code::AccessKeyName, at, format!("`{shown}` in `{key}` contains the access key's id"));
    }
    if is_role && has(Placeholder::SessionName) {
        found.add(Code::SessionsCollide, at, format!("`{shown}` in `{key}` makes `-` of `@`"));
    }
    if has_braces_around(template) {
        let diagnostic = found.add(Code::BracesAround, at, format!("`{shown}` in `{key}` has more braces than two"));
        diagnostic.severity = Severity::Warning;
    }
}

fn without_session(template: &Template) -> String {
    let text = |piece| match piece {
        Piece::Literal(text) => text,
        Piece::Placeholder(Placeholder::SessionName | Placeholder::SessionNameRaw) => "",
        Piece::Placeholder(other) => other.as_str(),
    };
    template.pieces().map(text).collect()
}

fn has_braces_around(template: &Template) -> bool {
    let pieces: Vec<Piece<'_>> = template.pieces().collect();
    pieces.windows(2).any(|pair| {
        matches!(pair, [Piece::Literal(before), Piece::Placeholder(_)] if before.ends_with('{'))
            || matches!(pair, [Piece::Placeholder(_), Piece::Literal(after)] if after.starts_with('}'))
    })
}
