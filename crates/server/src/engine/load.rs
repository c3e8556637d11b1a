//! The first View: everything that the store holds.

use std::sync::Arc;

use doorward_store::{Item, Key, Prefix, Revision, Store, StoreError};
use futures::stream::{StreamExt as _, TryStreamExt as _};

use super::GENERATION;
use super::commit::Generation;
use super::follow::take_up;
use crate::change::Change;
use crate::error::{ServerError, WriteError};
use crate::replica::{self, Replicas};
use crate::view::View;

/// Parts of the store that are read from JSON at the same time, beside the one thread that puts them together.
const DECODERS: usize = 3;

/// Puts everything that is stored into an empty View; also gives the revision up to which it surely is in there.
///
/// # Errors
/// If the store cannot be read, or holds a record that this version does not understand.
pub(super) async fn load(store: &dyn Store, mut view: View) -> Result<(View, Revision), ServerError> {
    let (generation, last_event, from) = generation(store).await?;
    view.generation = generation;
    view.last_event = last_event;
    // Clusters come before what belongs to them, because keys are sorted.
    for root in ["iam", "clusters"] {
        let root = Key::new(root).map_err(WriteError::from)?;
        let parts = store.scan(&Prefix::below(&root)).await?.into_parts();
        let decode = |part: Result<Vec<Item>, StoreError>| async move {
            let part = part?;
            tokio::task::spawn_blocking(move || decode(&part)).await.map_err(|_| ServerError::Stopped)?
        };
        let mut parts = std::pin::pin!(parts.map(decode).buffered(DECODERS));
        while let Some(changes) = parts.try_next().await? {
            for change in &changes {
                view.apply(change);
            }
        }
    }
    if store.is_shared() {
        view.replicas = Arc::new(replicas(store).await?);
        // Others may have written meanwhile: what is read may be of different moments. Every change since the first of
        // them says what a key is now, so that following them all leads to one moment again.
        let (latest, ..) = self::generation(store).await?;
        let mut watch = store.watch(&Prefix::all(), from).await?;
        while view.generation < latest {
            take_up(&mut view, &watch.next().await.ok_or(StoreError::Closed)??)?;
        }
    }
    Ok((view, from))
}

async fn replicas(store: &dyn Store) -> Result<Replicas, ServerError> {
    let announced = store.list(&replica::prefix().map_err(WriteError::from)?).await?;
    let mut replicas = Replicas::new();
    announced.items.iter().for_each(|item| replica::announced(&mut replicas, item));
    Ok(replicas)
}

fn decode(items: &[Item]) -> Result<Vec<Change>, ServerError> {
    items.iter().filter_map(|item| read(item).transpose()).collect()
}

/// Reads a stored item; `None` for what is of no interest here.
pub(super) fn read(item: &Item) -> Result<Option<Change>, ServerError> {
    Change::from_stored(item).map_err(|problem| ServerError::Record { key: item.key.to_string(), problem })
}

/// The generation, when the last event was, and the store's revision when they were read.
async fn generation(store: &dyn Store) -> Result<(Option<Revision>, u64, Revision), ServerError> {
    let key = Key::new(GENERATION).map_err(WriteError::from)?;
    let meta = Key::new("meta").map_err(WriteError::from)?;
    let snapshot = store.list(&Prefix::below(&meta)).await?;
    let found = snapshot.items.iter().find(|item| item.key == key);
    let last_event = found.and_then(|item| Generation::read(&item.value.document)).map_or(0, |last| last.last_event);
    Ok((found.map(|item| item.value.revision), last_event, snapshot.revision))
}
