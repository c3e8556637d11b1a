//! Writers that write to a server until it dies, and go on when there is one again.

pub(crate) mod history;
pub(crate) mod known;

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use doorward_sigv4::Credentials;
use serde_json::json;

use crate::common::try_signed_call;
use known::{Known, arn, entry_path};

/// How long a server that was just started may take to acknowledge something.
const PATIENCE: Duration = Duration::from_secs(60);

/// Users whose entries every writer changes, to no purpose but that it meets others there.
pub(crate) const MEETING_PLACES: [&str; 3] = ["meeting-0", "meeting-1", "meeting-2"];

/// Writers of one server.
pub(crate) struct Load {
    shared: Arc<Shared>,
    writers: Vec<JoinHandle<()>>,
}

struct Shared {
    credentials: Credentials,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Where the server is, if there is one.
    host: Option<String>,
    is_over: bool,
    /// Writers that are at it.
    busy: usize,
    /// What was acknowledged by this server since it started, in order: the users it was about.
    acknowledged: Vec<String>,
    known: Known,
    total: usize,
}

impl Load {
    /// Starts some writers, which call their users by the load's name.
    pub(crate) fn start(name: &str, writers: usize, credentials: &Credentials) -> Self {
        let credentials = credentials.clone();
        let shared = Arc::new(Shared { credentials, state: Mutex::default(), changed: Condvar::new() });
        let start = |writer| {
            let (shared, name) = (Arc::clone(&shared), format!("{name}{writer}"));
            std::thread::spawn(move || shared.write(&name))
        };
        let writers = (0..writers).map(start).collect();
        Self { shared, writers }
    }

    /// Lets them write to a server, and returns when it has acknowledged something.
    pub(crate) fn open(&self, host: &str) {
        let mut state = self.shared.state();
        state.acknowledged.clear();
        state.host = Some(host.to_owned());
        self.shared.changed.notify_all();
        let _open = self.shared.wait(state, "nothing was acknowledged", |state| !state.acknowledged.is_empty());
    }

    /// Lets them stop. Returns the users that the last acknowledgements were about.
    pub(crate) fn close(&self) -> Vec<String> {
        const LAST: usize = 6;
        let mut state = self.shared.state();
        state.host = None;
        let state = self.shared.wait(state, "a writer does not come back", |state| state.busy == 0);
        let mut last: Vec<String> = state.acknowledged.iter().rev().take(LAST).cloned().collect();
        last.dedup();
        last
    }

    /// What is known until now. Of use while it is closed.
    pub(crate) fn known(&self) -> Known {
        self.shared.state().known.clone()
    }

    /// How many writes were acknowledged.
    pub(crate) fn total(&self) -> usize {
        self.shared.state().total
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.shared.changed.notify_all();
        for writer in self.writers.drain(..) {
            let ended = writer.join();
            assert!(ended.is_ok() || std::thread::panicking(), "a writer failed");
        }
    }
}

/// Why something was not acknowledged.
#[derive(PartialEq, Eq)]
enum Failed {
    /// The server is gone.
    Gone,
    /// It could not; it may have done it nevertheless.
    Unavailable,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        problem: &str,
        until: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        let (state, waited) = self.changed.wait_timeout_while(state, PATIENCE, |state| !until(state)).unwrap();
        assert!(!waited.timed_out(), "{problem} within {PATIENCE:?}");
        state
    }

    fn write(&self, name: &str) {
        let mut gone = None;
        for number in 0.. {
            let Some(host) = self.begin(gone.take()) else { return };
            let meeting = MEETING_PLACES[number % MEETING_PLACES.len()];
            let wrote = self
                .write_to(&host, &format!("{name}-{number}"), number)
                .and_then(|()| self.meet(&host, meeting, number));
            if wrote == Err(Failed::Gone) {
                gone = Some(host);
            }
            self.state().busy -= 1;
            self.changed.notify_all();
        }
    }

    /// Waits for a server that is not the one that is gone; none at the end.
    fn begin(&self, gone: Option<String>) -> Option<String> {
        let is_closed = |state: &mut State| !state.is_over && (state.host.is_none() || state.host == gone);
        let mut state = self.changed.wait_while(self.state(), is_closed).unwrap();
        let host = state.host.clone().filter(|_| !state.is_over)?;
        state.busy += 1;
        Some(host)
    }

    /// A user, its entry, another group for the entry, and away with three of four.
    fn write_to(&self, host: &str, user: &str, number: usize) -> Result<(), Failed> {
        let form = format!("Action=CreateUser&Version=2010-05-08&UserName={user}");
        self.ask(host, "iam", ("POST", "/"), &form)?;
        self.acknowledge(user, |known| known.user(user));
        let (first, second) = (format!("first-{number}"), format!("second-{number}"));
        let create = json!({ "principalArn": arn(user), "kubernetesGroups": [first] }).to_string();
        let update = json!({ "kubernetesGroups": [second] }).to_string();
        let path = entry_path(user);
        let steps = [
            (("POST", "/clusters/demo/access-entries"), create, Some(first)),
            (("POST", path.as_str()), update, Some(second)),
            (("DELETE", path.as_str()), String::new(), None),
        ];
        for (target, body, groups) in steps.into_iter().take(if number.is_multiple_of(4) { 2 } else { 3 }) {
            self.state().known.asked(user, groups.clone());
            self.ask(host, "eks", target, &body)?;
            self.acknowledge(user, |known| known.acknowledged(user, groups));
        }
        Ok(())
    }

    fn acknowledge(&self, user: &str, remember: impl FnOnce(&mut Known)) {
        let mut state = self.state();
        remember(&mut state.known);
        state.acknowledged.push(user.to_owned());
        state.total += 1;
        drop(state);
        self.changed.notify_all();
    }

    fn ask(&self, host: &str, service: &str, target: (&str, &str), body: &str) -> Result<(), Failed> {
        match try_signed_call(host, &self.credentials, service, target, body) {
            Ok((200, _)) => Ok(()),
            Ok((503, _)) => Err(Failed::Unavailable),
            Ok((status, answer)) => panic!("{target:?} {body}: {status} {answer}"),
            Err(_) => Err(Failed::Gone),
        }
    }

    /// Changes an entry that others change too; whether there is one is anybody's guess.
    fn meet(&self, host: &str, user: &str, number: usize) -> Result<(), Failed> {
        let groups = format!("{number}");
        let path = entry_path(user);
        let (target, body) = match number % 5 {
            0 | 3 => (
                ("POST", "/clusters/demo/access-entries"),
                json!({ "principalArn": arn(user), "kubernetesGroups": [groups] }).to_string(),
            ),
            1 | 4 => (("POST", path.as_str()), json!({ "kubernetesGroups": [groups] }).to_string()),
            _ => (("DELETE", path.as_str()), String::new()),
        };
        match try_signed_call(host, &self.credentials, "eks", target, &body) {
            Ok((200 | 404 | 409, _)) => Ok(()),
            Ok((503, _)) => Err(Failed::Unavailable),
            Ok((status, answer)) => panic!("{target:?} {body}: {status} {answer}"),
            Err(_) => Err(Failed::Gone),
        }
    }
}
