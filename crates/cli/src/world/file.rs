//! Files with a World or a piece of one.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use doorward_core::world_document::WorldDocumentError;

/// Far more than what kubectl prints of the RBAC of a large cluster.
const MAX_BYTES: u64 = 256 << 20;

/// Why a file is not taken for a World, or a piece of one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorldFileError {
    /// It cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It is something else.
    #[error("`{}`, given as `{flag}`: {source}", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// The flag that names it.
        flag: &'static str,
        /// What is wrong with it.
        source: WorldDocumentError,
    },
}

/// Reads a file, or standard input for `-`, and what is in it.
///
/// # Errors
/// If it cannot be read, or is something else.
pub(super) fn read<T>(
    path: &Path,
    flag: &'static str,
    parse: impl FnOnce(&str) -> Result<T, WorldDocumentError>,
) -> Result<T, WorldFileError> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().take(MAX_BYTES).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text))
    };
    read.map_err(|source| WorldFileError::Read { path: path.to_owned(), source })?;
    parse(&text).map_err(|source| WorldFileError::Document { path: path.to_owned(), flag, source })
}
