//! What TLS tells a prober before it is set up: the ten ClientHellos of JARM, and broken ones, are sent to a real nginx and to the
//! proxy. What is the same is pinned here; what the library answers in its own way stands in `docs/threat-model.md`.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[expect(dead_code, reason = "these tests use a part of it")]
mod house;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use house::bare::both_just_set_up;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// JARM's: TLS 1.3's are those with 0x13 in front.
#[rustfmt::skip]
const CIPHERS: [u16; 69] = [
    0x0016, 0x0033, 0x0067, 0xc09e, 0xc0a2, 0x009e, 0x0039, 0x006b, 0xc09f, 0xc0a3, 0x009f, 0x0045, 0x00be, 0x0088, 0x00c4, 0x009a,
    0xc008, 0xc009, 0xc023, 0xc0ac, 0xc0ae, 0xc02b, 0xc00a, 0xc024, 0xc0ad, 0xc0af, 0xc02c, 0xc072, 0xc073, 0xcca9, 0x1302, 0x1301,
    0xcc14, 0xc007, 0xc012, 0xc013, 0xc027, 0xc02f, 0xc014, 0xc028, 0xc030, 0xc060, 0xc061, 0xc076, 0xc077, 0xcca8, 0x1305, 0x1304,
    0x1303, 0xcc13, 0xc011, 0x000a, 0x002f, 0x003c, 0xc09c, 0xc0a0, 0x009c, 0x0035, 0x003d, 0xc09d, 0xc0a1, 0x009d, 0x0041, 0x00ba,
    0x0084, 0x00c0, 0x0007, 0x0004, 0x0005,
];
const PROTOCOLS: [&str; 9] = ["http/0.9", "http/1.0", "http/1.1", "spdy/1", "spdy/2", "spdy/3", "h2", "h2c", "hq"];
const RARE: [&str; 7] = ["http/0.9", "http/1.0", "spdy/1", "spdy/2", "spdy/3", "h2c", "hq"];
const GREASE: u16 = 0x0a0a;
/// Extensions of an answer: rustls does not know the first, and leaves out the other.
const MAX_FRAGMENT_LENGTH: u16 = 1;
const EC_POINT_FORMATS: u16 = 11;

#[tokio::test]
async fn jarms_hellos_get_the_version_the_cipher_and_the_protocol_that_a_real_web_server_chooses() {
    let (proxy, bare) = both_just_set_up().await;
    let all = || CIPHERS.to_vec();
    let old = || CIPHERS.into_iter().filter(|cipher| cipher >> 8 != 0x13).collect::<Vec<_>>();
    let reversed = || CIPHERS.into_iter().rev().collect::<Vec<_>>();
    let bottom = || CIPHERS[35..].to_vec();
    let top = || CIPHERS[..35].iter().rev().copied().collect::<Vec<_>>();
    let middle =
        || std::iter::once(CIPHERS[34]).chain((1..35).flat_map(|i| [CIPHERS[34 + i], CIPHERS[34 - i]])).collect::<Vec<_>>();
    let grease = |ciphers: Vec<u16>| [vec![GREASE], ciphers].concat();
    for (name, version, ciphers, protocols, versions) in [
        ("1.2 forward", 0x0303, all(), &PROTOCOLS[..], &[0x0303, 0x0302, 0x0301][..]),
        ("1.2 reversed", 0x0303, reversed(), &PROTOCOLS, &[0x0301, 0x0302, 0x0303]),
        ("1.2, the top half", 0x0303, top(), &PROTOCOLS, &[]),
        ("1.2, the bottom half", 0x0303, bottom(), &RARE, &[]),
        ("1.2, from the middle", 0x0303, grease(middle()), &RARE, &[]),
        ("1.3 forward", 0x0301, all(), &PROTOCOLS, &[0x0304, 0x0303, 0x0302, 0x0301]),
        ("1.3 reversed", 0x0301, reversed(), &PROTOCOLS, &[0x0301, 0x0302, 0x0303, 0x0304]),
        ("1.3 without its ciphers", 0x0301, old(), &PROTOCOLS, &[0x0301, 0x0302, 0x0303, 0x0304]),
        ("1.3, from the middle", 0x0301, grease(middle()), &PROTOCOLS, &[GREASE, 0x0304, 0x0303, 0x0302, 0x0301]),
    ] {
        let hello = hello(version, &ciphers, protocols, versions);
        assert_eq!(answer(proxy.tls(), &hello).await, answer(bare.tls, &hello).await, "{name}");
    }
    // TLS 1.1: both refuse it and close, nginx with an alert of its own kind.
    let hello = hello(0x0302, &all(), &PROTOCOLS, &[]);
    for address in [proxy.tls(), bare.tls] {
        assert!(
            matches!(answer(address, &hello).await, Answer::Closed(bytes) if bytes[0] == 0x15 && bytes.len() == 7 && bytes[5] == 2)
        );
    }
}

#[tokio::test]
async fn broken_hellos_are_refused_in_the_same_words() {
    let (proxy, bare) = both_just_set_up().await;
    let whole = hello(0x0301, &CIPHERS, &PROTOCOLS, &[0x0304, 0x0303]);
    for (name, bytes) in [
        ("no cipher that is good", hello(0x0301, &[5, 4], &PROTOCOLS, &[0x0304, 0x0303])),
        ("another message", b"\x16\x03\x01\x00\x04\x09\0\0\0".to_vec()),
        ("the last message first", b"\x16\x03\x03\x00\x04\x14\0\0\0".to_vec()),
        ("nonsense inside", [&b"\x16\x03\x01\x00\x10\x01\0\0\x0c"[..], &[0xff; 12]].concat()),
        ("cut short", whole[..60].to_vec()),
        ("a head of a record", whole[..3].to_vec()),
    ] {
        assert_eq!(answer(proxy.tls(), &bytes).await, answer(bare.tls, &bytes).await, "{name}");
    }
}

#[derive(PartialEq, Eq, Debug)]
enum Answer {
    /// All that came before the end.
    Closed(Vec<u8>),
    /// Version, length of the session's id, cipher, and the extensions, but for those that one of them never sends.
    Hello(u16, u8, u16, BTreeMap<u16, Vec<u8>>),
}

/// What comes back when these bytes are all that is ever sent.
async fn answer(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(bytes).await.unwrap();
    tcp.shutdown().await.unwrap();
    let mut came = Vec::new();
    // Who closes while something is unread resets.
    let _ = tcp.read_to_end(&mut came).await;
    let at = |place: usize| u16::from_be_bytes([came[place], came[place + 1]]);
    // A record, and in it a ServerHello.
    if came.len() < 80 || came[0] != 0x16 || came[5] != 2 {
        return Answer::Closed(came);
    }
    let end = 9 + usize::from(at(7));
    let id_length = came[43];
    let cipher = 44 + usize::from(id_length);
    let (mut extensions, mut place) = (BTreeMap::new(), cipher + 5);
    while place < end {
        let length = usize::from(at(place + 2));
        let value = &came[place + 4..place + 4 + length];
        // Of a key share the group; the key is drawn.
        extensions.insert(at(place), value[..if at(place) == 51 { 4 } else { length }].to_vec());
        place += 4 + length;
    }
    extensions.retain(|kind, _| !matches!(*kind, MAX_FRAGMENT_LENGTH | EC_POINT_FORMATS));
    Answer::Hello(at(9), id_length, at(cipher), extensions)
}

fn hello(version: u16, ciphers: &[u16], protocols: &[&str], versions: &[u16]) -> Vec<u8> {
    let long = |bytes: Vec<u8>| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], &bytes].concat();
    let short = |bytes: Vec<u8>| [&[u8::try_from(bytes.len()).unwrap()][..], &bytes].concat();
    let numbers = |numbers: &[u16]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>();
    let extension = |kind: u16, bytes: Vec<u8>| [kind.to_be_bytes().to_vec(), long(bytes)].concat();
    let name = [vec![0], long(b"road.example".to_vec())].concat();
    let alpn = protocols.iter().flat_map(|protocol| short(protocol.as_bytes().to_vec())).collect();
    let share = [numbers(&[0x001d]), long(vec![9; 32])].concat();
    let mut extensions = [
        extension(0, long(name)),
        extension(23, Vec::new()),
        extension(MAX_FRAGMENT_LENGTH, vec![1]),
        extension(0xff01, vec![0]),
        extension(10, long(numbers(&[0x001d, 0x0017, 0x0018, 0x0019]))),
        extension(EC_POINT_FORMATS, vec![1, 0]),
        extension(35, Vec::new()),
        extension(16, long(alpn)),
        extension(13, long(numbers(&[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, 0x0201]))),
        extension(51, long(share)),
        extension(45, vec![1, 1]),
    ]
    .concat();
    if !versions.is_empty() {
        extensions.extend(extension(43, short(numbers(versions))));
    }
    let inner = if version == 0x0301 { 0x0303 } else { version };
    let body =
        [&u16::to_be_bytes(inner)[..], &[7; 32], &short(vec![8; 32]), &long(numbers(ciphers)), &[1, 0], &long(extensions)].concat();
    let message = [&[1, 0][..], &long(body)].concat();
    [&[0x16][..], &version.to_be_bytes(), &long(message)].concat()
}
