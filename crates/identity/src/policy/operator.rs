//! Condition operators.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Condition operators". Binary and IP address operators are not
//! understood: no key here has such a value.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::arn_pattern::ArnPattern;
use super::context::Evaluation;
use super::cover::cover;
use super::keys::Kind;
use super::pattern::{Pattern, Syntax};
use super::wildcard::Case;

/// What a condition does with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) comparison: Comparison,
    /// The test holds where no value of the policy fits.
    pub(super) negated: bool,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equals,
    EqualsIgnoreCase,
    Like,
    Arn,
    Number(Order),
    Date(Order),
    Bool,
    /// Whether there is a value at all.
    Null,
    /// An operator that is not understood here.
    Unknown,
}

/// Which order a request's value must have to a policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// Finds an operator by its name, without qualifier and without `IfExists`.
    pub(super) fn parse(name: &str) -> Self {
        use Comparison as C;
        let (comparison, negated) = match name {
            "StringEquals" => (C::Equals, false),
            "StringNotEquals" => (C::Equals, true),
            "StringEqualsIgnoreCase" => (C::EqualsIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (C::EqualsIgnoreCase, true),
            "StringLike" => (C::Like, false),
            "StringNotLike" => (C::Like, true),
            // The two are the same in IAM.
            "ArnEquals" | "ArnLike" => (C::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (C::Arn, true),
            "Bool" => (C::Bool, false),
            "Null" => (C::Null, false),
            _ => match (name.strip_prefix("Numeric"), name.strip_prefix("Date")) {
                (Some(order), _) => {
                    order_named(order).map_or((C::Unknown, false), |(order, not)| (C::Number(order), not))
                }
                (_, Some(order)) => {
                    order_named(order).map_or((C::Unknown, false), |(order, not)| (C::Date(order), not))
                }
                (None, None) => (C::Unknown, false),
            },
        };
        Self { comparison, negated }
    }
}

fn order_named(name: &str) -> Option<(Order, bool)> {
    match name {
        "Equals" => Some((Order::Equal, false)),
        "NotEquals" => Some((Order::Equal, true)),
        "LessThan" => Some((Order::Less, false)),
        "LessThanEquals" => Some((Order::LessOrEqual, false)),
        "GreaterThan" => Some((Order::Greater, false)),
        "GreaterThanEquals" => Some((Order::GreaterOrEqual, false)),
        _ => None,
    }
}

impl Order {
    fn holds<T: PartialOrd>(self, found: &T, wanted: &T) -> bool {
        match self {
            Self::Equal => found == wanted,
            Self::Less => found < wanted,
            Self::LessOrEqual => found <= wanted,
            Self::Greater => found > wanted,
            Self::GreaterOrEqual => found >= wanted,
        }
    }
}

/// A value of a policy, read as its operator needs it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Text(Pattern, Case),
    Arn(ArnPattern),
    Number(Order, f64),
    Date(Order, Timestamp),
    Bool(bool),
    /// Not what the operator takes: the comparison is never certain.
    Unreadable,
}

impl Operand {
    /// Reads a value of a policy.
    pub(super) fn parse(comparison: Comparison, text: &str, variables: bool) -> Self {
        let exact = Syntax { wildcards: false, variables };
        let read = match comparison {
            Comparison::Equals => Some(Self::Text(Pattern::parse(text, exact), Case::Sensitive)),
            Comparison::EqualsIgnoreCase => Some(Self::Text(Pattern::parse(text, exact), Case::Insensitive)),
            Comparison::Like => {
                Some(Self::Text(Pattern::parse(text, Syntax { wildcards: true, variables }), Case::Sensitive))
            }
            Comparison::Arn => Some(Self::Arn(ArnPattern::parse(text, variables))),
            Comparison::Number(order) => parse_number(text).map(|number| Self::Number(order, number)),
            Comparison::Date(order) => parse_date(text).map(|date| Self::Date(order, date)),
            Comparison::Bool | Comparison::Null => parse_bool(text).map(Self::Bool),
            Comparison::Unknown => None,
        };
        read.unwrap_or(Self::Unreadable)
    }

    /// Whether a value of the request fits.
    pub(super) fn fits(&self, found: &str, kind: Kind, evaluation: &Evaluation<'_>) -> Option<bool> {
        evaluation.fuel.spend(1)?;
        match self {
            Self::Text(pattern, case) if kind == Kind::ManyPatterns && found.contains('*') => match case {
                Case::Sensitive => cover(&pattern.glyphs(evaluation)?, found, &evaluation.fuel),
                Case::Insensitive => None,
            },
            Self::Text(pattern, Case::Sensitive) => pattern.matches(found, Case::Sensitive, evaluation),
            Self::Text(pattern, Case::Insensitive) => match pattern.matches(found, Case::Insensitive, evaluation)? {
                // What "ignoring case" is to letters beyond ASCII nobody says.
                false if !found.is_ascii() => None,
                answer => Some(answer),
            },
            Self::Arn(pattern) => pattern.matches(found, evaluation),
            Self::Number(order, wanted) => parse_number(found).map(|found| order.holds(&found, wanted)),
            Self::Date(order, wanted) => parse_date(found).map(|found| order.holds(&found, wanted)),
            Self::Bool(wanted) => parse_bool(found).map(|found| found == *wanted),
            Self::Unreadable => None,
        }
    }
}

pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// An integer or a decimal number, without an exponent, of at most fifteen digits: such a number is exact.
fn parse_number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || whole.len() + fraction.len() > 16 {
        return None;
    }
    text.parse().ok()
}

/// A time of ISO 8601 as W3C has it, a day (its beginning in UTC), or seconds since 1970.
fn parse_date(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Timestamp::from_second(text.parse().ok()?).ok();
    }
    let is_day = text.len() == 10;
    let day: Date = text.parse().ok().filter(|_| is_day)?;
    day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_three_forms() {
        let day = parse_date("2026-01-02").unwrap();
        assert_eq!(Some(day), parse_date("2026-01-02T00:00:00Z"));
        assert_eq!(Some(day), parse_date("1767312000"));
        assert_eq!(Some(day), parse_date("2026-01-02T01:00:00+01:00"));
        for bad in ["", "x", "2026-13-01", "2026-01-02T00:00:00", "-5", "99999999999999999999", "2026"] {
            assert!(parse_date(bad).is_none_or(|date| bad == "2026" && date.as_second() == 2026), "{bad}");
        }
    }

    #[test]
    fn numbers_are_read_strictly() {
        assert_eq!(parse_number("-1.50"), Some(-1.5));
        assert_eq!(parse_number("007"), Some(7.0));
        for bad in ["", "-", "+1", "1e3", "1.", ".5", "0x1", "1 ", "inf", "NaN", "12345678901234567890"] {
            assert_eq!(parse_number(bad), None, "{bad}");
        }
    }

    #[test]
    fn operators_are_known_by_their_exact_names() {
        for unknown in ["stringequals", "StringEqualsX", "NumericNotLessThan", "Date", "IpAddress", "BinaryEquals", ""]
        {
            assert_eq!(Operator::parse(unknown).comparison, Comparison::Unknown, "{unknown}");
        }
        let not_equals = Operator { comparison: Comparison::Date(Order::Equal), negated: true };
        assert_eq!(Operator::parse("DateNotEquals"), not_equals);
    }
}
