//! Identity policies: what the user or role that carries them may do.

use serde::{Deserialize, Serialize};

use super::PolicyError;
use super::json::Json;
use super::statement::{Actions, Effect, RawStatement, parse_statements, strings};
use super::wildcard::{Case, matches};

/// A policy that can be attached to a user or a role: its text as it was given, and its meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct IdentityPolicy {
    text: String,
    statements: Vec<Statement>,
}

/// What is acted upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// Not known, or everything: only a statement about every resource (`*`) grants, and any statement forbids.
    Everything,
    /// One resource, by its ARN.
    Arn(&'a str),
}

/// What policies say of one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No statement grants it.
    NotAllowed,
    /// A statement grants it and none forbids it.
    Allowed,
    /// A statement forbids it, which no other statement can undo.
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

    /// What this policy alone says of an action, such as `eks:ListClusters`.
    pub fn evaluate(&self, action: &str, target: Target<'_>) -> Verdict {
        let of_statement = |statement: &Statement| match statement.effect {
            _ if !statement.actions.include(action) => Verdict::NotAllowed,
            Effect::Deny if statement.may_concern(target) => Verdict::Denied,
            Effect::Allow if statement.surely_concerns(target) => Verdict::Allowed,
            Effect::Allow | Effect::Deny => Verdict::NotAllowed,
        };
        self.statements.iter().map(of_statement).max().unwrap_or(Verdict::NotAllowed)
    }
}

/// What several policies say together.
pub fn evaluate<'a>(
    policies: impl IntoIterator<Item = &'a IdentityPolicy>,
    action: &str,
    target: Target<'_>,
) -> Verdict {
    policies.into_iter().map(|policy| policy.evaluate(action, target)).max().unwrap_or(Verdict::NotAllowed)
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
    resources: Vec<String>,
    /// `NotResource` instead of `Resource`.
    is_negated: bool,
    /// Conditions of identity policies are not evaluated yet.
    is_conditional: bool,
}

impl Statement {
    fn read(raw: RawStatement<'_>) -> Result<Self, PolicyError> {
        if raw.principal.is_some() || raw.not_principal.is_some() {
            return Err(PolicyError::Shape("only a trust policy names principals"));
        }
        let (resources, is_negated) = match (raw.resource, raw.not_resource) {
            (Some(value), None) => (parse_resources(value)?, false),
            (None, Some(value)) => (parse_resources(value)?, true),
            _ => return Err(PolicyError::Shape("a statement needs either `Resource` or `NotResource`")),
        };
        let is_conditional = !raw.condition.is_empty();
        Ok(Self { effect: raw.effect, actions: raw.actions, resources, is_negated, is_conditional })
    }

    /// For granting: false whenever that is not certain.
    fn surely_concerns(&self, target: Target<'_>) -> bool {
        let fits = |pattern: &String| match target {
            _ if pattern == "*" => true,
            Target::Everything => false,
            Target::Arn(arn) => !has_variable(pattern) && is_arn_like(pattern, arn),
        };
        !self.is_conditional && !self.is_negated && self.resources.iter().any(fits)
    }

    /// For forbidding: true whenever that is not excluded.
    fn may_concern(&self, target: Target<'_>) -> bool {
        let arn = match target {
            // `*` is how a caller without a resource at hand writes "everything".
            Target::Everything | Target::Arn("*") => return true,
            Target::Arn(arn) => arn,
        };
        self.is_negated
            || self.resources.iter().any(|pattern| has_variable(pattern) || matches(pattern, arn, Case::Sensitive))
    }
}

fn parse_resources(value: &Json) -> Result<Vec<String>, PolicyError> {
    let patterns = strings(value, "a resource is a string, several are a list of strings")?;
    match patterns.iter().find(|pattern| *pattern != "*" && !pattern.starts_with("arn:")) {
        Some(bad) => Err(PolicyError::Resource(bad.clone())),
        None => Ok(patterns),
    }
}

/// `${aws:username}` and the like, which are not filled in yet.
fn has_variable(pattern: &str) -> bool {
    pattern.contains("${")
}

/// Section by section, so that a wildcard in one section never swallows a colon and reaches into another account.
fn is_arn_like(pattern: &str, arn: &str) -> bool {
    let (patterns, sections) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    patterns.clone().count() == 6
        && sections.clone().count() == 6
        && patterns.zip(sections).all(|(pattern, section)| matches(pattern, section, Case::Sensitive))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(rest: &str) -> IdentityPolicy {
        IdentityPolicy::parse(&format!(r#"{{"Version":"2012-10-17","Statement":{{{rest}}}}}"#)).unwrap()
    }

    fn verdict(rest: &str, action: &str) -> Verdict {
        statement(rest).evaluate(action, Target::Everything)
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
    fn what_is_not_evaluated_yet_never_grants() {
        for rest in [
            r#""Effect":"Allow","Action":"*","Resource":"arn:aws:eks:*:*:*""#,
            r#""Effect":"Allow","Action":"*","NotResource":"arn:aws:eks:*:*:x""#,
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":true}}"#,
        ] {
            assert_eq!(verdict(rest, "eks:ListClusters"), Verdict::NotAllowed, "{rest}");
        }
    }

    #[test]
    fn what_is_not_evaluated_yet_always_forbids() {
        for rest in [
            r#""Effect":"Deny","Action":"eks:*","Resource":"arn:aws:eks:us-west-2:123456789012:cluster/x""#,
            r#""Effect":"Deny","NotAction":"iam:*","NotResource":"*""#,
            r#""Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":"x"}}"#,
        ] {
            let policy = format!(r#"{{"Statement":[{{"Effect":"Allow","Action":"*","Resource":"*"}},{{{rest}}}]}}"#);
            let policy = IdentityPolicy::parse(&policy).unwrap();
            assert_eq!(policy.evaluate("eks:ListClusters", Target::Everything), Verdict::Denied, "{rest}");
            assert_eq!(policy.evaluate("eks:ListClusters", Target::Arn("*")), Verdict::Denied, "{rest}");
            assert_eq!(
                policy.evaluate("iam:GetRole", Target::Everything) == Verdict::Denied,
                rest.contains("StringEquals")
            );
        }
    }

    #[test]
    fn an_allow_on_one_role_grants_for_that_role_alone() {
        let role = "arn:aws:iam::123456789012:role/team/a";
        let policy = |resource: &str| {
            statement(&format!(r#""Effect":"Allow","Action":"sts:AssumeRole","Resource":"{resource}""#))
        };
        let says = |resource: &str| policy(resource).evaluate("sts:AssumeRole", Target::Arn(role));
        assert_eq!(says(role), Verdict::Allowed);
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
