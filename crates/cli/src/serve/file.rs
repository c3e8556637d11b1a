//! The configuration file: YAML, one key for each flag of `doorward serve`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use serde_json::{Map, Value};

use super::suggestion::suggestion;

/// The keys that there are.
const KEYS: [&str; 22] = [
    "data-dir",
    "api",
    "webhook",
    "ops",
    "webhook-client-auth",
    "audit-ids",
    "webhook-name",
    "api-url",
    "account",
    "region",
    "max-access-entries",
    "store",
    "store-key-file",
    "etcd-endpoints",
    "etcd-ca",
    "etcd-cert",
    "etcd-key",
    "etcd-user",
    "etcd-password-file",
    "etcd-prefix",
    "identity",
    "log-format",
];

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
    /// A value of a section that its reader refuses.
    #[error("the value of `{key}` in the configuration file `{}` is wrong: {problem}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The key, with those of the sections around it.
        key: String,
        /// What the reader says.
        problem: String,
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

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, ConfigFileError> {
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
        let file = Self { path, values };
        file.known_keys("", &file.values, &KEYS)?;
        Ok(file)
    }

    /// Checks that a mapping of the file has known keys only. `section` is its own key, empty for the whole file.
    ///
    /// # Errors
    /// For the first key that is not known.
    pub(super) fn known_keys(
        &self,
        section: &str,
        values: &Map<String, Value>,
        known: &[&str],
    ) -> Result<(), ConfigFileError> {
        match values.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(ConfigFileError::UnknownKey {
                path: self.path.clone(),
                key: if section.is_empty() { key.clone() } else { format!("{section}.{key}") },
                suggestion: suggestion(key, known),
            }),
        }
    }

    /// A value as it stands; `null` is as good as nothing.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
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
        self.value(key).map(|value| self.choice_of(key, value)).transpose()
    }

    /// One of several words, of a value that stands at `key`.
    ///
    /// # Errors
    /// If it is none of them.
    pub(super) fn choice_of<T: ValueEnum>(&self, key: &str, value: &Value) -> Result<T, ConfigFileError> {
        let words = || {
            let values: Vec<_> = T::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
            let names: Vec<_> = values.iter().map(|value| format!("`{}`", value.get_name())).collect();
            format!("one of {}", names.join(", "))
        };
        value.as_str().and_then(|text| T::from_str(text, false).ok()).ok_or_else(|| self.wrong(key, &words()))
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

    /// The error for a value whose reader says what is wrong.
    pub(super) fn refused(&self, key: &str, problem: &str) -> ConfigFileError {
        ConfigFileError::Refused { path: self.path.clone(), key: key.to_owned(), problem: problem.to_owned() }
    }

    /// The error for a value that is something else than it should be.
    pub(super) fn wrong(&self, key: &str, expected: &str) -> ConfigFileError {
        ConfigFileError::Value { path: self.path.clone(), key: key.to_owned(), expected: expected.to_owned() }
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
            ("identy: aws", "did you mean `identity`?"),
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
