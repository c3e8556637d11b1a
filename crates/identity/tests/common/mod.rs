//! A small world to test in.
#![allow(dead_code, reason = "each test binary uses a part of this")]

pub(crate) mod directory_sts;
pub(crate) mod raw_sts;
pub(crate) mod token_case;

use std::sync::Arc;

use doorward_core::account_id::AccountId;
use doorward_core::partition::Partition;
use doorward_identity::directory::{
    AccessKey, Change, Directory, KeyOwner, KeyStatus, NewRole, NewUser, Object, Role, User,
};
use doorward_identity::random::{Random, RandomError};
use doorward_identity::session::SessionKey;
use doorward_sigv4::{Credentials, SecretKey};
use jiff::Timestamp;
use secrecy::SecretString;

pub(crate) const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

pub(crate) fn account() -> AccountId {
    "123456789012".parse().unwrap()
}

pub(crate) fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn sessions() -> SessionKey {
    SessionKey::from_bytes([42; 32])
}

/// The same bytes in every run, and never the same twice.
pub(crate) fn counting() -> impl Random {
    let mut state: u64 = 7;
    move |bytes: &mut [u8]| -> Result<(), RandomError> {
        for byte in bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = state.to_be_bytes()[1];
        }
        Ok(())
    }
}

/// A directory that changes as it is told to.
pub(crate) struct World {
    pub(crate) directory: Directory,
    pub(crate) random: Box<dyn Random>,
}

impl World {
    /// One account with a user `alice`, who has the access key [`KEY_ID`].
    pub(crate) fn new() -> Self {
        let mut world = Self { directory: Directory::default(), random: Box::new(counting()) };
        let (change, _) = world.directory.create_account(account(), Partition::Aws, now()).unwrap();
        world.apply(&change);
        world.user("alice");
        world.key("alice", KEY_ID, SECRET);
        world
    }

    pub(crate) fn apply(&mut self, change: &Change) {
        self.directory = self.directory.apply(change);
    }

    pub(crate) fn user(&mut self, name: &str) -> Arc<User> {
        let new = NewUser { account: account(), path: "/", name, tags: &[], is_administrator: false };
        let (change, user) = self.directory.create_user(&new, now(), &mut *self.random).unwrap();
        self.apply(&change);
        user
    }

    pub(crate) fn role(&mut self, name: &str, trust: &str) -> Arc<Role> {
        let (path, description) = ("/", "");
        let new = NewRole { account: account(), path, name, trust, description, max_session_duration: None, tags: &[] };
        let (change, role) = self.directory.create_role(&new, now(), &mut *self.random).unwrap();
        self.apply(&change);
        role
    }

    /// Gives a user an access key that is known beforehand.
    pub(crate) fn key(&mut self, user: &str, id: &str, secret: &str) {
        let user = self.directory.user(account(), user).unwrap();
        let key = AccessKey {
            id: id.to_owned(),
            account: account(),
            owner: KeyOwner::User { name: user.arn.name().to_owned(), id: user.id.clone() },
            secret: SecretString::from(secret),
            status: KeyStatus::Active,
            created: now(),
        };
        self.apply(&Change::Put(Object::AccessKey(Arc::new(key))));
    }
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new(KEY_ID.to_owned(), SecretKey::new(SECRET.to_owned()), None).unwrap()
}

/// A trust policy for one `AWS` principal.
pub(crate) fn trusting(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"sts:AssumeRole"}}]}}"#
    )
}

/// An inline policy that allows one action on one resource.
pub(crate) fn allowing(effect: &str, action: &str, resource: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Action":"{action}","Resource":"{resource}"}}]}}"#
    )
}
