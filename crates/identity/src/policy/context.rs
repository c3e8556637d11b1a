//! The context of a request: what conditions and variables of policies can ask of it.
//!
//! Source: IAM User Guide, "How IAM works", "Request context".

use std::borrow::Cow;

use super::fuel::Fuel;
use super::keys::{KEYS, Key, Kind, TAG_PREFIXES, is_same_tag};

/// One request as policies see it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Such as `eks:CreateAccessEntry`.
    pub action: &'a str,
    /// The ARN of what is acted upon; `*` for an action that has no resource.
    pub resource: &'a str,
    /// Everything else.
    pub context: &'a Context<'a>,
}

/// The keys of a request and their values.
#[derive(Clone, Debug, Default)]
pub struct Context<'a> {
    values: Vec<(&'static str, Vec<Cow<'a, str>>)>,
    tags: Vec<(&'static str, Cow<'a, str>, Cow<'a, str>)>,
}

/// What a request has of a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'a> {
    /// The key is not one that is known here, or it is not clear which of several tags is meant.
    Unknown,
    /// The request does not have it.
    Missing,
    /// One value.
    One(&'a str),
    /// Values of a key that can have several; never none.
    Many(&'a [Cow<'a, str>]),
}

impl<'a> Context<'a> {
    /// Adds a key with one value, in place of what it had. The name must be written as the list of keys has it.
    pub fn set(&mut self, key: &'static str, value: impl Into<Cow<'a, str>>) {
        self.set_all(key, [value]);
    }

    /// Adds a key with any number of values, in place of what it had; none is the same as not having the key.
    pub fn set_all<T: Into<Cow<'a, str>>>(&mut self, key: &'static str, values: impl IntoIterator<Item = T>) {
        debug_assert!(KEYS.iter().any(|listed| listed.name == key), "{key} is not listed");
        self.values.retain(|(other, _)| *other != key);
        let values: Vec<Cow<'a, str>> = values.into_iter().map(Into::into).collect();
        if !values.is_empty() {
            self.values.push((key, values));
        }
    }

    /// Adds tags: `prefix` is one such as `aws:RequestTag/`.
    pub fn set_tags<K: Into<Cow<'a, str>>, V: Into<Cow<'a, str>>>(
        &mut self,
        prefix: &'static str,
        tags: impl IntoIterator<Item = (K, V)>,
    ) {
        debug_assert!(TAG_PREFIXES.contains(&prefix), "{prefix} is not listed");
        self.tags.extend(tags.into_iter().map(|(key, value)| (prefix, key.into(), value.into())));
    }

    /// What the request has of a key.
    pub(super) fn find(&self, key: &Key) -> Found<'_> {
        match key {
            Key::Unknown => Found::Unknown,
            Key::Tag(prefix, tag) => {
                let mut fitting = self.tags.iter().filter(|(of, key, _)| of == prefix && is_same_tag(key, tag));
                match (fitting.next(), fitting.next()) {
                    (None, _) => Found::Missing,
                    (Some((_, _, value)), None) => Found::One(value),
                    // IAM matches a tag in either case "but not both": nobody knows what that means for a decision.
                    (Some(_), Some(_)) => Found::Unknown,
                }
            }
            Key::Listed(listed) => {
                let values = self.values.iter().find(|(name, _)| *name == listed.name).map(|(_, values)| values);
                match (values.map(Vec::as_slice), listed.kind) {
                    (None | Some([]), _) => Found::Missing,
                    (Some([value]), Kind::One) => Found::One(value),
                    (Some(_), Kind::One) => Found::Unknown,
                    (Some(values), Kind::Many | Kind::ManyPatterns) => Found::Many(values),
                }
            }
        }
    }
}

/// A decision that is being made: the request's context, and the work that is left for it.
pub(super) struct Evaluation<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) fuel: Fuel,
}

impl<'a> Evaluation<'a> {
    pub(super) fn of(context: &'a Context<'a>) -> Self {
        Self { context, fuel: Fuel::new(Fuel::DECISION) }
    }
}
