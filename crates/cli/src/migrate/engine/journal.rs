//! What a migration has done so far: a file with a line for everything that happened, written before and after.
//!
//! A line counts once it is on the disk with its newline, so that after a crash at any moment it is known which step
//! may have been done and is to be looked at again. What comes after the last newline was being written at the crash,
//! and nothing was done on the strength of it.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use doorward_core::plan::Step;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::progress::{Phase, Progress};

/// The version of the format.
const VERSION: u32 = 1;

/// The first line: what is to be done, and to what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Opening {
    pub(crate) version: u32,
    pub(crate) started_at: Timestamp,
    pub(crate) cluster: String,
    pub(crate) cluster_arn: Option<String>,
    /// How the cluster is reached, for whoever takes this up later.
    pub(crate) reach: Reach,
    /// How long to wait for a confirmation before everything is taken back; none waits for nothing.
    pub(crate) confirm_within_seconds: u64,
    /// The copy of everything as it was.
    pub(crate) backup: PathBuf,
    /// The digest of the World that the steps were planned for.
    pub(crate) digest: String,
    /// The differences that were accepted.
    pub(crate) accepted: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

/// The flags that say how a cluster is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Reach {
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) context: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) endpoint_url: Option<String>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Event {
    /// A step may be done from here on.
    Started { step: usize },
    /// A step is done; `by_us` unless it was so already.
    Done { step: usize, by_us: bool },
    /// All steps that can be taken back are done.
    Applied {
        /// When they are taken back.
        deadline: Timestamp,
    },
    /// Nothing is taken back by itself any more.
    Confirmed,
    /// The steps that cannot be taken back are done, too.
    Finished,
    /// Everything is being taken back.
    Reverting { reason: String },
    /// A step may be taken back from here on.
    Undoing { step: usize },
    /// A step is taken back.
    Undone { step: usize },
    /// Everything is taken back that can be.
    Reverted,
}

#[derive(Serialize, Deserialize)]
struct Line {
    at: Timestamp,
    #[serde(flatten)]
    event: Event,
}

/// A migration's file, and where it stands.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    opening: Opening,
    progress: Progress,
}

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// The file.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// What it says.
    #[error("`{}` is not the journal of a migration that this version of doorward reads: line {line}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

impl JournalError {
    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}

impl Opening {
    /// A new migration.
    pub(crate) fn new(cluster: String, started_at: Timestamp, backup: PathBuf, steps: Vec<Step>) -> Self {
        Self {
            version: VERSION,
            started_at,
            cluster,
            cluster_arn: None,
            reach: Reach::default(),
            confirm_within_seconds: 0,
            backup,
            digest: String::new(),
            accepted: Vec::new(),
            steps,
        }
    }
}

impl Journal {
    /// Begins a migration. Where there is a journal already, it is replaced.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn begin(path: &Path, opening: Opening) -> Result<Self, JournalError> {
        let text = serde_json::to_string(&opening).map_err(io::Error::other);
        let text = text.map_err(JournalError::file("write", path))? + "\n";
        write_whole(path, text.as_bytes()).map_err(JournalError::file("write", path))?;
        let file = append_to(path)?;
        let progress = Progress::new(&opening);
        Ok(Self { path: path.to_owned(), file, opening, progress })
    }

    /// Takes a migration up again, or looks at it; none if there is none.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, JournalError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(JournalError::file("read", path)(error)),
        };
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        let content = |line: usize, problem: String| JournalError::Content { path: path.to_owned(), line, problem };
        let mut lines = whole.lines();
        let opening: Opening =
            serde_json::from_str(lines.next().unwrap_or_default()).map_err(|error| content(1, error.to_string()))?;
        if opening.version != VERSION {
            return Err(content(1, format!("its version is {}", opening.version)));
        }
        let mut progress = Progress::new(&opening);
        for (number, line) in lines.enumerate() {
            let line: Line = serde_json::from_str(line).map_err(|error| content(number + 2, error.to_string()))?;
            progress.take(&line.event, line.at);
        }
        let mut file = append_to(path)?;
        // What a crash left half-written would become part of the next line.
        let end = if whole.is_empty() { 0 } else { whole.len() + 1 };
        if end < text.len() {
            let end = u64::try_from(end).unwrap_or_default();
            let cut = file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end)));
            cut.map_err(JournalError::file("write", path))?;
        }
        Ok(Some(Self { path: path.to_owned(), file, opening, progress }))
    }

    /// Writes down that something happens, and returns once that is on the disk.
    ///
    /// # Errors
    /// If it cannot be written; then it must not happen.
    pub(crate) fn append(&mut self, event: Event) -> Result<(), JournalError> {
        let at = Timestamp::now();
        let failed = || JournalError::file("write", &self.path);
        let line = serde_json::to_string(&Line { at, event: event.clone() }).map_err(io::Error::other);
        let line = line.map_err(failed())? + "\n";
        self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data()).map_err(failed())?;
        self.progress.take(&event, at);
        Ok(())
    }

    /// What is to be done.
    pub(crate) fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Where it stands.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Where it stands, in one word.
    pub(crate) fn phase(&self) -> Phase {
        self.progress.phase
    }
}

fn append_to(path: &Path) -> Result<File, JournalError> {
    OpenOptions::new().append(true).open(path).map_err(JournalError::file("write", path))
}

/// Writes a file that is there as a whole or not at all, even after a crash, and that nobody else may read.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    // Left by a crash, possibly with other permissions.
    let _ = std::fs::remove_file(&temporary);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening() -> Opening {
        Opening::new("c".to_owned(), Timestamp::UNIX_EPOCH, PathBuf::from("/b"), Vec::new())
    }

    #[test]
    fn what_was_written_is_read_again_and_what_was_half_written_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        assert!(Journal::open(&path).unwrap().is_none());
        let mut journal = Journal::begin(&path, opening()).unwrap();
        journal.append(Event::Confirmed).unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{{\"at\":\"2026")).unwrap();

        let mut journal = Journal::open(&path).unwrap().unwrap();
        assert_eq!((journal.phase(), journal.opening()), (Phase::Confirmed, &opening()));
        journal.append(Event::Finished).unwrap();
        assert_eq!(Journal::open(&path).unwrap().unwrap().phase(), Phase::Finished);
    }

    #[test]
    fn a_file_that_is_something_else_is_refused_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        Journal::begin(&path, opening()).unwrap();
        let mut text = std::fs::read_to_string(&path).unwrap();
        text += "{\"at\":\"2026-01-01T00:00:00Z\",\"event\":\"nonsense\"}\n";
        std::fs::write(&path, text).unwrap();
        let error = Journal::open(&path).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        std::fs::write(&path, "x\n").unwrap();
        assert!(Journal::open(&path).unwrap_err().to_string().contains("line 1"));
    }
}
