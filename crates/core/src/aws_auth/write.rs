//! Rows as YAML, in the form that the field's tools write.

use super::yaml::{ScalarKind, plain_kind};
use super::{IdentityMapping, MappedAccount};

/// A row of `mapRoles` or `mapUsers`, as lines that end with a line feed.
pub(super) fn mapping(row: &IdentityMapping) -> Vec<String> {
    let mut lines = Vec::with_capacity(row.groups.len() + 3);
    if !row.groups.is_empty() {
        lines.push("groups:".to_owned());
        lines.extend(row.groups.iter().map(|group| format!("- {}", scalar(group.as_str()))));
    }
    lines.push(format!("{}: {}", row.section.arn_key(), scalar(&row.arn)));
    lines.push(format!("username: {}", scalar(row.username.as_str())));
    let dashes = std::iter::once("- ").chain(std::iter::repeat("  "));
    dashes.zip(lines).map(|(dash, line)| format!("{dash}{line}\n")).collect()
}

/// A row of `mapAccounts`. In quotes, because not every reader keeps an account's leading zeros without.
pub(super) fn account(row: &MappedAccount) -> Vec<String> {
    vec![format!("- \"{}\"\n", row.account)]
}

/// A text, in quotes unless every reader takes it for the same text without.
fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && !text.ends_with(':')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./@+=:{},-".contains(&byte))
        && plain_kind(text) == ScalarKind::Text
        && !looks_like_a_time(text);
    if is_plain { text.to_owned() } else { quoted(text) }
}

/// Some readers take such texts for dates or for numbers of base sixty.
fn looks_like_a_time(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-:.TZtz_".contains(&byte))
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            _ if c >= '\u{A0}' && c.is_alphanumeric() => quoted.push(c),
            _ if u32::from(c) <= 0xFFFF => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            _ => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_where_a_reader_could_take_it_for_something_else() {
        for plain in
            ["admin", "system:node:{{EC2PrivateDNSName}}", "arn:aws:iam::123456789012:role/a+b=c,d.e@f-g_h", "1a"]
        {
            assert_eq!(scalar(plain), plain);
        }
        for (text, expected) in [
            ("{{SessionName}}", "\"{{SessionName}}\""),
            ("", "\"\""),
            ("yes", "\"yes\""),
            ("012", "\"012\""),
            ("1:30", "\"1:30\""),
            ("2001-01-01", "\"2001-01-01\""),
            ("a:", "\"a:\""),
            ("a b", "\"a b\""),
            ("- a", "\"- a\""),
            ("a\n\"\\é\u{2028}\u{1F600}", "\"a\\u000A\\\"\\\\é\\u2028\\U0001F600\""),
        ] {
            assert_eq!(scalar(text), expected);
        }
    }
}
