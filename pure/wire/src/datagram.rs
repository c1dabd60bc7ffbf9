//! A call's datagrams between app and SFU, on either way.
//!
//! 1. By UDP a datagram is `[ticket 16][flow 1][datagram]`.
//! 2. A media connection (a sealed session of its own) begins with the 16 bytes of the ticket, without a length; then come frames
//!    `[length 2, big endian][flow 1][datagram]`, where the length counts flow and datagram.
//!
//! A flow is one address of the browser as the app sees it; ICE (RFC 8445) needs them told apart. The SFU sees each flow under
//! one synthetic address that does not depend on the road.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::limits::{DATAGRAM_BYTES_MAX, FLOWS_MAX};
use crate::{MalformedId, Ticket};

/// One of the browser's addresses, numbered by the app.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Flow(u8);

impl Flow {
    /// The flow of that number; there are `limits::FLOWS_MAX`.
    pub fn new(number: u8) -> Result<Self, Malformed> {
        if usize::from(number) < FLOWS_MAX { Ok(Self(number)) } else { Err(Malformed::Flow(number)) }
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// The address under which the SFU sees this flow of the participant in the given seat.
    ///
    /// 198.18.0.0/15 is for benchmarks of network devices (RFC 2544) and never routed; it must not be loopback, which Firefox
    /// refuses as a mapped address.
    #[must_use]
    pub fn synthetic_address(self, seat: u16) -> SocketAddr {
        let [high, low] = seat.to_be_bytes();
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 18, high, low)), 10_000 + u16::from(self.0))
    }
}

/// The synthetic address of the SFU itself, the destination of every flow.
#[must_use]
pub fn sfu_address() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 19, 0, 1)), 10_000)
}

/// Bytes that are not such a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// Shorter than its head.
    #[error("a datagram of {0} bytes has no room for its head")]
    Short(usize),
    /// Longer than anything we send.
    #[error("a datagram of {0} bytes is too long")]
    Long(usize),
    /// Not a flow.
    #[error("flow {0} is beyond the limit")]
    Flow(u8),
    /// Not a ticket.
    #[error(transparent)]
    Ticket(#[from] MalformedId),
}

/// Puts a UDP datagram together.
#[must_use]
pub fn to_udp(ticket: Ticket, flow: Flow, datagram: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(Ticket::LEN + 1 + datagram.len());
    bytes.extend_from_slice(&ticket.0);
    bytes.push(flow.0);
    bytes.extend_from_slice(datagram);
    bytes
}

/// Takes a UDP datagram apart.
pub fn from_udp(bytes: &[u8]) -> Result<(Ticket, Flow, &[u8]), Malformed> {
    let (ticket, rest) = bytes.split_at_checked(Ticket::LEN).ok_or(Malformed::Short(bytes.len()))?;
    let (flow, datagram) = flow_and_datagram(rest)?;
    Ok((ticket.try_into()?, flow, datagram))
}

/// Puts a frame of a media connection together.
pub fn to_frame(flow: Flow, datagram: &[u8], frame: &mut Vec<u8>) -> Result<(), Malformed> {
    let length = check_length(datagram.len())? + 1;
    frame.extend_from_slice(&length.to_be_bytes());
    frame.push(flow.0);
    frame.extend_from_slice(datagram);
    Ok(())
}

/// A frame: its flow, its datagram, and how many bytes it took.
pub type Frame<'a> = (Flow, &'a [u8], usize);

/// Takes the first whole frame off a media connection's bytes; `None` if more bytes are needed.
pub fn from_frames(bytes: &[u8]) -> Result<Option<Frame<'_>>, Malformed> {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*length));
    if length > DATAGRAM_BYTES_MAX + 1 {
        return Err(Malformed::Long(length));
    }
    let Some(frame) = rest.get(..length) else { return Ok(None) };
    let (flow, datagram) = flow_and_datagram(frame)?;
    Ok(Some((flow, datagram, 2 + length)))
}

fn flow_and_datagram(bytes: &[u8]) -> Result<(Flow, &[u8]), Malformed> {
    let (&flow, datagram) = bytes.split_first().ok_or(Malformed::Short(bytes.len()))?;
    check_length(datagram.len())?;
    Ok((Flow::new(flow)?, datagram))
}

fn check_length(length: usize) -> Result<u16, Malformed> {
    if length > DATAGRAM_BYTES_MAX {
        Err(Malformed::Long(length))
    } else {
        u16::try_from(length).map_err(|_| Malformed::Long(length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_datagram_survives_both_ways() {
        let (ticket, flow) = (Ticket([5; 16]), Flow::new(3).unwrap());
        let udp = to_udp(ticket, flow, b"media");
        assert_eq!(from_udp(&udp), Ok((ticket, flow, &b"media"[..])));
        let mut frame = Vec::new();
        to_frame(flow, b"media", &mut frame).unwrap();
        assert_eq!(frame, b"\x00\x06\x03media");
        assert_eq!(from_frames(&frame), Ok(Some((flow, &b"media"[..], 8))));
        assert_eq!(from_frames(&frame[..7]), Ok(None));
    }

    #[test]
    fn two_seats_never_share_an_address() {
        let flow = Flow::new(0).unwrap();
        assert_ne!(flow.synthetic_address(1), flow.synthetic_address(256));
        assert_ne!(flow.synthetic_address(1), Flow::new(1).unwrap().synthetic_address(1));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = from_udp(&bytes);
            let _ = from_frames(&bytes);
        }
    }
}
