//! aws-auth in a file: read, edited under a lock, and replaced as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use doorward_core::aws_auth::edit::{Data, EditError, Edited};

use super::diff;
use super::document::{Document, DocumentError};
use super::source::Done;

/// Kubernetes stores no ConfigMap above 1 MiB; as text, with its metadata, it may be a little more.
const MAX_BYTES: u64 = 8 << 20;

/// Why a file is not read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It cannot be opened, or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It is no ConfigMap, or cannot be edited.
    #[error("`{}`: {source}", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: DocumentError,
    },
    /// The edit refuses.
    #[error("`{}`: {source}", path.display())]
    Edit {
        /// The file.
        path: PathBuf,
        /// Why.
        source: EditError,
    },
    /// Standard input cannot be changed.
    #[error("standard input can only be read; to change rows, give a file that can be written")]
    Stdin,
}

/// The ConfigMap's `data`.
///
/// # Errors
/// If it cannot be read, or is no ConfigMap.
pub(super) fn read(path: &Path) -> Result<Data, FileError> {
    Ok(document(path)?.data().clone())
}

/// Edits the file; with `dry_run`, only says what would change.
///
/// # Errors
/// If the file cannot be read or written, or the edit is refused; it is then as it was.
pub(super) fn edit(
    path: &Path,
    dry_run: bool,
    edit: impl Fn(&Data) -> Result<Edited, EditError>,
) -> Result<Done, FileError> {
    if is_stdin(path) {
        return Err(FileError::Stdin);
    }
    let io = |action| move |source| FileError::Io { action, path: path.to_owned(), source };
    // A link stays a link to the file that it names.
    let target = fs::canonicalize(path).map_err(io("read"))?;
    let folder = target.parent().unwrap_or(Path::new("/"));
    // Replacing a file would take a lock on it away, so its folder is locked.
    let lock =
        File::open(folder).and_then(|folder| folder.lock().map(|()| folder)).map_err(io("lock the folder of"))?;
    let document = document(&target)?;
    let edited = edit(document.data()).map_err(|source| FileError::Edit { path: path.to_owned(), source })?;
    let after =
        document.with_data(&edited.data).map_err(|source| FileError::Document { path: path.to_owned(), source })?;
    if !dry_run && after != document.text() {
        replace(&target, after.as_bytes()).map_err(io("write"))?;
    }
    drop(lock);
    Ok(Done { diff: diff::of_file(&path.display().to_string(), document.text(), &after), edited })
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// The file's text and what it holds.
///
/// # Errors
/// If it cannot be read, or is no ConfigMap.
pub(super) fn document(path: &Path) -> Result<Document, FileError> {
    let io = |source| FileError::Io { action: "read", path: path.to_owned(), source };
    let mut text = String::new();
    let read = if is_stdin(path) {
        io::stdin().take(MAX_BYTES).read_to_string(&mut text)
    } else {
        File::open(path).map_err(io)?.take(MAX_BYTES).read_to_string(&mut text)
    };
    read.map_err(io)?;
    Document::parse(text).map_err(|source| FileError::Document { path: path.to_owned(), source })
}

/// Puts a new file, with the old one's permissions, in its place.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode();
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let partial = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode & 0o777)
        .open(&partial)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // The error that matters is the first one.
        let _ = fs::remove_file(&partial);
    }
    written
}

#[cfg(test)]
mod tests {
    use doorward_core::aws_auth::edit::{Which, create_account, delete_mapping};

    use super::*;

    const FILE: &str = "\
# Kept by the platform team
apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth       # do not rename
  namespace: kube-system
data:
  # people
  mapRoles: |
    # nodes
    - rolearn: arn:aws:iam::123456789012:role/nodes
      username: system:node:{{EC2PrivateDNSName}}
      groups: [system:nodes]
    # admins
    - rolearn: arn:aws:iam::123456789012:role/admins
      username: admin
      groups: [system:masters]

  other: kept
";
    const ADMINS: &str = "arn:aws:iam::123456789012:role/admins";

    #[test]
    fn a_row_goes_and_everything_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aws-auth.yaml");
        fs::write(&path, FILE).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();

        let remove = |data: &Data| delete_mapping(data, ADMINS, Which::First);
        let tried = edit(&link, true, remove).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), FILE);
        let done = edit(&link, false, remove).unwrap();
        assert_eq!(tried.diff, done.diff);
        assert_eq!(done.edited.removed.len(), 1);
        let after = fs::read_to_string(&path).unwrap();
        assert!(!after.contains("role/admins"));
        for kept in ["# Kept by", "# do not rename", "  # people\n  mapRoles: |\n    # nodes\n", "  other: kept\n"] {
            assert!(after.contains(kept), "{after}");
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(matches!(edit(&path, false, remove), Err(FileError::Edit { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), after);
    }

    #[test]
    fn many_edits_at_once_lose_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aws-auth.yaml");
        fs::write(&path, FILE).unwrap();
        std::thread::scope(|scope| {
            for account in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    let account = format!("12345678901{account}").parse().unwrap();
                    edit(path, false, |data| create_account(data, account)).unwrap();
                });
            }
        });
        assert_eq!(doorward_core::aws_auth::parse(&read(&path).unwrap()).accounts.len(), 8);
    }
}
