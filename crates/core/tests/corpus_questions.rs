//! Runs the cases of `cases/questions` (its README says what a case is).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::path::Path;

use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::aws_auth::Authenticator;
use doorward_core::questions::{Answer, Caller, Decision, Place, Request, can_i, who_can, why};
use doorward_core::world::World;
use doorward_core::world_document::{self, AwsAuthDocument, WorldDocument, authenticator_named};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    world: Pieces,
    can_i: Vec<Question>,
    who_can: Vec<WhoQuestion>,
    why: Vec<Question>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Pieces {
    mode: String,
    authenticator: Option<String>,
    aws_auth: Option<BTreeMap<String, String>>,
    access_entries: Option<String>,
    rbac: Option<String>,
    directory: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    r#as: String,
    session: Option<String>,
    ask: String,
    namespace: Option<String>,
    #[serde(default)]
    all: bool,
    decision: String,
    by: Option<String>,
    caveat: Option<String>,
    #[serde(default)]
    says: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhoQuestion {
    ask: String,
    namespace: Option<String>,
    #[serde(default)]
    all: bool,
    holders: Vec<String>,
    #[serde(default)]
    undecided: Vec<String>,
}

fn world(pieces: &Pieces) -> World {
    let authenticator =
        pieces.authenticator.as_deref().map_or(Authenticator::Eks, |name| authenticator_named(name).unwrap());
    let mut document = WorldDocument::new(AuthenticationMode::from_name(&pieces.mode).unwrap(), authenticator);
    document.aws_auth = pieces.aws_auth.clone().map(|data| AwsAuthDocument { data });
    let entries = pieces.access_entries.as_deref().map(|text| world_document::access_entries(text).unwrap().0);
    document.access_entries = entries.unwrap_or_default();
    document.rbac = pieces.rbac.as_deref().map(|text| world_document::rbac_objects(text).unwrap());
    document.directory = pieces.directory.as_deref().map(|text| world_document::directory(text).unwrap());
    // As somebody saves it and reads it again.
    WorldDocument::parse(&document.to_json()).unwrap().to_world().unwrap()
}

fn request(ask: &str, namespace: Option<&str>, all: bool) -> Request {
    let words: Vec<&str> = ask.split(' ').collect();
    let place = if all { Place::AllNamespaces } else { Place::Namespace(namespace.unwrap_or("default").to_owned()) };
    Request::parse(words[0], words[1], words.get(2).copied(), None, &place).unwrap().0
}

fn check(question: &Question, answer: &Answer<'_>) -> Result<(), String> {
    let (decision, by) = match &answer.decision {
        Decision::Allowed(permission) => ("allowed", permission.by.to_string()),
        Decision::Bypass => ("bypass", String::new()),
        Decision::No => ("no", String::new()),
        Decision::NotLetIn(refusal) => ("notLetIn", refusal.to_string()),
    };
    if decision != question.decision {
        return Err(format!("{decision} by {by}"));
    }
    if question.by.as_ref().is_some_and(|part| !by.contains(part)) {
        return Err(format!("by {by}"));
    }
    let caveats: Vec<String> = answer.caveats.iter().map(ToString::to_string).collect();
    match &question.caveat {
        Some(part) if !caveats.iter().any(|caveat| caveat.contains(part)) => Err(format!("caveats {caveats:?}")),
        _ => Ok(()),
    }
}

#[test]
fn every_case_of_the_corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/questions");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let (mut failures, mut count) = (Vec::new(), 0);
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let cases: File = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        let world = world(&cases.world);
        let name = file.file_name().unwrap().to_string_lossy();
        let mut fail = |what: &str, problem: String| failures.push(format!("{name}: {what}: {problem}"));
        for question in cases.can_i.iter().chain(&cases.why) {
            count += 1;
            let caller = Caller::parse(&question.r#as, question.session.as_deref(), world.directory()).unwrap();
            let asked = request(&question.ask, question.namespace.as_deref(), question.all);
            let what = format!("{} {asked}", question.r#as);
            let trace = why(&world, &caller, &asked);
            for answer in [can_i(&world, &caller, &asked), trace.answer] {
                check(question, &answer).unwrap_or_else(|problem| fail(&what, problem));
            }
            let lines: Vec<&String> = trace.steps.iter().flat_map(|step| &step.lines).collect();
            let mut rest = lines.iter();
            for part in &question.says {
                if !rest.any(|line| line.contains(part.as_str())) {
                    fail(&what, format!("no line `{part}` (in this order) in {lines:#?}"));
                }
            }
        }
        for question in &cases.who_can {
            count += 1;
            let asked = request(&question.ask, question.namespace.as_deref(), question.all);
            let found = who_can(&world, &asked, question.namespace.is_none() && !question.all);
            let holders: Vec<String> = found.holders.keys().map(|who| format!("{} {who}", who.kind())).collect();
            if holders != question.holders {
                fail(&question.ask, format!("{holders:#?}"));
            }
            let undecided: Vec<String> = found.undecided.iter().map(ToString::to_string).collect();
            let are_as_expected = undecided.len() == question.undecided.len()
                && undecided.iter().zip(&question.undecided).all(|(one, part)| one.contains(part));
            if !are_as_expected {
                fail(&question.ask, format!("undecided {undecided:#?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count >= 40, "{count} cases in {} files", files.len());
}
