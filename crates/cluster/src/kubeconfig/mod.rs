//! Kubeconfigs: those by which this server reaches a cluster ([`stored`]), and the entries that users of a cluster get
//! in theirs ([`update`]).

use std::path::Path;

use serde_json::Value;

pub mod stored;
pub mod update;

/// No kubeconfig of people is larger; what is, is something else.
const MAX_BYTES: u64 = 4 << 20;

/// Why a kubeconfig cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KubeconfigError {
    /// A file.
    #[error("cannot {action} `{path}`: {message}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: String,
        /// What the system says.
        message: String,
    },
    /// No YAML, or not of that shape.
    #[error("`{path}` is not a kubeconfig: {message}")]
    Syntax {
        /// The file.
        path: String,
        /// What is wrong with it.
        message: String,
    },
    /// No context was chosen.
    #[error("the kubeconfig has no current context; choose one with `--context` (there are: {contexts})")]
    NoContext {
        /// The contexts that there are.
        contexts: String,
    },
    /// The chosen one is not there.
    #[error("the kubeconfig has no {kind} `{name}` (there are: {existing})")]
    Missing {
        /// Context, cluster or user.
        kind: &'static str,
        /// The one that was wanted.
        name: String,
        /// Those that there are.
        existing: String,
    },
    /// A credential that only works where a person runs it.
    #[error(
        "the user `{user}` of the kubeconfig gets its credential from {source_of_it}, and this server stores the \
         kubeconfig and cannot run that; give one with the token of a service account or with a client certificate"
    )]
    NotStorable {
        /// The user.
        user: String,
        /// Where the credential comes from.
        source_of_it: String,
    },
    /// A server whose certificate is not verified.
    #[error(
        "the cluster `{cluster}` of the kubeconfig has `insecure-skip-tls-verify`; anybody in between could then be it, so \
         give its `certificate-authority` instead"
    )]
    Insecure {
        /// The cluster.
        cluster: String,
    },
    /// A field that does not make sense.
    #[error("`{field}` in the kubeconfig {message}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// Somebody else is writing the file.
    #[error("`{path}` is locked by `{lock}`; if nobody is writing it, remove that file")]
    Locked {
        /// The kubeconfig.
        path: String,
        /// The lock.
        lock: String,
    },
}

impl KubeconfigError {
    fn io(action: &'static str, path: &Path, error: &std::io::Error) -> Self {
        Self::Io { action, path: path.display().to_string(), message: error.to_string() }
    }
}

/// Reads a file of at most [`MAX_BYTES`].
fn read(path: &Path) -> Result<Vec<u8>, KubeconfigError> {
    use std::io::Read;
    let failed = |error: std::io::Error| KubeconfigError::io("read", path, &error);
    let mut content = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(MAX_BYTES + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > MAX_BYTES {
        return Err(failed(std::io::Error::other("it is larger than 4 MiB")));
    }
    Ok(content)
}

/// The YAML of a kubeconfig. No part of its text may get into the message: it holds secrets.
fn parse(content: &[u8], path: &Path) -> Result<Value, KubeconfigError> {
    let failed = |message: String| KubeconfigError::Syntax { path: path.display().to_string(), message };
    let text = std::str::from_utf8(content).map_err(|error| failed(error.to_string()))?;
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    // Names and tokens are text: `n` and `012` must not come back as something else.
    let options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    match serde_saphyr::from_str_with_options(text, options) {
        Ok(Value::Null) => Ok(Value::Object(serde_json::Map::new())),
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(failed("expected a mapping".to_owned())),
        Err(error) => match error.location() {
            Some(at) => Err(failed(format!("the YAML is wrong at line {}", at.line()))),
            None => Err(failed("the YAML is wrong".to_owned())),
        },
    }
}
