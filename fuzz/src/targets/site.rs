//! A proxy's own web site: whatever a visitor sends, or a prober, whole and cut into parts.

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;
use umweg_io::site::{Came, Layer, Site};

use super::Target;

pub(super) const HTTP1: Target = Target {
    name: "site-http1",
    decodes: "what a visitor of a proxy's own pages sends, in HTTP/1 and before",
    bytes_max: 20_000,
    run: |input| visit(input, false),
    seeds: || {
        let get = "GET /?a HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9,20-\r\nIf-Match: *\r\n\r\n";
        let post = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        vec![get.repeat(2).into(), post.into(), "GET /\r\n".into(), "HEAD http://[::1]:80/%41/../ HTTP/1.0\r\n\r\n".into()]
    },
};

pub(super) const HTTP2: Target = Target {
    name: "site-http2",
    decodes: "what a visitor of a proxy's own pages sends, in HTTP/2",
    bytes_max: 20_000,
    run: |input| visit(input, true),
    seeds: || {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let settings = b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\x01\0\0";
        // GET / of https://x, then the same in two parts, and a body that nobody wants.
        let get = b"\0\0\x06\x01\x05\0\0\0\x01\x82\x84\x87\x41\x01x";
        let parts = b"\0\0\x02\x01\x01\0\0\0\x03\x82\x84\0\0\x04\x09\x04\0\0\0\x03\x87\x41\x01x";
        let post = b"\0\0\x06\x01\x04\0\0\0\x05\x83\x84\x87\x41\x01x\0\0\x03\0\x01\0\0\0\x05abc";
        let others = b"\0\0\x04\x08\0\0\0\0\0\0\0\xff\xff\0\0\x08\x06\0\0\0\0\0pingping\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08";
        vec![[&preface[..], settings, get, others].concat(), [&preface[..], settings, parts, post].concat()]
    },
};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a thread can have a runtime");
}

/// The visitor says all that, and listens until the site has had enough of it.
fn visit(input: &[u8], in_http2: bool) {
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let (mut visitor, here) = duplex(1 << 10);
            let came = Came { by: Layer::Tls, to: ([127, 0, 0, 1], 443).into(), at: Instant::now() };
            let serve = async {
                let site = Site::default();
                if in_http2 {
                    site.serve_http2(Box::new(here), came).await;
                } else {
                    site.serve(Box::new(here), Vec::new(), came).await;
                }
            };
            let (mut from, mut to) = tokio::io::split(&mut visitor);
            let speak = async {
                // It may have had enough before the end.
                let _ = to.write_all(input).await;
                let _ = to.shutdown().await;
            };
            let listen = async {
                let mut heard = [0; 4 << 10];
                while matches!(from.read(&mut heard).await, Ok(1..)) {}
            };
            tokio::join!(serve, speak, listen);
        });
    });
}
