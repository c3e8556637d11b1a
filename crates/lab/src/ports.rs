//! The addresses a lab listens on.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use serde::{Deserialize, Serialize};

use crate::LabError;

/// Where a lab listens, all on loopback. A port of 0 in a request means "any free one".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Doorward's API: EKS, STS and IAM.
    pub api: SocketAddr,
    /// Doorward's webhooks.
    pub webhook: SocketAddr,
    /// Doorward's health and metrics.
    pub ops: SocketAddr,
    /// kube-apiserver.
    pub kubernetes: SocketAddr,
    /// etcd, for clients.
    pub etcd: SocketAddr,
    /// etcd, for peers (it insists on listening, though it has none).
    pub etcd_peer: SocketAddr,
}

impl Default for Addresses {
    fn default() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { api: any, webhook: any, ops: any, kubernetes: any, etcd: any, etcd_peer: any }
    }
}

impl Addresses {
    /// Fills in free ports and makes sure that every address can be listened on.
    ///
    /// All listeners are held until the last is bound, so no port is given out twice.
    pub(crate) fn reserve(self) -> Result<Self, LabError> {
        let mut held = Vec::new();
        let mut bind = |what: &'static str, address: SocketAddr| {
            let unavailable = |source| LabError::AddressUnavailable { what, address, source };
            let listener = if address.port() == 0 { bind_any(address.ip()) } else { TcpListener::bind(address) };
            let listener = listener.map_err(unavailable)?;
            let bound = listener.local_addr().map_err(unavailable)?;
            held.push(listener);
            Ok::<_, LabError>(bound)
        };
        Ok(Self {
            api: bind("Doorward's API", self.api)?,
            webhook: bind("Doorward's webhook server", self.webhook)?,
            ops: bind("Doorward's ops server", self.ops)?,
            kubernetes: bind("kube-apiserver", self.kubernetes)?,
            etcd: bind("etcd", self.etcd)?,
            etcd_peer: bind("etcd", self.etcd_peer)?,
        })
    }
}

/// So many addresses of loopback that are free, and that no outgoing connection gets.
///
/// # Errors
/// If there are none.
pub fn free_addresses(count: usize) -> io::Result<Vec<SocketAddr>> {
    // Held until the last is bound, so that no port is given out twice.
    let held = (0..count).map(|_| bind_any(Ipv4Addr::LOCALHOST.into())).collect::<io::Result<Vec<_>>>()?;
    held.iter().map(TcpListener::local_addr).collect()
}

/// Binds some free port that the system does not give to outgoing connections.
///
/// A reserved port is let go before its server binds it, and a server that is started anew leaves its port for a
/// moment. An outgoing connection, of which kube-apiserver alone opens hundreds to etcd, must not get it meanwhile.
fn bind_any(ip: IpAddr) -> io::Result<TcpListener> {
    const LOWEST: u16 = 10_000;
    const TRIES: usize = 100;
    let choices = u64::from(first_outgoing_port().saturating_sub(LOWEST));
    if choices > 0 {
        // A hasher's keys are the standard library's own randomness, which is all that is needed to spread labs.
        let candidates = std::iter::repeat_with(|| RandomState::new().build_hasher().finish() % choices).take(TRIES);
        for offset in candidates.filter_map(|offset| u16::try_from(offset).ok()) {
            if let Ok(listener) = TcpListener::bind((ip, LOWEST + offset)) {
                return Ok(listener);
            }
        }
    }
    TcpListener::bind((ip, 0))
}

/// Where the ports of outgoing connections begin; Linux's default where the system does not say.
fn first_outgoing_port() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    range.split_ascii_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_are_all_different() {
        let addresses = Addresses::default().reserve().unwrap();
        let mut ports = [
            addresses.api.port(),
            addresses.webhook.port(),
            addresses.ops.port(),
            addresses.kubernetes.port(),
            addresses.etcd.port(),
            addresses.etcd_peer.port(),
        ]
        .to_vec();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 6);
        assert!(!ports.contains(&0));
        assert!(ports.iter().all(|port| *port < first_outgoing_port()), "{ports:?}");
    }

    #[test]
    fn a_busy_port_is_named_with_its_server() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let api = taken.local_addr().unwrap();
        let error = Addresses { api, ..Addresses::default() }.reserve().unwrap_err().to_string();
        assert!(error.starts_with(&format!("Doorward's API cannot listen on `{api}`: ")), "{error}");
        assert!(error.ends_with("stop what listens there or choose another address"), "{error}");
    }
}
