//! The corpus of `cases/principal-arn/`: every ARN of a caller becomes the principal that stands beside it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;

use doorward_core::principal::{PrincipalKind, canonicalize};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    #[serde(default)]
    description: String,
    arn: String,
    kind: Option<String>,
    canonical: Option<String>,
    #[serde(default)]
    session: String,
    without_path: Option<String>,
    #[serde(default)]
    refused: bool,
}

#[test]
fn every_callers_arn_becomes_the_principal_that_stands_beside_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cases/principal-arn/canonical.yaml");
    let cases: Vec<Case> = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for case in &cases {
        let place = format!("{} {}", case.id, case.description);
        match canonicalize(&case.arn) {
            Err(error) => {
                assert!(case.refused, "{place}: {error}");
                assert!(!error.to_string().contains('\n'), "{place}: {error}");
            }
            Ok((principal, session)) => {
                assert!(!case.refused, "{place}: became {principal}");
                let kind = match principal.kind() {
                    PrincipalKind::Role => "role",
                    PrincipalKind::User => "user",
                    PrincipalKind::Root => "root",
                    PrincipalKind::FederatedUser => "federated-user",
                };
                assert_eq!(Some(kind), case.kind.as_deref(), "{place}");
                assert_eq!(Some(principal.as_str()), case.canonical.as_deref(), "{place}");
                assert_eq!(session, case.session, "{place}");
                if let Some(without_path) = &case.without_path {
                    assert_eq!(principal.without_path().as_str(), without_path, "{place}");
                }
            }
        }
    }
    let rows: BTreeSet<&str> =
        cases.iter().map(|case| case.id.trim_end_matches(|c: char| c.is_ascii_lowercase())).collect();
    assert!((1..=9).all(|row| rows.contains(format!("A{row:02}").as_str())), "{rows:?}");
}
