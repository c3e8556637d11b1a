//! Which API server calls: the name in its client certificate must be that of the cluster in the path, so that one
//! cluster's API server cannot ask about another cluster.

use doorward_cluster::pki::client_of;

use crate::listener::Peer;

/// Whether the peer is the API server of this cluster.
pub(super) fn is_api_server_of(peer: &Peer, cluster: &str) -> bool {
    peer.certificate
        .as_ref()
        .and_then(|certificate| client_of(certificate))
        .is_some_and(|name| name.as_str() == cluster)
}
