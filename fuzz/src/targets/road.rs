//! Roads: the first bytes of any connection on the Internet to a service or a proxy, and what they answer to an app.

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use umweg_road::first_bytes::says;
use umweg_road::proxy_header::proxy_header_length;
use umweg_road::session::{Offer, Purpose, Scheme, Session, StaticKey, accept, frame, unframe};
use umweg_road::upgrade::{Upgrade, read_answer, read_request};
use umweg_road::websocket::{Decoder, Side, encode, pong};

use super::Target;

pub(super) const HTTP_HEAD: Target = Target {
    name: "http-head",
    decodes: "the head of a request to a service or proxy, and of the answer to an app",
    bytes_max: 20_000,
    run: |input| {
        if let Ok(Some((request, taken))) = read_request(input) {
            assert!((1..=input.len()).contains(&taken), "a head took what is not there");
            let _ = request.upgrade_for("/live");
        }
        if let Ok(Some((_, taken))) = read_answer(input, &upgrade()) {
            assert!((1..=input.len()).contains(&taken), "a head took what is not there");
        }
    },
    seeds: || {
        let browser =
            "GET / HTTP/1.1\r\nHost: umweg.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n";
        vec![upgrade().to_request("umweg.example", "/live"), upgrade().to_answer(), browser.into()]
    },
};

pub(super) const PROXY_HEADER: Target = Target {
    name: "proxy-header",
    decodes: "what a server in front of a proxy says before a connection that it passes on, and that connection's first bytes",
    bytes_max: 20_000,
    run: |input| {
        if let Ok(Some(length)) = proxy_header_length(input) {
            assert!((1..=input.len()).contains(&length), "a header took what is not there");
            assert_eq!(proxy_header_length(&input[..length]), Ok(Some(length)), "a header ends where it ends, whatever follows");
        }
        let _ = says(input);
    },
    seeds: || {
        let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xc3\x50\x01\xbb";
        vec![b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\r\nGET /".to_vec(), b"PROXY UNKNOWN\r\n".to_vec(), v2.to_vec()]
    },
};

pub(super) const WEBSOCKET: Target = Target {
    name: "websocket",
    decodes: "WebSocket frames around the session, from either side or a web server in between",
    bytes_max: 20_000,
    run: |input| {
        for side in [Side::Client, Side::Service] {
            let whole = decoded(side, [input]);
            // However a network cuts the bytes, the same comes out.
            let (first, second) = input.split_at(input.len() / 2);
            assert_eq!(whole, decoded(side, [first, second]), "two parts decode to something else than the whole");
        }
    },
    seeds: || {
        let (mut client, mut service) = (Vec::new(), Vec::new());
        encode(b"a record", Some([1, 2, 3, 4]), &mut client);
        pong(b"ping", Some([1, 2, 3, 4]), &mut client);
        encode(&[7; 300], None, &mut service);
        service.extend_from_slice(b"\x89\x04ping\x88\x02\x03\xe8");
        vec![client, service]
    },
};

pub(super) const HANDSHAKE: Target = Target {
    name: "session-handshake",
    decodes: "the first message of a session at the service, and its answer at the app",
    bytes_max: 2_000,
    run: |input| {
        let message = unframe(input).map_or(input, |(message, _)| message);
        let _ = accept(&service_key(), message, &Scheme::default(), &mut rng());
        let _ = Offer::new(service_key().public(), Purpose::Rpc, &mut rng()).0.handle_answer(message);
    },
    seeds: || {
        let (_, first_message) = Offer::new(service_key().public(), Purpose::Media, &mut rng());
        let (_, _, answer) =
            accept(&service_key(), &first_message, &Scheme::default(), &mut rng()).expect("the offer is for this key");
        vec![framed(&first_message), framed(&answer)]
    },
};

pub(super) const RECORDS: Target = Target {
    name: "session-records",
    decodes: "records of a session that stands, from whoever sits in between",
    bytes_max: 20_000,
    run: |mut input| {
        let (_, mut service) = session();
        let mut opened = Vec::new();
        while let Ok(Some(taken)) = service.open(input, &mut opened) {
            assert!(taken >= 2, "a record took nothing");
            input = &input[taken..];
        }
    },
    seeds: || {
        let (mut client, _) = session();
        let mut records = Vec::new();
        client.seal(b"a request", &mut rng(), &mut records);
        client.seal(b"", &mut rng(), &mut records);
        client.seal(&[7; 500], &mut rng(), &mut records);
        vec![records]
    },
};

fn decoded(side: Side, parts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Option<(Vec<u8>, bool)> {
    let mut decoder = Decoder::new(side);
    let mut data = Vec::new();
    let mut closed = false;
    for part in parts {
        closed |= decoder.handle_received(part.as_ref(), &mut data).ok()?.closed;
    }
    Some((data, closed))
}

fn upgrade() -> Upgrade {
    Upgrade::new(b"the first message".to_vec(), &mut rng())
}

/// Both sides of a session, always the same, so that records that were kept open again.
fn session() -> (Session, Session) {
    let (offer, first_message) = Offer::new(service_key().public(), Purpose::Rpc, &mut rng());
    let (service, _, answer) =
        accept(&service_key(), &first_message, &Scheme::default(), &mut rng()).expect("the offer is for this key");
    (offer.handle_answer(&answer).expect("the answer is to this offer"), service)
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame(message, &mut bytes);
    bytes
}

fn service_key() -> StaticKey {
    StaticKey::from_bytes([9; 32])
}

fn rng() -> ChaCha12Rng {
    ChaCha12Rng::seed_from_u64(1)
}
