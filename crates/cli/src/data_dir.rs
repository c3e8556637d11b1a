//! Where the server's data is when nobody says.

use std::path::{Path, PathBuf};

use crate::aws::Environment;

/// `$XDG_STATE_HOME/doorward` where that variable is set, else `./doorward-data`.
pub(crate) fn default(environment: &Environment) -> PathBuf {
    match environment.get("XDG_STATE_HOME").map(Path::new).filter(|path| path.is_absolute()) {
        Some(state) => state.join("doorward"),
        None => PathBuf::from("doorward-data"),
    }
}
