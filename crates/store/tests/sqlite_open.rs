//! Opening a database: who may, what is refused, and with which words.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use doorward_store::{
    Change, Document, Event, Key, OpenError, Outcome, Prefix, SqliteOptions, SqliteStore, Store, StoreError, Txn,
};
use rusqlite::Connection;

#[tokio::test]
async fn files_are_private_whatever_the_umask() {
    let (_guard, path) = somewhere("made/for/it/doorward.db");
    let store = open(&path).unwrap();
    fill(&store, 3).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(path.parent().unwrap().parent().unwrap()), 0o700);
    let names = ["doorward.db", "doorward.db-shm", "doorward.db-wal", "doorward.db.lock"];
    assert_eq!(files(path.parent().unwrap()), names);
    for name in names {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_file_that_others_may_read_is_made_private() {
    let (_guard, path) = somewhere("doorward.db");
    open(&path).unwrap().close().await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let _store = open(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn closing_leaves_one_file_that_says_what_it_is() {
    let (_guard, path) = somewhere("doorward.db");
    let store = open(&path).unwrap();
    fill(&store, 3).await;
    store.close().await;
    assert_eq!(files(path.parent().unwrap()), ["doorward.db", "doorward.db.lock"]);
    let connection = Connection::open(&path).unwrap();
    let pragma = |name: &str| -> i64 { connection.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
    assert_eq!((pragma("application_id"), pragma("user_version")), (0x446f_6f72, 1));
}

#[tokio::test]
async fn a_second_opener_in_this_process_is_told_who_has_it() {
    let (_guard, path) = somewhere("doorward.db");
    let store = open(&path).unwrap();
    let refused = open(&path).unwrap_err();
    let expected = format!(
        "`{}` is in use by another doorward server (process {}); stop that one, or choose another data folder",
        path.display(),
        std::process::id()
    );
    assert_eq!(refused.to_string(), expected);
    fill(&store, 1).await;
    store.close().await;
    assert_eq!(count(&open(&path).unwrap()).await, 1);
}

/// The other process is this very test again, with a database in its environment: then it holds it open.
#[tokio::test]
async fn a_second_process_is_kept_out_until_the_first_is_gone() {
    if let Some(path) = std::env::var_os("DOORWARD_TEST_DATABASE") {
        return hold_open(Path::new(&path));
    }
    let (_guard, path) = somewhere("doorward.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_second_process_is_kept_out_until_the_first_is_gone", "--nocapture"])
        .env("DOORWARD_TEST_DATABASE", &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.ends_with("OPEN")), "the child did not get to open the database");
    match open(&path).unwrap_err() {
        OpenError::InUse { path: named, holder } => assert_eq!((named, holder), (path.clone(), Some(child.id()))),
        other => panic!("{other}"),
    }
    // However it ends, the lock goes with it.
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(count(&open(&path).unwrap()).await, 0);
}

fn hold_open(path: &Path) {
    let _store = open(path).unwrap();
    println!("OPEN");
    // Until the parent kills this process, or is gone itself.
    let _ = std::io::stdin().lines().count();
}

#[test]
fn a_file_in_the_place_of_a_folder() {
    let (_guard, path) = somewhere("file/data/doorward.db");
    fs::write(path.ancestors().nth(2).unwrap(), "x").unwrap();
    let refused = open(&path).unwrap_err();
    assert!(matches!(&refused, OpenError::Folder { folder, .. } if folder == path.parent().unwrap()), "{refused:?}");
    let text = refused.to_string();
    assert!(text.contains("file/data` as data folder: ") && text.contains("choose another folder"), "{text}");
}

/// The kernel's own files are the one place that not even root may add to.
#[test]
fn a_folder_that_cannot_be_written() {
    let path = Path::new("/sys/kernel/doorward.db");
    let refused = open(path).unwrap_err();
    assert!(matches!(&refused, OpenError::ReadOnly { .. }), "{refused:?}");
    let text =
        "cannot write `/sys/kernel/doorward.db.lock`; make it writable for this user, or choose another data folder";
    assert_eq!(refused.to_string(), text);
    let refused = open(Path::new("/sys/kernel/made/doorward.db")).unwrap_err();
    assert!(matches!(&refused, OpenError::ReadOnly { .. }), "{refused:?}");
}

#[test]
fn a_folder_in_the_place_of_the_file() {
    let (_guard, path) = somewhere("doorward.db");
    fs::create_dir(&path).unwrap();
    let refused = open(&path).unwrap_err();
    assert!(matches!(&refused, OpenError::Io { path: named, .. } if *named == path), "{refused:?}");
}

#[test]
fn a_file_that_is_no_database() {
    for content in ["hello", &"no database\n".repeat(10_000)] {
        let (_guard, path) = somewhere("doorward.db");
        fs::write(&path, content).unwrap();
        let refused = open(&path).unwrap_err();
        assert!(matches!(&refused, OpenError::NotADatabase { path: named } if *named == path), "{refused:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content, "the file was changed");
    }
}

#[test]
fn a_database_of_another_program() {
    for mark in ["CREATE TABLE t (x)", "PRAGMA application_id = 7", "PRAGMA user_version = 1"] {
        let (_guard, path) = somewhere("doorward.db");
        Connection::open(&path).unwrap().execute_batch(mark).unwrap();
        let before = fs::read(&path).unwrap();
        let refused = open(&path).unwrap_err();
        assert!(matches!(&refused, OpenError::Foreign { path: named } if *named == path), "{mark}: {refused:?}");
        assert_eq!(fs::read(&path).unwrap(), before, "the file was changed");
    }
}

#[tokio::test]
async fn a_database_of_a_later_release() {
    let (_guard, path) = somewhere("doorward.db");
    open(&path).unwrap().close().await;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    let refused = open(&path).unwrap_err();
    let expected =
        format!("`{}` has format 2, this release reads up to 1; upgrade doorward, or restore a backup", path.display());
    assert_eq!(refused.to_string(), expected);
}

/// Every page but the first overwritten; the last page cut off; a page of an index swapped with one of a table.
#[tokio::test]
async fn a_damaged_database() {
    const PAGE: usize = 4096;
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 3] = [
        ("overwritten", |bytes| bytes[PAGE..].fill(0xa5)),
        ("cut off", |bytes| bytes.truncate(bytes.len() / 2)),
        ("swapped", |bytes| {
            let (first, second) = bytes.split_at_mut(2 * PAGE);
            first[PAGE..].swap_with_slice(&mut second[..PAGE]);
        }),
    ];
    for (name, damage) in damages {
        let (_guard, path) = somewhere("doorward.db");
        let store = open(&path).unwrap();
        fill(&store, 200).await;
        store.close().await;
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        let refused = open(&path).unwrap_err();
        assert!(matches!(&refused, OpenError::Damaged { path: named, .. } if *named == path), "{name}: {refused:?}");
        assert!(refused.to_string().ends_with("; restore it from a backup"), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "the file was changed");
    }
}

#[tokio::test]
async fn damage_that_is_found_while_a_large_file_is_used_ends_all_writing() {
    let (_guard, path) = somewhere("doorward.db");
    let options = SqliteOptions { check_up_to: 0, ..SqliteOptions::default() };
    let store = SqliteStore::open(&path, options).unwrap();
    fill(&store, 2_000).await;
    store.close().await;
    let sound = SqliteStore::open(&path, options).unwrap();
    fill(&sound, 1).await;
    sound.close().await;

    let mut bytes = fs::read(&path).unwrap();
    let half = bytes.len() / 2 / 4096 * 4096;
    bytes[half..half + 4096].fill(0xa5);
    fs::write(&path, &bytes).unwrap();
    let (key, deadline) = (Key::new("k").unwrap(), Instant::now() + Duration::from_secs(20));
    let write = || Txn::new().put(key.clone(), Document::encode(1, &1).unwrap());
    // It is looked for from the first write on, or once whoever opened the store has read what it needs.
    for by_writing in [true, false] {
        let store = SqliteStore::open(&path, options).unwrap();
        if by_writing {
            let _ = store.txn(write()).await;
        } else {
            store.settle();
        }
        until(deadline, || async { matches!(store.get(&key).await, Err(StoreError::Damaged(_))) }).await;
        let error = store.txn(write()).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)), "{error}");
        store.close().await;
    }
}

async fn until<F: Future<Output = bool>>(deadline: Instant, holds: impl Fn() -> F) {
    while !holds().await {
        assert!(Instant::now() < deadline, "it does not come to hold");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_start_that_was_cut_short_is_taken_up() {
    let (_guard, path) = somewhere("doorward.db");
    fs::write(&path, "").unwrap();
    let store = open(&path).unwrap();
    fill(&store, 1).await;
    store.close().await;
    assert_eq!(count(&open(&path).unwrap()).await, 1);
}

#[tokio::test]
async fn operators_may_read_while_the_server_writes() {
    let (_guard, path) = somewhere("doorward.db");
    let store = open(&path).unwrap();
    fill(&store, 2).await;
    let operator = Connection::open(&path).unwrap();
    operator.execute_batch("BEGIN").unwrap();
    let rows = |connection: &Connection| -> i64 {
        connection.query_row("SELECT count(*) FROM entries WHERE key LIKE 'n/%'", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(rows(&operator), 2);
    fill(&store, 5).await;
    assert_eq!(rows(&operator), 2, "the operator's transaction is a snapshot");
    operator.execute_batch("COMMIT").unwrap();
    assert_eq!(rows(&operator), 5);
}

fn somewhere(path: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(path);
    (folder, path)
}

fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, SqliteOptions::default())
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn fill(store: &SqliteStore, count: usize) {
    for n in 0..count {
        let key = Key::new(&format!("n/{n}")).unwrap();
        let value = Document::encode(1, &"x".repeat(500)).unwrap();
        assert!(matches!(store.txn(Txn::new().put(key, value)).await, Ok(Outcome::Committed(_))));
    }
}

async fn count(store: &SqliteStore) -> usize {
    store.list(&Prefix::all()).await.unwrap().items.len()
}

#[tokio::test]
async fn what_an_earlier_process_had_announced_is_removed_and_watchers_hear_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.db");
    let (key, other) = (Key::new("live/a").unwrap(), Key::new("live0").unwrap());
    let document = Document::encode(1, "x").unwrap();
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    let Ok(Outcome::Committed(_)) = store.txn(Txn::new().put(other.clone(), document.clone())).await else { panic!() };
    let announced = store.announce(&key, document, Duration::from_secs(600)).await.unwrap();
    store.close().await;

    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    assert_eq!(store.get(&key).await, Ok(None));
    assert!(store.get(&other).await.unwrap().is_some());
    let mut watch = store.watch(&Prefix::all(), announced).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().events, [Event { key, change: Change::Deleted }]);
}
