//! Every vector of the behaviour of AWS's authenticator is in `cases/`, by its id.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;
use std::path::Path;

/// The folders that have them, and the vectors there: a letter and the highest number. `cases/README.md` says why P17
/// and two rows about ARNs are not among them.
const VECTORS: [(&[&str], char, u32); 7] = [
    (&["token"], 'T', 38),
    (&["token"], 'H', 10),
    (&["sts-reply"], 'S', 15),
    (&["principal-arn"], 'A', 9),
    (&["aws-auth", "aws-auth-eks"], 'C', 35),
    (&["aws-auth", "aws-auth-eks", "node-names", "sources"], 'P', 16),
    (&["token-review"], 'W', 3),
];

/// The signatures of the presigned URLs.
const GOLDEN: [&str; 4] = [
    "82b826f6ea03ec1a01e309bd16f5a406157b85b575476276f9689dea0ac1968e",
    "b43e2c42918cd3af4609f333cc4a3476d3ac72a400762e42fa94e1c4b267c936",
    "8b6477bda6cf34a271caf79b9b9fe140a54e7cad93949f6d19f36a070edec968",
    "617d5edf2b5ec0a3fc601aca38d2a43814c3ad7f0960902ff6808a696c7afb87",
];

fn texts(folder: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases").join(folder);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let cases = files.filter(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    cases.map(|file| std::fs::read_to_string(file).unwrap()).collect::<Vec<_>>().join("\n")
}

/// The vectors that the ids of a file name: `T02` of `T02c`, `P06` to `P08` of `P06-P08`.
fn vectors(text: &str) -> BTreeSet<String> {
    let ids = text.lines().filter_map(|line| line.trim_start_matches(['-', '{', ' ']).strip_prefix("id: "));
    let mut vectors = BTreeSet::new();
    for id in ids {
        let id = id.split([',', ' ']).next().unwrap_or_default();
        let numbers: Vec<(char, u32)> = id.split('-').filter_map(number).collect();
        if let [(letter, first), .., (_, last)] | [(letter, first @ last)] = numbers[..] {
            vectors.extend((first..=last).map(|number| format!("{letter}{number:02}")));
        }
    }
    vectors
}

fn number(part: &str) -> Option<(char, u32)> {
    let (letter, rest) = (part.chars().next()?, part.get(1..3)?);
    Some((letter, rest.parse().ok()?))
}

#[test]
fn every_vector_of_awss_authenticator_is_a_case() {
    let mut missing = Vec::new();
    for (folders, letter, last) in VECTORS {
        let found: BTreeSet<String> = folders.iter().flat_map(|folder| vectors(&texts(folder))).collect();
        missing.extend((1..=last).map(|number| format!("{letter}{number:02}")).filter(|id| !found.contains(id)));
    }
    let token = texts("token");
    missing.extend(GOLDEN.into_iter().filter(|signature| !token.contains(signature)).map(str::to_owned));
    assert!(missing.is_empty(), "{missing:?}");
}
