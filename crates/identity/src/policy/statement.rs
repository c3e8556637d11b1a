//! What statements of both kinds of policy have in common.

use std::collections::HashSet;

use super::condition::Condition;
use super::json::Json;
use super::wildcard::{Case, matches};
use super::{MAX_DOCUMENT_LENGTH, PolicyError};
use crate::printable::printable;

/// Whether a statement grants or forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// One statement, taken apart but with `Principal` and `Resource` still to be read by its kind of policy.
#[derive(Debug)]
pub(super) struct RawStatement<'a> {
    pub(super) effect: Effect,
    pub(super) actions: Actions,
    pub(super) condition: Condition,
    /// Whether `${…}` is a variable: not in documents of the older version.
    pub(super) variables: bool,
    pub(super) resource: Option<&'a Json>,
    pub(super) not_resource: Option<&'a Json>,
    pub(super) principal: Option<&'a Json>,
    pub(super) not_principal: Option<&'a Json>,
}

/// Reads a document down to its statements and lets `read` make each of them its own.
pub(super) fn parse_statements<T>(
    text: &str,
    read: impl Fn(RawStatement<'_>) -> Result<T, PolicyError>,
) -> Result<Vec<T>, PolicyError> {
    if text.len() > MAX_DOCUMENT_LENGTH {
        return Err(PolicyError::TooLong);
    }
    let Json::Object(elements) = Json::parse(text).map_err(|_| PolicyError::Json)? else {
        return Err(PolicyError::Shape("a policy is a JSON object"));
    };
    let (mut statements, mut variables) = (None, false);
    for (name, value) in &elements {
        match (name.as_str(), value) {
            ("Version", Json::String(version)) if version == "2012-10-17" => variables = true,
            ("Version", Json::String(version)) if version == "2008-10-17" => {}
            ("Version", _) => return Err(PolicyError::Shape("`Version` must be `2012-10-17` or `2008-10-17`")),
            ("Id", Json::String(_)) => {}
            ("Statement", value) => statements = Some(value.one_or_many()),
            _ => return Err(PolicyError::UnknownElement(printable(name))),
        }
    }
    let statements = statements.filter(|statements| !statements.is_empty());
    let statements = statements.ok_or(PolicyError::Shape("a policy needs at least one statement"))?;
    let mut sids = HashSet::new();
    statements.iter().map(|statement| read(parse_statement(statement, variables, &mut sids)?)).collect()
}

fn parse_statement<'a>(
    value: &'a Json,
    variables: bool,
    sids: &mut HashSet<&'a str>,
) -> Result<RawStatement<'a>, PolicyError> {
    let Json::Object(elements) = value else {
        return Err(PolicyError::Shape("a statement is a JSON object"));
    };
    let (mut effect, mut action, mut not_action) = (None, None, None);
    let (mut resource, mut not_resource, mut principal, mut not_principal) = (None, None, None, None);
    let mut condition = Condition::default();
    for (name, value) in elements {
        match name.as_str() {
            "Sid" => check_sid(value, sids)?,
            "Effect" => effect = Some(parse_effect(value)?),
            "Action" => action = Some(value),
            "NotAction" => not_action = Some(value),
            "Resource" => resource = Some(value),
            "NotResource" => not_resource = Some(value),
            "Principal" => principal = Some(value),
            "NotPrincipal" => not_principal = Some(value),
            "Condition" => condition = Condition::parse(value, variables)?,
            _ => return Err(PolicyError::UnknownElement(printable(name))),
        }
    }
    let actions = match (action, not_action) {
        (Some(value), None) => Actions { patterns: parse_actions(value)?, negated: false },
        (None, Some(value)) => Actions { patterns: parse_actions(value)?, negated: true },
        _ => return Err(PolicyError::Shape("a statement needs either `Action` or `NotAction`")),
    };
    let effect = effect.ok_or(PolicyError::Shape("a statement needs `Effect`"))?;
    Ok(RawStatement { effect, actions, condition, variables, resource, not_resource, principal, not_principal })
}

fn check_sid<'a>(value: &'a Json, sids: &mut HashSet<&'a str>) -> Result<(), PolicyError> {
    let sid = value.as_str().filter(|sid| sid.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let sid = sid.ok_or(PolicyError::Shape("a `Sid` has only letters and digits"))?;
    if sids.insert(sid) { Ok(()) } else { Err(PolicyError::Shape("each `Sid` may stand once in a policy")) }
}

fn parse_effect(value: &Json) -> Result<Effect, PolicyError> {
    match value.as_str() {
        Some("Allow") => Ok(Effect::Allow),
        Some("Deny") => Ok(Effect::Deny),
        _ => Err(PolicyError::Shape("`Effect` must be `Allow` or `Deny`")),
    }
}

fn parse_actions(value: &Json) -> Result<Vec<String>, PolicyError> {
    let patterns = strings(value, "an action is a string, several are a list of strings")?;
    match patterns.iter().find(|pattern| !is_action(pattern)) {
        Some(bad) => Err(PolicyError::Action(printable(bad))),
        None => Ok(patterns),
    }
}

fn is_action(pattern: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let Some((vendor, name)) = pattern.split_once(':') else { return false };
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !vendor.is_empty()
        && vendor.bytes().all(is_word)
        && !name.is_empty()
        && name.bytes().all(|byte| is_word(byte) || byte == b'*' || byte == b'?')
}

/// A string or a list of them that is not empty.
pub(super) fn strings(value: &Json, problem: &'static str) -> Result<Vec<String>, PolicyError> {
    let texts: Option<Vec<String>> = value.one_or_many().iter().map(|item| item.as_str().map(str::to_owned)).collect();
    texts.filter(|texts| !texts.is_empty()).ok_or(PolicyError::Shape(problem))
}

/// `Action` or `NotAction`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Actions {
    patterns: Vec<String>,
    negated: bool,
}

impl Actions {
    /// Whether the statement speaks of this action.
    pub(super) fn include(&self, action: &str) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern, action, Case::Insensitive)) != self.negated
    }
}
