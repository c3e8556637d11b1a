//! IAM's rules written down as slowly and plainly as possible, to hold the evaluator against.
//!
//! It reads the policy's JSON anew for every request, matches wildcards by trying everything, and shares no code with the
//! evaluator. What it does not have: namespaces that are patterns.

use std::collections::BTreeMap;

use serde_json::Value;

/// A request: keys as a policy's author would write them.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub action: String,
    pub resource: String,
    pub single: BTreeMap<String, String>,
    pub multiple: BTreeMap<String, Vec<String>>,
}

/// Yes, no, or nobody can tell.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Yes,
    No,
    Unclear,
}

use Answer::{No, Unclear, Yes};

const SINGLE: &[&str] = &[
    "aws:currenttime",
    "aws:epochtime",
    "aws:multifactorauthpresent",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:requestedregion",
    "aws:userid",
    "aws:username",
    "aws:viaawsservice",
    "eks:accessentrytype",
    "eks:accessscope",
    "eks:bootstrapclustercreatoradminpermissions",
    "eks:clustername",
    "eks:policyarn",
    "eks:principalarn",
    "eks:username",
    "sts:durationseconds",
    "sts:externalid",
];
const MULTIPLE: &[&str] = &["aws:tagkeys", "eks:kubernetesgroups", "eks:namespaces"];
const TAGS: &[&str] = &["aws:principaltag/", "aws:requesttag/", "aws:resourcetag/", "iam:resourcetag/"];

pub fn verdict(policies: &[Value], asked: &Asked) -> &'static str {
    let mut outcomes = Vec::new();
    for policy in policies {
        let variables = policy["Version"] == "2012-10-17";
        for statement in list(&policy["Statement"]) {
            let answer = concerns(&statement, asked, variables);
            match statement["Effect"].as_str().unwrap() {
                "Deny" if answer != No => outcomes.push("denied"),
                "Allow" if answer == Yes => outcomes.push("allowed"),
                _ => {}
            }
        }
    }
    ["denied", "allowed"].into_iter().find(|one| outcomes.contains(one)).unwrap_or("not-allowed")
}

fn concerns(statement: &Value, asked: &Asked, variables: bool) -> Answer {
    let is_listed = |name: &str| {
        list(&statement[name]).iter().any(|pattern| {
            let pattern = glyphs_of(&pattern.as_str().unwrap().to_ascii_lowercase());
            like(&pattern, &chars(&asked.action.to_ascii_lowercase()))
        })
    };
    let action = if statement.get("Action").is_some() { is_listed("Action") } else { !is_listed("NotAction") };
    let covers =
        |name: &str| some(list(&statement[name]).iter().map(|one| covers(one.as_str().unwrap(), asked, variables)));
    let resource =
        if statement.get("Resource").is_some() { covers("Resource") } else { opposite(covers("NotResource")) };
    let mut answers = vec![if action { Yes } else { No }, resource];
    if let Some(Value::Object(operators)) = statement.get("Condition") {
        for (operator, keys) in operators {
            for (key, values) in keys.as_object().unwrap() {
                answers.push(test(operator, key, &list(values), asked, variables));
            }
        }
    }
    every(answers)
}

fn covers(pattern: &str, asked: &Asked, variables: bool) -> Answer {
    if pattern == "*" {
        return Yes;
    }
    let Some(pattern) = fill_in(pattern, asked, variables, true) else { return Unclear };
    let sections: Vec<Vec<Glyph>> = sections(&pattern);
    let ends_in_star = pattern.last() == Some(&Glyph::Run);
    let found: Vec<&str> = asked.resource.splitn(sections.len(), ':').collect();
    if (sections.len() == 6 || ends_in_star)
        && found.len() == sections.len()
        && sections.iter().zip(&found).all(|(pattern, section)| like(pattern, &chars(section)))
    {
        return Yes;
    }
    if like(&pattern, &chars(&asked.resource)) { Unclear } else { No }
}

fn test(operator: &str, key: &str, values: &[Value], asked: &Asked, variables: bool) -> Answer {
    let (set, rest) = match operator.split_once(':') {
        Some((set @ ("ForAllValues" | "ForAnyValue"), rest)) => (Some(set), rest),
        _ => (None, operator),
    };
    let (name, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |name| (name, true));
    let values: Vec<String> =
        values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
    let Some(found) = values_of(key, asked) else { return Unclear };
    if name == "Null" {
        if set.is_some() || if_exists {
            return Unclear;
        }
        let is_null = found.is_empty().to_string();
        return some(values.iter().map(|value| match value.to_ascii_lowercase().as_str() {
            word @ ("true" | "false") => yes_if(word == is_null),
            _ => Unclear,
        }));
    }
    let negated = name.contains("Not");
    let positive = name.replacen("Not", "", 1);
    let known = [
        "StringEquals",
        "StringEqualsIgnoreCase",
        "StringLike",
        "ArnEquals",
        "ArnLike",
        "Bool",
        "NumericEquals",
        "NumericLessThan",
        "NumericLessThanEquals",
        "NumericGreaterThan",
        "NumericGreaterThanEquals",
        "DateEquals",
        "DateLessThan",
        "DateLessThanEquals",
        "DateGreaterThan",
        "DateGreaterThanEquals",
    ];
    let can_be_negated = positive.ends_with("Equals") && !positive.contains("Than")
        || ["StringEqualsIgnoreCase", "StringLike", "ArnLike"].contains(&positive.as_str());
    if !known.contains(&positive.as_str()) || (negated && !can_be_negated) {
        return Unclear;
    }
    let one = |found: &String| {
        let fits = some(values.iter().map(|value| compare(&positive, found, value, asked, variables)));
        if negated { opposite(fits) } else { fits }
    };
    let member = |found: &String| if found.is_empty() { Unclear } else { one(found) };
    if found.is_empty() {
        return match set {
            _ if if_exists => Yes,
            Some("ForAllValues") => Yes,
            Some(_) => No,
            None => yes_if(negated),
        };
    }
    let has_many = MULTIPLE.contains(&key.to_ascii_lowercase().as_str());
    match set {
        Some("ForAllValues") => every(found.iter().map(member)),
        Some(_) => some(found.iter().map(member)),
        None if has_many => Unclear,
        None => one(&found[0]),
    }
}

fn compare(operator: &str, found: &str, wanted: &str, asked: &Asked, variables: bool) -> Answer {
    if operator.starts_with("String") {
        let Some(pattern) = fill_in(wanted, asked, variables, operator == "StringLike") else { return Unclear };
        return match operator {
            "StringEqualsIgnoreCase" => {
                let lower: Vec<Glyph> = pattern.iter().map(|glyph| glyph.lower()).collect();
                match like(&lower, &chars(&found.to_ascii_lowercase())) {
                    true => Yes,
                    false if found.is_ascii() => No,
                    false => Unclear,
                }
            }
            _ => yes_if(like(&pattern, &chars(found))),
        };
    }
    if operator.starts_with("Arn") {
        let Some(pattern) = fill_in(wanted, asked, variables, true) else { return Unclear };
        let (patterns, found) = (sections(&pattern), found.splitn(6, ':').collect::<Vec<_>>());
        if patterns.len() != 6 {
            return Unclear;
        }
        return yes_if(found.len() == 6 && patterns.iter().zip(found).all(|(one, section)| like(one, &chars(section))));
    }
    if operator == "Bool" {
        return match (wanted.to_ascii_lowercase().as_str(), found) {
            (word @ ("true" | "false"), "true" | "false") => yes_if(word == found),
            _ => Unclear,
        };
    }
    let read = if operator.starts_with("Date") { seconds } else { number };
    let (Some(found), Some(wanted)) = (read(found), read(wanted)) else { return Unclear };
    yes_if(match operator.trim_start_matches("Date").trim_start_matches("Numeric") {
        "Equals" => found == wanted,
        "LessThan" => found < wanted,
        "LessThanEquals" => found <= wanted,
        "GreaterThan" => found > wanted,
        _ => found >= wanted,
    })
}

/// The values of a key; none if the request does not have it; nothing if nobody knows the key.
fn values_of(key: &str, asked: &Asked) -> Option<Vec<String>> {
    let key = key.to_ascii_lowercase();
    if TAGS.iter().any(|prefix| key.len() > prefix.len() && key.starts_with(prefix)) {
        let same = asked.single.iter().filter(|(name, _)| name.to_lowercase() == key.to_lowercase());
        let values: Vec<String> = same.map(|(_, value)| value.clone()).collect();
        return if values.len() > 1 { None } else { Some(values) };
    }
    if SINGLE.contains(&key.as_str()) {
        return Some(
            asked.single.iter().filter(|(name, _)| name.to_ascii_lowercase() == key).map(|(_, v)| v.clone()).collect(),
        );
    }
    if MULTIPLE.contains(&key.as_str()) {
        return Some(
            asked
                .multiple
                .iter()
                .filter(|(name, _)| name.to_ascii_lowercase() == key)
                .flat_map(|(_, v)| v.clone())
                .collect(),
        );
    }
    None
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Glyph {
    Char(char),
    One,
    Run,
}

impl Glyph {
    fn lower(self) -> Self {
        match self {
            Self::Char(c) => Self::Char(c.to_ascii_lowercase()),
            other => other,
        }
    }
}

fn fill_in(text: &str, asked: &Asked, variables: bool, wildcards: bool) -> Option<Vec<Glyph>> {
    let plain = |text: &str| -> Vec<Glyph> {
        if wildcards { glyphs_of(text) } else { text.chars().map(Glyph::Char).collect() }
    };
    if !variables {
        return Some(plain(text));
    }
    let mut out = Vec::new();
    let mut rest = text.to_owned();
    while let Some(at) = rest.find("${") {
        out.extend(plain(&rest[..at]));
        let after = rest[at + 2..].to_owned();
        // The first brace that is not within quotes.
        let close = (0..after.len())
            .find(|&i| after[i..].starts_with('}') && after[..i].matches('\'').count().is_multiple_of(2))?;
        let inside = &after[..close];
        let value = match inside {
            "*" | "?" | "$" => inside.to_owned(),
            _ => {
                let (name, default) = match inside.split_once(',') {
                    None => (inside, None),
                    Some((name, default)) => {
                        let default = default.trim();
                        if default.len() < 2
                            || default.matches('\'').count() != 2
                            || !default.starts_with('\'')
                            || !default.ends_with('\'')
                        {
                            return None;
                        }
                        (name, Some(default[1..default.len() - 1].to_owned()))
                    }
                };
                let name = name.trim();
                if MULTIPLE.contains(&name.to_ascii_lowercase().as_str()) {
                    return None;
                }
                values_of(name, asked)?.first().cloned().or(default)?
            }
        };
        out.extend(value.chars().map(Glyph::Char));
        rest = after[close + 1..].to_owned();
    }
    out.extend(plain(&rest));
    Some(out)
}

fn glyphs_of(text: &str) -> Vec<Glyph> {
    text.chars()
        .map(|c| match c {
            '*' => Glyph::Run,
            '?' => Glyph::One,
            c => Glyph::Char(c),
        })
        .collect()
}

fn sections(pattern: &[Glyph]) -> Vec<Vec<Glyph>> {
    pattern.splitn(6, |glyph| *glyph == Glyph::Char(':')).map(<[Glyph]>::to_vec).collect()
}

fn like(pattern: &[Glyph], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [Glyph::Run, rest @ ..] => (0..=text.len()).any(|taken| like(rest, &text[taken..])),
        [one, rest @ ..] => text
            .split_first()
            .is_some_and(|(c, after)| (*one == Glyph::One || *one == Glyph::Char(*c)) && like(rest, after)),
    }
}

fn seconds(text: &str) -> Option<f64> {
    let full = if text.len() == 10 && text.contains('-') { format!("{text}T00:00:00Z") } else { text.to_owned() };
    if !full.is_empty() && full.chars().all(|c| c.is_ascii_digit()) {
        return full.parse().ok();
    }
    full.parse::<jiff::Timestamp>().ok().map(|at| at.as_second() as f64)
}

fn number(text: &str) -> Option<f64> {
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '-') {
        return None;
    }
    text.parse().ok()
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn yes_if(answer: bool) -> Answer {
    if answer { Yes } else { No }
}

fn opposite(answer: Answer) -> Answer {
    match answer {
        Yes => No,
        No => Yes,
        Unclear => Unclear,
    }
}

fn some(answers: impl IntoIterator<Item = Answer>) -> Answer {
    let answers: Vec<Answer> = answers.into_iter().collect();
    match () {
        () if answers.contains(&Yes) => Yes,
        () if answers.contains(&Unclear) => Unclear,
        () => No,
    }
}

fn every(answers: impl IntoIterator<Item = Answer>) -> Answer {
    let answers: Vec<Answer> = answers.into_iter().collect();
    match () {
        () if answers.contains(&No) => No,
        () if answers.contains(&Unclear) => Unclear,
        () => Yes,
    }
}
