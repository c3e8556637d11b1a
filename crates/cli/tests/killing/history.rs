//! The history of a store, played from its beginning, against what the store holds.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// What `doorward store export` prints.
#[derive(Deserialize)]
struct Export {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    key: String,
    value: Value,
}

/// An event of the history.
#[derive(Deserialize)]
struct Event {
    changes: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    key: String,
    before: Value,
    after: Value,
}

/// Plays the history of an export in the order of its names: every change begins where the one before it on the same
/// object ended, and at the end there is what is stored, no less and no more. Answers how many events there were.
pub(crate) fn leads_to_what_is_stored(export: &str) -> usize {
    let Export { items } = serde_json::from_str(export).unwrap();
    let (history, stored): (Vec<Item>, Vec<Item>) =
        items.into_iter().partition(|item| item.key.starts_with("history/"));
    assert!(history.is_sorted_by_key(|event| event.key.clone()));
    let events = history.len();
    let mut state: BTreeMap<String, Value> = BTreeMap::new();
    for Item { key: name, value } in history {
        let Event { changes } = serde_json::from_value(value).unwrap();
        for Row { key, before, after } in changes {
            let was = state.remove(&key).unwrap_or(Value::Null);
            assert_eq!(
                before, was,
                "`{name}` says what `{key}` was before, on the left; the history until then, on the right"
            );
            if !after.is_null() {
                state.insert(key, after);
            }
        }
    }
    for Item { key, value } in stored.into_iter().filter(|item| in_history(&item.key)) {
        let replayed = state.remove(&key).unwrap_or_else(|| panic!("`{key}` is stored, and not by the history"));
        if !has_secret(&key) {
            assert_eq!(replayed, value, "`{key}` by the history on the left, in the store on the right");
        }
    }
    assert!(state.is_empty(), "the history has what is not stored: {:?}", state.keys().collect::<Vec<_>>());
    events
}

/// Whether an object is one of those whose changes are events.
fn in_history(key: &str) -> bool {
    key.starts_with("iam/") || key.starts_with("clusters/")
}

/// Whether the history leaves something of an object out: the secret of an access key, the kubeconfig of a cluster.
fn has_secret(key: &str) -> bool {
    key.contains("/access-key/") || (key.starts_with("clusters/") && key.split('/').count() == 2)
}
