//! The configuration file: YAML, one key for each flag of `doorward serve`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use serde_json::{Map, Value};

/// The keys that there are.
const KEYS: [&str; 11] = [
    "data-dir",
    "api",
    "webhook",
    "ops",
    "webhook-client-auth",
    "webhook-name",
    "api-url",
    "account",
    "region",
    "max-access-entries",
    "log-format",
];

/// How alike two keys must be for one to be taken for the other's misspelling.
const LIKENESS: f64 = 0.75;

/// A file with known keys only.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    path: PathBuf,
    values: Map<String, Value>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigFileError {
    /// It cannot be opened.
    #[error("cannot read the configuration file `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// No YAML.
    #[error("the configuration file `{}` is not YAML: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        problem: String,
    },
    /// No mapping.
    #[error("the configuration file `{}` does not hold keys and values such as `api: 127.0.0.1:8090`", path.display())]
    NotAMapping {
        /// The file.
        path: PathBuf,
    },
    /// A key that there is not.
    #[error("the configuration file `{}` has the unknown key `{key}`; {suggestion}", path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What was probably meant.
        suggestion: String,
    },
    /// A value that makes no sense.
    #[error("the value of `{key}` in the configuration file `{}` is wrong: expected {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What should stand there.
        expected: String,
    },
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or has a key that there is not.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigFileError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigFileError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigFileError> {
        let path = path.to_owned();
        // `off` is a value here, and YAML's older truth values would make `false` of it.
        let options = serde_saphyr::options! { strict_booleans: true };
        let parsed: Result<Value, _> = serde_saphyr::from_str_with_options(text, options);
        let values = match parsed {
            _ if text.lines().all(|line| matches!(line.trim().chars().next(), None | Some('#'))) => Map::new(),
            Ok(Value::Null) => Map::new(),
            Ok(Value::Object(values)) => values,
            Ok(_) => return Err(ConfigFileError::NotAMapping { path }),
            Err(error) => {
                let problem = error.to_string().lines().next().unwrap_or_default().to_owned();
                return Err(ConfigFileError::Syntax { path, problem });
            }
        };
        match values.keys().find(|key| !KEYS.contains(&key.as_str())) {
            Some(key) => Err(ConfigFileError::UnknownKey { path, key: key.clone(), suggestion: suggestion(key) }),
            None => Ok(Self { path, values }),
        }
    }

    /// A text value, parsed.
    ///
    /// # Errors
    /// If it is not `expected`.
    pub(super) fn parsed<T: FromStr>(&self, key: &str, expected: &str) -> Result<Option<T>, ConfigFileError> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => text.parse().map(Some).map_err(|_| self.wrong(key, expected)),
            Some(_) => Err(self.wrong(key, expected)),
        }
    }

    /// One of several words.
    ///
    /// # Errors
    /// If it is none of them.
    pub(super) fn choice<T: ValueEnum>(&self, key: &str) -> Result<Option<T>, ConfigFileError> {
        let words = || {
            let values: Vec<_> = T::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
            let names: Vec<_> = values.iter().map(|value| format!("`{}`", value.get_name())).collect();
            format!("one of {}", names.join(", "))
        };
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => T::from_str(text, false).map(Some).map_err(|_| self.wrong(key, &words())),
            Some(_) => Err(self.wrong(key, &words())),
        }
    }

    /// A whole number.
    ///
    /// # Errors
    /// If it is something else.
    pub(super) fn count(&self, key: &str) -> Result<Option<usize>, ConfigFileError> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64().and_then(|number| usize::try_from(number).ok()) {
                Some(number) => Ok(Some(number)),
                None => Err(self.wrong(key, "a whole number")),
            },
        }
    }

    /// A list of texts; one text is a list of one.
    ///
    /// # Errors
    /// If it is something else.
    pub(super) fn list(&self, key: &str) -> Result<Vec<String>, ConfigFileError> {
        let wrong = || self.wrong(key, "a text or a list of texts");
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Array(items)) => {
                items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    }

    fn wrong(&self, key: &str, expected: &str) -> ConfigFileError {
        ConfigFileError::Value { path: self.path.clone(), key: key.to_owned(), expected: expected.to_owned() }
    }
}

fn suggestion(key: &str) -> String {
    // `dataDir`, `data_dir` and `data-dir` differ in nothing that matters here.
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&plain(key), &plain(known));
    let nearest = KEYS.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|known| likeness(known) >= LIKENESS) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("known are {}", KEYS.map(|known| format!("`{known}`")).join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        ConfigFile::parse(Path::new("f.yaml"), text).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_an_error_with_a_suggestion() {
        for (text, words) in [
            ("dataDir: x", "unknown key `dataDir`; did you mean `data-dir`?"),
            ("webhok: x", "did you mean `webhook`?"),
            ("webhook_client_auth: x", "did you mean `webhook-client-auth`?"),
            ("webhook-names: x", "did you mean `webhook-name`?"),
            ("zzz: x", "known are `data-dir`, `api`"),
        ] {
            assert!(refusal(text).contains(words), "{}", refusal(text));
        }
    }

    #[test]
    fn an_empty_file_says_nothing_and_other_shapes_are_refused() {
        for text in ["", "# nothing\n\n", "---\n{}\n"] {
            assert!(ConfigFile::parse(Path::new("f"), text).is_ok(), "{text:?}");
        }
        assert!(refusal("- a\n").contains("does not hold keys and values"));
        assert!(refusal("a: [").contains("is not YAML"));
    }

    #[test]
    fn no_value_is_as_good_as_no_key() {
        let file = ConfigFile::parse(Path::new("f"), "api:\nwebhook-name:\n").unwrap();
        assert_eq!(file.parsed::<String>("api", "").unwrap(), None);
        assert!(file.list("webhook-name").unwrap().is_empty());
    }
}
