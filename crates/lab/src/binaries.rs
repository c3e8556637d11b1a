//! Finding the programs that a lab runs.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::LabError;

/// The programs that a lab runs beside Doorward itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// etcd.
    pub etcd: PathBuf,
    /// kube-apiserver, 1.20 or newer.
    pub kube_apiserver: PathBuf,
}

impl Binaries {
    /// Finds all of them, or names the first that is missing.
    pub fn find() -> Result<Self, LabError> {
        Ok(Self { etcd: find_binary("etcd")?, kube_apiserver: find_binary("kube-apiserver")? })
    }
}

/// Finds a program in `$KUBEBUILDER_ASSETS`, on `PATH`, or in the folder that the set-up fills.
pub fn find_binary(name: &'static str) -> Result<PathBuf, LabError> {
    find_in(name, &places())
}

/// Like [`find_binary`], the set-up's folder first: for a client whose version the lab's transcript depends on.
pub(crate) fn find_pinned_binary(name: &'static str) -> Result<PathBuf, LabError> {
    let mut places = places();
    places.sort_by_key(|place| place.label != SETUP);
    find_in(name, &places)
}

const SETUP: &str = "the set-up's folder";

struct Place {
    label: &'static str,
    dirs: Vec<PathBuf>,
}

fn places() -> Vec<Place> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = variable("DOORWARD_CACHE")
        .map(PathBuf::from)
        .or_else(|| variable("XDG_CACHE_HOME").map(|dir| Path::new(&dir).join("doorward")))
        .or_else(|| variable("HOME").map(|dir| Path::new(&dir).join(".cache/doorward")));
    let split = |value: &OsStr| std::env::split_paths(value).collect::<Vec<_>>();
    vec![
        Place {
            label: "$KUBEBUILDER_ASSETS",
            dirs: variable("KUBEBUILDER_ASSETS").map(PathBuf::from).into_iter().collect(),
        },
        Place { label: "PATH", dirs: variable("PATH").map(|value| split(&value)).unwrap_or_default() },
        Place { label: SETUP, dirs: cache.map(|dir| dir.join("bin")).into_iter().collect() },
    ]
}

fn find_in(name: &'static str, places: &[Place]) -> Result<PathBuf, LabError> {
    let found = places
        .iter()
        .flat_map(|place| &place.dirs)
        .map(|dir| dir.join(name))
        .find(|path| is_executable(path))
        .ok_or_else(|| LabError::MissingBinary { name, looked: describe(places) })?;
    // Linked and started from other folders later.
    std::path::absolute(&found).map_err(LabError::file("resolve", &found))
}

fn describe(places: &[Place]) -> String {
    let described = places.iter().map(|place| match (place.label, place.dirs.as_slice()) {
        (label, []) => format!("{label} (not set)"),
        // PATH is known to its user and long.
        ("PATH", _) => "PATH".to_owned(),
        (label, dirs) => {
            let dirs: Vec<_> = dirs.iter().map(|dir| format!("`{}`", dir.display())).collect();
            format!("{label} {}", dirs.join(", "))
        }
    });
    described.collect::<Vec<_>>().join(", ")
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(label: &'static str, dir: &Path) -> Place {
        Place { label, dirs: vec![dir.to_owned()] }
    }

    #[test]
    fn the_first_place_with_an_executable_wins() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(first.path().join("etcd"), "not executable").unwrap();
        let path = second.path().join("etcd");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let found = find_in("etcd", &[place("a", first.path()), place(SETUP, second.path())]).unwrap();
        assert_eq!(found, path);
    }

    #[test]
    fn what_is_missing_is_named_with_the_places_and_the_remedy() {
        let places = [Place { label: "$KUBEBUILDER_ASSETS", dirs: vec![] }, place(SETUP, Path::new("/nowhere"))];
        let message = find_in("kube-apiserver", &places).unwrap_err().to_string();
        assert_eq!(
            message,
            "`kube-apiserver` was not found (looked in $KUBEBUILDER_ASSETS (not set), the set-up's folder `/nowhere`); \
             run `make setup`, or put it on PATH or in $KUBEBUILDER_ASSETS"
        );
    }
}
