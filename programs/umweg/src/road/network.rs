//! Which network the machine is in: what led through in one says little about another.
//!
//! It is told by the addresses from which the machine would send to the world, without their host's part. Asking the system for
//! them sends nothing. Other addresses don't count: virtual interfaces come and go without the network changing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use umweg_road::ranking::NetworkTag;

/// Addresses of documentation (RFC 5737, RFC 3849): routed as any of the world, and nobody's.
const WORLD: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// The network of the moment; empty where there is none.
pub(super) fn tag() -> NetworkTag {
    let networks: Vec<String> = WORLD.into_iter().filter_map(source_towards).map(network_of).collect();
    NetworkTag(networks.join(" "))
}

fn source_towards(world: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if world.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(SocketAddr::new(world, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn network_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}")
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_one_network_share_its_tag_and_others_do_not() {
        let of = |address: &str| network_of(address.parse().unwrap());
        assert_eq!(of("192.0.2.7"), of("192.0.2.200"));
        assert_ne!(of("192.0.2.7"), of("192.0.3.7"));
        assert_eq!(of("2001:db8:1:2::7"), of("2001:db8:1:2:abcd::9"));
        assert_ne!(of("2001:db8:1:2::7"), of("2001:db8:1:3::7"));
    }

    #[test]
    fn a_network_that_stays_keeps_its_tag() {
        assert!(tag() == tag());
    }
}
