//! A directory and a caller for the tests of both services.

use std::sync::Arc;

use doorward_core::partition::Partition;
use doorward_identity::directory::{Directory, NewUser, User};
use doorward_identity::random::RandomError;
use doorward_identity::{Caller, Identity, SessionKey};
use jiff::Timestamp;

use super::{ApiError, Call, Format, Outcome, Parameters};

/// One account, with `admin`, its administrator, as the caller.
pub(crate) struct World {
    pub(crate) directory: Directory,
    pub(crate) caller: Caller,
    pub(crate) sessions: SessionKey,
    pub(crate) format: Format,
    state: u64,
}

type Run = fn(&mut Call<'_>, Parameters) -> Result<Outcome, ApiError>;

impl World {
    pub(crate) fn new() -> Self {
        let account = "123456789012".parse().unwrap();
        let empty = Directory::default();
        let directory = empty.apply(&empty.create_account(account, Partition::Aws, now()).unwrap().0);
        let new = NewUser { account, path: "/", name: "admin", tags: &[], is_administrator: true };
        let mut ones = |bytes: &mut [u8]| -> Result<(), RandomError> {
            bytes.fill(1);
            Ok(())
        };
        let (change, user) = directory.create_user(&new, now(), &mut ones).unwrap();
        let caller = Caller {
            identity: Identity::User(user),
            account,
            partition: Partition::Aws,
            access_key_id: "AKIAADMIN".to_owned(),
            is_temporary: false,
        };
        let sessions = SessionKey::from_bytes([3; 32]);
        Self { directory: directory.apply(&change), caller, sessions, format: Format::Xml, state: 1 }
    }

    /// Calls as another user.
    pub(crate) fn become_user(&mut self, user: &Arc<User>) {
        self.caller.identity = Identity::User(user.clone());
    }

    /// Runs an operation and stores what it changes.
    pub(crate) fn ask(&mut self, run: Run, body: &str) -> Result<String, ApiError> {
        let mut state = self.state;
        let mut random = |bytes: &mut [u8]| -> Result<(), RandomError> {
            for byte in bytes {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = state.to_be_bytes()[1];
            }
            Ok(())
        };
        let mut call = Call {
            directory: &self.directory,
            sessions: &self.sessions,
            caller: &self.caller,
            region: "us-west-2",
            now: now(),
            request_id: "a-request",
            format: self.format,
            random: &mut random,
        };
        let outcome = run(&mut call, Parameters::read("", body.as_bytes())?)?;
        self.state = state;
        for change in &outcome.changes {
            self.directory = self.directory.apply(change);
        }
        Ok(outcome.body)
    }
}

pub(crate) fn now() -> Timestamp {
    "2026-01-01T12:00:00.5Z".parse().unwrap()
}

/// The text of the first element of this name.
pub(crate) fn text(xml: &str, name: &str) -> String {
    let (_, after) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    after.split_once('<').unwrap().0.to_owned()
}
