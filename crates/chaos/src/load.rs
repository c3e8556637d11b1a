//! Questions asked again and again, of one server first and of the other at the second try.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::line::{Door, Line};
use crate::question::{Question, Worth};
use crate::tally::{Fate, Tally};

/// How long a server may take to answer a webhook before the other one is asked.
const WEBHOOK: Duration = Duration::from_secs(3);

/// How long kube-apiserver may take; it asks a webhook again by itself.
const API_SERVER: Duration = Duration::from_secs(15);

/// Between two requests of one client.
const PAUSE: Duration = Duration::from_millis(10);

/// A client with one question.
pub(crate) struct Client {
    pub(crate) question: Question,
    /// In the order in which they are asked.
    pub(crate) doors: Vec<Door>,
    /// Whether whom it asks is there to be asked: what nobody can hear is not counted.
    pub(crate) is_there: Arc<AtomicBool>,
    pub(crate) tally: Arc<Tally>,
    /// Where the numbers of its tokens begin.
    pub(crate) first: u64,
}

impl Client {
    /// Asks until it is told to stop, and finishes what it has begun.
    pub(crate) async fn run(self, stop: watch::Receiver<bool>) {
        let mut lines: Vec<Line> = self.doors.iter().cloned().map(Line::to).collect();
        let mut number = self.first;
        while !*stop.borrow() {
            let was_there = self.is_there.load(Ordering::SeqCst);
            let began = Instant::now();
            let (fate, tries, heard) = self.ask(&mut lines, number).await;
            if fate != Fate::RefusedWrongly || (was_there && self.is_there.load(Ordering::SeqCst)) {
                self.tally.count(self.question.kind, fate, tries, began.elapsed(), &heard);
            }
            number += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// One request, at so many servers as it takes.
    async fn ask(&self, lines: &mut [Line], number: u64) -> (Fate, usize, String) {
        let mut heard = Vec::new();
        for (at, line) in lines.iter_mut().enumerate() {
            match ask(&self.question, line, number).await {
                (Worth::Right, _) => return (Fate::Right, at + 1, String::new()),
                (Worth::RefusedWrongly, said) => return (Fate::RefusedWrongly, at + 1, said),
                (Worth::AllowedWrongly, said) => return (Fate::AllowedWrongly, at + 1, said),
                (Worth::Nothing, said) => heard.push(said),
            }
        }
        let fate = if self.question.may_wait { Fate::PutOff } else { Fate::RefusedWrongly };
        (fate, lines.len(), heard.join("; then "))
    }
}

/// Asks once; what the answer is worth, and its text unless it is right.
pub(crate) async fn ask(question: &Question, line: &mut Line, number: u64) -> (Worth, String) {
    let patience = if question.is_for_api_server() { API_SERVER } else { WEBHOOK };
    let asked = async { line.ask(&question.request(number)?, patience).await };
    match asked.await {
        Ok((status, body)) => match question.judge(status, &body) {
            Worth::Right => (Worth::Right, String::new()),
            worth => (worth, format!("status {status}: {}", String::from_utf8_lossy(&body))),
        },
        Err(error) => (Worth::Nothing, format!("{error:#}")),
    }
}
