//! The cases of `cases/sources`.

use std::collections::BTreeMap;
use std::path::Path;

use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::aws_auth::Authenticator;
use doorward_core::world::World;
use doorward_core::world_document::{self, AwsAuthDocument, WorldDocument};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) says: String,
    world: Pieces,
    pub(crate) callers: Vec<Caller>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Pieces {
    mode: String,
    aws_auth: BTreeMap<String, String>,
    access_entries: String,
    directory: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Caller {
    pub(crate) arn: String,
    pub(crate) id: Option<String>,
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

impl Caller {
    pub(crate) fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap()
    }

    /// As STS prints it for a session.
    pub(crate) fn user_id(&self) -> String {
        let session = self.arn.rsplit_once('/').unwrap().1;
        format!("{}:{session}", self.id.as_deref().unwrap_or("AROAEXAMPLE"))
    }
}

impl Case {
    pub(crate) fn world(&self) -> World {
        let mode = AuthenticationMode::from_name(&self.world.mode).unwrap();
        let mut document = WorldDocument::new(mode, Authenticator::Doorward);
        document.aws_auth = Some(AwsAuthDocument { data: self.world.aws_auth.clone() });
        document.access_entries = world_document::access_entries(&self.world.access_entries).unwrap().0;
        document.directory = Some(world_document::directory(&self.world.directory).unwrap());
        document.to_world().unwrap()
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/sources/both.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
