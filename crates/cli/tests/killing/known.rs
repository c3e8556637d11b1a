//! What was acknowledged, and what may have been done as well.

use std::collections::{BTreeMap, BTreeSet};

use doorward_sigv4::Credentials;
use serde_json::Value;

use crate::common::try_signed_call;

/// The groups of an entry; none where there is no entry.
pub(crate) type Groups = Option<String>;

/// What writers know of what they wrote.
#[derive(Clone, Default)]
pub(crate) struct Known {
    /// Users that were acknowledged.
    users: BTreeSet<String>,
    /// What the entry of a user may be: one thing where the last change was acknowledged, two where it was not answered.
    entries: BTreeMap<String, Vec<Groups>>,
}

impl Known {
    pub(crate) fn user(&mut self, name: &str) {
        self.users.insert(name.to_owned());
        self.entries.insert(name.to_owned(), vec![None]);
    }

    /// The entry of a user is asked to become something.
    pub(crate) fn asked(&mut self, user: &str, groups: Groups) {
        self.entries.get_mut(user).unwrap().push(groups);
    }

    /// The entry of a user has become something.
    pub(crate) fn acknowledged(&mut self, user: &str, groups: Groups) {
        self.entries.insert(user.to_owned(), vec![groups]);
    }

    /// Puts what others know to it.
    pub(crate) fn join(&mut self, other: Self) {
        self.users.extend(other.users);
        self.entries.extend(other.entries);
    }

    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }

    /// Asks a server about some of the users.
    pub(crate) fn check<'a>(&self, server: &Asked<'_>, users: impl IntoIterator<Item = &'a String>) {
        for user in users {
            assert!(server.has_user(user), "the user `{user}` was acknowledged and is lost");
            let (is, may_be) = (server.entry(user), &self.entries[user]);
            assert!(may_be.contains(&is), "the entry of `{user}` is {is:?}, it was acknowledged to be {may_be:?}");
        }
    }

    /// Asks a server for lists of what there is.
    pub(crate) fn check_lists(&self, server: &Asked<'_>) {
        let users = server.users();
        let lost: Vec<&String> = self.users.difference(&users).collect();
        assert!(lost.is_empty(), "users that were acknowledged and are lost: {lost:?}");
        let entries = server.entries();
        for (user, may_be) in &self.entries {
            let is_there = entries.contains(user);
            assert!(
                may_be.iter().any(|groups| groups.is_some() == is_there),
                "there is an entry of `{user}`: {is_there}; it was acknowledged to be {may_be:?}"
            );
        }
    }

    /// Asks a server about everything, by several connections at a time.
    pub(crate) fn check_each(&self, server: &Asked<'_>) {
        const ASKERS: usize = 4;
        let users: Vec<&String> = self.users.iter().collect();
        std::thread::scope(|scope| {
            for part in users.chunks(users.len().div_ceil(ASKERS).max(1)) {
                scope.spawn(move || self.check(server, part.iter().copied()));
            }
        });
    }
}

/// A server that is asked by its API.
pub(crate) struct Asked<'a> {
    pub(crate) host: &'a str,
    pub(crate) credentials: &'a Credentials,
}

impl Asked<'_> {
    fn call(&self, service: &str, target: (&str, &str), body: &str) -> (u16, String) {
        try_signed_call(self.host, self.credentials, service, target, body).unwrap()
    }

    fn ok(&self, service: &str, target: (&str, &str), body: &str) -> String {
        let (status, answer) = self.call(service, target, body);
        assert_eq!(status, 200, "{target:?} {body}: {answer}");
        answer
    }

    fn has_user(&self, name: &str) -> bool {
        let form = format!("Action=GetUser&Version=2010-05-08&UserName={name}");
        match self.call("iam", ("POST", "/"), &form) {
            (200, _) => true,
            (404, _) => false,
            other => panic!("{other:?}"),
        }
    }

    fn entry(&self, user: &str) -> Groups {
        match self.call("eks", ("GET", &entry_path(user)), "") {
            (200, body) => {
                let body: Value = serde_json::from_str(&body).unwrap();
                Some(body["accessEntry"]["kubernetesGroups"][0].as_str().unwrap().to_owned())
            }
            (404, _) => None,
            other => panic!("{other:?}"),
        }
    }

    fn users(&self) -> BTreeSet<String> {
        let mut users = BTreeSet::new();
        let mut marker = String::new();
        loop {
            let form = format!("Action=ListUsers&Version=2010-05-08&MaxItems=1000{marker}");
            let page = self.ok("iam", ("POST", "/"), &form);
            let named = |name: &str, text: &str| {
                text.split(&format!("<{name}>"))
                    .skip(1)
                    .map(|rest| rest.split('<').next().unwrap().to_owned())
                    .collect()
            };
            let (names, markers): (Vec<String>, Vec<String>) = (named("UserName", &page), named("Marker", &page));
            users.extend(names);
            match markers.first() {
                Some(next) => marker = format!("&Marker={}", doorward_sigv4::query::encode(next)),
                None => return users,
            }
        }
    }

    /// The users that have an entry.
    fn entries(&self) -> BTreeSet<String> {
        let mut users = BTreeSet::new();
        let mut token = String::new();
        loop {
            let page = self.ok("eks", ("GET", &format!("/clusters/demo/access-entries?maxResults=100{token}")), "");
            let page: Value = serde_json::from_str(&page).unwrap();
            let arns = page["accessEntries"].as_array().unwrap().iter();
            users.extend(arns.map(|arn| arn.as_str().unwrap().rsplit_once('/').unwrap().1.to_owned()));
            match page["nextToken"].as_str() {
                Some(next) => token = format!("&nextToken={}", doorward_sigv4::query::encode(next)),
                None => return users,
            }
        }
    }
}

pub(crate) fn arn(user: &str) -> String {
    format!("arn:aws:iam::123456789012:user/{user}")
}

pub(crate) fn entry_path(user: &str) -> String {
    format!("/clusters/demo/access-entries/{}", doorward_sigv4::query::encode(&arn(user)))
}
