//! Opening the file: its folder, the lock against a second server, and whether it is ours and whole.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema;
use crate::OpenError;

/// How long to wait while another program, such as a backup by `sqlite3`, holds the file locked.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A database that nobody else has open.
#[derive(Debug)]
pub(super) struct Opened {
    /// Whether the whole file was looked at.
    pub(super) is_checked: bool,
    /// Before `lock`, so that it is closed before the lock is released.
    pub(super) connection: Connection,
    /// Held for as long as the store is open.
    pub(super) lock: File,
}

pub(super) fn open(path: &Path, check_up_to: u64) -> Result<Opened, OpenError> {
    make_folder(path)?;
    let lock = take_lock(path)?;
    make_file(path)?;
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| sqlite_error(path, error))?;
    check_identity(&connection, path)?;
    let is_checked = file_size(path)? <= check_up_to;
    if is_checked {
        check_whole(&connection, path)?;
    }
    if !schema::configure(&connection).map_err(|error| sqlite_error(path, error))? {
        let detail = "its file system supports no write-ahead log, use a local one".to_owned();
        return Err(OpenError::Io { path: path.to_owned(), detail });
    }
    Ok(Opened { is_checked, connection, lock })
}

/// A connection for one thread at a time. The file has to be there.
pub(super) fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

fn make_folder(path: &Path) -> Result<(), OpenError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            OpenError::ReadOnly { path: folder.to_owned() }
        }
        _ => OpenError::Folder { folder: folder.to_owned(), source },
    })
}

/// SQLite's own locks let two processes in, taking turns. Two servers on one file would each answer from a World of
/// their own, so the second has to stay out. The lock file is never removed: a lock on a removed file locks nothing.
fn take_lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = lock_path(path);
    let opened = private_file().open(&lock_path);
    let mut lock = opened.map_err(|error| io_error(&lock_path, &error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(OpenError::InUse { path: path.to_owned(), holder: read_holder(&mut lock) });
        }
        Err(TryLockError::Error(error)) => return Err(io_error(&lock_path, &error)),
    }
    // The number only makes a message more helpful, so failing to leave it (on a full disk, say) is no failure.
    let _ = lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id()));
    Ok(lock)
}

fn read_holder(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.read_to_string(&mut text).ok()?;
    text.parse().ok()
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".lock");
    name.into()
}

/// Makes the file before SQLite does, since SQLite would leave its mode to the umask. The files of the write-ahead log
/// take their mode from this one.
fn make_file(path: &Path) -> Result<(), OpenError> {
    let file = private_file().open(path).map_err(|error| io_error(path, &error))?;
    let tightened = file.set_permissions(Permissions::from_mode(0o600));
    tightened.map_err(|error| io_error(path, &error))
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options
}

/// A new file is made ours; any other has to be ours already, and not from the future.
fn check_identity(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let identity = schema::identity(connection).map_err(|error| sqlite_error(path, error))?;
    if identity.is_blank() {
        return schema::create(connection).map_err(|error| sqlite_error(path, error));
    }
    if identity.application_id != schema::APPLICATION_ID {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    let (found, supported) = (identity.version, schema::VERSION);
    if found > supported {
        return Err(OpenError::Newer { path: path.to_owned(), found, supported });
    }
    Ok(())
}

fn file_size(path: &Path) -> Result<u64, OpenError> {
    Ok(std::fs::metadata(path).map_err(|error| io_error(path, &error))?.len())
}

fn check_whole(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    match schema::check(connection) {
        Ok(None) => Ok(()),
        Ok(Some(detail)) => Err(OpenError::Damaged { path: path.to_owned(), detail }),
        Err(error) => Err(sqlite_error(path, error)),
    }
}

fn sqlite_error(path: &Path, error: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase { path },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, detail: error.to_string() },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => OpenError::ReadOnly { path },
        _ => OpenError::Io { path, detail: error.to_string() },
    }
}

fn io_error(path: &Path, error: &io::Error) -> OpenError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => OpenError::ReadOnly { path },
        _ => OpenError::Io { path, detail: error.to_string() },
    }
}
