//! Filling a store with what another holds, and looking whether it worked.

use doorward_store::{Document, Expect, Key, MAX_TXN_OPS, Outcome, Store, Txn};

use super::dump::Dump;
use crate::error::CliError;

/// Bytes of one transaction, which etcd takes 1.5 MiB of. A value alone may have 1 MiB.
const TXN_BYTES: usize = 1024 * 1024;

/// Whether a store with something in it is overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// It has to be empty.
    Empty,
    /// Whatever it holds is replaced.
    Overwritten,
}

/// Makes `store` hold what `dump` has and nothing else, and reads it again to be sure.
///
/// # Errors
/// If it is not empty, cannot be written, or somebody else writes to it.
pub(super) async fn fill(store: &dyn Store, dump: &Dump, target: Target) -> Result<(), CliError> {
    let present = Dump::of(store).await?;
    let count = present.entries().len();
    if count > 0 && target == Target::Empty {
        return Err(CliError::Failed(format!(
            "the store is not empty, it has {count} keys; choose an empty one, or replace all of it with `--force`"
        )));
    }
    for keys in present.entries().chunks(MAX_TXN_OPS) {
        commit(store, keys.iter().fold(Txn::new(), |txn, (key, _)| txn.delete(key.clone()))).await?;
    }
    for part in parts(dump.entries()) {
        // Absent, or somebody else writes, and then it is not known what comes out.
        let put = |txn: Txn, (key, document): &(Key, Document)| {
            txn.when(key.clone(), Expect::Absent).put(key.clone(), document.clone())
        };
        commit(store, part.iter().fold(Txn::new(), put)).await?;
    }
    same(dump, &Dump::of(store).await?)
}

/// Whether two stores hold the same.
///
/// # Errors
/// If they do not.
pub(super) fn same(source: &Dump, target: &Dump) -> Result<(), CliError> {
    if (source.entries().len(), source.digest()) == (target.entries().len(), target.digest()) {
        return Ok(());
    }
    Err(CliError::Failed(format!(
        "the copy is not the same: {} keys with {}, and {} keys with {}; does a server write to one of them?",
        source.entries().len(),
        source.digest(),
        target.entries().len(),
        target.digest()
    )))
}

/// Parts that fit into a transaction each.
fn parts(mut entries: &[(Key, Document)]) -> Vec<&[(Key, Document)]> {
    let mut parts = Vec::new();
    while !entries.is_empty() {
        let mut bytes = 0;
        let fits = |(key, document): &&(Key, Document)| {
            bytes += 2 * key.as_str().len() + document.json().len();
            bytes <= TXN_BYTES
        };
        let count = entries.iter().take(MAX_TXN_OPS).take_while(fits).count().max(1);
        let (part, rest) = entries.split_at(count);
        parts.push(part);
        entries = rest;
    }
    parts
}

async fn commit(store: &dyn Store, txn: Txn) -> Result<(), CliError> {
    match store.txn(txn).await? {
        Outcome::Committed(_) => Ok(()),
        Outcome::Conflict { key, .. } => Err(CliError::Failed(format!(
            "somebody else writes `{key}`; stop every server that has this store, and do it again with `--force`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_fits_into_a_transaction_and_none_is_left_out() {
        let entry = |n: usize, size: usize| {
            (Key::new(&format!("k/{n}")).unwrap(), Document::encode(1, &"x".repeat(size)).unwrap())
        };
        let small: Vec<_> = (0..300).map(|n| entry(n, 10)).collect();
        assert_eq!(parts(&small).iter().map(|part| part.len()).collect::<Vec<_>>(), [128, 128, 44]);
        let large: Vec<_> = (0..3).map(|n| entry(n, 600_000)).collect();
        assert_eq!(parts(&large).len(), 3);
        let largest: Vec<_> = (0..2).map(|n| entry(n, doorward_store::MAX_DOCUMENT_BYTES - 2)).collect();
        assert_eq!(parts(&largest).len(), 2);
        assert!(parts(&[]).is_empty());
    }
}
