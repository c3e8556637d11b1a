//! What several tests of the store share.
#![allow(dead_code, reason = "every test binary takes what it needs of this")]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use doorward_store::contract::Fixture;
use doorward_store::{Revision, SqliteOptions, SqliteStore, Store};
use futures::future::{BoxFuture, FutureExt};

/// A database in a folder that goes away with it.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    opened: Mutex<Option<Arc<SqliteStore>>>,
    wrap: fn(Arc<SqliteStore>) -> Arc<dyn Store>,
}

impl Folder {
    /// A fresh one, whose store is used as `wrap` makes it.
    pub(crate) fn new(wrap: fn(Arc<SqliteStore>) -> Arc<dyn Store>) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), opened: Mutex::default(), wrap }
    }
}

impl Fixture for Folder {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        async {
            let path = self.folder.path().join("doorward.db");
            let store = Arc::new(SqliteStore::open(&path, SqliteOptions::default()).unwrap());
            *self.opened.lock().unwrap() = Some(Arc::clone(&store));
            (self.wrap)(store)
        }
        .boxed()
    }

    fn compact(&self, up_to: Revision) -> BoxFuture<'_, ()> {
        let store = self.opened.lock().unwrap().clone().unwrap();
        async move { store.compact(up_to).await.unwrap() }.boxed()
    }
}

/// Runs this very program again for one test, with something in its environment by which it is the writer, and kills it
/// once it has acknowledged so many writes. All names that it acknowledged count, also those that it managed to write
/// into the pipe after the last one that was waited for.
pub(crate) fn write_and_kill(test: &str, environment: &[(&str, &OsStr)], acknowledgements: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // A line that was cut short by the kill has no full stop.
    let name = |line: String| Some(line.split_once("ACK ")?.1.strip_suffix('.')?.to_owned());
    let mut names: Vec<String> = lines.by_ref().filter_map(name).take(acknowledgements).collect();
    assert_eq!(names.len(), acknowledgements, "the writer ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    names.extend(lines.filter_map(name));
    names
}
