//! Connections by client: one of them cannot take all that an address serves.
//!
//! A client is an IPv4 address, or an IPv6 network of 64 bits, which is what one customer of a network gets at least.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections that are open, by client. It has no more clients than there are connections.
#[derive(Debug)]
pub(crate) struct PerClient {
    most: u32,
    open: Mutex<HashMap<IpAddr, u32>>,
}

/// One connection of a client, which counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    all: Arc<PerClient>,
    client: IpAddr,
}

impl PerClient {
    /// Lets every client have `most` connections.
    pub(crate) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most, open: Mutex::default() })
    }

    /// Counts a connection from an address, or says no by `None`.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Counted> {
        let client = client_of(address);
        let mut open = self.open();
        let count = open.entry(client).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Counted { all: Arc::clone(self), client })
    }

    /// Nothing that holds the lock can leave the counts half done.
    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.all.open();
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_no_more_than_its_share_and_others_have_theirs() {
        let clients = PerClient::new(2);
        let first = clients.admit(ip("192.0.2.1"));
        let second = clients.admit(ip("::ffff:192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(clients.admit(ip("192.0.2.1")).is_none());
        assert!(clients.admit(ip("192.0.2.2")).is_some());
        drop(first);
        assert!(clients.admit(ip("192.0.2.1")).is_some());
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_are_one_client() {
        let clients = PerClient::new(1);
        let _held = clients.admit(ip("2001:db8::1"));
        assert!(clients.admit(ip("2001:db8::ffff:2")).is_none());
        assert!(clients.admit(ip("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn who_has_no_connection_takes_no_memory() {
        let clients = PerClient::new(1);
        for number in 0..1_000_u32 {
            assert!(clients.admit(std::net::Ipv4Addr::from_bits(number).into()).is_some());
        }
        assert!(clients.open().is_empty());
    }
}
