//! The machine's own addresses: where the app offers itself to the browser, and from where alone it takes datagrams.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

/// Own addresses beside 127.0.0.1 that are offered: each costs two sockets a call and the browser a row of checks.
const OFFERED_MAX: usize = 4;
/// The list is read again for an unknown address, but not more often than this: anybody nearby may send from one.
const READ_GAP: Duration = Duration::from_secs(1);

/// The addresses of this machine, as last read.
pub(crate) struct OwnAddresses {
    known: BTreeSet<IpAddr>,
    read: Instant,
}

impl OwnAddresses {
    /// Reads them.
    pub(crate) fn read(now: Instant) -> Self {
        Self { known: interfaces().collect(), read: now }
    }

    /// Whether a datagram from there comes from this machine.
    pub(crate) fn contains(&mut self, address: IpAddr, now: Instant) -> bool {
        let address = address.to_canonical();
        if address.is_loopback() || self.known.contains(&address) {
            return true;
        }
        if now.saturating_duration_since(self.read) < READ_GAP {
            return false;
        }
        *self = Self::read(now);
        self.known.contains(&address)
    }
}

/// Where the app offers itself: loopback first, which Chromium takes and which no other machine can reach; then the others,
/// without which Firefox finds nothing.
pub(crate) fn offered() -> Vec<IpAddr> {
    let own = interfaces().filter(|address| !address.is_loopback() && !is_link_local(address));
    let own: BTreeSet<IpAddr> = own.collect();
    std::iter::once(IpAddr::V4(Ipv4Addr::LOCALHOST)).chain(own.into_iter().take(OFFERED_MAX)).collect()
}

fn interfaces() -> impl Iterator<Item = IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(kind = ?error.kind(), "the machine's own addresses could not be read: calls work in Chromium only");
        Vec::new()
    });
    interfaces.into_iter().map(|interface| interface.ip().to_canonical())
}

/// Such an address means nothing without its interface, which a candidate cannot name.
fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_offered_first_and_once() {
        let offered = offered();
        assert_eq!(offered[0], IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert!(offered[1..].iter().all(|address| !address.is_loopback() && !is_link_local(address)));
        assert!(offered.len() <= 1 + OFFERED_MAX);
    }

    #[test]
    fn every_offered_address_is_our_own_and_a_strangers_is_not() {
        let now = Instant::now();
        let mut own = OwnAddresses::read(now);
        assert!(offered().into_iter().all(|address| own.contains(address, now)));
        assert!(own.contains("::ffff:127.0.0.1".parse().unwrap(), now), "as a socket for both families shows it");
        for stranger in ["198.51.100.7", "2001:db8::7"] {
            assert!(!own.contains(stranger.parse().unwrap(), now + READ_GAP * 2), "{stranger}");
        }
    }
}
