//! The text of a file with a ConfigMap, and putting new texts of its sections in, so that everything else stays byte for
//! byte as it was.
//!
//! Lines are replaced where the file has the shape that kubectl and people write: `data:` at the margin, its keys below
//! it. Whatever comes out is read again and must be the same ConfigMap with the new data, or it is refused. So the
//! search for lines may be simple: it can fail, but it cannot damage anything.

use doorward_core::aws_auth::edit::Data;
use serde::Serialize as _;
use serde_json::Value;

/// A ConfigMap as text.
#[derive(Clone, Debug)]
pub(super) struct Document {
    text: String,
    value: Value,
    data: Data,
}

/// Where a key's text stands in a file whose lines are its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TextPlace {
    /// The line of the key, from 1; the text begins in the next one.
    pub(super) head: usize,
    /// How far the text is indented.
    pub(super) indent: usize,
}

/// Why a file is no aws-auth, or cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DocumentError {
    /// No YAML.
    #[error("the file is neither YAML nor JSON with one document: {0}")]
    Syntax(String),
    /// Something else.
    #[error("the file holds {0}; expected the ConfigMap `aws-auth`, as `kubectl get -o yaml` prints it")]
    NotAConfigMap(String),
    /// A ConfigMap's data are text.
    #[error("`data.{0}` is not text; in a ConfigMap it begins with `|`")]
    NotText(String),
    /// The form of the file.
    #[error(
        "nothing was changed, because `data` is not written with one key a line, so that `{0}` could be edited in \
         place; write it as `kubectl get -o yaml` does"
    )]
    Form(String),
}

impl Document {
    /// Reads a file's text.
    ///
    /// # Errors
    /// If it is no ConfigMap.
    pub(super) fn parse(text: String) -> Result<Self, DocumentError> {
        let value = value_of(&text)?;
        let data = data_of(&value)?;
        Ok(Self { text, value, data })
    }

    /// The text as it was read.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The ConfigMap's `data`.
    pub(super) fn data(&self) -> &Data {
        &self.data
    }

    /// Where a key's text stands, if it is a literal (`|`), whose lines are those of the file.
    pub(super) fn place_of(&self, key: &str) -> Option<TextPlace> {
        let text = self.data.get(key)?;
        let lines: Vec<&str> = self.text.lines().collect();
        let at = lines.iter().position(|line| line.starts_with("data:"))?;
        let heads = [format!("{key}:"), format!("\"{key}\":"), format!("'{key}':")];
        let is_head = |line: &&str| heads.iter().any(|head| line.trim_start().starts_with(head)) && line.contains('|');
        let head = at + 1 + lines.get(at + 1..)?.iter().position(is_head)?;
        let below = lines.get(head + 1..)?;
        let (file_line, text_line) = below.iter().zip(text.lines()).find(|(_, text)| !text.trim().is_empty())?;
        let indent = file_line.len().checked_sub(text_line.len())?;
        let is_same =
            |(file, text): (&&str, &str)| file.get(indent..).unwrap_or_default() == text || text.trim().is_empty();
        let is_literal = below.len() >= text.lines().count() && below.iter().zip(text.lines()).all(is_same);
        is_literal.then_some(TextPlace { head: head + 1, indent })
    }

    /// The text with other data.
    ///
    /// # Errors
    /// If the file is written in a form that cannot be edited.
    pub(super) fn with_data(&self, data: &Data) -> Result<String, DocumentError> {
        let gone: Vec<&String> = self.data.keys().filter(|key| !data.contains_key(*key)).collect();
        let mut changed: Vec<_> = data.iter().filter(|(key, text)| self.data.get(*key) != Some(text)).collect();
        let Some(first) = changed.first().map(|(key, _)| *key).or(gone.first().copied()) else {
            return Ok(self.text.clone());
        };
        let form = || DocumentError::Form(first.clone());
        if self.text.trim_start().starts_with('{') {
            return json(&self.value, data).ok_or_else(form);
        }
        let mut lines: Vec<String> = self.text.split_inclusive('\n').map(str::to_owned).collect();
        for old in gone {
            // A key that goes is one that got another name.
            let new = changed.iter().find(|(key, _)| key.eq_ignore_ascii_case(old)).or(changed.first());
            let (new, text) = *new.ok_or_else(form)?;
            rename(&mut lines, old, new).ok_or_else(form)?;
            if self.data.get(old) == Some(text) {
                changed.retain(|(key, _)| *key != new);
            }
        }
        for (key, text) in &changed {
            put(&mut lines, key, text).ok_or_else(form)?;
        }
        let after = lines.concat();
        let mut expected = self.value.clone();
        if let Some(all) = expected.as_object_mut() {
            all.insert("data".to_owned(), serde_json::json!(data));
        }
        match value_of(&after) {
            Ok(value) if value == expected => Ok(after),
            _ => Err(form()),
        }
    }
}

fn value_of(text: &str) -> Result<Value, DocumentError> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| DocumentError::Syntax(error.to_string().lines().next().unwrap_or_default().to_owned()))
}

fn data_of(value: &Value) -> Result<Data, DocumentError> {
    let not = |what: &str| DocumentError::NotAConfigMap(what.to_owned());
    let all = value.as_object().ok_or_else(|| not("no mapping"))?;
    match all.get("kind").and_then(Value::as_str) {
        Some("ConfigMap") => {}
        Some(kind) => return Err(not(&format!("the kind `{}`", kind.escape_debug()))),
        None => return Err(not("no `kind`")),
    }
    let name = value.pointer("/metadata/name").and_then(Value::as_str);
    if let Some(name) = name.filter(|name| *name != "aws-auth") {
        return Err(not(&format!("the ConfigMap `{}`", name.escape_debug())));
    }
    match all.get("data") {
        None | Some(Value::Null) => Ok(Data::new()),
        Some(Value::Object(data)) => data
            .iter()
            .map(|(key, text)| match text {
                Value::String(text) => Ok((key.clone(), text.clone())),
                _ => Err(DocumentError::NotText(key.clone())),
            })
            .collect(),
        Some(_) => Err(not("`data` that is no mapping")),
    }
}

/// The whole ConfigMap anew: JSON has no comments to lose. With kubectl's four spaces.
fn json(value: &Value, data: &Data) -> Option<String> {
    let mut value = value.clone();
    value.as_object_mut()?.insert("data".to_owned(), serde_json::json!(data));
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter)).ok()?;
    text.push(b'\n');
    String::from_utf8(text).ok()
}

/// Gives a key another name. None if its line is not found.
fn rename(lines: &mut [String], old: &str, new: &str) -> Option<()> {
    let at = lines.iter().position(|line| line.starts_with("data:"))?;
    let heads = [format!("{old}:"), format!("\"{old}\":"), format!("'{old}':")];
    let is_inside = |line: &&mut String| is_blank_or_comment(line) || indent(line) > 0;
    let mut inside = lines.get_mut(at + 1..)?.iter_mut().take_while(is_inside);
    let line = inside.find(|line| heads.iter().any(|head| line.trim_start().starts_with(head)))?;
    *line = line.replacen(old, new, 1);
    Some(())
}

/// Puts a key's text in, replacing the lines of the one that is there. None if the lines are not found.
fn put(lines: &mut Vec<String>, key: &str, text: &str) -> Option<()> {
    let Some(at) = lines.iter().position(|line| line.starts_with("data:")) else {
        end_last_line(lines);
        lines.push("data:\n".to_owned());
        lines.extend(entry(&format!("  {key}:"), 2, 4, text));
        return Some(());
    };
    let rest = lines.get(at)?.strip_prefix("data:")?.trim();
    if !(rest.is_empty() || rest.starts_with('#')) {
        // `data: {}` and `data: null` become `data:`; anything else on that line is another form.
        if !matches!(rest, "{}" | "null" | "~") {
            return None;
        }
        "data:\n".clone_into(lines.get_mut(at)?);
    }
    let begin = at + 1;
    let is_outside = |line: &String| !is_blank_or_comment(line) && indent(line) == 0;
    let end = begin + lines.get(begin..)?.iter().position(is_outside).unwrap_or(lines.len() - begin);
    let inside = lines.get(begin..end)?;
    let margin = inside.iter().find(|line| !is_blank_or_comment(line)).map_or(2, |line| indent(line));
    let heads = [format!("{key}:"), format!("\"{key}\":"), format!("'{key}':")];
    let is_head =
        |line: &String| indent(line) == margin && heads.iter().any(|head| line.trim_start().starts_with(head));
    match inside.iter().position(is_head) {
        Some(offset) => replace(lines, begin + offset, end, margin, text),
        None => {
            let last = inside.iter().rposition(|line| !line.trim().is_empty() && indent(line) > 0);
            end_last_line(lines);
            let place = begin + last.map_or(0, |last| last + 1);
            lines.splice(place..place, entry(&format!("{}{key}:", " ".repeat(margin)), margin, margin + 2, text));
            Some(())
        }
    }
}

/// Replaces the entry whose key stands in line `head`; what comes after line `end` is not its.
fn replace(lines: &mut Vec<String>, head: usize, end: usize, margin: usize, text: &str) -> Option<()> {
    let is_next = |line: &String| !line.trim().is_empty() && indent(line) <= margin;
    let below = lines.get(head + 1..end)?;
    let mut stop = head + 1 + below.iter().position(is_next).unwrap_or(below.len());
    let (name, value) = lines.get(head)?.split_once(':')?;
    let (name, value) = (format!("{name}:"), value.trim().to_owned());
    // The blank lines before the next key are the file's, unless the text keeps its own.
    let keeps = |text: &str| text.ends_with("\n\n");
    while !keeps(text) && !value.starts_with("|+") && lines.get(stop - 1).is_some_and(|line| line.trim().is_empty()) {
        stop -= 1;
    }
    let is_literal = value.starts_with('|');
    let first = lines.get(head + 1..stop)?.iter().find(|line| !line.trim().is_empty());
    let content = first.filter(|_| is_literal).map_or(margin + 2, |line| indent(line).max(margin + 1));
    end_last_line(lines);
    lines.splice(head..stop, entry(&name, margin, content, text));
    Some(())
}

/// The lines of a key with a literal text.
fn entry(name: &str, margin: usize, content: usize, text: &str) -> Vec<String> {
    if text.trim_matches('\n').is_empty() {
        // A literal cannot say that there is nothing in it.
        return vec![format!("{name} {}\n", Value::String(text.to_owned()))];
    }
    let body = text.strip_suffix('\n').unwrap_or(text);
    let chomping = match (text.ends_with('\n'), body.ends_with('\n')) {
        (false, _) => "-",
        (true, false) => "",
        (true, true) => "+",
    };
    // Where the first line is indented, the indentation has to be said.
    let begins_with_blank = body.lines().find(|line| !line.is_empty()).is_some_and(|line| line.starts_with(' '));
    let width = if begins_with_blank { (content - margin).to_string() } else { String::new() };
    let mut lines = vec![format!("{name} |{width}{chomping}\n")];
    let spaces = " ".repeat(content);
    lines.extend(
        body.split('\n').map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{spaces}{line}\n") }),
    );
    lines
}

fn end_last_line(lines: &mut [String]) {
    if let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n')) {
        last.push('\n');
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn is_blank_or_comment(line: &str) -> bool {
    matches!(line.trim_start().chars().next(), None | Some('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: v1\nkind: ConfigMap\n";

    fn edited(text: &str, changes: &[(&str, &str)]) -> Result<String, DocumentError> {
        let document = Document::parse(text.to_owned()).unwrap();
        let mut data = document.data().clone();
        data.extend(changes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        document.with_data(&data)
    }

    #[test]
    fn only_the_lines_of_the_section_change() {
        let before = format!(
            "{HEAD}data: # d\n  a: x # one\n  mapRoles: |\n     - a\n     # c\n     - b\n\n# z\n  mapUsers: |\n    []\nmetadata:\n  name: aws-auth\n"
        );
        let after = edited(&before, &[("mapRoles", "- a\n# c\n")]).unwrap();
        assert_eq!(after, before.replace("     - b\n", ""));
        let after = edited(&before, &[("mapUsers", "- u\n")]).unwrap();
        assert_eq!(after, before.replace("[]", "- u"));
    }

    #[test]
    fn every_way_to_write_the_old_text_becomes_a_literal() {
        for old in [
            "\"- a\\n- b\\n\"",
            "'- a'",
            "\"- a\\n\n    - b\\n\"",
            ">\n    - a\n    - b",
            "[]",
            "''",
            "|-\n   - a",
            "|2\n    - a\n",
        ] {
            let before = format!("{HEAD}metadata:\n  name: aws-auth\ndata:\n  mapRoles: {old}\n  z: \"1\"\n");
            if matches!(Document::parse(before.clone()), Err(DocumentError::NotText(_))) {
                continue;
            }
            let after = edited(&before, &[("mapRoles", "- x\n")]).unwrap();
            assert!(after.contains("  mapRoles: |\n"), "{after}");
            assert!(after.ends_with("  z: \"1\"\n"), "{after}");
        }
    }

    #[test]
    fn every_text_reads_back() {
        let before = format!("{HEAD}data:\n  mapRoles: |\n    []\n  z: \"1\"\n");
        for text in [
            "- a",
            "- a\n",
            "- a\n\n",
            "- a\n\n\n",
            "  - a\n- b\n",
            "",
            "\n",
            "\n- a\n",
            "- é\t\n  \n- b\n",
            "# c\n[]\n",
        ] {
            let after = edited(&before, &[("mapRoles", text)]).unwrap();
            assert_eq!(Document::parse(after).unwrap().data()["mapRoles"], text);
        }
    }

    #[test]
    fn a_section_that_is_missing_is_added() {
        for (before, after) in [
            ("", "data:\n  mapRoles: |\n    - a\n"),
            ("data: {}\n", "data:\n  mapRoles: |\n    - a\n"),
            ("data:\n", "data:\n  mapRoles: |\n    - a\n"),
            ("data:\n   z: '1'\n", "data:\n   z: '1'\n   mapRoles: |\n     - a\n"),
            ("data:\n  z: '1'", "data:\n  z: '1'\n  mapRoles: |\n    - a\n"),
            ("data:\n  z: '1'\n# end\nx: y\n", "data:\n  z: '1'\n  mapRoles: |\n    - a\n# end\nx: y\n"),
        ] {
            let text = format!("{HEAD}{before}");
            assert_eq!(edited(&text, &[("mapRoles", "- a\n")]).unwrap(), format!("{HEAD}{after}"));
        }
    }

    #[test]
    fn json_stays_json() {
        let before = r#"{"apiVersion":"v1","kind":"ConfigMap","data":{"mapRoles":"[]\n","z":"1"}}"#;
        let after = edited(before, &[("mapRoles", "- a\n")]).unwrap();
        assert!(after.starts_with("{\n    \"apiVersion\": \"v1\",\n"), "{after}");
        assert_eq!(Document::parse(after).unwrap().data()["mapRoles"], "- a\n");
    }

    #[test]
    fn a_form_that_cannot_be_edited_is_refused() {
        for text in ["data: {mapRoles: '[]'}\n", "data:\n  {mapRoles: '[]'}\n", "\"data\":\n  mapRoles: '[]'\n"] {
            let refused = edited(&format!("{HEAD}{text}"), &[("mapRoles", "- a\n")]);
            assert_eq!(refused, Err(DocumentError::Form("mapRoles".to_owned())), "{text}");
        }
    }

    #[test]
    fn what_is_no_aws_auth_is_refused() {
        for (text, words) in [
            ("- a", "no mapping"),
            ("a: b", "no `kind`"),
            ("kind: Secret", "the kind `Secret`"),
            ("kind: ConfigMap\nmetadata: {name: other}", "the ConfigMap `other`"),
            ("kind: ConfigMap\ndata: {a: 1}", "`data.a` is not text"),
            ("kind: ConfigMap\n---\nkind: ConfigMap\n", "one document"),
            ("{", "neither YAML nor JSON"),
            ("", "no mapping"),
        ] {
            let error = Document::parse(text.to_owned()).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
