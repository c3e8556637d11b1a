//! Identity policies: what the user or role that carries them may do.
//!
//! Source: IAM User Guide, "Policy evaluation logic": a denial is final, and what nobody allows is not allowed.

use serde::{Deserialize, Serialize};

use super::PolicyError;
use super::arn_pattern::ArnPattern;
use super::certainty::{all, any, negated_if};
use super::condition::Condition;
use super::context::{Evaluation, Request};
use super::json::Json;
use super::statement::{Actions, Effect, RawStatement, parse_statements, strings};
use crate::printable::printable;

/// A policy that can be attached to a user or a role: its text as it was given, and its meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct IdentityPolicy {
    text: String,
    statements: Vec<Statement>,
}

/// What policies say of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No statement grants it.
    NotAllowed,
    /// A statement grants it and none forbids it.
    Allowed,
    /// A statement forbids it, or may do so, which no other statement can undo.
    Denied,
}

impl IdentityPolicy {
    /// Reads a policy document.
    ///
    /// # Errors
    /// If it is not one, or names a principal, which only a trust policy does.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        Ok(Self { text: text.to_owned(), statements: parse_statements(text, Statement::read)? })
    }

    /// The document as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What this policy alone says of a request.
    pub fn evaluate(&self, request: &Request<'_>) -> Verdict {
        evaluate([self], request)
    }
}

/// What several policies say together.
pub fn evaluate<'a>(policies: impl IntoIterator<Item = &'a IdentityPolicy>, request: &Request<'_>) -> Verdict {
    let evaluation = Evaluation::of(request.context);
    let mut verdict = Verdict::NotAllowed;
    for statement in policies.into_iter().flat_map(|policy| &policy.statements) {
        match statement.effect {
            // What is granted already cannot be granted any more.
            Effect::Allow if verdict == Verdict::Allowed => {}
            Effect::Allow if statement.concerns(request, &evaluation) == Some(true) => verdict = Verdict::Allowed,
            Effect::Deny if statement.concerns(request, &evaluation) != Some(false) => return Verdict::Denied,
            Effect::Allow | Effect::Deny => {}
        }
    }
    verdict
}

impl TryFrom<String> for IdentityPolicy {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, PolicyError> {
        Self::parse(&text)
    }
}

impl From<IdentityPolicy> for String {
    fn from(policy: IdentityPolicy) -> Self {
        policy.text
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Statement {
    effect: Effect,
    actions: Actions,
    resources: Vec<Resource>,
    /// `NotResource` instead of `Resource`.
    is_negated: bool,
    condition: Condition,
}

#[derive(Clone, Debug, PartialEq)]
enum Resource {
    /// `*`
    Everything,
    Arn(ArnPattern),
}

impl Statement {
    fn read(raw: RawStatement<'_>) -> Result<Self, PolicyError> {
        if raw.principal.is_some() || raw.not_principal.is_some() {
            return Err(PolicyError::Shape("only a trust policy names principals"));
        }
        let (resources, is_negated) = match (raw.resource, raw.not_resource) {
            (Some(value), None) => (parse_resources(value, raw.variables)?, false),
            (None, Some(value)) => (parse_resources(value, raw.variables)?, true),
            _ => return Err(PolicyError::Shape("a statement needs either `Resource` or `NotResource`")),
        };
        Ok(Self { effect: raw.effect, actions: raw.actions, resources, is_negated, condition: raw.condition })
    }

    /// Whether the statement is about this request.
    fn concerns(&self, request: &Request<'_>, evaluation: &Evaluation<'_>) -> Option<bool> {
        if !self.actions.include(request.action) {
            return Some(false);
        }
        let resource = any(
            &evaluation.fuel,
            self.resources.iter().map(|resource| match resource {
                Resource::Everything => Some(true),
                Resource::Arn(pattern) => pattern.covers(request.resource, evaluation),
            }),
        );
        let resource = negated_if(self.is_negated, resource);
        if resource == Some(false) {
            return Some(false);
        }
        all(&evaluation.fuel, [resource, self.condition.holds(evaluation)])
    }
}

fn parse_resources(value: &Json, variables: bool) -> Result<Vec<Resource>, PolicyError> {
    let patterns = strings(value, "a resource is a string, several are a list of strings")?;
    let parse = |pattern: &String| match pattern.as_str() {
        "*" => Ok(Resource::Everything),
        arn if arn.starts_with("arn:") => Ok(Resource::Arn(ArnPattern::parse(arn, variables))),
        bad => Err(PolicyError::Resource(printable(bad))),
    };
    patterns.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::super::context::Context;
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/team/a";

    fn ask(policy: &str, action: &str, resource: &str) -> Verdict {
        let request = Request { action, resource, context: &Context::default() };
        IdentityPolicy::parse(policy).unwrap().evaluate(&request)
    }

    fn verdict(statement: &str, action: &str) -> Verdict {
        ask(&format!(r#"{{"Version":"2012-10-17","Statement":{{{statement}}}}}"#), action, "*")
    }

    #[test]
    fn an_allow_on_everything_without_condition_grants() {
        let read = r#""Effect":"Allow","Action":["eks:List*","eks:Describe?luster"],"Resource":"*""#;
        assert_eq!(verdict(read, "EKS:listClusters"), Verdict::Allowed);
        assert_eq!(verdict(read, "eks:DescribeCluster"), Verdict::Allowed);
        assert_eq!(verdict(read, "eks:Describeluster"), Verdict::NotAllowed);
        assert_eq!(verdict(read, "eks:CreateCluster"), Verdict::NotAllowed);
        let not = r#""Effect":"Allow","NotAction":"iam:*","Resource":["*"]"#;
        assert_eq!(verdict(not, "eks:ListClusters"), Verdict::Allowed);
        assert_eq!(verdict(not, "iam:GetUser"), Verdict::NotAllowed);
    }

    #[test]
    fn what_is_not_certain_never_grants_and_always_forbids() {
        for rest in [
            r#""Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
            r#""Resource":"*","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}"#,
            r#""Resource":"*","Condition":{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}"#,
            r#""Resource":"*","Condition":{"Null":{"aws:SourceVpc":"true"}}"#,
            r#""Resource":"arn:aws:iam::123456789012:role/team/${aws:username}""#,
            r#""NotResource":"arn:aws:iam::123456789012:role/team/${aws:username}""#,
            r#""Resource":"arn:aws:*:role/team/a""#,
            r#""NotResource":"arn:aws:*:role/team/a""#,
        ] {
            let policy = |effect: &str| {
                format!(
                    r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Action":"*",{rest}}},
                    {{"Effect":"Allow","Action":"sts:*","Resource":"*"}}]}}"#
                )
            };
            assert_eq!(ask(&policy("Allow"), "eks:ListClusters", ROLE), Verdict::NotAllowed, "{rest}");
            assert_eq!(ask(&policy("Deny"), "sts:AssumeRole", ROLE), Verdict::Denied, "{rest}");
        }
    }

    #[test]
    fn an_allow_on_one_role_grants_for_that_role_alone() {
        let says = |resource: &str| {
            let policy = format!(
                r#"{{"Version":"2012-10-17",
                "Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"{resource}"}}}}"#
            );
            ask(&policy, "sts:AssumeRole", ROLE)
        };
        assert_eq!(says(ROLE), Verdict::Allowed);
        assert_eq!(says("arn:aws:iam::*:role/team/?"), Verdict::Allowed);
        assert_eq!(says("arn:aws:iam::123456789012:role/a"), Verdict::NotAllowed);
        assert_eq!(says("arn:aws:*:role/team/a"), Verdict::NotAllowed);
        assert_eq!(says("arn:aws:iam::123456789012:role/${aws:username}"), Verdict::NotAllowed);
    }

    #[test]
    fn what_is_no_identity_policy_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"Statement":[]}"#,
            r#"{"Version":"2012-10-18","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
            r#"{"version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Action":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"ListClusters","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*:ListClusters","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*","NotAction":"iam:*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","NotResource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"cluster"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Extra":1}}"#,
            r#"{"Statement":{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Sid":"a-b","Effect":"Allow","Action":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":[]}}"#,
        ] {
            assert!(IdentityPolicy::parse(text).is_err(), "{text}");
        }
    }
}
