//! What reaches the app on the person's computer. The pages are ours, but another program can open a WebSocket or send a datagram too.

use umweg::decoders;
use umweg_wire::limits::DATAGRAM_BYTES_MAX;

use super::{OFFERS, Target};

pub(super) const PAGE_FRAME: Target = Target {
    name: "page-frame",
    decodes: "what a page says to the app on the loopback WebSocket",
    bytes_max: 4_096,
    run: |input| decoders::page_frame(&String::from_utf8_lossy(input)),
    seeds: || {
        let id = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let call = "AAAAAAAAAAAAAAAAAAAAAA";
        let wish = |command: &str| format!(r#"{{"id":7,"command":{command}}}"#).into_bytes();
        vec![
            wish(&format!(r#"{{"kind":"sendText","chat":"{id}","text":"hello","replyTo":null}}"#)),
            wish(&format!(r#"{{"kind":"createGroup","name":"us","members":["{id}","{id}"]}}"#)),
            wish(&format!(r#"{{"kind":"offer","call":"{call}","sdp":"v=0"}}"#)),
            wish(r#"{"kind":"useProxies","when":"whenBlocked"}"#),
            format!(r#"{{"look":{{"chat":"{id}","before":9,"call":"{call}"}}}}"#).into(),
            br#"{"media":true}"#.to_vec(),
        ]
    },
};

pub(super) const PAGE_PROOF: Target = Target {
    name: "page-proof",
    decodes: "what comes on the loopback WebSocket before page and app have proven themselves, at either end",
    bytes_max: 1_024,
    run: |input| decoders::page_proof(&String::from_utf8_lossy(input)),
    seeds: || {
        let (nonce, proof) = ("0a1b2c3d-0a1b-4c2d-8e3f-0a1b2c3d4e5f", "00".repeat(32));
        vec![
            format!(r#"{{"challenge":"{nonce}"}}"#).into(),
            format!(r#"{{"nonce":"{nonce}","proof":"{proof}"}}"#).into(),
            format!(r#"{{"welcome":{{"proof":"{proof}","start":"AAAA","lasting":"BBBB"}}}}"#).into(),
        ]
    },
};

pub(super) const SDP: Target = Target {
    name: "app-sdp",
    decodes: "a browser's offer and the service's answer, at the app",
    bytes_max: 24_000,
    run: |input| {
        let text = String::from_utf8_lossy(input);
        decoders::offer(&text);
        decoders::answer(&text);
    },
    seeds: || OFFERS.map(Vec::from).into(),
};

pub(super) const LOOPBACK: Target = Target {
    name: "app-media",
    decodes: "datagrams and ICE-TCP streams at the app's own sockets, from this computer or its network",
    bytes_max: 4 * DATAGRAM_BYTES_MAX,
    run: |input| {
        decoders::datagram(input);
        decoders::ice_tcp(input);
    },
    seeds: || {
        let stun = b"\x00\x01\x00\x10\x21\x12\xa4\x42umweg-fuzz12\x00\x06\x00\x09abcd:efgh\x00\x00\x00".to_vec();
        let framed = [&[0, u8::try_from(stun.len()).expect("a short datagram")], stun.as_slice()].concat();
        vec![stun, framed.repeat(3)]
    },
};
