//! Writes, and the book of those that were acknowledged.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use doorward_bench::api::{Api, between};
use doorward_sigv4::query::encode;
use futures::stream::{self, StreamExt as _};
use tokio::sync::watch;

use crate::line::{Door, Heard, ask_once};
use crate::tally::{Fate, Tally};

/// How long a server may take for a write before the other one is asked: longer than it waits for its store.
pub(crate) const WRITE: Duration = Duration::from_secs(12);

/// Between two writes of one writer.
const PAUSE: Duration = Duration::from_millis(40);

/// How long what is acknowledged may take to be known everywhere, once nothing is broken.
const KNOWN: Duration = Duration::from_secs(15);

/// How a write ended at one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrote {
    /// It is acknowledged.
    Done,
    /// It was made before: by an earlier try.
    Before,
    /// Not acknowledged. It may have been made all the same.
    PutOff(String),
    /// Refused for good.
    Refused(String),
}

/// What an answer to a write says; `before` is the status that says that it was made before, and what else stands there
/// then.
pub(crate) fn judge(heard: anyhow::Result<Heard>, before: (u16, &str)) -> Wrote {
    let (status, body) = match heard {
        Ok(heard) => heard,
        Err(error) => return Wrote::PutOff(format!("{error:#}")),
    };
    let text = format!("status {status}: {}", String::from_utf8_lossy(&body));
    match status {
        200 => Wrote::Done,
        // IAM says 500 for what EKS says 503: clients try again after either.
        429 | 500.. => Wrote::PutOff(text),
        _ if status == before.0 && text.contains(before.1) => Wrote::Before,
        _ => Wrote::Refused(text),
    }
}

/// Signs and sends a request of its own connection.
///
/// # Errors
/// If there is no answer in time.
pub(crate) async fn send(api: &Api, service: &str, method: &str, target: &str, body: &str) -> anyhow::Result<Heard> {
    ask_once(&Door::plain(api.address), &api.request(service, method, target, body)?, WRITE).await
}

/// Makes a user at a server.
pub(crate) async fn make_user(api: &Api, name: &str) -> Wrote {
    let form = format!("Action=CreateUser&Version=2010-05-08&UserName={name}");
    judge(send(api, "iam", "POST", "/", &form).await, (409, "EntityAlreadyExists"))
}

/// Deletes a user at a server.
pub(crate) async fn delete_user(api: &Api, name: &str) -> Wrote {
    let form = format!("Action=DeleteUser&Version=2010-05-08&UserName={name}");
    judge(send(api, "iam", "POST", "/", &form).await, (404, "NoSuchEntity"))
}

/// The writes that were acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<Vec<String>>);

impl Book {
    fn enter(&self, name: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }

    /// Takes all but `few` of those after the first `kept` out.
    fn take_out(&self, kept: usize, few: usize) -> Vec<String> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.min(names.len());
        let new = names.split_off(kept);
        let every = new.len().div_ceil(few.max(1)).max(1);
        let mut out = Vec::new();
        for (at, name) in new.into_iter().enumerate() {
            if at % every == 0 { names.push(name) } else { out.push(name) }
        }
        out
    }

    /// All of them.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Somebody who writes.
pub(crate) struct Writer {
    /// What its users' names begin with.
    pub(crate) name: String,
    pub(crate) servers: Vec<Api>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) book: Arc<Book>,
}

impl Writer {
    /// Makes users, at one server and the other in turn, until it is told to stop.
    pub(crate) async fn run(self, stop: watch::Receiver<bool>) {
        let mut number = 0;
        while !*stop.borrow() {
            let name = format!("{}-{number}", self.name);
            let began = Instant::now();
            let (fate, tries, heard) = self.write(&name, number).await;
            if fate == Fate::Right {
                self.tally.acknowledged();
                self.book.enter(name);
            }
            self.tally.count("write", fate, tries, began.elapsed(), &heard);
            number += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn write(&self, name: &str, number: usize) -> (Fate, usize, String) {
        let mut heard = Vec::new();
        let servers = self.servers.len();
        for (at, api) in self.servers.iter().cycle().skip(number % servers.max(1)).take(servers).enumerate() {
            match make_user(api, name).await {
                Wrote::Done => return (Fate::Right, at + 1, String::new()),
                // A name is used once: only an earlier try can have made it.
                Wrote::Before if at > 0 => return (Fate::Right, at + 1, String::new()),
                Wrote::Before => return (Fate::RefusedWrongly, at + 1, "it exists".to_owned()),
                Wrote::Refused(text) => return (Fate::RefusedWrongly, at + 1, text),
                Wrote::PutOff(text) => heard.push(text),
            }
        }
        (Fate::PutOff, servers, heard.join("; then "))
    }
}

/// The names of all users that a server knows.
async fn users(api: &Api) -> anyhow::Result<HashSet<String>> {
    let (mut names, mut marker) = (HashSet::new(), String::new());
    loop {
        let form = format!("Action=ListUsers&Version=2010-05-08&MaxItems=1000{marker}");
        let (status, body) = send(api, "iam", "POST", "/", &form).await?;
        let text = String::from_utf8(body)?;
        anyhow::ensure!(status == 200, "ListUsers: status {status}: {text}");
        let pieces = text.split("<UserName>").skip(1);
        names.extend(pieces.filter_map(|piece| piece.split_once('<')).map(|(name, _)| name.to_owned()));
        if !text.contains("<IsTruncated>true</IsTruncated>") {
            return Ok(names);
        }
        marker = format!("&Marker={}", encode(&between(&text, "Marker")?));
    }
}

/// Looks at every server for what is in the book, and counts what is not there.
///
/// # Errors
/// If a server does not answer.
pub(crate) async fn check(servers: &[Api], book: &Book, tally: &Tally) -> anyhow::Result<()> {
    let written = book.names();
    for api in servers {
        let deadline = Instant::now() + KNOWN;
        loop {
            let known = users(api).await.with_context(|| format!("the server at {}", api.address))?;
            let missing: Vec<&String> = written.iter().filter(|name| !known.contains(*name)).collect();
            if missing.is_empty() {
                break;
            }
            if Instant::now() > deadline {
                tally.lost(missing.len() as u64, &format!("{missing:?} at {}", api.address));
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

/// Deletes most of what was written after the first `kept` of the book, so that no quota is reached: an account has 5,000
/// users.
///
/// # Errors
/// If a server does not delete one.
pub(crate) async fn make_room(api: &Api, book: &Book, kept: usize) -> anyhow::Result<()> {
    let mut left = stream::iter(book.take_out(kept, FEW))
        .map(async |name| (delete_user(api, &name).await, name))
        .buffer_unordered(16);
    while let Some((wrote, name)) = left.next().await {
        anyhow::ensure!(matches!(wrote, Wrote::Done | Wrote::Before), "{name}: {wrote:?}");
    }
    Ok(())
}

/// Users of a row that stay, to be looked for after the other rows too.
const FEW: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(status: u16, text: &str) -> anyhow::Result<Heard> {
        Ok((status, text.as_bytes().to_vec()))
    }

    #[test]
    fn a_write_is_acknowledged_by_200_put_off_by_a_failure_or_silence_and_refused_by_anything_else() {
        let judged = |heard| judge(heard, (409, "EntityAlreadyExists"));
        assert_eq!(judged(heard(200, "")), Wrote::Done);
        assert!(matches!(judged(heard(503, "try again")), Wrote::PutOff(_)));
        assert!(matches!(judged(heard(500, "ServiceFailure")), Wrote::PutOff(_)));
        assert!(matches!(judged(Err(anyhow::anyhow!("no answer in time"))), Wrote::PutOff(_)));
        assert!(matches!(judged(heard(403, "AccessDenied")), Wrote::Refused(_)));
        assert_eq!(judged(heard(409, "<Code>EntityAlreadyExists</Code>")), Wrote::Before);
        assert!(matches!(judged(heard(409, "<Code>LimitExceeded</Code>")), Wrote::Refused(_)));
    }

    #[test]
    fn what_is_taken_out_leaves_some_of_each_row_and_all_of_those_before() {
        let book = Book::default();
        (0..25).for_each(|number| book.enter(format!("{number}")));
        assert_eq!(book.take_out(5, 4).len(), 16);
        assert_eq!(book.names(), ["0", "1", "2", "3", "4", "5", "10", "15", "20"]);
        assert!(book.take_out(100, 4).is_empty());
    }

    #[test]
    fn what_is_entered_is_in_the_book() {
        let book = Book::default();
        book.enter("a".to_owned());
        book.enter("b".to_owned());
        assert_eq!(book.names(), ["a", "b"]);
    }
}
