//! Datagrams of calls: anybody can send one to the service's UDP port.

use umweg_sfu::vp8::Vp8;
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

pub(super) const VP8: Target = Target {
    name: "vp8",
    decodes: "what a video packet says in clear, from a participant",
    bytes_max: DATAGRAM_BYTES_MAX,
    run: |input| {
        if let Some(vp8) = Vp8::read(input) {
            // Writing other numbers over the packet's own fits whatever was read.
            vp8.patch(vp8.picture.map(|(picture, _)| picture), vp8.base_picture);
        }
    },
    seeds: || {
        // Long picture number, base picture, temporal layer, and a key frame of 640 by 360; and the shortest descriptor.
        let key = b"\x90\xe0\x81\x02\x09\x20\x10\x00\x00\x9d\x01\x2a\x80\x02\x68\x01";
        vec![key.to_vec(), b"\x10\x10\x01\x02".to_vec()]
    },
};

/// A STUN Binding request (RFC 8489) without attributes.
const STUN: &[u8] = b"\x00\x01\x00\x00\x21\x12\xa4\x42umweg-fuzz12";

fn flow() -> Flow {
    Flow::new(3).expect("three is below the limit")
}
