//! The entries of a plan as Terraform: `aws_eks_access_entry`, `aws_eks_access_policy_association`, and `import` blocks
//! for what exists.
//!
//! Source: the registry's pages of both resources of `hashicorp/aws`, and the HCL specification on quoted templates:
//! `${` and `%{` open one, and are written `$${` and `%%{`.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::{Wanted, cluster_name, comment, wanted};
use crate::plan::{ApplyError, Outcome, Plan};
use crate::world_document::WorldDocument;

/// Writes the entries of a plan as Terraform.
///
/// # Errors
/// If the document is not the one that the plan was made of.
pub fn terraform(plan: &Plan, document: &WorldDocument) -> Result<String, ApplyError> {
    let mut out = String::from(HEAD);
    let kept = plan.rows.iter().filter(|row| matches!(row.outcome, Outcome::Kept { .. }));
    for row in kept {
        let _ = writeln!(out, "# Not here: `{}` ({})", comment(&row.arn), comment(&row.reason));
    }
    let cluster = match cluster_name(document) {
        Some(name) => quoted(name),
        None => {
            out.push_str("\nvariable \"cluster_name\" {\n  type = string\n}\n");
            "var.cluster_name".to_owned()
        }
    };
    let mut names = HashSet::new();
    for wanted in wanted(plan, document)? {
        let name = resource_name(&wanted, &mut names);
        entry(&mut out, &cluster, &name, &wanted);
        policies(&mut out, &cluster, &name, &wanted);
    }
    Ok(out)
}

const HEAD: &str = "\
# Access entries that mean what the rows of aws-auth mean.
#
# Terraform makes an entry before its policies, and an entry counts instead of its row at once: in that moment, whoever
# has a policy and no groups has nothing. `doorward migrate apply` leaves no such moment; run it first and let the import
# blocks of a new plan take over what it made.
";

fn entry(out: &mut String, cluster: &str, name: &str, wanted: &Wanted) {
    let arn = wanted.entry.principal_arn.as_str();
    if wanted.exists {
        import(out, &format!("aws_eks_access_entry.{name}"), cluster, &[(":", arn)]);
    }
    let _ = write!(out, "\nresource \"aws_eks_access_entry\" \"{name}\" {{\n");
    let mut lines = vec![("cluster_name", cluster.to_owned()), ("principal_arn", quoted(arn))];
    lines.push(("type", quoted(&wanted.entry.r#type)));
    if wanted.has_identity() {
        lines.push(("user_name", quoted(&wanted.entry.username)));
        lines.push(("kubernetes_groups", list(wanted.entry.kubernetes_groups.iter().map(String::as_str))));
    }
    let width = lines.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
    for (key, value) in lines {
        let _ = writeln!(out, "  {key:width$} = {value}");
    }
    out.push_str("}\n");
}

fn policies(out: &mut String, cluster: &str, name: &str, wanted: &Wanted) {
    for association in &wanted.entry.associated_access_policies {
        let policy = &association.policy_arn;
        let resource = format!("{name}_{}", policy.name());
        if wanted.associated.contains(policy.name()) {
            let address = format!("aws_eks_access_policy_association.{resource}");
            let parts = [("#", wanted.entry.principal_arn.as_str()), ("#", policy.as_str())];
            import(out, &address, cluster, &parts);
        }
        let _ = write!(
            out,
            "\nresource \"aws_eks_access_policy_association\" \"{resource}\" {{\n  \
             cluster_name  = aws_eks_access_entry.{name}.cluster_name\n  \
             principal_arn = aws_eks_access_entry.{name}.principal_arn\n  \
             policy_arn    = {}\n\n  access_scope {{\n",
            quoted(policy.as_str())
        );
        let namespaces = association.access_scope.namespaces();
        if namespaces.is_empty() {
            let _ = writeln!(out, "    type = {}", quoted(association.access_scope.kind()));
        } else {
            let _ = writeln!(out, "    type       = {}", quoted(association.access_scope.kind()));
            let _ = writeln!(out, "    namespaces = {}", list(namespaces.iter().map(|pattern| pattern.as_str())));
        }
        out.push_str("  }\n}\n");
    }
}

/// The id is the cluster's name and what follows, each part behind its separator.
fn import(out: &mut String, address: &str, cluster: &str, parts: &[(&str, &str)]) {
    let rest: String = parts.iter().map(|(separator, text)| format!("{separator}{}", escaped(text))).collect();
    let cluster = match cluster.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(name) => name.to_owned(),
        None => format!("${{{cluster}}}"),
    };
    let _ = write!(out, "\nimport {{\n  to = {address}\n  id = \"{cluster}{rest}\"\n}}\n");
}

/// A name that Terraform takes, made of the principal's; numbered where two would be the same.
fn resource_name(wanted: &Wanted, taken: &mut HashSet<String>) -> String {
    let arn = &wanted.entry.principal_arn;
    let kind = if arn.kind() == crate::principal::PrincipalKind::User { "user" } else { "role" };
    let plain: String =
        arn.name().chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' }).collect();
    let first = format!("{kind}_{plain}");
    let with_account = format!("{first}_{}", arn.account());
    let numbered = (2..).map(|number| format!("{with_account}_{number}"));
    let mut names = [first, with_account.clone()].into_iter().chain(numbered);
    names.find(|name| taken.insert(name.clone())).unwrap_or_default()
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", texts.map(quoted).collect::<Vec<_>>().join(", "))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => out.extend([c, c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}
