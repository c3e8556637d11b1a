//! Where everything of a lab lies. No other module joins paths.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::LabError;

/// A lab's folder. Everything in it is readable by its owner only: it holds keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabDir {
    root: PathBuf,
}

/// Held while a lab is started or stopped, so that two commands never do it at once.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl LabDir {
    /// The lab in `root`, made absolute so that what is written into files holds from any working directory.
    pub fn new(root: impl AsRef<Path>) -> Result<Self, LabError> {
        let root = root.as_ref();
        let root = std::path::absolute(root).map_err(LabError::file("resolve", root))?;
        Ok(Self { root })
    }

    /// The folder used when none is named: that of the lab whose `env` was sourced, else `$XDG_STATE_HOME/doorward/lab`, else `~/.local/state/doorward/lab`, else
    /// `./.doorward-lab`.
    pub fn default_root() -> PathBuf {
        let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let state = || from("XDG_STATE_HOME").or_else(|| from("HOME").map(|home| home.join(".local/state")));
        from("DOORWARD_LAB_DIR")
            .or_else(|| state().map(|state| state.join("doorward/lab")))
            .unwrap_or_else(|| PathBuf::from(".doorward-lab"))
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What runs: see [`crate::LabState`].
    pub fn state(&self) -> PathBuf {
        self.root.join("lab.json")
    }

    /// To be sourced by sh: the settings that `aws`, `kubectl` and `doorward` need.
    pub fn env(&self) -> PathBuf {
        self.root.join("env")
    }

    /// The user's kubeconfig, filled by `aws eks update-kubeconfig`.
    pub fn kubeconfig(&self) -> PathBuf {
        self.root.join("kubeconfig")
    }

    /// The kubeconfig of the cluster's own administrator (a client certificate of group `system:masters`).
    pub fn admin_kubeconfig(&self) -> PathBuf {
        self.root.join("admin.kubeconfig")
    }

    /// Links to `aws`, `kubectl` and `doorward`, first on the PATH of `env`.
    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// The home folder of commands the walkthrough runs, so that the user's own settings are neither read nor written.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// Where `doorward migrate` keeps what it does to the lab's cluster, so that it goes with the lab: the next one has
    /// a cluster of the same name.
    pub fn migrations(&self) -> PathBuf {
        self.root.join("migrations")
    }

    /// Keys and certificates of the lab's kube-apiserver.
    pub fn pki(&self) -> PathBuf {
        self.root.join("pki")
    }

    /// What `doorward init` writes for the kube-apiserver.
    pub fn webhook(&self) -> PathBuf {
        self.root.join("webhook")
    }

    /// Manifests of the walkthrough's RBAC chapter.
    pub fn rbac(&self) -> PathBuf {
        self.root.join("rbac")
    }

    /// etcd's data.
    pub fn etcd_data(&self) -> PathBuf {
        self.root.join("etcd")
    }

    /// Doorward's data.
    pub fn doorward_data(&self) -> PathBuf {
        self.root.join("doorward")
    }

    /// The log file of a process.
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// The audit log of a kube-apiserver that keeps one.
    pub fn audit_log(&self) -> PathBuf {
        self.logs().join("audit.jsonl")
    }

    /// Refuses a folder with things in it that no lab made. Nothing is written.
    pub(crate) fn check_ours(&self) -> Result<(), LabError> {
        if self.state().exists() || self.holds_nothing_of_others()? {
            Ok(())
        } else {
            Err(LabError::NotALab { dir: self.root.clone() })
        }
    }

    /// Prepares an empty lab: removes what an earlier lab left and makes the folders.
    pub(crate) fn prepare(&self) -> Result<(), LabError> {
        self.check_ours()?;
        create_private_dir(&self.root)?;
        self.clear()?;
        remove(&self.logs())?;
        for dir in [self.logs(), self.pki(), self.bin(), self.home(), self.rbac(), self.etcd_data()] {
            create_private_dir(&dir)?;
        }
        Ok(())
    }

    /// Removes everything that a lab made but its logs.
    pub(crate) fn clear(&self) -> Result<(), LabError> {
        for path in self.own() {
            remove(&path)?;
        }
        Ok(())
    }

    /// Takes the lab's lock, or says that another command holds it.
    pub(crate) fn lock(&self) -> Result<Lock, LabError> {
        create_private_dir(&self.root)?;
        let path = self.root.join(LOCK);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(LabError::file("open", &path))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LabError::Busy { dir: self.root.clone() }),
            Err(error) => Err(LabError::file("lock", &path)(error.into())),
        }
    }

    fn logs(&self) -> PathBuf {
        self.root.join(LOGS)
    }

    fn own(&self) -> Vec<PathBuf> {
        vec![
            self.env(),
            self.kubeconfig(),
            self.admin_kubeconfig(),
            self.bin(),
            self.home(),
            self.migrations(),
            self.pki(),
            self.webhook(),
            self.rbac(),
            self.etcd_data(),
            self.doorward_data(),
            // Last: while it is there, the folder is known to be a lab's.
            self.state(),
        ]
    }

    /// True for a folder that does not exist, is empty, or holds no more than the logs of an earlier lab.
    fn holds_nothing_of_others(&self) -> Result<bool, LabError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(LabError::file("read", &self.root)(error)),
        };
        let mut others = entries.flatten().filter(|entry| entry.file_name() != LOGS && entry.file_name() != LOCK);
        Ok(others.next().is_none())
    }
}

const LOGS: &str = "log";
const LOCK: &str = ".lock";

/// Makes a folder and its parents, for the owner only. A folder that exists keeps its mode.
pub(crate) fn create_private_dir(path: &Path) -> Result<(), LabError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(LabError::file("create", path))
}

/// Writes a file for the owner only, in one step: a reader sees the old content or the new.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), LabError> {
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&draft)
        .map_err(LabError::file("write", &draft))?;
    file.write_all(content).map_err(LabError::file("write", &draft))?;
    fs::rename(&draft, path).map_err(LabError::file("write", path))
}

fn remove(path: &Path) -> Result<(), LabError> {
    let gone = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match gone {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LabError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_things_in_it_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        let lab = LabDir::new(dir.path()).unwrap();
        assert!(matches!(lab.prepare(), Err(LabError::NotALab { .. })));
        assert!(dir.path().join("bin").exists());
    }

    #[test]
    fn a_second_lock_is_refused_until_the_first_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let lab = LabDir::new(dir.path()).unwrap();
        let first = lab.lock().unwrap();
        assert!(matches!(lab.lock(), Err(LabError::Busy { .. })));
        drop(first);
        assert!(lab.lock().is_ok());
    }

    #[test]
    fn clearing_keeps_the_logs() {
        let dir = tempfile::tempdir().unwrap();
        let lab = LabDir::new(dir.path().join("lab")).unwrap();
        lab.prepare().unwrap();
        write_private(&lab.log("etcd"), b"said").unwrap();
        write_private(&lab.state(), b"{}").unwrap();
        lab.clear().unwrap();
        assert!(lab.log("etcd").exists());
        assert!(!lab.state().exists() && !lab.pki().exists());
        lab.prepare().unwrap();
    }
}
