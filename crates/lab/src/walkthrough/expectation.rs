//! What a command must answer, and whether it did.

use std::process::Output;
use std::time::Duration;

use serde_json::Value;

/// What a command answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) success: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Answer {
    /// The answer of a command that gave none.
    pub(super) fn too_late(patience: Duration) -> Self {
        Self { success: false, stdout: String::new(), stderr: format!("no answer within {} s\n", patience.as_secs()) }
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        let squeeze = |line: &str| line.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        self.stdout.lines().chain(self.stderr.lines()).map(squeeze)
    }
}

/// What a command must answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expectation {
    /// Whether it must succeed or fail.
    pub(super) success: bool,
    pub(super) checks: &'static [Check],
}

/// One thing that must hold of an answer. A pattern is matched against whole lines of standard output and standard
/// error with runs of spaces taken as one; `*` stands for anything.
#[derive(Debug, Clone, Copy)]
pub(super) enum Check {
    /// Some line matches.
    Line(&'static str),
    /// Exactly so many lines match.
    Lines(usize, &'static str),
    /// No line matches.
    NoLine(&'static str),
    /// The JSON on standard output has, at this pointer, this JSON.
    Json(&'static str, &'static str),
    /// The JSON on standard output has, at this pointer, a string that matches.
    JsonLike(&'static str, &'static str),
    /// The JSON on standard output has, at this pointer, a list of so many.
    JsonCount(&'static str, usize),
}

impl Expectation {
    /// Everything that is not as it should be, each with what came instead; empty when all is well.
    pub(super) fn judge(&self, answer: &Answer) -> Vec<String> {
        let mut wrong = Vec::new();
        if answer.success != self.success {
            let (expected, came) = if self.success { ("success", "failed") } else { ("a refusal", "succeeded") };
            wrong.push(format!("expected {expected}, but the command {came}"));
        }
        wrong.extend(self.checks.iter().filter_map(|check| check.judge(answer).err()));
        wrong
    }
}

impl Check {
    fn judge(&self, answer: &Answer) -> Result<(), String> {
        let matching = |pattern: &str| answer.lines().filter(|line| matches(pattern, line)).count();
        match *self {
            Self::Line(pattern) if matching(pattern) == 0 => Err(format!("expected a line like `{pattern}`")),
            Self::Lines(count, pattern) if matching(pattern) != count => {
                Err(format!("expected {count} lines like `{pattern}`, got {}", matching(pattern)))
            }
            Self::NoLine(pattern) if matching(pattern) > 0 => Err(format!("expected no line like `{pattern}`")),
            Self::Line(_) | Self::Lines(..) | Self::NoLine(_) => Ok(()),
            Self::Json(pointer, expected) => {
                let expected: Value = serde_json::from_str(expected).map_err(|error| error.to_string())?;
                at(answer, pointer, |found| (*found == expected).then_some(()), &format!("`{expected}`"))
            }
            Self::JsonLike(pointer, pattern) => {
                let like = |found: &Value| found.as_str().filter(|text| matches(pattern, text)).map(|_| ());
                at(answer, pointer, like, &format!("a string like `{pattern}`"))
            }
            Self::JsonCount(pointer, count) => {
                let counted = |found: &Value| found.as_array().filter(|list| list.len() == count).map(|_| ());
                at(answer, pointer, counted, &format!("a list of {count}"))
            }
        }
    }
}

fn at(answer: &Answer, pointer: &str, holds: impl FnOnce(&Value) -> Option<()>, expected: &str) -> Result<(), String> {
    let json: Value =
        serde_json::from_str(&answer.stdout).map_err(|error| format!("expected JSON with {expected}: {error}"))?;
    let found =
        json.pointer(pointer).ok_or_else(|| format!("expected {expected} at `{pointer}`, got nothing there"))?;
    holds(found).ok_or_else(|| format!("expected {expected} at `{pointer}`, got `{found}`"))
}

/// Whether `text` is the pattern, where each `*` stands for any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<_> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = text.split_once(part) else {
            return false;
        };
        text = after;
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(stdout: &str) -> Answer {
        Answer { success: true, stdout: stdout.to_owned(), stderr: String::new() }
    }

    fn judge(check: Check, stdout: &str) -> Option<String> {
        check.judge(&answer(stdout)).err()
    }

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        assert!(matches("carts-*-* 1/1 Running *", "carts-6d-x9 1/1 Running 0 3s"));
        assert!(matches("*", ""));
        assert!(!matches("ab*ba", "aba"));
        assert!(!matches("carts-* 1/1", "carts-x 0/1"));
        assert!(!matches("carts", "carts-x"));
    }

    #[test]
    fn lines_are_counted_with_their_spaces_squeezed() {
        let table = "NAME     READY\ncarts-1  1/1\ncarts-2  1/1\n";
        assert_eq!(judge(Check::Lines(2, "carts-* 1/1"), table), None);
        assert_eq!(judge(Check::Lines(1, "carts-* 1/1"), table).unwrap(), "expected 1 lines like `carts-* 1/1`, got 2");
        assert!(judge(Check::NoLine("carts-*"), table).is_some());
        assert!(judge(Check::Line("ui-*"), table).is_some());
    }

    #[test]
    fn json_is_compared_as_json() {
        let json = r#"{"a": {"b": ["x"], "c": "arn:1"}}"#;
        assert_eq!(judge(Check::Json("/a/b", r#"[ "x" ]"#), json), None);
        assert_eq!(judge(Check::JsonLike("/a/c", "arn:*"), json), None);
        assert_eq!(judge(Check::JsonCount("/a/b", 1), json), None);
        assert_eq!(
            judge(Check::Json("/a/c", r#""arn:2""#), json).unwrap(),
            "expected `\"arn:2\"` at `/a/c`, got `\"arn:1\"`"
        );
        assert_eq!(judge(Check::Json("/z", "1"), json).unwrap(), "expected `1` at `/z`, got nothing there");
        assert!(judge(Check::Json("/z", "1"), "not json").unwrap().starts_with("expected JSON with `1`"));
    }

    #[test]
    fn a_command_that_should_be_refused_must_fail() {
        let refused = Expectation { success: false, checks: &[] };
        assert_eq!(refused.judge(&answer("")), ["expected a refusal, but the command succeeded"]);
    }
}
