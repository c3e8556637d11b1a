//! Variables that look like ours and are not: a setting that somebody misspelled would else be ignored in silence.
//!
//! A warning and no error, because others set such variables, too: the lab for its scripts, and Kubernetes for every
//! Service whose name begins with `doorward`.

use super::suggestion::nearest;
use crate::aws::Environment;

/// What our variables begin with.
const PREFIX: &str = "DOORWARD_";

/// Variables that something else of Doorward reads or writes: the lab's `env`, the make targets, the tests.
const OTHERS: [&str; 10] = [
    "DOORWARD_CACHE",
    "DOORWARD_LAB_DIR",
    "DOORWARD_OPS_URL",
    "DOORWARD_SEED",
    "DOORWARD_TEST_DATABASE",
    "DOORWARD_TEST_ROUND",
    "DOORWARD_WEBHOOK_CA",
    "DOORWARD_WEBHOOK_CERT",
    "DOORWARD_WEBHOOK_KEY",
    "DOORWARD_WEBHOOK_URL",
];

/// A warning for each variable that nothing reads. `known` are those of the flags.
pub(super) fn warnings(environment: &Environment, known: &[String]) -> Vec<String> {
    let known: Vec<&str> = known.iter().map(String::as_str).filter(|name| name.starts_with(PREFIX)).collect();
    let is_unknown = |name: &&str| !known.contains(name) && !OTHERS.contains(name) && !is_service_link(name);
    environment
        .names()
        .filter(|name| name.starts_with(PREFIX))
        .filter(is_unknown)
        .map(|name| format!("the variable `{}` has no effect; {}", name.escape_debug(), meant(name, &known)))
        .collect()
}

/// What was probably meant. What all of them begin with makes none of them more alike.
fn meant(name: &str, known: &[&str]) -> String {
    let rests: Vec<&str> = known.iter().filter_map(|name| name.strip_prefix(PREFIX)).collect();
    match nearest(name.strip_prefix(PREFIX).unwrap_or(name), &rests) {
        Some(rest) => format!("did you mean `{PREFIX}{rest}`?"),
        None => format!("known are `{}`", known.join("`, `")),
    }
}

/// What Kubernetes sets in a pod for a Service: `NAME_SERVICE_HOST`, `NAME_SERVICE_PORT…`, `NAME_PORT`,
/// `NAME_PORT_443_TCP…`.
fn is_service_link(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || (name.contains("_PORT_") && (name.contains("_TCP") || name.contains("_UDP") || name.contains("_SCTP")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_variable_is_warned_of_with_what_was_meant_and_its_value_is_not_told() {
        let environment = Environment::from([
            ("DOORWARD_WEBHOK", "s3cr3t"),
            ("DOORWARD_DATADIR", "x"),
            ("DOORWARD_COLOUR", "x"),
            ("DOORWARD_API", "127.0.0.1:1"),
            ("AWS_DOORWARD", "x"),
        ]);
        let known = ["DOORWARD_API", "DOORWARD_DATA_DIR", "DOORWARD_WEBHOOK", "RUST_LOG"].map(str::to_owned);
        assert_eq!(
            warnings(&environment, &known),
            [
                "the variable `DOORWARD_COLOUR` has no effect; known are `DOORWARD_API`, `DOORWARD_DATA_DIR`, \
                 `DOORWARD_WEBHOOK`",
                "the variable `DOORWARD_DATADIR` has no effect; did you mean `DOORWARD_DATA_DIR`?",
                "the variable `DOORWARD_WEBHOK` has no effect; did you mean `DOORWARD_WEBHOOK`?",
            ]
        );
    }

    #[test]
    fn what_the_lab_or_kubernetes_sets_is_not_warned_of() {
        let environment = Environment::from([
            ("DOORWARD_WEBHOOK_URL", "https://127.0.0.1:8443"),
            ("DOORWARD_OPS_URL", "x"),
            ("DOORWARD_SERVICE_HOST", "10.0.0.1"),
            ("DOORWARD_SERVICE_PORT_WEBHOOKS", "443"),
            ("DOORWARD_PORT", "tcp://10.0.0.1:443"),
            ("DOORWARD_PORT_443_TCP_ADDR", "10.0.0.1"),
        ]);
        assert!(warnings(&environment, &[]).is_empty());
    }
}
