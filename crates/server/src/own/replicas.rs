//! The servers of the store, and up to where each knows it.

use serde_json::{Value, json};

use crate::eks::Outcome;
use crate::view::View;

/// `generation` is the last write of any server: one that `knows` as much decides by every write answered before this
/// was asked. There are no `replicas` where there can only be this one.
pub(super) fn list(view: &View) -> Outcome {
    let each = view.replicas.iter().map(|(name, replica)| {
        json!({
            "name": name, "api": replica.api, "version": replica.version, "knows": replica.knows,
            "isCurrent": replica.knows(view.generation),
        })
    });
    let generation = view.generation.map(|revision| revision.0);
    Ok((json!({ "generation": generation, "replicas": each.collect::<Vec<Value>>() }), Vec::new()))
}
