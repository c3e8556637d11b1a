//! The local provider: a signature is computed once for a token, and nothing is believed longer for that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod common;

use std::sync::{Arc, Barrier};

use common::{KEY_ID, SECRET, World, account, counting, credentials, now, sessions, trusting};
use doorward_core::partition::Partition;
use doorward_core::principal::Principal;
use doorward_identity::directory::{Change, KeyStatus, Object, ObjectKey};
use doorward_identity::hosts::{Endpoint, StsHosts};
use doorward_identity::session::{SessionSubject, issue};
use doorward_identity::token::{TokenError, encode};
use doorward_identity::{LocalProvider, SessionKey};
use doorward_sigv4::{Credentials, SecretKey};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

/// A directory, and the provider that asks it.
struct Place {
    world: World,
    provider: LocalProvider,
}

impl Place {
    fn new() -> Self {
        let hosts = StsHosts { partition: Partition::Aws, local: Vec::new() };
        Self { world: World::new(), provider: LocalProvider::new(hosts, Arc::new(sessions())) }
    }

    fn verify_at(&self, token: &str, now: Timestamp) -> Result<Arc<Principal>, TokenError> {
        self.provider.verify(&self.world.directory, "demo", token, now)
    }

    fn verify(&self, token: &str) -> Result<Arc<Principal>, TokenError> {
        self.verify_at(token, now())
    }

    /// Lets the token in twice, and makes sure that the second time was by memory.
    fn remember(&self, token: &str) -> Arc<Principal> {
        let (first, before) = (self.verify(token).unwrap(), self.provider.proofs());
        assert_eq!(self.verify(token).unwrap(), first);
        assert_eq!(self.provider.proofs(), before, "it was proved again");
        first
    }

    fn delete(&mut self, key: ObjectKey) {
        self.world.apply(&Change::Delete(key));
    }

    fn set_key(&mut self, status: KeyStatus) {
        let (change, _) = self.world.directory.update_access_key(account(), "alice", KEY_ID, status).unwrap();
        self.world.apply(&change);
    }

    /// Credentials of a session that lasts so long.
    fn session(&self, subject: SessionSubject, seconds: u32) -> Credentials {
        let made = issue(&sessions(), subject, seconds, now(), &mut counting()).unwrap();
        let secret = SecretKey::new(made.secret_access_key.expose_secret().to_owned());
        Credentials::new(made.access_key_id, secret, Some(made.session_token.expose_secret().to_owned())).unwrap()
    }

    fn session_of_role(&mut self, seconds: u32) -> Credentials {
        let role = self.world.role("dev", &trusting("arn:aws:iam::123456789012:root"));
        self.session(SessionSubject::Role { id: role.id.clone(), session_name: "me".to_owned() }, seconds)
    }
}

fn token_of(credentials: &Credentials) -> String {
    let endpoint = Endpoint::of_region("us-west-2").unwrap();
    encode(&endpoint, "us-west-2", credentials, "demo", now()).unwrap().expose_secret().to_owned()
}

fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

#[test]
fn sixty_four_copies_at_once_are_one_signature() {
    let (place, token) = (Place::new(), token_of(&credentials()));
    let (provider, directory, together) = (&place.provider, &place.world.directory, &Barrier::new(64));
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                together.wait();
                let principal = provider.verify(directory, "demo", &token, now()).unwrap();
                assert!(principal.arn.ends_with(":user/alice"));
            });
        }
    });
    assert_eq!(provider.proofs(), 1);
}

#[test]
fn a_token_that_was_seen_ends_with_its_key() {
    let token = token_of(&credentials());
    let mut place = Place::new();
    place.remember(&token);
    place.set_key(KeyStatus::Inactive);
    assert_eq!(place.verify(&token).unwrap_err(), TokenError::UnknownKey);
    place.set_key(KeyStatus::Active);
    place.remember(&token);
    place.delete(ObjectKey::AccessKey(account(), KEY_ID.to_owned()));
    assert_eq!(place.verify(&token).unwrap_err(), TokenError::UnknownKey);
    // The same id with another secret.
    place.world.key("alice", KEY_ID, "another-secret-of-forty-characters-000000");
    assert_eq!(place.verify(&token).unwrap_err(), TokenError::Signature);
    place.world.key("alice", KEY_ID, SECRET);
    place.remember(&token);
}

#[test]
fn a_token_that_was_seen_ends_with_its_user_and_is_not_a_new_users_of_the_same_name() {
    let token = token_of(&credentials());
    let mut place = Place::new();
    place.remember(&token);
    let key = place.world.directory.object(&ObjectKey::AccessKey(account(), KEY_ID.to_owned())).unwrap();
    place.delete(ObjectKey::User(account(), "alice".to_owned()));
    assert_eq!(place.verify(&token).unwrap_err(), TokenError::UnknownKey);
    place.world.user("alice");
    assert_eq!(place.verify(&token).unwrap_err(), TokenError::UnknownKey);
    assert!(matches!(key, Object::AccessKey(_)), "the key itself was there all the time");
}

#[test]
fn a_session_that_was_seen_ends_with_its_role_and_is_not_a_new_roles_of_the_same_name() {
    let mut place = Place::new();
    let token = token_of(&place.session_of_role(900));
    assert_eq!(place.remember(&token).session_name, "me");
    place.delete(ObjectKey::Role(account(), "dev".to_owned()));
    assert_eq!(place.verify(&token).unwrap_err(), TokenError::UnknownKey);
    place.world.role("dev", &trusting("arn:aws:iam::123456789012:root"));
    assert_eq!(place.verify(&token).unwrap_err(), TokenError::UnknownKey);
}

#[test]
fn a_session_of_a_user_that_was_seen_ends_with_the_user() {
    let mut place = Place::new();
    let id = place.world.directory.user(account(), "alice").unwrap().id.clone();
    let token = token_of(&place.session(SessionSubject::User { id }, 900));
    place.remember(&token);
    place.delete(ObjectKey::User(account(), "alice".to_owned()));
    assert_eq!(place.verify(&token).unwrap_err(), TokenError::UnknownKey);
}

#[test]
fn a_session_of_the_account_that_was_seen_ends_with_the_account() {
    let mut place = Place::new();
    let token = token_of(&place.session(SessionSubject::Root { account: account() }, 900));
    assert!(place.remember(&token).arn.ends_with(":root"));
    place.delete(ObjectKey::Account(account()));
    assert_eq!(place.verify(&token).unwrap_err(), TokenError::UnknownKey);
}

#[test]
fn a_role_that_is_changed_keeps_its_sessions() {
    let mut place = Place::new();
    let token = token_of(&place.session_of_role(900));
    let before = place.remember(&token);
    let key = ObjectKey::Role(account(), "dev".to_owned());
    let Some(Object::Role(role)) = place.world.directory.object(&key) else { panic!("no role") };
    let role = doorward_identity::directory::Role { description: "changed".to_owned(), ..(*role).clone() };
    place.world.apply(&Change::Put(Object::Role(Arc::new(role))));
    assert_eq!(place.verify(&token).unwrap(), before);
    place.remember(&token);
}

#[test]
fn a_token_that_was_seen_ends_with_its_time_and_does_not_come_before_it() {
    let (place, token) = (Place::new(), token_of(&credentials()));
    place.remember(&token);
    assert!(place.verify_at(&token, after(900)).is_ok());
    assert_eq!(place.verify_at(&token, after(901)).unwrap_err(), TokenError::TooOld);
    place.remember(&token);
    assert!(place.verify_at(&token, after(-300)).is_ok());
    assert_eq!(place.verify_at(&token, after(-301)).unwrap_err(), TokenError::InFuture);
}

#[test]
fn a_token_that_was_seen_ends_with_its_session() {
    let mut place = Place::new();
    let token = token_of(&place.session_of_role(60));
    place.remember(&token);
    assert!(place.verify_at(&token, after(59)).is_ok());
    assert_eq!(place.verify_at(&token, after(60)).unwrap_err(), TokenError::SessionExpired);
}

#[test]
fn a_token_that_was_seen_is_none_for_another_cluster() {
    let (place, token) = (Place::new(), token_of(&credentials()));
    place.remember(&token);
    let other = |name: &str| place.provider.verify(&place.world.directory, name, &token, now());
    assert_eq!(other("other").unwrap_err(), TokenError::Signature);
    assert_eq!(other("").unwrap_err(), TokenError::NoCluster);
    place.remember(&token);
}

#[test]
fn a_refusal_is_not_remembered() {
    let (mut place, token) = (Place::new(), token_of(&credentials()));
    place.set_key(KeyStatus::Inactive);
    assert_eq!(place.verify(&token).unwrap_err(), TokenError::UnknownKey);
    place.set_key(KeyStatus::Active);
    assert!(place.verify(&token).is_ok());
}

#[test]
fn a_session_of_another_server_is_none_here_also_when_that_one_has_seen_it() {
    let mut place = Place::new();
    let token = token_of(&place.session_of_role(900));
    place.remember(&token);
    let hosts = StsHosts { partition: Partition::Aws, local: Vec::new() };
    let other = LocalProvider::new(hosts, Arc::new(SessionKey::from_bytes([1; 32])));
    let refused = other.verify(&place.world.directory, "demo", &token, now()).unwrap_err();
    assert_eq!(refused, TokenError::UnknownKey);
}
