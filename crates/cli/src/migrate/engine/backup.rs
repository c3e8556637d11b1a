//! The copy of everything as it was before a migration: the World, and aws-auth as a manifest that `kubectl apply`
//! takes.

use std::path::{Path, PathBuf};

use doorward_core::world_document::WorldDocument;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::journal::write_whole;

/// A backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Backup {
    pub(crate) kind: Kind,
    pub(crate) version: u32,
    pub(crate) taken_at: Timestamp,
    /// Mode, access entries with their associations, aws-auth, RBAC.
    pub(crate) world: WorldDocument,
    /// The ConfigMap with its labels and annotations; null where there is none.
    pub(crate) aws_auth_manifest: Option<Value>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// The only kind.
    MigrationBackup,
}

/// Why a backup cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// The file.
    #[error("cannot {action} the backup `{}`: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// What it says.
    #[error("`{}` is no backup of a migration: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl Backup {
    /// A backup of a World.
    pub(crate) fn new(taken_at: Timestamp, world: WorldDocument, aws_auth_manifest: Option<Value>) -> Self {
        Self {
            kind: Kind::MigrationBackup,
            version: 1,
            taken_at,
            world,
            aws_auth_manifest: aws_auth_manifest.map(clean),
        }
    }

    /// Writes it, on the disk and for nobody else to read.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), BackupError> {
        let fail = |source| BackupError::File { action: "write", path: path.to_owned(), source };
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other).map_err(fail)? + "\n";
        write_whole(path, text.as_bytes()).map_err(fail)
    }

    /// Reads it.
    ///
    /// # Errors
    /// If the file is something else.
    pub(crate) fn read(path: &Path) -> Result<Self, BackupError> {
        let text = std::fs::read_to_string(path).map_err(|source| BackupError::File {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let backup: Self = serde_json::from_str(&text)
            .map_err(|error| BackupError::Content { path: path.to_owned(), problem: error.to_string() })?;
        if backup.version != 1 {
            let problem = format!("its version is {}, and this version of doorward reads 1", backup.version);
            return Err(BackupError::Content { path: path.to_owned(), problem });
        }
        Ok(backup)
    }
}

/// Without what the API server gives, so that it can be applied again.
fn clean(mut manifest: Value) -> Value {
    if let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) {
        for given in ["resourceVersion", "uid", "creationTimestamp", "managedFields", "generation", "selfLink"] {
            metadata.remove(given);
        }
    }
    if let Some(object) = manifest.as_object_mut() {
        object.entry("apiVersion").or_insert_with(|| "v1".into());
        object.entry("kind").or_insert_with(|| "ConfigMap".into());
    }
    manifest
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::authentication_mode::AuthenticationMode;
    use doorward_core::aws_auth::Authenticator;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_backup_is_read_as_it_was_written_and_nobody_else_may() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("backup.json");
        let manifest = serde_json::json!({
            "metadata": { "name": "aws-auth", "labels": { "a": "b" }, "uid": "x", "resourceVersion": "7" },
            "data": { "mapRoles": "# mine\n[]\n" },
        });
        let world = WorldDocument::new(AuthenticationMode::ConfigMap, Authenticator::Eks);
        Backup::new(Timestamp::UNIX_EPOCH, world.clone(), Some(manifest)).write(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = Backup::read(&path).unwrap();
        assert_eq!(read.world, world);
        let expected = serde_json::json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": "aws-auth", "labels": { "a": "b" } },
            "data": { "mapRoles": "# mine\n[]\n" },
        });
        assert_eq!(read.aws_auth_manifest, Some(expected));
        std::fs::write(&path, "{}").unwrap();
        assert!(Backup::read(&path).unwrap_err().to_string().contains("is no backup"));
    }
}
