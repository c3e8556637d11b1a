//! The cases of `cases/aws-auth`.

use std::collections::BTreeMap;
use std::path::Path;

use doorward_core::aws_auth::{self, AwsAuth};
use serde::Deserialize;

pub(crate) type Data = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) says: String,
    #[serde(default)]
    pub(crate) before: Vec<Option<Data>>,
    pub(crate) data: Option<Data>,
    pub(crate) callers: Vec<Caller>,
    #[serde(default)]
    pub(crate) problems: Vec<ExpectedProblem>,
    #[serde(default)]
    pub(crate) stale: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Caller {
    pub(crate) arn: String,
    #[serde(default)]
    pub(crate) access_key_id: String,
    pub(crate) private_dns_name: Option<String>,
    pub(crate) is: Option<Identity>,
    pub(crate) refused: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) groups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedProblem {
    pub(crate) section: String,
    pub(crate) row: Option<usize>,
    pub(crate) effect: String,
    pub(crate) says: String,
}

impl Case {
    /// What counts after every state of the ConfigMap.
    pub(crate) fn aws_auth(&self) -> AwsAuth {
        let read = |data: &Option<Data>| aws_auth::parse(data.as_ref().unwrap_or(&Data::new()));
        let states = self.before.iter().chain([&self.data]);
        states.map(read).reduce(|before, now| now.with_last_good(&before)).unwrap()
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/aws-auth");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let read = |file| {
        let text = std::fs::read_to_string(&file).unwrap();
        serde_saphyr::from_str::<Vec<Case>>(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"))
    };
    files.into_iter().flat_map(read).collect()
}
