//! Files that are there whole or not at all, and readable by their owner alone where they hold a secret.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its owner: it holds a secret.
    Owner,
    /// Everybody.
    All,
}

/// Makes a file that must not exist. False if it does: whoever was first, their file is whole.
pub(crate) fn create(path: &Path, content: &[u8], access: Access) -> io::Result<bool> {
    let temporary = Temporary::write(path, content, access)?;
    // Unlike a rename, a link never takes the place of a file that somebody else has made meanwhile.
    match std::fs::hard_link(&temporary.path, path) {
        Ok(()) => sync_folder(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes a file, in place of the one that may be there.
pub(crate) fn replace(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let temporary = Temporary::write(path, content, access)?;
    std::fs::rename(&temporary.path, path)?;
    sync_folder(path)
}

/// Makes a folder and those above it, for its owner alone.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A file beside the one to be written; removed when it is not needed any more.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn write(target: &Path, content: &[u8], access: Access) -> io::Result<Self> {
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let random = RandomState::new().build_hasher().finish();
        let path = target.with_file_name(format!(".{name}.{random:016x}.tmp"));
        let mode = if access == Access::Owner { 0o600 } else { 0o644 };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
        let temporary = Self { path };
        file.write_all(content)?;
        file.sync_all()?;
        Ok(temporary)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename it is not there any more, and nothing is lost if it cannot be removed.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn of_many_who_make_a_file_one_wins_and_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let contents: Vec<Vec<u8>> = (0..8).map(|writer| vec![writer; 100_000]).collect();
        let wins: usize = std::thread::scope(|scope| {
            let writers: Vec<_> = contents
                .iter()
                .map(|content| scope.spawn(|| usize::from(create(&path, content, Access::Owner).unwrap())))
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).sum()
        });
        assert_eq!(wins, 1);
        assert!(contents.contains(&std::fs::read(&path).unwrap()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        replace(&path, b"one", Access::All).unwrap();
        replace(&path, b"two", Access::Owner).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(replace(&folder.path().join("no/folder"), b"", Access::All).is_err());
    }
}
