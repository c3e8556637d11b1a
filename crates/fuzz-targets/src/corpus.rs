//! The committed corpora: one folder a target in `fuzz/corpus/`, one input a file.

use std::path::PathBuf;

/// The folder of the corpora, of what runs have found, and of cargo-fuzz's crate.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The inputs of a target by the name of their file, in the order of the names. None if there is no such folder.
pub fn read(target: &str) -> Vec<(String, Vec<u8>)> {
    let Ok(files) = std::fs::read_dir(folder().join("corpus").join(target)) else { return Vec::new() };
    let mut inputs: Vec<_> = files
        .flatten()
        .filter_map(|file| Some((file.file_name().into_string().ok()?, std::fs::read(file.path()).ok()?)))
        .collect();
    inputs.sort();
    inputs
}
