//! Changes of what the server knows: each is one object in the store, and one step of the [`View`](crate::view::View).
//!
//! Loading, writing and following the store all go through here, so that what was acknowledged, what is in memory and
//! what the next start will read cannot differ.

use doorward_core::access_entry::AccessEntry;
use doorward_core::cluster_name::ClusterName;
use doorward_core::principal::PrincipalArn;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::cluster_record::ClusterRecord;
use crate::update_record::UpdateRecord;

/// The version of the JSON that this program writes.
const SCHEMA: u32 = 1;

/// One object put or removed.
#[derive(Clone, Debug)]
pub enum Change {
    /// An object of the local directory.
    Directory(doorward_identity::Change),
    /// A registered cluster.
    PutCluster(Box<ClusterRecord>),
    /// A cluster that is no longer registered.
    DeleteCluster(ClusterName),
    /// An access entry.
    PutEntry(ClusterName, Box<AccessEntry>),
    /// An access entry that is gone, with its associations.
    DeleteEntry(ClusterName, PrincipalArn),
    /// A record of a cluster's update.
    PutUpdate(ClusterName, UpdateRecord),
    /// An update whose cluster is gone.
    DeleteUpdate(ClusterName, String),
}

/// A stored value with the version of its form.
#[derive(Serialize, Deserialize)]
struct Stored<T> {
    schema: u32,
    #[serde(flatten)]
    record: T,
}

impl Change {
    /// The key of the object.
    pub fn key(&self) -> String {
        match self {
            Self::Directory(change) => change.key(),
            Self::PutCluster(record) => cluster_key(&record.name),
            Self::DeleteCluster(name) => cluster_key(name),
            Self::PutEntry(cluster, entry) => entry_key(cluster, &entry.principal_arn),
            Self::DeleteEntry(cluster, principal) => entry_key(cluster, principal),
            Self::PutUpdate(cluster, update) => update_key(cluster, &update.id),
            Self::DeleteUpdate(cluster, id) => update_key(cluster, id),
        }
    }

    /// The value to store, none for a removal.
    ///
    /// # Errors
    /// If a record has no JSON form, which none of them lacks.
    pub fn value(&self) -> Result<Option<Value>, serde_json::Error> {
        match self {
            Self::Directory(change) => change.value(),
            Self::PutCluster(record) => stored(record).map(Some),
            Self::PutEntry(_, entry) => stored(entry).map(Some),
            Self::PutUpdate(_, update) => stored(update).map(Some),
            Self::DeleteCluster(_) | Self::DeleteEntry(..) | Self::DeleteUpdate(..) => Ok(None),
        }
    }

    /// Reads an object back from the store; `None` for keys that are of no interest here, such as the history's.
    ///
    /// # Errors
    /// If the value is not what this version writes.
    pub fn from_stored(key: &str, value: Value) -> Result<Option<Self>, String> {
        if key.starts_with("iam/") {
            return doorward_identity::Change::from_stored(key, value).map(|change| Some(Self::Directory(change)));
        }
        let mut segments = key.splitn(4, '/');
        let ("clusters", Some(name)) = (segments.next().unwrap_or_default(), segments.next()) else { return Ok(None) };
        let cluster = ClusterName::parse(name).map_err(|error| error.to_string())?;
        match (segments.next(), segments.next()) {
            (None, None) => Ok(Some(Self::PutCluster(Box::new(unstored(value)?)))),
            (Some("entries"), Some(_)) => Ok(Some(Self::PutEntry(cluster, Box::new(unstored(value)?)))),
            (Some("updates"), Some(_)) => Ok(Some(Self::PutUpdate(cluster, unstored(value)?))),
            _ => Ok(None),
        }
    }

    /// What the history says of the object after the change: as stored, with secrets left out.
    pub fn for_history(&self) -> Value {
        match self {
            Self::Directory(change) => change.for_history(),
            Self::PutCluster(record) => serde_json::to_value(record.without_secrets()).unwrap_or_default(),
            _ => self.value().ok().flatten().unwrap_or_default(),
        }
    }
}

fn cluster_key(name: &ClusterName) -> String {
    format!("clusters/{name}")
}

fn entry_key(cluster: &ClusterName, principal: &PrincipalArn) -> String {
    // A path holds slashes, which separate the segments of keys.
    format!("clusters/{cluster}/entries/{}", doorward_sigv4::query::encode(principal.as_str()))
}

fn update_key(cluster: &ClusterName, id: &str) -> String {
    format!("clusters/{cluster}/updates/{id}")
}

fn stored<T: Serialize>(record: &T) -> Result<Value, serde_json::Error> {
    serde_json::to_value(Stored { schema: SCHEMA, record })
}

fn unstored<T: DeserializeOwned>(mut value: Value) -> Result<T, String> {
    // Taken off by hand: a flattened record could not refuse unknown fields.
    let schema = value.as_object_mut().and_then(|object| object.remove("schema"));
    match schema.as_ref().and_then(Value::as_u64) {
        Some(1) => serde_json::from_value(value).map_err(|error| error.to_string()),
        other => Err(format!("its schema is {other:?}, this version reads schema {SCHEMA}")),
    }
}
