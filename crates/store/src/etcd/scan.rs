//! Reading a prefix page by page, all pages at the revision of the first.

use std::sync::Arc;

use etcd_client::{GetOptions, GetResponse, KeyValue};
use futures::stream;

use super::codec::{Keyspace, decode_value, number, revision};
use super::failure::Failure;
use super::members::{Call, Members};
use super::{MAX_MESSAGE_BYTES, read_error};
use crate::{Item, Prefix, Revision, Scan, StoreError, Versioned};

/// Bytes that a page should have: enough to make the way to etcd and back not count, and little beside the limit of a
/// message.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// Items of the first page, before their size is known, and of the largest.
const FIRST_PAGE: usize = 500;
const LARGEST_PAGE: usize = 10_000;

struct Pages {
    members: Arc<Members>,
    keyspace: Keyspace,
    /// Where the next page starts, and the end; `None` once all is read.
    next: Option<String>,
    end: String,
    items: usize,
}

pub(super) async fn scan(members: &Arc<Members>, keyspace: &Keyspace, prefix: &Prefix) -> Result<Scan, StoreError> {
    let (start, end) = keyspace.range(prefix);
    let mut pages = Pages {
        members: Arc::clone(members),
        keyspace: keyspace.clone(),
        next: Some(start.clone()),
        end,
        items: FIRST_PAGE,
    };
    let (moment, first) = pages.read(start, None).await?;
    let first = stream::iter((!first.is_empty()).then_some(Ok(first)));
    let others = stream::try_unfold(pages, move |mut pages| async move {
        let Some(start) = pages.next.take() else { return Ok(None) };
        let (_, items) = pages.read(start, Some(moment)).await?;
        Ok(Some((items, pages)))
    });
    Ok(Scan::new(moment, futures::StreamExt::chain(first, others)))
}

impl Pages {
    async fn read(&mut self, start: String, at: Option<Revision>) -> Result<(Revision, Vec<Item>), StoreError> {
        let mut response = self.fetch(&start, at).await?;
        let moment = response.header().map(|header| revision(header.revision())).unwrap_or_default();
        let more = response.more();
        let pairs = response.take_kvs();
        let bytes: usize = pairs.iter().map(|pair| pair.key().len() + pair.value().len()).sum();
        if let Some(mean) = bytes.checked_div(pairs.len()) {
            self.items = (PAGE_BYTES / mean.max(1)).clamp(1, LARGEST_PAGE);
        }
        let items = pairs.iter().map(|pair| item(&self.keyspace, pair)).collect::<Result<Vec<_>, _>>()?;
        // The least key behind the last one.
        self.next = items.last().filter(|_| more).map(|item| format!("{}\0", self.keyspace.encode(&item.key)));
        Ok((moment, items))
    }

    /// A page of fewer items if they turn out larger than a message may be.
    async fn fetch(&mut self, start: &str, at: Option<Revision>) -> Result<GetResponse, StoreError> {
        loop {
            let limit = i64::try_from(self.items).unwrap_or(i64::MAX);
            let mut options = GetOptions::new().with_range(self.end.as_str()).with_limit(limit);
            if let Some(at) = at {
                options = options.with_revision(number(at));
            }
            let get = |client: etcd_client::Client| {
                let (start, options) = (start.to_owned(), options.clone());
                async move {
                    let mut kv = client.kv_client().max_decoding_message_size(MAX_MESSAGE_BYTES);
                    kv.get(start, Some(options)).await
                }
            };
            match self.members.call(Call::Read, get).await {
                Err(Failure::TooLarge) if self.items > 1 => self.items = (self.items / 8).max(1),
                Err(Failure::Compacted) => {
                    let text = "etcd was compacted while it was listed; list again".to_owned();
                    return Err(StoreError::Unavailable(text));
                }
                answer => return answer.map_err(read_error),
            }
        }
    }
}

fn item(keyspace: &Keyspace, pair: &KeyValue) -> Result<Item, StoreError> {
    let key = keyspace.decode(pair.key())?;
    let document = decode_value(&key, pair.value())?;
    Ok(Item { key, value: Versioned { document, revision: revision(pair.mod_revision()) } })
}
