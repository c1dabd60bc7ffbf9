//! The SFU: an SDP offer from whoever has a call's capability, then datagrams that claim to be WebRTC.

use std::cell::RefCell;
use std::time::Instant;

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use umweg_sfu::Sfu;
use umweg_wire::datagram::Flow;
use umweg_wire::limits::DATAGRAM_BYTES_MAX;
use umweg_wire::{LogId, Ticket};

use super::{OFFERS, Target};

pub(super) const OFFER: Target = Target {
    name: "sdp-offer",
    decodes: "the SDP offer of a participant, at the SFU",
    bytes_max: 24_000,
    run: |input| {
        let now = Instant::now();
        let mut sfu = Sfu::new();
        let entered = sfu.handle_enter(LOG, &String::from_utf8_lossy(input), Vec::new(), true, &mut rng(), now);
        drain(&mut sfu, now);
        if let Ok(entered) = entered {
            sfu.handle_leave(entered.ticket, now);
            drain(&mut sfu, now);
        }
    },
    seeds: || OFFERS.map(Vec::from).into(),
};

pub(super) const WEBRTC: Target = Target {
    name: "webrtc-datagrams",
    decodes: "STUN, DTLS, RTP and RTCP from a participant, at the SFU",
    bytes_max: 4 * DATAGRAM_BYTES_MAX,
    run: |input| {
        SEATED.with_borrow_mut(|(sfu, ticket)| {
            let now = Instant::now();
            let flow = Flow::new(0).expect("zero is below the limit");
            for datagram in input.chunks(DATAGRAM_BYTES_MAX) {
                sfu.handle_datagram(*ticket, flow, datagram, now);
                sfu.handle_timeout(now);
                drain(sfu, now);
            }
        });
    },
    seeds: || {
        // First bytes decide (RFC 7983): STUN, DTLS, RTP, RTCP.
        let stun = b"\x00\x01\x00\x14\x21\x12\xa4\x42umweg-fuzz12\x00\x06\x00\x09abcd:efgh\x00\x00\x00\x00\x25\x00\x00";
        let dtls =
            b"\x16\xfe\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10\x01\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x04\xfe\xfd\x00\x00";
        let rtp = b"\x90\x60\x00\x01\x00\x00\x00\x01\x00\x00\x00\x07\xbe\xde\x00\x01\x10\x30\x00\x00vp8 payload";
        let rtcp = b"\x81\xc9\x00\x07\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
        vec![stun.to_vec(), dtls.to_vec(), rtp.to_vec(), rtcp.to_vec()]
    },
};

const LOG: LogId = LogId([1; 32]);

thread_local! {
    /// Somebody who entered.
    static SEATED: RefCell<(Sfu, Ticket)> = RefCell::new(seated());
}

fn seated() -> (Sfu, Ticket) {
    let mut sfu = Sfu::new();
    let offer = std::str::from_utf8(OFFERS[0]).expect("SDP is text");
    let entered = sfu.handle_enter(LOG, offer, Vec::new(), true, &mut rng(), Instant::now());
    let Ok(entered) = entered else { panic!("the offer of a browser is answered") };
    (sfu, entered.ticket)
}

fn drain(sfu: &mut Sfu, now: Instant) {
    for _ in 0..100_000 {
        if sfu.poll_output(now).is_none() {
            return;
        }
    }
    panic!("the outputs never end");
}

fn rng() -> ChaCha12Rng {
    ChaCha12Rng::seed_from_u64(1)
}
