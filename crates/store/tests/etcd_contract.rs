//! The contract, on a real etcd of three members.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use doorward_store::contract::Fixture;
use doorward_store::etcd_cluster::EtcdCluster;
use doorward_store::{EtcdOptions, EtcdStore, Revision, Store};
use etcd_client::Client;
use futures::future::{BoxFuture, FutureExt};

// In turn, also because etcd's revisions are those of the whole cluster, and some cases count them.
doorward_store::store_contract!(in turn on EtcdCluster::start(3), Keyspace::new);

/// A prefix of its own for every case.
struct Keyspace<'a> {
    cluster: &'a EtcdCluster,
    prefix: String,
}

impl<'a> Keyspace<'a> {
    fn new(cluster: &'a EtcdCluster) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self { cluster, prefix: format!("/case-{}/", NEXT.fetch_add(1, Ordering::Relaxed)) }
    }
}

impl Fixture for Keyspace<'_> {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        async {
            let options = EtcdOptions { prefix: self.prefix.clone(), ..EtcdOptions::new(self.cluster.endpoints()) };
            Arc::new(EtcdStore::open(&options).await.unwrap()) as Arc<dyn Store>
        }
        .boxed()
    }

    fn compact(&self, up_to: Revision) -> BoxFuture<'_, ()> {
        async move {
            let mut client = Client::connect(self.cluster.endpoints(), None).await.unwrap();
            client.compact(up_to.0.try_into().unwrap(), None).await.unwrap();
        }
        .boxed()
    }
}
