//! The folder in which the state of a cluster's migrations is kept, and the lock that lets one process at a time act on
//! it.
//!
//! The lock is the system's own on an open file: it is gone with the process that held it, however that ended, so that
//! a stale one cannot be. The file says the process's id, for whoever finds it held.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::journal::{Journal, JournalError};
use crate::aws::Environment;

/// How many journals of migrations that are over are kept.
const KEPT: usize = 20;

/// The folder of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct StateDir {
    path: PathBuf,
}

/// The folder, as long as nobody else acts on it.
#[derive(Debug)]
pub(crate) struct Locked {
    dir: StateDir,
    _lock: File,
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// Neither variable is set.
    #[error("where to keep what is done? set `XDG_STATE_HOME` or `HOME`")]
    NoHome,
    /// Somebody else acts.
    #[error("another doorward (process {pid}) works on the migration of `{cluster}`; wait until it is done")]
    Held {
        /// The cluster.
        cluster: String,
        /// What the file says.
        pid: String,
    },
    /// A file.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl StateError {
    /// Whether somebody else acts.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self, Self::Held { .. })
    }
}

impl StateDir {
    /// `$XDG_STATE_HOME/doorward/migrations/CLUSTER`, with `~/.local/state` where that is not set; a lab says by
    /// `$DOORWARD_MIGRATIONS_DIR` where its own are.
    ///
    /// # Errors
    /// If neither variable is set.
    pub(crate) fn of(cluster: &str, environment: &Environment) -> Result<Self, StateError> {
        let state = environment.get("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || environment.get("HOME").map(|home| Path::new(home).join(".local/state"));
        let usual = || state.or_else(home).map(|state| state.join("doorward/migrations"));
        let of_lab = environment.get("DOORWARD_MIGRATIONS_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        let migrations = of_lab.or_else(usual).ok_or(StateError::NoHome)?;
        // A cluster's name has no slash at EKS; somebody's `--cluster` may.
        let name: String =
            cluster.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect();
        Ok(Self { path: migrations.join(name) })
    }

    /// The folder itself.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file of what is under way, or was last.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    /// Where the process writes that waits for the confirmation.
    pub(crate) fn watcher_log(&self) -> PathBuf {
        self.path.join("watcher.log")
    }

    /// Where a copy of everything as it is now goes.
    pub(crate) fn backup(&self, now: Timestamp) -> PathBuf {
        self.path.join(format!("backup-{}.json", now.strftime("%Y%m%dT%H%M%SZ")))
    }

    /// Makes the folder, for nobody else to read, and takes its lock.
    ///
    /// # Errors
    /// If somebody else has it, or files cannot be written.
    pub(crate) fn lock(&self) -> Result<Locked, StateError> {
        self.make()?;
        match self.try_lock("lock")? {
            Ok(lock) => Ok(Locked { dir: self.clone(), _lock: lock }),
            Err(pid) => Err(StateError::Held { cluster: self.name(), pid }),
        }
    }

    /// Takes the place of the one process that waits for the confirmation; none if another has it.
    ///
    /// # Errors
    /// If files cannot be written.
    pub(crate) fn become_watcher(&self) -> Result<Option<File>, StateError> {
        self.make()?;
        Ok(self.try_lock("watcher.lock")?.ok())
    }

    /// The process that waits for the confirmation, if one does.
    pub(crate) fn watcher(&self) -> Option<String> {
        let file = File::open(self.path.join("watcher.lock")).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                (&file).read_to_string(&mut pid).ok()?;
                Some(pid.trim().to_owned())
            }
            _ => None,
        }
    }

    fn make(&self) -> Result<(), JournalError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(JournalError::file("make", &self.path))
    }

    /// The lock, or the id of the process that has it.
    fn try_lock(&self, name: &str) -> Result<Result<File, String>, JournalError> {
        let path = self.path.join(name);
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = opened.map_err(JournalError::file("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).map_err(JournalError::file("read", &path))?;
                return Ok(Err(pid.trim().to_owned()));
            }
            Err(TryLockError::Error(error)) => return Err(JournalError::file("lock", &path)(error)),
        }
        let pid = format!("{}\n", std::process::id());
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(pid.as_bytes()));
        written.map_err(JournalError::file("write", &path))?;
        Ok(Ok(file))
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Locked {
    /// The folder.
    pub(crate) fn dir(&self) -> &StateDir {
        &self.dir
    }

    /// Puts the journal of a migration that is over aside. The oldest of those go; backups never do.
    ///
    /// # Errors
    /// If it cannot be moved.
    pub(crate) fn put_aside(&self, journal: &Journal) -> Result<(), StateError> {
        let from = self.dir.journal();
        let name = format!("journal-{}.jsonl", journal.opening().started_at.strftime("%Y%m%dT%H%M%SZ"));
        let moved = std::fs::rename(&from, self.dir.path.join(name));
        moved.map_err(JournalError::file("move", &from))?;
        let mut old = self.old_journals().map_err(JournalError::file("read", &self.dir.path))?;
        old.sort();
        let surplus = old.len().saturating_sub(KEPT);
        for path in old.into_iter().take(surplus) {
            std::fs::remove_file(&path).map_err(JournalError::file("remove", &path))?;
        }
        Ok(())
    }

    fn old_journals(&self) -> io::Result<Vec<PathBuf>> {
        let paths = std::fs::read_dir(&self.dir.path)?.map(|entry| entry.map(|entry| entry.path()));
        let is_old = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("journal-") && name.ends_with(".jsonl")
        };
        Ok(paths.collect::<io::Result<Vec<_>>>()?.into_iter().filter(is_old).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_has_the_lock_and_it_goes_with_whoever_had_it() {
        let home = tempfile::tempdir().unwrap();
        let environment = Environment::from([("XDG_STATE_HOME", home.path().to_str().unwrap())]);
        let dir = StateDir::of("prod", &environment).unwrap();
        assert!(dir.path().ends_with("doorward/migrations/prod"));
        let lock = dir.lock().unwrap();
        let held = dir.lock().unwrap_err().to_string();
        assert!(held.contains(&format!("process {}", std::process::id())), "{held}");
        drop(lock);
        dir.lock().unwrap();
    }

    #[test]
    fn whether_somebody_waits_for_the_confirmation_is_seen_without_disturbing_it() {
        let home = tempfile::tempdir().unwrap();
        let dir = StateDir::at(home.path().join("c"));
        assert_eq!(dir.watcher(), None);
        let watcher = dir.become_watcher().unwrap();
        assert!(watcher.is_some() && dir.become_watcher().unwrap().is_none());
        assert_eq!(dir.watcher(), Some(std::process::id().to_string()));
        drop(watcher);
        assert_eq!(dir.watcher(), None);
    }

    #[test]
    fn a_name_stays_within_the_folder() {
        let environment = Environment::from([("HOME", "/h")]);
        let dir = StateDir::of("../../etc", &environment).unwrap();
        assert_eq!(dir.path(), Path::new("/h/.local/state/doorward/migrations/______etc"));
    }
}
