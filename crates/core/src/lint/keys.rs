//! Keys as they are written: of the ConfigMap, and of rows. What is misspelt is compared with what could have been meant.

use std::collections::HashMap;

use super::{At, Code, Findings};
use crate::arn::printable;
use crate::aws_auth::edit::Data;
use crate::aws_auth::{Authenticator, AwsAuth, Place, RowKeys, Section};
use crate::suggestion::nearest;

/// Looks at the keys of the ConfigMap and of every row.
pub(super) fn check(data: &Data, aws_auth: &AwsAuth, found: &mut Findings) {
    for key in data.keys().filter(|key| Section::ALL.iter().all(|section| section.key() != key.as_str())) {
        match section_meant(key) {
            Some(section) => {
                let message = format!("the key `{}` is ignored; `{section}` was meant", printable(key));
                found.add(Code::MisspeltSection, At::section(section, Place::START), message);
            }
            None => {
                found.add(Code::UnknownSection, At::CONFIG_MAP, format!("the key `{}` is ignored", printable(key)));
            }
        }
    }
    for section in [Section::Roles, Section::Users] {
        let Some(text) = data.get(section.key()) else { continue };
        for row in crate::aws_auth::row_keys(text) {
            row_keys(section, &row, aws_auth, found);
        }
    }
}

/// The section that a key of the ConfigMap was meant to be.
pub(super) fn section_meant(key: &str) -> Option<Section> {
    let lower = key.to_ascii_lowercase();
    let is_near = |section: &Section| {
        let name = section.key().to_ascii_lowercase();
        name == lower || (key.len() <= 32 && strsim::damerau_levenshtein(&name, &lower) <= 2)
    };
    Section::ALL.into_iter().find(is_near)
}

fn row_keys(section: Section, row: &RowKeys, aws_auth: &AwsAuth, found: &mut Findings) {
    let known = known(section);
    let mut earlier: HashMap<String, &String> = HashMap::with_capacity(row.keys.len());
    for (key, place) in &row.keys {
        let here = At::row(section, row.index, *place);
        let lower = key.to_ascii_lowercase();
        if let Some(other) = earlier.insert(lower.clone(), key) {
            let message = if other == key {
                format!("the key `{}` stands in the row twice", printable(key))
            } else {
                format!("the key `{}` stands in the row as `{}` too", printable(key), printable(other))
            };
            found.add(Code::RepeatedKey, here, message);
            continue;
        }
        let other_sections = if section == Section::Users { "rolearn" } else { "userarn" };
        if known.contains(&lower.as_str()) {
            continue;
        }
        if lower == other_sections {
            // Beside the right key it is told here; without it, as the reason why the row is dropped.
            let is_dropped = !row.keys.iter().any(|(key, _)| key.eq_ignore_ascii_case(section_arn_key(section)));
            if !is_dropped {
                found.add(Code::UnknownKey, here, format!("`{}` has no effect in `{section}`", printable(key)));
            }
            continue;
        }
        let diagnostic = match meant(&lower, known) {
            Some(meant) => {
                let message = format!("the key `{}` is ignored; did you mean `{meant}`?", printable(key));
                let diagnostic = found.add(Code::UnknownKey, here, message);
                diagnostic.fix =
                    format!("Rename it to `{meant}`. The row then says something else: make sure that it is meant.")
                        .into();
                diagnostic
            }
            None => found.add(Code::UnknownKey, here, format!("the key `{}` is ignored", printable(key))),
        };
        if aws_auth.authenticator() == Authenticator::Eks && key == "<<" {
            diagnostic.consequence = "It is in quotes, so that nothing is merged.".into();
        }
    }
}

fn section_arn_key(section: Section) -> &'static str {
    if section == Section::Users { "userarn" } else { "rolearn" }
}

fn known(section: Section) -> &'static [&'static str] {
    match section {
        Section::Users => &["userarn", "username", "groups", "userid"],
        Section::Roles | Section::Accounts => &["rolearn", "username", "groups", "userid", "sso"],
    }
}

/// What a key was meant to be: what people write instead, and what looks like it.
fn meant(lower: &str, known: &[&'static str]) -> Option<&'static str> {
    let known: Vec<&'static str> = known.iter().copied().filter(|name| !matches!(*name, "sso" | "userid")).collect();
    let arn = known.first().copied();
    match lower {
        "arn" | "role" | "role_arn" | "role-arn" | "user_arn" | "user-arn" | "iamarn" => arn,
        "user" | "name" => Some("username"),
        _ => nearest(lower, known),
    }
}
