//! Reading a prefix some items at a time: a blocking task reads ahead by a little, whoever asked takes what is ready.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::stream;
use tokio::sync::{mpsc, oneshot};

use super::readers::Readers;
use super::schema;
use crate::{Item, Prefix, Scan, StoreError};

/// Items read at a time: enough that handing them on costs nothing beside reading them.
const AT_A_TIME: usize = 1024;
/// Parts read ahead.
const AHEAD: usize = 4;

pub(super) async fn scan(readers: &Arc<Readers>, prefix: Prefix) -> Result<Scan, StoreError> {
    let (begin, begun) = oneshot::channel();
    let (parts, taken) = mpsc::channel::<Result<Vec<Item>, StoreError>>(AHEAD);
    let failed = parts.clone();
    let reading = readers.read(move |connection| {
        let begin = |revision| {
            let _ = begin.send(revision);
        };
        let take = |items| match parts.blocking_send(Ok(items)) {
            Ok(()) => ControlFlow::Continue(()),
            // Whoever asked went away.
            Err(_) => ControlFlow::Break(()),
        };
        schema::scan(connection, &prefix, AT_A_TIME, begin, take)
    });
    let reading = tokio::spawn(async move {
        let outcome = reading.await;
        if let Err(error) = &outcome {
            let _ = failed.send(Err(error.clone())).await;
        }
        outcome
    });
    let Ok(revision) = begun.await else {
        // It never began, and says why.
        return Err(reading.await.map_err(|_| StoreError::Closed)?.err().unwrap_or(StoreError::Closed));
    };
    Ok(Scan::new(revision, stream::unfold(taken, |mut taken| async { taken.recv().await.map(|part| (part, taken)) })))
}
