//! `docs/compatibility.md` names the test of each of its claims: that test is there.

#![expect(clippy::unwrap_used, reason = "a test that fails here has found what it looks for")]

use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All texts below a folder whose names end so.
fn texts(folder: &str, ending: &str) -> String {
    let mut folders = vec![repository().join(folder)];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                text += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    text
}

fn is_snake_case(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// `T30a`, `C07-C08`.
fn is_case(word: &str) -> bool {
    word.split('-').all(|part| {
        part.len() >= 3
            && part.starts_with(|c: char| c.is_ascii_uppercase())
            && part[1..3].bytes().all(|b| b.is_ascii_digit())
            && part[3..].bytes().all(|b| b.is_ascii_lowercase())
    })
}

#[test]
fn every_test_that_the_document_names_is_there() {
    let document = std::fs::read_to_string(repository().join("docs/compatibility.md")).unwrap();
    let (rust, cases) = (texts("crates", "rs"), texts("cases", "yaml"));
    let mut seen = [0; 4];
    let mut missing = Vec::new();
    for word in document.split('`').skip(1).step_by(2) {
        let (kind, is_there) = if word.contains('/') && !word.contains(' ') && word.contains('.') {
            (0, repository().join(word).exists())
        } else if let Some((module, function)) =
            word.split_once('.').filter(|(a, b)| is_snake_case(a) && is_snake_case(b))
        {
            let file = repository().join(format!("conformance/{module}.py"));
            let is_function = |text: String| text.contains(&format!("\ndef {function}("));
            (1, std::fs::read_to_string(file).is_ok_and(is_function))
        } else if is_case(word) {
            (2, [",", "\n"].iter().any(|end| cases.contains(&format!("id: {word}{end}"))))
        } else if is_snake_case(word) && word.matches('_').count() >= 2 {
            (3, rust.contains(&format!("fn {word}(")))
        } else {
            continue;
        };
        seen[kind] += 1;
        if !is_there {
            missing.push(word);
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
    // Files, functions of `conformance`, cases, tests: a document that names none of them says nothing.
    assert!(seen.iter().all(|&count| count >= 10), "{seen:?}");
}
