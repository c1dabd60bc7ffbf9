//! Datagrams of calls: anybody can send one to the service's UDP port.

use umweg_wire::Ticket;
use umweg_wire::datagram::{Flow, from_frames, from_udp, to_frame, to_udp};
use umweg_wire::limits::DATAGRAM_BYTES_MAX;

use super::Target;

pub(super) const DATAGRAM: Target = Target {
    name: "datagram",
    decodes: "a UDP datagram at the service, from anybody",
    bytes_max: 2 * DATAGRAM_BYTES_MAX,
    run: |input| {
        if let Ok((ticket, flow, datagram)) = from_udp(input) {
            assert_eq!(to_udp(ticket, flow, datagram), input, "a datagram is not what it was made of");
        }
    },
    seeds: || vec![to_udp(Ticket([5; 16]), flow(), STUN)],
};

pub(super) const FRAMES: Target = Target {
    name: "frames",
    decodes: "datagrams on a media connection, from whoever got a ticket",
    bytes_max: 4 * DATAGRAM_BYTES_MAX,
    run: |mut input| {
        // Every frame takes at least its length and flow off, so this ends.
        while let Ok(Some((_, _, taken))) = from_frames(input) {
            assert!(taken >= 3, "a frame took nothing");
            input = &input[taken..];
        }
    },
    seeds: || {
        let mut frames = Vec::new();
        to_frame(flow(), STUN, &mut frames).expect("a short datagram fits");
        to_frame(flow(), b"", &mut frames).expect("an empty datagram fits");
        vec![frames]
    },
};

/// A STUN Binding request (RFC 8489) without attributes.
const STUN: &[u8] = b"\x00\x01\x00\x00\x21\x12\xa4\x42umweg-fuzz12";

fn flow() -> Flow {
    Flow::new(3).expect("three is below the limit")
}
