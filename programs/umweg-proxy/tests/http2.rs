//! The same question as in `probes.rs`, asked in HTTP/2: every frame of a real nginx must come from the proxy too, and no other.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[expect(dead_code, reason = "these tests use a part of it")]
mod house;

use std::net::SocketAddr;

use futures_util::{StreamExt, stream};
use house::Running;
use house::bare::{Bare, both_just_set_up, both_show, site};
use house::neighbours::tls_for;
use httlib_huffman::{DecoderSpeed, decode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_folder_is_shown_as_a_real_web_server_shows_it() {
    let site = site();
    let (proxy, bare) = both_show(site.path()).await;
    are_the_same(&proxy, &bare).await;
}

#[tokio::test]
async fn without_a_site_it_is_a_web_server_just_set_up() {
    let (proxy, bare) = both_just_set_up().await;
    are_the_same(&proxy, &bare).await;
}

#[tokio::test]
async fn who_offers_both_gets_http2_and_who_offers_one_gets_that() {
    let (proxy, bare) = both_just_set_up().await;
    for (offered, expected) in
        [(&["http/1.1", "h2"][..], Some("h2")), (&["http/1.1"], Some("http/1.1")), (&["http/1.0"], Some("http/1.0")), (&[], None)]
    {
        for address in [proxy.tls(), bare.tls] {
            let tls = tls_for(offered, address, proxy.link.pin.clone()).await;
            assert_eq!(tls.get_ref().1.alpn_protocol(), expected.map(str::as_bytes), "{offered:?}");
        }
    }
}

async fn are_the_same(proxy: &Running, bare: &Bare) {
    let each = probes(&proxy.link.path).into_iter().map(async |(name, probe)| {
        let frames = async |address| frames(address, proxy.link.pin.clone(), &probe).await;
        let (got, expected) = tokio::join!(frames(proxy.tls()), frames(bare.tls));
        let differs = got != expected;
        differs.then(|| format!("── {name}\n the web server:\n  {}\n the proxy:\n  {}", expected.join("\n  "), got.join("\n  ")))
    });
    let differ: Vec<_> = stream::iter(each).buffer_unordered(16).filter_map(async |differs| differs).collect().await;
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// What comes back until the connection ends, or until what was asked last is answered.
async fn frames(address: SocketAddr, pin: Vec<u8>, probe: &Probe) -> Vec<String> {
    let mut tls = tls_for(&["h2"], address, pin).await;
    let (mut bytes, mut frames) = (Vec::new(), Vec::new());
    // What is said first comes in any case then, and not only if it was quick enough.
    while probe.ends && bytes.len() < FIRST_BYTES {
        tls.read_buf(&mut bytes).await.unwrap();
    }
    let _ = tls.write_all(&probe.bytes).await;
    let _ = tls.flush().await;
    if probe.ends {
        let _ = tls.shutdown().await;
    }
    let mut then = probe.then.iter();
    loop {
        while let Some((frame, length)) = first_frame(&bytes, address) {
            bytes.drain(..length);
            let is_last = frame.starts_with("PING");
            frames.push(frame);
            if is_last {
                let Some(next) = then.next() else { return frames };
                tls.write_all(next).await.unwrap();
                tls.flush().await.unwrap();
            }
        }
        if !matches!(tls.read_buf(&mut bytes).await, Ok(1..)) {
            frames.push(format!("the end, after {} bytes", bytes.len()));
            return frames;
        }
    }
}

/// Settings, and a window.
const FIRST_BYTES: usize = 9 + 18 + 9 + 4;

fn first_frame(bytes: &[u8], address: SocketAddr) -> Option<(String, usize)> {
    let [a, b, c, kind, flags, stream @ ..] = *bytes.first_chunk::<9>()?;
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    let payload = bytes.get(9..9 + length)?;
    let names =
        ["DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH", "PING", "GOAWAY", "WINDOW_UPDATE", "CONTINUATION"];
    let shown = match kind {
        0 => format!("{length} bytes {:?}", without_digits(&String::from_utf8_lossy(&payload[..length.min(1_000)]))),
        1 => lines(payload, address).join(", "),
        _ => format!("{payload:x?}"),
    };
    Some((format!("{} {flags:x} {} {shown}", names[usize::from(kind)], u32::from_be_bytes(stream)), 9 + length))
}

/// The lines of a header block as they are written: by number or name, coded (~) or not, without what cannot be the same.
fn lines(mut block: &[u8], address: SocketAddr) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some((&first, rest)) = block.split_first() {
        block = rest;
        let mut line = format!("{first:x}");
        if (first & 0xc0) == 0x40 || first == 0 {
            for _ in 0..if first == 0 { 2 } else { 1 } {
                line = format!("{line} {}", text(&mut block));
            }
        }
        if first == 0x40 | 33 {
            line = "date".to_owned();
        }
        lines.push(without_digits(&line.replace(&format!(":{}/", address.port()), ":PORT/")));
    }
    lines
}

fn text(block: &mut &[u8]) -> String {
    let coded = block[0] & 0x80 != 0;
    let (mut length, mut at) = (usize::from(block[0] & 0x7f), 1);
    if length == 0x7f {
        for shift in (0..).step_by(7) {
            length += usize::from(block[at] & 0x7f) << shift;
            at += 1;
            if block[at - 1] < 0x80 {
                break;
            }
        }
    }
    let bytes = &block[at..at + length];
    *block = &block[at + length..];
    let mut decoded = Vec::new();
    if coded {
        decode(bytes, &mut decoded, DecoderSpeed::OneBit).unwrap();
    } else {
        decoded.extend_from_slice(bytes);
    }
    format!("{}{}", if coded { "~" } else { "" }, String::from_utf8_lossy(&decoded))
}

/// Those drawn at random between the parts of an answer.
fn without_digits(text: &str) -> String {
    text.split_inclusive("\r\n")
        .map(|line| if line.starts_with("--0") { "--BOUNDARY" } else { line })
        .collect::<String>()
        .split("boundary=0")
        .next()
        .unwrap()
        .to_owned()
}

/// What somebody sends, on a connection of its own, and after each answer to a ping.
struct Probe {
    bytes: Vec<u8>,
    then: Vec<Vec<u8>>,
    ends: bool,
}

const END: u8 = 1 | 4;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "x")];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    frame(
        4,
        0,
        0,
        &settings.iter().flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect::<Vec<_>>(),
    )
}

fn ping() -> Vec<u8> {
    frame(6, 0, 0, b"the end?")
}

fn window(stream: u32, more: u32) -> Vec<u8> {
    frame(8, 0, stream, &more.to_be_bytes())
}

/// Header lines, neither coded nor remembered.
fn plain(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| {
        let length = text.len();
        let number = if length < 127 {
            vec![length as u8]
        } else {
            vec![127, (length - 127) as u8 & 127 | 128, ((length - 127) >> 7) as u8]
        };
        [number, text.as_bytes().to_vec()].concat()
    };
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

fn asked(stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(1, END, stream, &plain(fields))
}

/// A request for that path, with more lines.
fn for_path(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    asked(1, &[&[GET[0], GET[1], (":path", path), GET[3]], more].concat())
}

fn by(method: &str, path: &str) -> Vec<u8> {
    asked(1, &[(":method", method), GET[1], (":path", path), GET[3]])
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn probes(secret: &str) -> Vec<(&'static str, Probe)> {
    let with = |more: &[(&str, &str)]| for_path("/", more);
    let only = |fields: &[(&str, &str)]| asked(1, fields);
    let long = "a".repeat(9_000);
    let home = || only(&GET);
    let large = |stream| asked(stream, &[GET[0], GET[1], (":path", "/large.bin"), GET[3]]);
    let block = plain(&GET);
    let many: Vec<_> = GET.into_iter().chain(std::iter::repeat_n(("x-many", "h"), 1_100)).collect();
    let cookies: Vec<_> = GET.into_iter().chain(std::iter::repeat_n(("cookie", "h"), 1_100)).collect();
    let upgrade = [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")];
    let usual = vec![
        ("home", home()),
        ("nothing there", for_path("/nothing-here", &[])),
        ("a file", for_path("/style.css", &[])),
        ("a file of an unknown kind", for_path("/unknown.kind", &[])),
        ("an empty file", for_path("/empty.txt", &[])),
        ("a large file", large(1)),
        ("two large files", [large(1), large(3)].concat()),
        ("a folder with a page", for_path("/with/", &[])),
        ("a folder without", for_path("/without/", &[])),
        ("a folder without its slash", for_path("/with?a=b", &[])),
        ("a file as a folder", for_path("/style.css/", &[])),
        ("a path in code", for_path("/two%20words.txt", &[])),
        ("a way out", for_path("/../x", &[])),
        ("broken code", for_path("/%zz", &[])),
        ("a fragment", for_path("/index.html#part", &[])),
        ("a space in the path", for_path("/two words.txt", &[])),
        ("a star", for_path("*", &[])),
        ("an absolute address", for_path("http://x/", &[])),
        ("bytes beyond ASCII", for_path("/ä", &[])),
        ("an empty path", for_path("", &[])),
        ("the secret", for_path(secret, &[])),
        ("the secret, as in HTTP/1", for_path(secret, &upgrade)),
        ("the secret by CONNECT", only(&[(":method", "CONNECT"), (":protocol", "websocket"), GET[1], (":path", secret), GET[3]])),
        ("HEAD", by("HEAD", "/")),
        ("HEAD of nothing", by("HEAD", "/nothing-here")),
        ("HEAD of a bad path", by("HEAD", "/%zz")),
        ("POST", by("POST", "/")),
        ("POST to nothing", by("POST", "/nothing-here")),
        ("PUT", by("PUT", "/")),
        ("OPTIONS", by("OPTIONS", "/")),
        ("TRACE", by("TRACE", "/")),
        ("CONNECT", by("CONNECT", "/")),
        ("a method that is none", by("BREW", "/")),
        ("a method in small letters", by("get", "/")),
        ("an empty method", by("", "/")),
        ("no method", only(&GET[1..])),
        ("no scheme", only(&[GET[0], GET[2], GET[3]])),
        ("no path", only(&[GET[0], GET[1], GET[3]])),
        ("no host", only(&GET[..3])),
        ("a host line instead", only(&[GET[0], GET[1], GET[2], ("host", "x")])),
        ("a host line too", with(&[("host", "x")])),
        ("a bad host", only(&[GET[0], GET[1], GET[2], (":authority", "a/b")])),
        ("a host with a port", only(&[GET[0], GET[1], (":path", "/with"), (":authority", "Name.Example:81")])),
        ("another scheme", only(&[GET[0], (":scheme", "gopher"), GET[2], GET[3]])),
        ("a scheme that is none", only(&[GET[0], (":scheme", "1"), GET[2], GET[3]])),
        ("two methods", with(&[GET[0]])),
        ("two schemes", with(&[GET[1]])),
        ("two paths", with(&[GET[2]])),
        ("an unknown pseudo-header", with(&[(":color", "teal")])),
        ("a pseudo-header at the end", only(&[GET[0], GET[1], ("a", "b"), GET[2], GET[3]])),
        ("a name in large letters", with(&[("Accept", "x")])),
        ("a name with a space", with(&[("a b", "x")])),
        ("a name with an underscore", with(&[("a_b", "x")])),
        ("a name with odd letters", with(&[("a@b", "x")])),
        ("no name", with(&[("", "x")])),
        ("a line end in a value", with(&[("a", "x\r\ny")])),
        ("a connection line", with(&[("connection", "close")])),
        ("a header of 9,000 bytes", with(&[("a", &long)])),
        ("headers of 40,000 bytes", with(&[("a", &long[..7_000]); 6])),
        ("1,100 headers", only(&many)),
        ("1,100 cookies", only(&cookies)),
        ("not if it is so old", with(&[("if-modified-since", "Wed, 19 Oct 2022 08:02:20 GMT")])),
        ("not if it is that", with(&[("if-none-match", "\"634faf0c-267\"")])),
        ("not if it is anything", with(&[("if-none-match", "*")])),
        ("only if it is something else", with(&[("if-match", "\"x\"")])),
        ("the first bytes", with(&[("range", "bytes=0-3")])),
        ("two parts", with(&[("range", "bytes=0-1,4-6")])),
        ("beyond the end", with(&[("range", "bytes=9999-")])),
        ("in parts of HEAD", only(&[(":method", "HEAD"), GET[1], GET[2], GET[3], ("range", "bytes=0-3")])),
        ("a part of the large file", for_path("/large.bin", &[("range", "bytes=70000-170000")])),
        ("zipped", with(&[("accept-encoding", "gzip, br")])),
        ("a browser that pads", for_path("/nothing-here", &[("user-agent", "Mozilla/5.0 Chrome/141.0 Safari/537.36")])),
        ("a length without a body", with(&[("content-length", "5")])),
        ("a length that is none", with(&[("content-length", "x")])),
        ("a large length", with(&[("content-length", "1048577")])),
        ("another encoding", with(&[("transfer-encoding", "gzip")])),
        ("waiting to go on", with(&[("expect", "100-continue")])),
        ("a body", [frame(1, 4, 1, &block), frame(0, 1, 1, b"hello")].concat()),
        ("a body that does not come", frame(1, 4, 1, &block)),
        (
            "a body of HEAD",
            [frame(1, 4, 1, &plain(&[(":method", "HEAD"), GET[1], GET[2], GET[3]])), frame(0, 1, 1, b"hello")].concat(),
        ),
        ("bodies while the answer waits", [large(1), frame(0, 0, 1, b"late")].concat()),
        (
            "too large a body while the answer waits",
            [frame(1, 4, 1, &plain(&[GET[0], GET[1], (":path", "/large.bin"), GET[3]])), frame(0, 0, 1, &[0; 65_537])].concat(),
        ),
        ("a body of no stream", frame(0, 0, 7, b"hello")),
        ("many requests", (0..200).flat_map(|i| asked(2 * i + 1, &GET)).collect()),
        ("more at once than a connection takes", (0..400).flat_map(|i| by_stream(2 * i + 1, "HEAD")).collect()),
        ("more streams than there may be", (0..140).flat_map(|i| large(2 * i + 1)).collect()),
        ("a head in pieces", [frame(1, 1, 1, &block[..20]), frame(9, 0, 1, &block[20..21]), frame(9, 4, 1, &block[21..])].concat()),
        ("a head in pieces of two streams", [frame(1, 1, 1, &block[..20]), frame(9, 4, 3, &block[20..])].concat()),
        ("a ping between the pieces", [frame(1, 1, 1, &block[..20]), ping()].concat()),
        ("a head cut short", frame(1, END, 1, &block[..20])),
        ("an empty head", frame(1, END, 1, &[])),
        ("a padded head", frame(1, END | 8, 1, &[&[3][..], &block, &[0; 3]].concat())),
        ("a head of padding", frame(1, END | 8, 1, &[200, 0, 0])),
        ("a head with a priority", frame(1, END | 32, 1, &[&[0, 0, 0, 0, 15][..], &block].concat())),
        ("a head that waits for itself", frame(1, END | 32, 1, &[&[0, 0, 0, 1, 15][..], &block].concat())),
        ("a head on stream 0", frame(1, END, 0, &block)),
        ("a head on an even stream", frame(1, END, 2, &block)),
        ("a head on an older stream", [asked(3, &GET), home()].concat()),
        ("by number", frame(1, END, 1, &[0x82, 0x87, 0x85, 0x41, 1, b'x'])),
        ("by a number that is none", frame(1, END, 1, &[0x80])),
        ("by a number beyond", frame(1, END, 1, &[0xbe])),
        ("by a number too long", frame(1, END, 1, &[0xff; 8])),
        ("by a number cut short", frame(1, END, 1, &[0xff, 0xff])),
        (
            "remembered",
            [
                frame(1, END, 1, &[0x82, 0x87, 0x44, 7, b'/', b'w', b'i', b't', b'h', b'/', b'.', 0x41, 1, b'x']),
                frame(1, END, 3, &[0x82, 0x87, 0xbf, 0xbe]),
            ]
            .concat(),
        ),
        ("a table of another size", frame(1, END, 1, &[0x20, 0x82, 0x87, 0x84, 0x41, 1, b'x'])),
        ("a table too large", frame(1, END, 1, &[0x3f, 0xe2, 0x1f, 0x82])),
        (
            "coded",
            frame(
                1,
                END,
                1,
                &[0x82, 0x87, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff],
            ),
        ),
        ("coded wrongly", frame(1, END, 1, &[0x82, 0x87, 0x84, 0x41, 0x81, 0x18])),
        ("a code that ends", frame(1, END, 1, &[0x82, 0x87, 0x84, 0x41, 0x84, 0xff, 0xff, 0xff, 0xff])),
        ("a frame of an unknown kind", [frame(99, 7, 9, b"anything"), home()].concat()),
        ("a frame for our table", [settings(&[(1, 0)]), home()].concat()),
        ("small frames are too small", settings(&[(5, 100)])),
        ("large windows are too large", settings(&[(4, 1 << 31)])),
        ("push by two", settings(&[(2, 2)])),
        ("unknown settings", settings(&[(77, 1), (3, 0), (6, 9)])),
        ("settings of 5 bytes", frame(4, 0, 0, &[0; 5])),
        ("settings of a stream", frame(4, 0, 1, &[])),
        ("settings taken note of", frame(4, 1, 0, &[])),
        ("settings taken note of at length", frame(4, 1, 0, &[0; 6])),
        ("a small window", [settings(&[(4, 10)]), home()].concat()),
        ("no window", [settings(&[(4, 0)]), home(), by_stream(3, "HEAD")].concat()),
        ("a window for it", [settings(&[(4, 0)]), home(), window(1, 100)].concat()),
        ("a window after all", [settings(&[(4, 0)]), home(), settings(&[(4, 300)])].concat()),
        ("a window too large", [settings(&[(4, 5)]), home(), window(1, (1 << 31) - 1)].concat()),
        ("a window too large for all", window(0, (1 << 31) - 1)),
        ("windows too large by settings", [large(1), window(1, 1 << 30), settings(&[(4, (1 << 31) - 1)])].concat()),
        ("a window of nothing", window(0, 0)),
        ("a window of 3 bytes", frame(8, 0, 0, &[0; 3])),
        ("a window of no stream", window(9, 100)),
        ("a stream given up", [large(1), frame(3, 0, 1, &[0, 0, 0, 8]), window(0, 1 << 20)].concat()),
        ("no stream given up", frame(3, 0, 0, &[0; 4])),
        ("a stream given up in 3 bytes", frame(3, 0, 1, &[0; 3])),
        ("a priority", frame(2, 0, 1, &[0, 0, 0, 0, 7])),
        ("a priority of 4 bytes", frame(2, 0, 1, &[0; 4])),
        ("a priority of itself", frame(2, 0, 1, &[0, 0, 0, 1, 7])),
        ("a priority of none", frame(2, 0, 0, &[0, 0, 0, 1, 7])),
        ("many priorities", frame(2, 0, 1, &[0, 0, 0, 0, 7]).repeat(130)),
        ("a push", frame(5, 4, 1, &[0, 0, 0, 2, 0x82])),
        ("a ping of 7 bytes", frame(6, 0, 0, &[0; 7])),
        ("a ping of a stream", frame(6, 0, 1, &[0; 8])),
        ("an answer to no ping", frame(6, 1, 0, &[0; 8])),
        ("going away", [frame(7, 0, 0, &[0; 8]), home()].concat()),
        ("going away in 4 bytes", frame(7, 0, 0, &[0; 4])),
        ("going away from a stream", frame(7, 0, 1, &[0; 8])),
        ("going on with nothing", frame(9, 4, 1, &block)),
        ("padding of nothing", frame(0, 8, 1, &[])),
        ("more padding than there is", frame(0, 8, 1, &[9, 0])),
        ("a body on stream 0", frame(0, 0, 0, b"x")),
    ];
    let whole =
        |bytes: Vec<u8>| Probe { bytes: [PREFACE, &settings(&[]), &bytes, &ping()].concat(), then: Vec::new(), ends: false };
    let mut probes: Vec<_> = usual.into_iter().map(|(name, bytes)| (name, whole(bytes))).collect();
    let by_and_by = |first: Vec<u8>, then: Vec<Vec<u8>>| {
        let then = then.into_iter().map(|bytes| [bytes, ping()].concat()).collect();
        Probe { then, ..whole(first) }
    };
    probes.push((
        "a large file in windows",
        by_and_by(large(1), [1, 70_000, 100_000].map(|more| [window(0, more), window(1, more)].concat()).into()),
    ));
    probes.push(("a large file in large windows", by_and_by(large(1), vec![[window(1, 1 << 20), window(0, 1 << 20)].concat()])));
    probes.push(("a window on its own", by_and_by([settings(&[(4, 7)]), home()].concat(), vec![window(1, 9), window(1, 9_999)])));
    let some = |from: u32| (from..from + 203).flat_map(|i| by_stream(2 * i + 1, "HEAD")).collect::<Vec<_>>();
    probes.push(("more than a connection takes", by_and_by(some(0), (1..5).map(|turn| some(turn * 203)).collect())));
    let weighed =
        |stream: u32, on: u32, weight: u8| frame(1, END | 32, stream, &[&on.to_be_bytes()[..], &[weight], &block].concat());
    let weights = [weighed(1, 0, 0), weighed(3, 0, 255), weighed(5, 0, 100)].concat();
    let chain = [weighed(1, 3, 15), weighed(3, 5, 15), weighed(5, 0, 15)].concat();
    for three in [weights, chain] {
        let shut = [settings(&[(4, 0)]), three.clone()].concat();
        probes.push(("three at once with priorities", whole(three)));
        probes.push(("windows for three", by_and_by(shut.clone(), vec![settings(&[(4, 3_000)])])));
        probes.push(("a window for each of three", by_and_by(shut, vec![[1, 3, 5].map(|stream| window(stream, 3_000)).concat()])));
    }
    // One of the two sites has this file, and on the other one the home page is large enough to use the window of all up.
    let used_up = [large(1), (1..108).flat_map(|i| asked(2 * i + 1, &GET)).collect()].concat();
    for seed in 0..40 {
        let first = [used_up.clone(), family(seed, 217, &block)].concat();
        probes.push(("who depends on whom", by_and_by(first, [700, 1, 9_000, 60_000].map(|more| window(0, more)).into())));
    }
    let late = [window(1, 5_000), window(0, 3_000)].concat();
    probes.push(("who waits longer", by_and_by([large(1), asked(3, &GET), asked(5, &GET)].concat(), vec![late])));
    let raw = |bytes: &[u8], ends| Probe { bytes: bytes.to_vec(), then: Vec::new(), ends };
    probes.push(("nothing", raw(b"", true)));
    probes.push(("half of the preface", raw(&PREFACE[..9], true)));
    probes.push(("another preface", raw(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", false)));
    probes.push(("HTTP/1.1", raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", false)));
    probes.push(("no settings", raw(&[PREFACE, &home(), &ping()].concat(), false)));
    probes.push(("a frame broken off", raw(&[PREFACE, &home()[..20]].concat(), true)));
    probes.push(("a flood of nothing", raw(&[PREFACE, &frame(99, 0, 0, &[0; 16_000]).repeat(600)].concat(), false)));
    probes
}

/// Twelve requests, and what is said of them and of others: who depends on whom, alone or not, and with which weight.
fn family(seed: u32, first: u32, block: &[u8]) -> Vec<u8> {
    let mut state = seed;
    let mut any = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let mut said = Vec::new();
    for request in 0..24 {
        let stream = if request % 2 == 0 { first + request } else { first + 2 * any(14) };
        let on = [0, first + 2 * any(12), 3 + 2 * any(107), first + 999][any(4) as usize];
        let on = if on == stream { 0 } else { on | u32::from(any(3) == 0) << 31 };
        let priority = [&on.to_be_bytes()[..], &[any(256) as u8]].concat();
        said.push(if request % 2 == 0 {
            frame(1, END | 32, stream, &[&priority, block].concat())
        } else {
            frame(2, 0, stream, &priority)
        });
    }
    said.concat()
}

fn by_stream(stream: u32, method: &str) -> Vec<u8> {
    asked(stream, &[(":method", method), GET[1], GET[2], GET[3]])
}
