//! The files `~/.aws/config` and `~/.aws/credentials`: sections, keys, and one level of keys below a key.
//!
//! The format is described in the AWS SDKs and Tools reference guide, "Shared config and credentials files". Nesting is
//! what `services` sections are made of:
//!
//! ```ini
//! [services local]
//! eks =
//!   endpoint_url = http://127.0.0.1:8090
//! ```

use std::collections::BTreeMap;

/// A file that could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ini {
    /// Sections by what stands between the brackets, blanks made single. A section that occurs twice is one.
    pub(super) sections: BTreeMap<String, Section>,
}

/// What stands in a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// Values by key, in lower case.
    pub(super) values: BTreeMap<String, String>,
    /// Nested values, by the key that they stand under and their own.
    pub(super) nested: BTreeMap<String, BTreeMap<String, String>>,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub(crate) struct IniError {
    /// The line, from 1.
    line: usize,
    /// What is wrong with it. Never the line itself, which may hold a secret.
    problem: &'static str,
}

impl Ini {
    /// Reads a file.
    ///
    /// # Errors
    /// If a line is neither a section's header, nor `key = value`, nor a comment.
    pub(super) fn parse(text: &str) -> Result<Self, IniError> {
        let mut reader = Reader::default();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            reader.line(line).map_err(|problem| IniError { line: index + 1, problem })?;
        }
        Ok(reader.ini)
    }
}

#[derive(Default)]
struct Reader {
    ini: Ini,
    /// The section that lines belong to.
    section: Option<String>,
    /// The key that indented lines belong to.
    key: Option<String>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        let text = line.trim();
        if text.is_empty() || text.starts_with(['#', ';']) {
            return Ok(());
        }
        if text.starts_with('[') && !line.starts_with([' ', '\t']) {
            return self.header(text);
        }
        let name = self.section.clone().ok_or("expected a section such as `[default]` before the first key")?;
        let section = self.ini.sections.entry(name).or_default();
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key.trim().to_ascii_lowercase(), without_comment(value.trim())),
            // A value may go on in the next line, indented.
            None if line.starts_with([' ', '\t']) => return continue_value(section, self.key.as_deref(), text),
            None => return Err("expected `key = value`"),
        };
        if key.is_empty() {
            return Err("expected a key before `=`");
        }
        if line.starts_with([' ', '\t']) {
            let parent = self.key.as_deref().filter(|key| section.values.get(*key).is_none_or(String::is_empty));
            return match parent {
                Some(parent) => {
                    section.nested.entry(parent.to_owned()).or_default().insert(key, value.to_owned());
                    Ok(())
                }
                None => continue_value(section, self.key.as_deref(), text),
            };
        }
        section.values.insert(key.clone(), value.to_owned());
        self.key = Some(key);
        Ok(())
    }

    fn header(&mut self, text: &str) -> Result<(), &'static str> {
        let text = without_comment(text);
        let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let words = inside.ok_or("expected `]` at the end of the section's header")?.replace(['"', '\''], " ");
        let name = words.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.is_empty() {
            return Err("the section has no name");
        }
        self.ini.sections.entry(name.clone()).or_default();
        self.section = Some(name);
        self.key = None;
        Ok(())
    }
}

fn continue_value(section: &mut Section, key: Option<&str>, text: &str) -> Result<(), &'static str> {
    let value =
        key.and_then(|key| section.values.get_mut(key)).ok_or("the line is indented, but no key is above it")?;
    value.push('\n');
    value.push_str(text);
    Ok(())
}

/// A `#` or `;` begins a comment after a blank only: secrets may hold them.
fn without_comment(text: &str) -> &str {
    let end = [" #", " ;", "\t#", "\t;"].iter().filter_map(|mark| text.find(mark)).min();
    end.and_then(|end| text.get(..end)).unwrap_or(text).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(ini: &'a Ini, section: &str, key: &str) -> &'a str {
        &ini.sections[section].values[key]
    }

    #[test]
    fn sections_keys_comments_and_nesting_are_read() {
        let text = "\u{feff}# first\n[default]\nregion = us-west-2 # here\nAWS_Access_Key_Id=AK#IA;\n\n\
                    [ profile  \"dev one\" ] ; odd\nservices = local\ns3 =\n  max = 1\n  ; not this\noutput=json\n\
                    [services local]\neks =\n  endpoint_url = http://127.0.0.1:8090/a=b\nsts=\n\tendpoint_url=http://h\n\
                    [default]\noutput = text\n";
        let ini = Ini::parse(text).unwrap();
        assert_eq!(value(&ini, "default", "region"), "us-west-2");
        assert_eq!(value(&ini, "default", "aws_access_key_id"), "AK#IA;");
        assert_eq!(value(&ini, "default", "output"), "text");
        assert_eq!(value(&ini, "profile dev one", "output"), "json");
        assert_eq!(ini.sections["profile dev one"].nested["s3"]["max"], "1");
        let services = &ini.sections["services local"].nested;
        assert_eq!(services["eks"]["endpoint_url"], "http://127.0.0.1:8090/a=b");
        assert_eq!(services["sts"]["endpoint_url"], "http://h");
    }

    #[test]
    fn a_value_may_go_on_in_the_next_line() {
        let ini = Ini::parse("[a]\ncredential_process = one\n  --key=two\n  three\n").unwrap();
        assert_eq!(value(&ini, "a", "credential_process"), "one\n--key=two\nthree");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_without_the_line() {
        for (text, line) in [
            ("key = value", 1),
            ("[a]\nnonsense", 2),
            ("[a\nb=c", 1),
            ("[]\n", 1),
            ("[a]\n= v", 2),
            ("[a]\n  indented", 2),
        ] {
            let error = Ini::parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text}: {error}");
            assert!(!error.to_string().contains("nonsense"));
        }
    }
}
