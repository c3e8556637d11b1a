//! The findings as SARIF 2.1.0, for code scanning. Source: OASIS, "Static Analysis Results Interchange Format (SARIF)
//! Version 2.1.0".

use doorward_core::lint::Code;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::finding::Finding;

/// A log. Each result is made while it is written: a hundred thousand at once would take a gigabyte.
#[derive(Serialize)]
pub(super) struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    runs: [Run<'a>; 1],
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    column_kind: &'static str,
    #[serde(serialize_with = "results")]
    results: &'a [Finding],
    tool: Value,
}

/// The log of one run.
pub(super) fn log(findings: &[Finding]) -> Log<'_> {
    let rules: Vec<Value> = Code::ALL.iter().map(|code| rule(*code)).collect();
    let driver = json!({"name": "doorward", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules});
    Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        runs: [Run { column_kind: "unicodeCodePoints", results: findings, tool: json!({"driver": driver}) }],
        version: "2.1.0",
    }
}

fn results<S: Serializer>(findings: &[Finding], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(findings.iter().map(result))
}

fn rule(code: Code) -> Value {
    let rule = code.rule();
    let help = format!("{} {} {}", rule.cause, rule.consequence, rule.fix);
    let uri = rule.source.split_once("https://").map(|(_, rest)| format!("https://{rest}"));
    let mut described = json!({
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.cause},
        "help": {"text": help},
        "defaultConfiguration": {"level": rule.severity},
    });
    // It is a URI or absent: null is neither.
    if let (Some(uri), Some(described)) = (uri, described.as_object_mut()) {
        described.insert("helpUri".to_owned(), uri.into());
    }
    described
}

fn result(finding: &Finding) -> Value {
    let diagnostic = &finding.diagnostic;
    let index = Code::ALL.iter().position(|code| *code == diagnostic.code);
    let at = if finding.in_file.is_none() && diagnostic.section.is_some() {
        format!(" (line {} of {})", diagnostic.line, finding.row())
    } else {
        String::new()
    };
    let text = format!("{}{at}. {} {}", diagnostic.message, diagnostic.consequence, diagnostic.fix);
    json!({
        "ruleId": diagnostic.code,
        "ruleIndex": index,
        "level": diagnostic.severity,
        "message": {"text": text},
        "locations": [location(finding)],
    })
}

/// The place in the file; for a cluster, one in the section's text, under a name that is no file's.
fn location(finding: &Finding) -> Value {
    let diagnostic = &finding.diagnostic;
    let section = diagnostic.section.map(|section| format!("/{section}")).unwrap_or_default();
    let row = diagnostic.row.map(|row| format!("/{}", row + 1)).unwrap_or_default();
    let name = format!("kube-system/aws-auth{section}{row}");
    let (uri, region) = match (finding.file.as_deref(), finding.in_file) {
        (Some("-") | None, place) => {
            let (line, column) = place.unwrap_or((diagnostic.line, diagnostic.column));
            let uri = if place.is_some() { "aws-auth.yaml".to_owned() } else { format!("aws-auth{section}") };
            (uri, Some((line, column)))
        }
        (Some(file), place) => (uri(file), place),
    };
    let mut physical = json!({"artifactLocation": {"uri": uri}});
    if let (Some((line, column)), Some(physical)) = (region, physical.as_object_mut()) {
        physical.insert("region".to_owned(), json!({"startLine": line, "startColumn": column}));
    }
    json!({"physicalLocation": physical, "logicalLocations": [{"fullyQualifiedName": name, "kind": "member"}]})
}

/// A path as a URI reference: relative paths stay relative.
fn uri(path: &str) -> String {
    let mut uri = if path.starts_with('/') { "file://".to_owned() } else { String::new() };
    let path = path.strip_prefix("./").unwrap_or(path);
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        assert_eq!(uri("./a b/é.yaml"), "a%20b/%C3%A9.yaml");
        assert_eq!(uri("/tmp/a:b"), "file:///tmp/a%3Ab");
    }
}
