//! Conditions of statements.
//!
//! All tests of a condition must hold; of the values of one test one must fit, or none where the operator is negated.
//! A key that the request does not have fails a test, unless the operator is negated or ends in `IfExists`, or the test is
//! about all values, of which there are none.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Condition", "Condition operators", "Set operators for multivalued
//! context keys".

use super::PolicyError;
use super::certainty::{all, any, negated_if};
use super::context::{Evaluation, Found};
use super::json::Json;
use super::keys::{Key, Kind};
use super::operator::{Comparison, Operand, Operator, parse_bool};

/// The tests of a `Condition`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Condition {
    tests: Vec<Test>,
}

/// One key, compared with values.
#[derive(Clone, Debug, PartialEq)]
struct Test {
    qualifier: Option<Qualifier>,
    operator: Operator,
    if_exists: bool,
    key: Key,
    values: Vec<Operand>,
}

/// Which of several values of a request must fit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Qualifier {
    All,
    Any,
}

impl Condition {
    /// Reads the element. `variables` tells whether `${…}` is one.
    pub(super) fn parse(value: &Json, variables: bool) -> Result<Self, PolicyError> {
        const SHAPE: PolicyError = PolicyError::Shape("a condition is operators, keys and values");
        let Json::Object(operators) = value else { return Err(SHAPE) };
        let mut tests = Vec::new();
        for (operator, keys) in operators {
            let Json::Object(keys) = keys else { return Err(SHAPE) };
            for (key, values) in keys {
                let values: Option<Vec<String>> = values.one_or_many().iter().map(Json::as_scalar).collect();
                let values = values.filter(|values| !values.is_empty()).ok_or(SHAPE)?;
                tests.push(Test::new(operator, key, &values, variables));
            }
        }
        Ok(Self { tests })
    }

    /// Whether all tests hold.
    pub(super) fn holds(&self, evaluation: &Evaluation<'_>) -> Option<bool> {
        all(&evaluation.fuel, self.tests.iter().map(|test| test.holds(evaluation)))
    }
}

impl Test {
    fn new(operator: &str, key: &str, values: &[String], variables: bool) -> Self {
        let (qualifier, name) = match operator.split_once(':') {
            Some(("ForAllValues", name)) => (Some(Qualifier::All), name),
            Some(("ForAnyValue", name)) => (Some(Qualifier::Any), name),
            _ => (None, operator),
        };
        let (name, if_exists) = name.strip_suffix("IfExists").map_or((name, false), |name| (name, true));
        let mut operator = Operator::parse(name);
        if operator.comparison == Comparison::Null && (if_exists || qualifier.is_some()) {
            operator.comparison = Comparison::Unknown;
        }
        let values = values.iter().map(|value| Operand::parse(operator.comparison, value, variables)).collect();
        Self { qualifier, operator, if_exists, key: Key::parse(key), values }
    }

    fn holds(&self, evaluation: &Evaluation<'_>) -> Option<bool> {
        let found = match (self.operator.comparison, evaluation.context.find(&self.key)) {
            (Comparison::Unknown, _) | (_, Found::Unknown) => return None,
            (Comparison::Null, Found::Missing) => return self.fits("true", Kind::One, evaluation),
            (Comparison::Null, _) => return self.fits("false", Kind::One, evaluation),
            (_, found) => found,
        };
        let kind = self.key.kind()?;
        let fits = |value: &str| negated_if(self.operator.negated, self.fits(value, kind, evaluation));
        // A set of nothing but an empty text counts as empty to IAM, and it does not say what that does to one that has
        // other members too.
        let member = |value: &str| if value.is_empty() { None } else { fits(value) };
        match (found, self.qualifier) {
            (Found::Unknown, _) => None,
            (Found::Missing, _) if self.if_exists => Some(true),
            (Found::Missing, None) => Some(self.operator.negated),
            (Found::Missing, Some(qualifier)) => Some(qualifier == Qualifier::All),
            (Found::One(value), None) => fits(value),
            (Found::One(value), Some(_)) => member(value),
            // Without a qualifier IAM does not define what several values are compared like.
            (Found::Many(_), None) => None,
            (Found::Many(values), Some(Qualifier::All)) => {
                all(&evaluation.fuel, values.iter().map(|value| member(value)))
            }
            (Found::Many(values), Some(Qualifier::Any)) => {
                any(&evaluation.fuel, values.iter().map(|value| member(value)))
            }
        }
    }

    /// Whether a value is one of the policy's.
    fn fits(&self, value: &str, kind: Kind, evaluation: &Evaluation<'_>) -> Option<bool> {
        if self.operator.comparison == Comparison::Null {
            let value = parse_bool(value)?;
            return any(
                &evaluation.fuel,
                self.values.iter().map(|operand| match operand {
                    Operand::Bool(wanted) => Some(*wanted == value),
                    _ => None,
                }),
            );
        }
        any(&evaluation.fuel, self.values.iter().map(|operand| operand.fits(value, kind, evaluation)))
    }
}
