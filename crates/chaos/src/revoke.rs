//! Entries made and deleted: whom a server has just been told to let in it lets in, whom to refuse it refuses.
//!
//! A client that is cut off does not know whether its request is still on its way, and may find it executed later. So an
//! entry about which something was put off is left as it is and another principal is taken: what is found wrong here
//! is the server's doing, and not that of a request that came late.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use doorward_bench::api::Api;
use doorward_sigv4::query::encode;
use serde_json::json;
use tokio::sync::watch;

use crate::line::{Door, Line};
use crate::load;
use crate::question::{Ask, CLUSTER, Question, Right, Signer, Worth};
use crate::tally::{Fate, Tally};
use crate::write::{Wrote, judge, send};

/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(20);

/// How long an entry may take to be known everywhere, once nothing is broken.
const KNOWN: Duration = Duration::from_secs(15);

/// A principal whose access is given and taken away.
#[derive(Clone)]
pub(crate) struct Principal {
    pub(crate) arn: String,
    pub(crate) signer: Arc<Signer>,
}

/// A server: where it takes writes, and where it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) api: Api,
    pub(crate) webhook: Door,
}

/// Somebody who gives and takes away.
pub(crate) struct Revoker {
    pub(crate) servers: Vec<Server>,
    pub(crate) principals: Vec<Principal>,
    pub(crate) tally: Arc<Tally>,
}

/// What an entry has to be in the end: of whom, and whether it is there.
pub(crate) type Last = (Principal, bool);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Give,
    Take,
}

/// What a change came to.
enum Made {
    /// A server acknowledged it: which, and whether it was clear all along what had happened.
    By(usize, bool),
    /// Nobody did.
    Nobody,
}

impl Revoker {
    /// Gives and takes away until it is told to stop; what the last acknowledged change of each principal was, where
    /// that is known.
    pub(crate) async fn run(self, stop: watch::Receiver<bool>) -> Vec<Last> {
        let mut last = Vec::new();
        let (mut round, mut turn) = (0_usize, 0_usize);
        let mut spare = self.principals.iter();
        let mut principal = spare.next();
        let mut is_there = false;
        while let Some(whom) = principal {
            if *stop.borrow() {
                last.push((whom.clone(), is_there));
                break;
            }
            let change = if is_there { Change::Take } else { Change::Give };
            // Taken away where it was given: another server may not know of it yet.
            turn += usize::from(change == Change::Give);
            let is_clear = match self.change(change, whom, turn).await {
                Made::By(server, is_clear) => {
                    is_there = change == Change::Give;
                    self.look(whom, is_there, server, round).await;
                    is_clear
                }
                Made::Nobody => false,
            };
            if !is_clear {
                principal = spare.next();
                is_there = false;
            }
            round += 1;
            tokio::time::sleep(PAUSE).await;
        }
        last
    }

    /// Changes an entry at the server whose turn it is, or at the other one if the first does not acknowledge it.
    async fn change(&self, change: Change, whom: &Principal, turn: usize) -> Made {
        let began = Instant::now();
        let kind = if change == Change::Give { "entry made" } else { "entry deleted" };
        let mut heard = Vec::new();
        let count = self.servers.len();
        let order = (0..count).map(|at| (turn + at) % count.max(1));
        for (tries, at) in order.enumerate() {
            let Some(server) = self.servers.get(at) else { break };
            let counted = |fate, text: &str| self.tally.count(kind, fate, tries + 1, began.elapsed(), text);
            match self.send(change, whom, server).await {
                Wrote::PutOff(text) => heard.push(text),
                Wrote::Refused(text) => {
                    counted(Fate::RefusedWrongly, &text);
                    return Made::Nobody;
                }
                // Only an earlier try can have made it; without one, what was acknowledged before is not there.
                Wrote::Before if tries == 0 => {
                    self.tally.lost(1, &format!("the change before `{kind}` of {}", whom.arn));
                    return Made::Nobody;
                }
                Wrote::Done | Wrote::Before => {
                    self.tally.acknowledged();
                    counted(Fate::Right, "");
                    return Made::By(at, tries == 0);
                }
            }
        }
        self.tally.count(kind, Fate::PutOff, count, began.elapsed(), &heard.join("; then "));
        Made::Nobody
    }

    async fn send(&self, change: Change, whom: &Principal, server: &Server) -> Wrote {
        let entries = format!("/clusters/{CLUSTER}/access-entries");
        match change {
            Change::Give => {
                let body = json!({ "principalArn": whom.arn }).to_string();
                judge(send(&server.api, "eks", "POST", &entries, &body).await, (409, ""))
            }
            Change::Take => {
                let target = format!("{entries}/{}", encode(&whom.arn));
                judge(send(&server.api, "eks", "DELETE", &target, "").await, (404, ""))
            }
        }
    }

    /// Asks the server that acknowledged a change. It may have been broken meanwhile: then nothing is learnt.
    async fn look(&self, whom: &Principal, is_there: bool, server: usize, round: usize) {
        let Some(server) = self.servers.get(server) else { return };
        let question = question(whom, is_there);
        let began = Instant::now();
        let number = u64::try_from(round).unwrap_or_default();
        let (worth, heard) = load::ask(&question, &mut Line::to(server.webhook.clone()), number).await;
        let fate = match worth {
            Worth::Nothing => return,
            Worth::Right => Fate::Right,
            Worth::RefusedWrongly => Fate::RefusedWrongly,
            Worth::AllowedWrongly => Fate::AllowedWrongly,
        };
        self.tally.count(question.kind, fate, 1, began.elapsed(), &heard);
    }
}

fn question(whom: &Principal, is_there: bool) -> Question {
    let (kind, right) =
        if is_there { ("token of whom has just come", Right::Yes) } else { ("token of whom is gone", Right::No) };
    Question { kind, ask: Ask::Token(Arc::clone(&whom.signer)), right, may_wait: false }
}

/// Asks every server about what each principal has in the end, and counts what is not as it was acknowledged.
///
/// # Errors
/// If a server does not answer.
pub(crate) async fn check(servers: &[Server], last: &[Last], tally: &Tally) -> anyhow::Result<()> {
    for (server, (whom, is_there)) in servers.iter().flat_map(|server| last.iter().map(move |last| (server, last))) {
        let question = question(whom, *is_there);
        let mut line = Line::to(server.webhook.clone());
        let deadline = Instant::now() + KNOWN;
        loop {
            match load::ask(&question, &mut line, 0).await {
                (Worth::Right, _) => break,
                (Worth::Nothing, heard) => return Err(anyhow::anyhow!(heard)).context("a server that is well"),
                _ if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(50)).await,
                (worth, heard) => {
                    tally.lost(
                        1,
                        &format!("the last change of {} at {}: {worth:?}: {heard}", whom.arn, server.api.address),
                    );
                    break;
                }
            }
        }
    }
    Ok(())
}
