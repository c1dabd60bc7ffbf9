//! Somebody without the secret wants to know whether this is a proxy: everything is sent to it and to a real nginx with the same site,
//! and must come back the same.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[expect(dead_code, reason = "these tests use a part of it")]
mod house;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use house::bare::{Bare, both_just_set_up, both_show, site};
use house::hello::client_hello;
use house::neighbours::{answer, answer_to_all, tls_to};
use house::ports::free_port;
use house::{Running, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use umweg_proxy::invites::{Invite, Invites};
use umweg_road::upgrade::Upgrade;

#[tokio::test]
async fn in_front_of_another_web_server_every_byte_is_its() {
    let site = site();
    let port = free_port();
    let proxy = Running::start(&Service::start().await.link, &[&format!("--site-upstream=http://127.0.0.1:{port}")]).await;
    let bare = Bare::start(site.path(), "absolute_redirect off;", &proxy, port).await;
    are_the_same(&proxy, &bare).await;
}

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

/// What takes long must take equally long. Machines are busy: this is told, and fails only where no web server would be so slow.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "a report, seen with --nocapture")]
async fn how_long_an_answer_takes_is_told() {
    let (proxy, bare) = both_just_set_up().await;
    let wrong = format!("{}x", proxy.link.path);
    for (name, request) in [("home", house::get("/")), ("nothing there", house::get("/x")), ("a wrong secret", upgrade(&wrong))] {
        let (mut there, mut here) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            for (took, port, tls) in [(&mut there, bare.plain, bare.tls), (&mut here, proxy.plain(), proxy.tls())] {
                let begun = Instant::now();
                answer(TcpStream::connect(port).await.unwrap(), &request).await;
                answer(tls_to(tls, proxy.link.pin.clone()).await, &request).await;
                took.push(begun.elapsed());
            }
        }
        let [there, here] = [there, here].map(|mut took| {
            took.sort();
            took[took.len() / 2]
        });
        println!("{name}: {there:?} from nginx, {here:?} from the proxy (a request without and one with TLS, median of 100)");
        assert!(here < Duration::from_secs(1));
    }
}

async fn are_the_same(proxy: &Running, bare: &Bare) {
    let probes = probes(&proxy.link.path, &revoked_at(proxy).await);
    let each = probes.iter().map(async |(name, probe)| {
        let plain = async |address| answer_of(bare, TcpStream::connect(address).await.unwrap(), probe, address).await;
        let in_tls = async |address| answer_of(bare, tls_to(address, proxy.link.pin.clone()).await, probe, address).await;
        let mut differ = Vec::new();
        compare(&mut differ, name, "plain", plain(proxy.plain()), plain(bare.plain)).await;
        compare(&mut differ, name, "in TLS", in_tls(proxy.tls()), in_tls(bare.tls)).await;
        if probe.bytes.first() != Some(&0x16) {
            compare(&mut differ, name, "without TLS where it is spoken", plain(proxy.tls()), plain(bare.tls)).await;
        }
        differ
    });
    let differ = stream::iter(each).buffer_unordered(32).concat().await;
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// A secret that was good for a while.
async fn revoked_at(proxy: &Running) -> String {
    let (invites, invite) = (Invites::of(proxy.data.path()), Invite::new("revoked", &mut rand::rng()));
    let path = invite.path.clone();
    let leads_on = async || {
        let answer = answer(TcpStream::connect(proxy.plain()).await.unwrap(), &upgrade(&path)).await;
        answer.starts_with("HTTP/1.1 502")
    };
    invites.add(invite).unwrap();
    while !leads_on().await {}
    invites.revoke("revoked").unwrap();
    while leads_on().await {}
    path
}

async fn compare(
    differ: &mut Vec<String>,
    name: &str,
    way: &str,
    got: impl Future<Output = String>,
    expected: impl Future<Output = String>,
) {
    let (got, expected) = tokio::join!(got, expected);
    if got != expected {
        let short = |text: &str| text.chars().take(600).collect::<String>();
        differ.push(format!("── {name}, {way}\n the web server: {:?}\n the proxy:      {:?}", short(&expected), short(&got)));
    }
}

/// The whole answer, but for what cannot be the same: the date, the port, and digits drawn at random.
async fn answer_of(bare: &Bare, stream: impl AsyncReadExt + AsyncWriteExt + Unpin, probe: &Probe, port: SocketAddr) -> String {
    let answer = if probe.ends { answer_to_all(stream, &probe.bytes).await } else { answer(stream, &probe.bytes).await };
    let answer = answer.replace(&format!(":{}/", bare.plain.port()), ":PORT/").replace(&format!(":{}/", port.port()), ":PORT/");
    match answer.split_once("boundary=") {
        Some((_, rest)) => answer.replace(&rest[..20], "BOUNDARY"),
        None => answer,
    }
}

/// What somebody sends, on a connection of its own.
struct Probe {
    bytes: Vec<u8>,
    /// Nothing comes after it, and the other side is told so.
    ends: bool,
}

fn upgrade(path: &str) -> Vec<u8> {
    let request = Upgrade::new(vec![7; 120], &mut rand::rng()).to_request("x", path);
    String::from_utf8(request).unwrap().replace("Connection: Upgrade", "Connection: Upgrade, close").into_bytes()
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn probes(path: &str, revoked: &str) -> Vec<(&'static str, Probe)> {
    let close = "Host: x\r\nConnection: close\r\n\r\n";
    let long = "a".repeat(9_000);
    let many = "X-Many: header\r\n".repeat(2_500);
    let text = |text: String| text.into_bytes();
    let line = |line: &str| format!("{line} HTTP/1.1\r\n{close}").into_bytes();
    let with = |more: &str| format!("GET / HTTP/1.1\r\n{more}\r\n{close}").into_bytes();
    let raw = |text: &str| text.as_bytes().to_vec();
    let twice = |first: &str| format!("{first}GET /again HTTP/1.1\r\n{close}").into_bytes();
    let dated = "If-Modified-Since: Wed, 19 Oct 2022 08:02:20 GMT";
    let complete = vec![
        ("home", house::get("/")),
        ("nothing there", house::get("/nothing-here")),
        ("a file", house::get("/style.css")),
        ("a large file", house::get("/large.bin")),
        ("an empty file", house::get("/empty.txt")),
        ("a file of an unknown kind", house::get("/unknown.kind")),
        ("a folder with a page", house::get("/with/")),
        ("a folder without", house::get("/without/")),
        ("a folder without its slash", house::get("/with?a=b")),
        ("a folder, HTTP/1.0 without a host", raw("GET /with HTTP/1.0\r\n\r\n")),
        ("a file as a folder", house::get("/style.css/")),
        ("a path in code", house::get("/two%20words.txt")),
        ("a slash in code", house::get("/with%2findex.html")),
        ("a question mark in code", house::get("/%3findex.html")),
        ("a number sign in code", house::get("/%23")),
        ("two slashes", house::get("//with//index.html")),
        ("a way out", house::get("/../x")),
        ("a way out in code", house::get("/%2e%2e/x")),
        ("a way back", house::get("/with/../index.html")),
        ("a way back to the top", house::get("/with/..")),
        ("a dot", house::get("/with/.")),
        ("broken code", house::get("/%zz")),
        ("code cut short", house::get("/%4")),
        ("a zero in code", house::get("/%00")),
        ("a fragment", house::get("/index.html#part")),
        ("a query", house::get("/index.html?a=b&c")),
        ("bytes beyond ASCII", house::get("/ä")),
        ("a name too long for a file", house::get(&format!("/{}", "a".repeat(300)))),
        ("an absolute address", house::get("http://y:81/with")),
        ("another server's address", house::get("http://192.0.2.1/")),
        ("an absolute address without a path", house::get("http://y")),
        ("an absolute address with a query only", house::get("http://y?a")),
        ("an absolute address in IPv6", house::get("http://[2001:db8::1]:80/")),
        ("an address broken off", house::get("http:/y/")),
        ("the secret without an upgrade", house::get(path)),
        ("a secret cut short", upgrade(&path[..path.len() - 1])),
        ("a secret too long", upgrade(&format!("{path}x"))),
        ("a revoked secret, as it was used", upgrade(revoked)),
        ("an upgrade elsewhere", upgrade("/live")),
        ("the secret with another method", text(format!("POST {path} HTTP/1.1\r\nContent-Length: 0\r\n{close}"))),
        ("the secret in another case", upgrade(&path.to_uppercase())),
        ("HEAD", line("HEAD /")),
        ("HEAD of nothing", line("HEAD /nothing-here")),
        ("HEAD of a bad path", line("HEAD /%zz")),
        ("POST", line("POST /")),
        ("POST to nothing", line("POST /nothing-here")),
        ("POST to a folder", line("POST /with")),
        ("PUT", line("PUT /")),
        ("PUT to nothing", line("PUT /nothing-here")),
        ("DELETE", line("DELETE /index.html")),
        ("OPTIONS", line("OPTIONS /")),
        ("OPTIONS of all", line("OPTIONS *")),
        ("TRACE", line("TRACE /")),
        ("CONNECT", line("CONNECT a:443")),
        ("CONNECT to a path", line("CONNECT /")),
        ("PROPFIND", line("PROPFIND /")),
        ("a method that is none", line("BREW /")),
        ("a method with a dash", line("A-B /")),
        ("a method in small letters", line("get /")),
        ("a method with a digit", line("GET1 /")),
        ("no method", line("/")),
        ("HTTP/1.0", raw("GET / HTTP/1.0\r\n\r\n")),
        ("HTTP/1.0 that stays", raw("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n")),
        ("HTTP/0.9", raw("GET /\r\n")),
        ("HTTP/0.9 of nothing", raw("GET /nothing-here\r\n")),
        ("HTTP/0.9 with another method", raw("HEAD /\r\n")),
        ("HTTP/1.2", raw(&format!("GET / HTTP/1.2\r\n{close}"))),
        ("HTTP/2 without asking", raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
        ("HTTP/2 as a version", raw(&format!("GET / HTTP/2.0\r\n{close}"))),
        ("a later version", raw(&format!("GET / HTTP/9.9\r\n{close}"))),
        ("no version that is one", raw(&format!("GET / HTTP/x\r\n{close}"))),
        ("an early version", raw(&format!("GET / HTTP/0.9\r\n{close}"))),
        ("another protocol", raw(&format!("GET / RTSP/1.0\r\n{close}"))),
        ("spaces after the version", raw(&format!("GET / HTTP/1.1  \r\n{close}"))),
        ("many spaces", raw(&format!("GET   /   HTTP/1.1\r\n{close}"))),
        ("line ends of one byte", raw("GET / HTTP/1.1\nHost: x\nConnection: close\n\n")),
        ("line ends before it", raw(&format!("\r\n\r\nGET / HTTP/1.1\r\n{close}"))),
        ("a control byte in the path", raw(&format!("GET /\x01 HTTP/1.1\r\n{close}"))),
        ("no host", raw("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")),
        ("two hosts", with("Host: y")),
        ("a bad host", raw("GET / HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n")),
        ("a host with two dots", raw("GET / HTTP/1.1\r\nHost: a..b\r\nConnection: close\r\n\r\n")),
        ("an empty host", raw("GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n")),
        ("a host with a port", raw("GET /with HTTP/1.1\r\nHost: Name.Example:81\r\nConnection: close\r\n\r\n")),
        ("a header without a colon", with("Broken")),
        ("a header with a space in its name", with("Bro ken: x")),
        ("a header that begins with a space", with(" folded")),
        ("a header without a name", with(": x")),
        ("a header with an underscore", with("a_b: x")),
        ("a header with a zero", with("a: \0")),
        ("a header with a tab", with("a:\tx")),
        ("a header with odd letters", with("a@b: x")),
        ("a header of 9,000 bytes", with(&format!("A: {long}"))),
        ("a header of 7,000 bytes", with(&format!("A: {}", "a".repeat(7_000)))),
        ("headers of 40,000 bytes", with(&many)),
        ("900 headers", with(&many[..900 * 16 - 2])),
        ("1,100 headers", with(&many[..1_100 * 16 - 2])),
        ("a line of 9,000 bytes", line(&format!("GET /{long}"))),
        ("a method of 9,000 bytes", "A".repeat(9_000).into_bytes()),
        ("a header without end", text(format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(40_000)))),
        (
            "a browser that pads",
            text(format!("GET /nothing-here HTTP/1.1\r\nUser-Agent: Mozilla/5.0 Chrome/141.0 Safari/537.36\r\n{close}")),
        ),
        (
            "a browser that does not",
            text(format!("GET /nothing-here HTTP/1.1\r\nUser-Agent: Mozilla/5.0 Gecko/2010 Firefox/144.0\r\n{close}")),
        ),
        ("a browser that pads, of the folder", text(format!("GET /with HTTP/1.1\r\nUser-Agent: MSIE 9.0; x\r\n{close}"))),
        ("two requests at once", twice("GET / HTTP/1.1\r\nHost: x\r\n\r\n")),
        ("many requests at once", twice(&"GET /nothing-here HTTP/1.1\r\nHost: x\r\n\r\n".repeat(30))),
        ("a request after a body", twice("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")),
        ("a request after a body of GET", twice("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")),
        ("a request after chunks", twice("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")),
        ("a request after a bad one", twice("GET / HTTP/1.1\r\n\r\n")),
        ("an upgrade after a request", [raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), upgrade(&format!("{path}x"))].concat()),
        ("an upgrade with the secret after a request", [raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), upgrade(path)].concat()),
        ("a length that is none", with("Content-Length: x")),
        ("the largest length", text(format!("POST / HTTP/1.1\r\nContent-Length: 1048576\r\n{close}{}", "a".repeat(1 << 20)))),
        ("two lengths", with("Content-Length: 0\r\nContent-Length: 0")),
        ("a length and chunks", with("Content-Length: 0\r\nTransfer-Encoding: chunked")),
        ("another encoding", with("Transfer-Encoding: gzip")),
        ("chunks in HTTP/1.0", raw("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
        ("waiting to go on", text(format!("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n{close}ab"))),
        ("waiting to go on with GET", text(format!("GET / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n{close}ab"))),
        ("not if it is so old", with(dated)),
        ("not if it is of now", with("If-Modified-Since: Fri, 31 Dec 2100 00:00:00 GMT")),
        ("a date that is none", with("If-Modified-Since: yesterday")),
        ("only if it is so old", with("If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT")),
        ("not if it is that", with("If-None-Match: \"634faf0c-267\"")),
        ("not if it is anything", with("If-None-Match: *")),
        ("not if it is something else", with("If-None-Match: \"x\", W/\"y\"")),
        ("only if it is something else", with("If-Match: \"x\"")),
        ("the first bytes", with("Range: bytes=0-3")),
        ("the last bytes", with("Range: bytes=-3")),
        ("from there", with("Range: bytes=5-")),
        ("two parts", with("Range: bytes=0-1,4-6")),
        ("too many parts", with("Range: bytes=0-,0-")),
        ("beyond the end", with("Range: bytes=9999-")),
        ("a range that is none", with("Range: bytes=x")),
        ("a range of something else", with("Range: lines=0-1")),
        ("a range if it is another", with("Range: bytes=0-1\r\nIf-Range: \"x\"")),
        ("a range if it is so old", with("Range: bytes=0-1\r\nIf-Range: Mon, 01 Jan 2001 00:00:00 GMT")),
        ("a part of the large file", text(format!("GET /large.bin HTTP/1.1\r\nRange: bytes=70000-170000\r\n{close}"))),
        ("in parts of HEAD", text(format!("HEAD / HTTP/1.1\r\nRange: bytes=0-3\r\n{close}"))),
        ("zipped", with("Accept-Encoding: gzip, br")),
        ("Signal's probe", client_hello("updates.signal.org")),
        ("Signal's probe with another name", client_hello("www.example.org")),
        ("SOCKS 5", vec![5, 1, 0]),
        ("SOCKS 4", vec![4, 1, 0, 80, 127, 0, 0, 1, 0]),
        ("SSH", raw("SSH-2.0-OpenSSH_9.9\r\n")),
        ("the oldest TLS", [&[0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10][..], &[0; 37]].concat()),
        ("bytes at random", (0..200_u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()),
    ];
    let unfinished = vec![
        ("a large length", with("Content-Length: 1048577")),
        ("a large length, for nothing", text(format!("POST /nothing-here HTTP/1.1\r\nContent-Length: 9999999999\r\n{close}"))),
        ("a large length, waiting to go on", with("Expect: 100-continue\r\nContent-Length: 1048577")),
        ("nothing but line ends", raw("\r\n\r\n")),
        ("no bytes at all", Vec::new()),
        ("WhatsApp's first bytes", raw("WA\u{6}\u{3}")),
        ("a method broken off", raw("GE")),
        ("a line broken off", raw("GET / HTT")),
        ("a head broken off", raw("GET / HTTP/1.1\r\nHost: x\r\n")),
        ("a body broken off", raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhello")),
        ("chunks broken off", raw("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello")),
        ("chunks that are none", raw("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n")),
        ("a body broken off, then none", raw("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhello")),
    ];
    let complete = complete.into_iter().map(|(name, bytes)| (name, Probe { bytes, ends: false }));
    complete.chain(unfinished.into_iter().map(|(name, bytes)| (name, Probe { bytes, ends: true }))).collect()
}
