//! Changes of what the server knows: each is one object in the store, and one step of the [`View`](crate::view::View).
//!
//! Loading, writing and following the store all go through here, so that what was acknowledged, what is in memory and
//! what the next start will read cannot differ.

use std::borrow::Cow;
use std::sync::Arc;

use doorward_core::access_entry::AccessEntry;
use doorward_core::cluster_name::{ClusterName, ClusterNameError};
use doorward_core::principal::PrincipalArn;
use doorward_identity::directory::{Change as DirectoryChange, Object, ObjectKey};
use doorward_store::{Document, DocumentError, Item, Key, KeyError};
use serde_json::Value;

use crate::cluster_record::ClusterRecord;
use crate::update_record::UpdateRecord;

/// The version of the JSON that this program writes.
const SCHEMA: u32 = 1;

/// One object put or removed.
#[derive(Clone, Debug)]
pub enum Change {
    /// An object of the local directory.
    Directory(DirectoryChange),
    /// A registered cluster.
    PutCluster(Box<ClusterRecord>),
    /// A cluster that is no longer registered.
    DeleteCluster(ClusterName),
    /// An access entry.
    PutEntry(ClusterName, Arc<AccessEntry>),
    /// An access entry that is gone, with its associations.
    DeleteEntry(ClusterName, PrincipalArn),
    /// A record of a cluster's update.
    PutUpdate(ClusterName, UpdateRecord),
    /// An update whose cluster is gone.
    DeleteUpdate(ClusterName, String),
}

impl Change {
    /// The key of the object.
    ///
    /// # Errors
    /// If a name is too long for a key.
    pub fn key(&self) -> Result<Key, KeyError> {
        match self {
            Self::Directory(change) => Key::new(&change.key().to_string()),
            Self::PutCluster(record) => Key::of(["clusters", record.name.as_str()]),
            Self::DeleteCluster(name) => Key::of(["clusters", name.as_str()]),
            Self::PutEntry(cluster, entry) => entry_key(cluster, &entry.principal_arn),
            Self::DeleteEntry(cluster, principal) => entry_key(cluster, principal),
            Self::PutUpdate(cluster, update) => update_key(cluster, &update.id),
            Self::DeleteUpdate(cluster, id) => update_key(cluster, id),
        }
    }

    /// What to store, none for a removal.
    ///
    /// # Errors
    /// If the object is larger than the store takes.
    pub fn document(&self) -> Result<Option<Document>, DocumentError> {
        match self {
            Self::Directory(DirectoryChange::Put(object)) => {
                let stored = object.to_stored().map_err(|error| DocumentError::Json(error.to_string()))?;
                Document::from_json(doorward_identity::directory::SCHEMA, &stored).map(Some)
            }
            Self::PutCluster(record) => Document::encode(SCHEMA, record).map(Some),
            Self::PutEntry(_, entry) => Document::encode(SCHEMA, entry.as_ref()).map(Some),
            Self::PutUpdate(_, update) => Document::encode(SCHEMA, update).map(Some),
            Self::Directory(DirectoryChange::Delete(_))
            | Self::DeleteCluster(_)
            | Self::DeleteEntry(..)
            | Self::DeleteUpdate(..) => Ok(None),
        }
    }

    /// Reads an object back from the store; `None` for keys that are of no interest here, such as the history's.
    ///
    /// # Errors
    /// Says what is wrong if the value is not what this version writes.
    pub fn from_stored(item: &Item) -> Result<Option<Self>, String> {
        let document = &item.value.document;
        let (cluster, part) = match Place::of(&item.key)? {
            Place::Directory => {
                let object = Object::from_stored(document.json().as_bytes()).map_err(|error| error.to_string())?;
                return Ok(Some(Self::Directory(DirectoryChange::Put(object))));
            }
            Place::InCluster(cluster, part) => (cluster, part),
            Place::Elsewhere => return Ok(None),
        };
        if document.schema() != SCHEMA {
            return Err(format!("its schema is {}, this version reads schema {SCHEMA}", document.schema()));
        }
        let read = |error: DocumentError| error.to_string();
        Ok(match part {
            Part::Record => Some(Self::PutCluster(Box::new(document.decode().map_err(read)?))),
            Part::Entry(_) => Some(Self::PutEntry(cluster, Arc::new(document.decode().map_err(read)?))),
            Part::Update(_) => Some(Self::PutUpdate(cluster, document.decode().map_err(read)?)),
            Part::Other => None,
        })
    }

    /// The change that a key which is gone stands for; `None` for keys that are of no interest here.
    ///
    /// # Errors
    /// Says what is wrong if it is not a key that this version writes.
    pub fn from_removed(key: &Key) -> Result<Option<Self>, String> {
        Ok(match Place::of(key)? {
            Place::Directory => {
                let key = key.as_str().parse::<ObjectKey>().map_err(|error| error.to_string())?;
                Some(Self::Directory(DirectoryChange::Delete(key)))
            }
            Place::InCluster(cluster, Part::Record) => Some(Self::DeleteCluster(cluster)),
            Place::InCluster(cluster, Part::Entry(principal)) => {
                let principal = PrincipalArn::parse(&principal).map_err(|error| error.to_string())?;
                Some(Self::DeleteEntry(cluster, principal))
            }
            Place::InCluster(cluster, Part::Update(id)) => Some(Self::DeleteUpdate(cluster, id.into_owned())),
            Place::InCluster(_, Part::Other) | Place::Elsewhere => None,
        })
    }

    /// What the history says of the object after the change: as stored, with secrets left out; null for a removal.
    pub fn for_history(&self) -> Value {
        match self {
            Self::Directory(DirectoryChange::Put(object)) => {
                object.to_redacted().ok().and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default()
            }
            Self::PutCluster(record) => serde_json::to_value(record.without_secrets()).unwrap_or_default(),
            Self::PutEntry(_, entry) => serde_json::to_value(entry.as_ref()).unwrap_or_default(),
            Self::PutUpdate(_, update) => serde_json::to_value(update).unwrap_or_default(),
            _ => Value::Null,
        }
    }
}

/// Whose a key is.
enum Place<'a> {
    /// The local directory's, which reads its keys itself.
    Directory,
    /// A cluster's.
    InCluster(ClusterName, Part<'a>),
    /// Somebody else's, such as the history's.
    Elsewhere,
}

/// What of a cluster.
enum Part<'a> {
    Record,
    /// By the principal.
    Entry(Cow<'a, str>),
    /// By its id.
    Update(Cow<'a, str>),
    Other,
}

impl<'a> Place<'a> {
    fn of(key: &'a Key) -> Result<Self, String> {
        let segments: Vec<Cow<'_, str>> = key.segments().collect();
        Ok(match segments.as_slice() {
            [root, ..] if root == "iam" => Self::Directory,
            [root, name, below @ ..] if root == "clusters" => {
                let part = match below {
                    [] => Part::Record,
                    [kind, principal] if kind == "entries" => Part::Entry(principal.clone()),
                    [kind, id] if kind == "updates" => Part::Update(id.clone()),
                    _ => Part::Other,
                };
                Self::InCluster(name.parse().map_err(|error: ClusterNameError| error.to_string())?, part)
            }
            _ => Self::Elsewhere,
        })
    }
}

fn entry_key(cluster: &ClusterName, principal: &PrincipalArn) -> Result<Key, KeyError> {
    Key::of(["clusters", cluster.as_str(), "entries", principal.as_str()])
}

fn update_key(cluster: &ClusterName, id: &str) -> Result<Key, KeyError> {
    Key::of(["clusters", cluster.as_str(), "updates", id])
}
