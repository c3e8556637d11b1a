//! Trust policies: who may assume a role.
//!
//! Source: IAM User Guide, "AWS JSON policy elements: Principal" and "How to use an external ID".

use doorward_core::account_id::AccountId;
use doorward_core::arn::Arn;
use doorward_core::principal::{PrincipalArn, PrincipalKind, canonicalize};
use serde::{Deserialize, Serialize};

use super::PolicyError;
use super::condition::Condition;
use super::context::{Context, Evaluation};
use super::json::Json;
use super::statement::{Actions, Effect, RawStatement, parse_statements, strings};
use crate::printable::printable;

/// The document that says who may assume a role: its text as it was given, and its meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TrustPolicy {
    text: String,
    statements: Vec<Statement>,
}

/// Whom a trust policy names under `AWS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedPrincipal {
    /// `*`: anybody with a key.
    Anybody,
    /// A bare account id, or the account's root ARN: whoever in that account its own policies allow.
    Account(AccountId),
    /// One user or role.
    Exactly(PrincipalArn),
    /// One session of a role, by the ARN of the session.
    Session(String),
}

/// Who asks, as a trust policy sees them.
#[derive(Clone, Copy, Debug)]
pub struct TrustRequest<'a> {
    /// The caller's account.
    pub account: AccountId,
    /// The user, or the role behind the session, with its path.
    pub principal: &'a PrincipalArn,
    /// What `GetCallerIdentity` answers: the session for a role.
    pub caller_arn: &'a str,
    /// What conditions can ask: the caller, the role, `ExternalId`, the session's name.
    pub context: &'a Context<'a>,
}

/// What a trust policy says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// Nothing in it names the caller.
    None,
    /// It leaves the choice to the caller's account, whose own policies must allow the call.
    ByAccount,
    /// It names the caller, which is enough within one account.
    Direct,
    /// It forbids the call.
    Denied,
}

impl TrustPolicy {
    /// Reads a trust policy.
    ///
    /// # Errors
    /// If it is not one: no principal, a resource, an element the language does not have. `NotPrincipal` is refused as
    /// well, because it trusts everybody who is not on a list.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        Ok(Self { text: text.to_owned(), statements: parse_statements(text, Statement::read)? })
    }

    /// The document as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The users and roles it names one by one.
    pub fn named(&self) -> impl Iterator<Item = &PrincipalArn> {
        self.statements.iter().flat_map(|statement| &statement.principals).filter_map(|principal| match principal {
            TrustedPrincipal::Exactly(arn) => Some(arn),
            _ => None,
        })
    }

    /// Whether `sts:AssumeRole` is trusted to this caller. `is_same` tells whether the principal that a statement names
    /// is still the one that bore the name when the policy was written: IAM trusts the unique id, not the name.
    pub fn evaluate(&self, request: &TrustRequest<'_>, is_same: impl Fn(&PrincipalArn) -> bool) -> Trust {
        let evaluation = Evaluation::of(request.context);
        let of_statement = |statement: &Statement| {
            if !statement.actions.include("sts:AssumeRole") {
                return Trust::None;
            }
            // A denial is not lost because its principal was made again, or because nothing is known about its account.
            let is_meant = |arn: &PrincipalArn| statement.effect == Effect::Deny || is_same(arn);
            let trust = statement.principals.iter().map(|principal| fit(principal, request, is_meant)).max();
            let trust = trust.unwrap_or(Trust::None);
            if trust == Trust::None {
                return Trust::None;
            }
            match (statement.effect, statement.condition.holds(&evaluation)) {
                (Effect::Deny, None | Some(true)) => Trust::Denied,
                (Effect::Allow, Some(true)) => trust,
                _ => Trust::None,
            }
        };
        self.statements.iter().map(of_statement).max().unwrap_or(Trust::None)
    }
}

fn fit(principal: &TrustedPrincipal, request: &TrustRequest<'_>, is_same: impl Fn(&PrincipalArn) -> bool) -> Trust {
    let (fits, trust) = match principal {
        TrustedPrincipal::Anybody => (true, Trust::Direct),
        TrustedPrincipal::Account(account) => (*account == request.account, Trust::ByAccount),
        TrustedPrincipal::Exactly(arn) => (arn == request.principal && is_same(arn), Trust::Direct),
        TrustedPrincipal::Session(arn) => (arn == request.caller_arn, Trust::Direct),
    };
    if fits { trust } else { Trust::None }
}

impl TryFrom<String> for TrustPolicy {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, PolicyError> {
        Self::parse(&text)
    }
}

impl From<TrustPolicy> for String {
    fn from(policy: TrustPolicy) -> Self {
        policy.text
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Statement {
    effect: Effect,
    actions: Actions,
    principals: Vec<TrustedPrincipal>,
    condition: Condition,
}

impl Statement {
    fn read(raw: RawStatement<'_>) -> Result<Self, PolicyError> {
        if raw.resource.is_some() || raw.not_resource.is_some() {
            return Err(PolicyError::Shape("a trust policy has no `Resource`: it speaks of its own role"));
        }
        if raw.not_principal.is_some() {
            return Err(PolicyError::Shape("`NotPrincipal` is not accepted in a trust policy"));
        }
        let principal = raw.principal.ok_or(PolicyError::Shape("a trust policy needs `Principal`"))?;
        let principals = parse_principals(principal)?;
        Ok(Self { effect: raw.effect, actions: raw.actions, principals, condition: raw.condition })
    }
}

/// `"*"`, or kinds with their principals. Services and identity providers are accepted, since roles made for them are
/// common, but nobody here calls as one of them.
fn parse_principals(value: &Json) -> Result<Vec<TrustedPrincipal>, PolicyError> {
    const SHAPE: &str = "`Principal` is `*`, or an object with `AWS`, `Service` or `Federated`";
    let kinds = match value {
        Json::String(text) if text == "*" => return Ok(vec![TrustedPrincipal::Anybody]),
        Json::Object(kinds) if !kinds.is_empty() => kinds,
        _ => return Err(PolicyError::Shape(SHAPE)),
    };
    let mut principals = Vec::new();
    for (kind, names) in kinds {
        let names = strings(names, "a principal is a string, several are a list of strings")?;
        match kind.as_str() {
            "AWS" => {
                for name in names {
                    principals.push(parse_principal(&name).ok_or(PolicyError::Principal(printable(&name)))?);
                }
            }
            "Service" | "Federated" => {}
            _ => return Err(PolicyError::Shape(SHAPE)),
        }
    }
    Ok(principals)
}

fn parse_principal(name: &str) -> Option<TrustedPrincipal> {
    if name == "*" {
        return Some(TrustedPrincipal::Anybody);
    }
    if let Ok(account) = name.parse() {
        return Some(TrustedPrincipal::Account(account));
    }
    if Arn::parse(name).ok()?.resource.starts_with("assumed-role/") {
        let is_session = canonicalize(name).is_ok_and(|(_, session)| !session.is_empty());
        return is_session.then(|| TrustedPrincipal::Session(name.to_owned()));
    }
    let arn = PrincipalArn::parse(name).ok()?;
    match arn.kind() {
        PrincipalKind::Root => Some(TrustedPrincipal::Account(arn.account())),
        PrincipalKind::User | PrincipalKind::Role => Some(TrustedPrincipal::Exactly(arn)),
        PrincipalKind::FederatedUser => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOB: &str = "arn:aws:iam::123456789012:user/team/bob";

    fn trust(principal: &str, rest: &str, external_id: Option<&str>) -> Trust {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"{rest}}}]}}"#
        );
        ask(&text, external_id)
    }

    fn ask(text: &str, external_id: Option<&str>) -> Trust {
        let mut context = Context::default();
        context.set_all("sts:ExternalId", external_id);
        evaluate(text, &context, true)
    }

    fn evaluate(text: &str, context: &Context<'_>, is_same: bool) -> Trust {
        let principal = PrincipalArn::parse(BOB).unwrap();
        let request = TrustRequest { account: principal.account(), principal: &principal, caller_arn: BOB, context };
        TrustPolicy::parse(text).unwrap().evaluate(&request, |_| is_same)
    }

    #[test]
    fn a_caller_is_trusted_by_account_or_by_name() {
        for (principal, expected) in [
            (r#""*""#, Trust::Direct),
            (r#"{"AWS":"*"}"#, Trust::Direct),
            (r#"{"AWS":"123456789012"}"#, Trust::ByAccount),
            (r#"{"AWS":["210987654321","arn:aws:iam::123456789012:root"]}"#, Trust::ByAccount),
            (r#"{"AWS":"arn:aws:iam::123456789012:user/team/bob"}"#, Trust::Direct),
            (r#"{"AWS":"arn:aws:iam::123456789012:user/bob"}"#, Trust::None),
            (r#"{"AWS":"arn:aws:iam::123456789012:user/team/Bob"}"#, Trust::None),
            (r#"{"AWS":"arn:aws:iam::123456789012:role/bob"}"#, Trust::None),
            (r#"{"AWS":"210987654321"}"#, Trust::None),
            (r#"{"Service":"ec2.amazonaws.com"}"#, Trust::None),
        ] {
            assert_eq!(trust(principal, "", None), expected, "{principal}");
        }
    }

    #[test]
    fn a_condition_can_ask_for_an_external_id() {
        let bob = r#"{"AWS":"123456789012"}"#;
        let id = r#","Condition":{"StringEquals":{"sts:externalid":["a","b"]}}"#;
        assert_eq!(trust(bob, id, Some("b")), Trust::ByAccount);
        assert_eq!(trust(bob, id, Some("B")), Trust::None);
        assert_eq!(trust(bob, id, None), Trust::None);
        for (condition, with, without) in [
            (r#"{"StringLike":{"sts:ExternalId":"?"}}"#, Trust::ByAccount, Trust::None),
            (r#"{"StringNotEquals":{"sts:ExternalId":"b"}}"#, Trust::None, Trust::ByAccount),
            (r#"{"StringEqualsIfExists":{"sts:ExternalId":"b"}}"#, Trust::ByAccount, Trust::ByAccount),
            (r#"{"Null":{"sts:ExternalId":"false"}}"#, Trust::ByAccount, Trust::None),
            (r#"{"StringEquals":{"sts:ExternalId":"b","aws:PrincipalOrgID":"o-1"}}"#, Trust::None, Trust::None),
            (r#"{"Bool":{"aws:MultiFactorAuthPresent":false}}"#, Trust::None, Trust::None),
        ] {
            let rest = format!(r#","Condition":{condition}"#);
            assert_eq!(trust(bob, &rest, Some("b")), with, "{condition}");
            assert_eq!(trust(bob, &rest, None), without, "{condition}");
        }
    }

    #[test]
    fn a_deny_that_may_apply_does() {
        let with_deny = |rest: &str| {
            format!(
                r#"{{"Statement":[{{"Effect":"Allow","Principal":"*","Action":"sts:*"}},
                {{"Effect":"Deny","Principal":{{"AWS":"{BOB}"}},"Action":"sts:AssumeRole"{rest}}}]}}"#
            )
        };
        assert_eq!(ask(&with_deny(""), None), Trust::Denied);
        assert_eq!(ask(&with_deny(r#","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#), None), Trust::Denied);
        let by_id = with_deny(r#","Condition":{"StringEquals":{"sts:ExternalId":"a"}}"#);
        assert_eq!(ask(&by_id, Some("a")), Trust::Denied);
        assert_eq!(ask(&by_id, Some("b")), Trust::Direct);
    }

    #[test]
    fn another_action_trusts_nobody() {
        let text = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRoleWithSAML"}}"#;
        assert_eq!(ask(text, None), Trust::None);
    }

    #[test]
    fn a_name_that_another_principal_bears_now_is_not_trusted() {
        let text = format!(r#"{{"Statement":{{"Effect":"Allow","Principal":{{"AWS":"{BOB}"}},"Action":"*"}}}}"#);
        assert_eq!(evaluate(&text, &Context::default(), true), Trust::Direct);
        assert_eq!(evaluate(&text, &Context::default(), false), Trust::None);
    }

    #[test]
    fn what_is_no_trust_policy_is_refused() {
        for statement in [
            r#"{"Effect":"Allow","Action":"sts:AssumeRole"}"#,
            r#"{"Effect":"Allow","Principal":{},"Action":"sts:AssumeRole"}"#,
            r#"{"Effect":"Allow","Principal":{"aws":"*"},"Action":"sts:AssumeRole"}"#,
            r#"{"Effect":"Allow","Principal":{"AWS":[]},"Action":"sts:AssumeRole"}"#,
            r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/*"},"Action":"sts:AssumeRole"}"#,
            r#"{"Effect":"Allow","Principal":{"AWS":"12345678901"},"Action":"sts:AssumeRole"}"#,
            r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:sts::123456789012:assumed-role/r"},"Action":"sts:AssumeRole"}"#,
            r#"{"Effect":"Allow","Principal":"bob","Action":"sts:AssumeRole"}"#,
            r#"{"Effect":"Allow","NotPrincipal":{"AWS":"*"},"Action":"sts:AssumeRole"}"#,
            r#"{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}"#,
        ] {
            assert!(TrustPolicy::parse(&format!(r#"{{"Statement":{statement}}}"#)).is_err(), "{statement}");
        }
    }
}
