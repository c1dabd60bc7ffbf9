//! What somebody tries who looks at TLS: other protocols inside of it, recordings played again, and broken beginnings.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[expect(dead_code, reason = "these tests use a part of it")]
mod house;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use house::hello::client_hello;
use house::neighbours::{Front, front, listening, nginx_config};
use house::ports::free_port;
use house::{Running, Service, exchange};
use rustls::{AlertDescription, ClientConfig, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use umweg_io::dial::{Form, RoadChoice, dial};
use umweg_io::session::Purpose;
use umweg_wire::proto::v1::ProxyLink;

#[tokio::test]
async fn a_recorded_connection_played_again_opens_nothing() {
    let mut service = Service::start().await;
    let proxy = Running::start(&service.link, &[]).await;
    let (tapped, recorded) = tap(proxy.tls()).await;
    let link = ProxyLink { tls_port: tapped.port().into(), ..proxy.link.clone() };
    let mut client = dial(&RoadChoice::via(link, Form::Tls), &service.link, Purpose::Rpc).await.unwrap();
    let mut served = service.arrivals.rpc.recv().await.unwrap();
    assert_eq!(exchange(&mut client, &mut served, b"secret").await, b"secret");
    let flight = recorded.lock().unwrap().clone();
    assert!(flight.len() > 1_000 && flight[0] == 0x16);

    let bare = Bare::start(&proxy, "").await;
    let again = records(proxy.tls(), &flight).await;
    assert_eq!(again, records(bare.tls, &flight).await, "as with the web server, it ends with the handshake");
    assert_eq!(again.first(), Some(&0x16), "its answer is a new handshake, which a recording cannot end");
    let whole_again = dial(&RoadChoice::via(proxy.link.clone(), Form::Tls), &service.link, Purpose::Rpc).await;
    assert!(whole_again.is_ok() && service.arrivals.rpc.recv().await.is_some());
    assert!(service.arrivals.rpc.try_recv().is_err(), "the recording reached nobody");
}

#[tokio::test]
async fn broken_beginnings_of_tls_end_as_with_the_web_server() {
    let proxy = Running::start(&Service::start().await.link, &[]).await;
    let bare = Bare::start(&proxy, "").await;
    let hello = client_hello("road.example");
    let mut differ = Vec::new();
    for (name, bytes) in [
        ("the oldest TLS", [&[0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10][..], &[0; 37]].concat()),
        ("cut short", hello[..100].to_vec()),
        ("half a record's head", hello[..3].to_vec()),
        ("plain text after it", [hello.clone(), b"GET / HTTP/1.1\r\n\r\n".to_vec()].concat()),
    ] {
        let (got, expected) = (records(proxy.tls(), &bytes).await, records(bare.tls, &bytes).await);
        if got != expected {
            differ.push(format!("{name}: {got:?}, the web server {expected:?}"));
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
}

#[tokio::test]
async fn http2_is_offered_and_served_as_by_the_web_server_behind() {
    let port = free_port();
    let http2 = free_port();
    let mut service = Service::start().await;
    let more = [format!("--site-upstream=http://127.0.0.1:{port}"), format!("--site-upstream-http2=http://127.0.0.1:{http2}")];
    let proxy = Running::start(&service.link, &[&more[0], &more[1]]).await;
    let servers = format!("server {{ listen 127.0.0.1:{port}; listen 127.0.0.1:{http2} http2; }}");
    let bare = Bare::start_with(&proxy, "http2", &servers).await;
    offers_are_the_same(&proxy, &bare, Some(b"h2")).await;
    for (name, probe) in http2_probes() {
        // A date, which no test can hold still, stands in it: in one second both answers are the same.
        let mut tries = 0;
        loop {
            let [got, expected] = [answer(proxy.tls(), &probe).await, answer(bare.tls, &probe).await];
            tries += 1;
            if got == expected {
                assert!(got.len() > 20, "{name}: the answer begins with the server's settings");
                break;
            }
            assert!(tries < 5, "{name}: {got:?}, but from the web server {expected:?}");
        }
    }
    let mut client = dial(&RoadChoice::via(proxy.link.clone(), Form::Tls), &service.link, Purpose::Rpc).await.unwrap();
    let mut served = service.arrivals.rpc.recv().await.unwrap();
    assert_eq!(exchange(&mut client, &mut served, b"HTTP/1.1 as ever").await, b"HTTP/1.1 as ever");
}

#[tokio::test]
async fn in_front_of_a_site_without_http2_it_offers_what_a_web_server_without_it_offers() {
    let proxy = Running::start(&Service::start().await.link, &["--site-upstream=http://127.0.0.1:9"]).await;
    let bare = Bare::start(&proxy, "").await;
    offers_are_the_same(&proxy, &bare, Some(b"http/1.1")).await;
}

async fn offers_are_the_same(proxy: &Running, bare: &Bare, best: Option<&[u8]>) {
    let offers: [&[&[u8]]; 7] =
        [&[], &[b"h2", b"http/1.1"], &[b"http/1.1", b"h2"], &[b"http/1.1"], &[b"http/1.0"], &[b"h2"], &[b"spdy/3"]];
    for offer in offers {
        let [got, expected] = [chosen(proxy.tls(), offer).await, chosen(bare.tls, offer).await];
        assert_eq!(got, expected, "{offer:?}");
    }
    assert_eq!(chosen(proxy.tls(), offers[1]).await.unwrap().as_deref(), best);
    assert_eq!(chosen(proxy.tls(), &[b"spdy/3"]).await, Err(AlertDescription::NoApplicationProtocol));
}

/// What the server chooses of the protocols that are offered, or how it refuses them all.
async fn chosen(address: SocketAddr, offer: &[&[u8]]) -> Result<Option<Vec<u8>>, AlertDescription> {
    match connect(address, offer).await {
        Ok(stream) => Ok(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec)),
        Err(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(Error::AlertReceived(alert)) => Err(*alert),
            _ => panic!("{error}"),
        },
    }
}

async fn connect(address: SocketAddr, offer: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut config = ClientConfig::clone(&umweg_io::tls::client_config(None).unwrap());
    config.dangerous().set_certificate_verifier(Arc::new(house::anyone::Anyone));
    config.alpn_protocols = offer.iter().map(|protocol| protocol.to_vec()).collect();
    let tcp = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect("road.example".try_into().unwrap(), tcp).await
}

/// HTTP/2 in bytes (RFC 9113): frames are a length, a kind, flags, a stream, and what is in them.
fn http2_probes() -> Vec<(&'static str, Vec<u8>)> {
    let frame = |kind: u8, flags: u8, stream: u8, inside: &[u8]| {
        [&[0, 0, u8::try_from(inside.len()).unwrap(), kind, flags, 0, 0, 0, stream], inside].concat()
    };
    let begin = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[])].concat();
    let then = |frames: Vec<u8>| [begin.clone(), frames].concat();
    // `:method`, `:path` and `:scheme` by their numbers in HPACK's table, and an authority.
    let get = [0x82, 0x84, 0x87, 0x41, 1, b'x'];
    let nothing = [0x82, 0x04, 3, b'/', b'n', b'o', 0x87, 0x41, 1, b'x'];
    let post = [0x83, 0x84, 0x87, 0x41, 1, b'x'];
    let secret_like = [0x82, 0x84, 0x87, 0x41, 1, b'x', 0x40, 7, b'u', b'p', b'g', b'r', b'a', b'd', b'e', 1, b'w'];
    vec![
        ("home", then(frame(1, 5, 1, &get))),
        ("nothing there", then(frame(1, 5, 1, &nothing))),
        ("POST", then(frame(1, 5, 1, &post))),
        ("two requests", then([frame(1, 5, 1, &get), frame(1, 5, 3, &nothing)].concat())),
        ("a header of the connection", then(frame(1, 5, 1, &secret_like))),
        ("a ping", then(frame(6, 0, 0, &[1, 2, 3, 4, 5, 6, 7, 8]))),
        ("a ping cut short", then(frame(6, 0, 0, &[1, 2]))),
        ("broken settings", then(frame(4, 0, 0, &[1]))),
        ("an even stream", then(frame(1, 5, 2, &get))),
        ("a broken header", then(frame(1, 5, 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))),
        ("data for nobody", then(frame(0, 0, 9, b"hello"))),
        ("a frame of no kind", then(frame(0x99, 0, 0, b"hello"))),
        ("HTTP/1.1", house::get("/")),
        ("another beginning", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec()),
    ]
}

/// All that comes back for those bytes, and for a ping after them if that is still answered.
async fn answer(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address, &[b"h2"]).await.unwrap();
    let ping = |acknowledged: u8| [&[0, 0, 8, 6, acknowledged, 0, 0, 0, 0], b"the last".as_slice()].concat();
    let _ = stream.write_all(&[bytes.to_vec(), ping(0)].concat()).await;
    let _ = stream.flush().await;
    let mut answer = Vec::new();
    while !answer.ends_with(&ping(1)) {
        match stream.read_buf(&mut answer).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
    }
    answer
}

/// The kinds of the records that come back for those bytes, however many of a kind, and what an alert says that can be read.
async fn records(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let _ = tcp.write_all(bytes).await;
    let _ = tcp.shutdown().await;
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer).await;
    let (mut kinds, mut rest) = (Vec::new(), answer.as_slice());
    while let [kind, _, _, high, low, ..] = *rest {
        kinds.push(kind);
        let length = 5 + usize::from(u16::from_be_bytes([high, low]));
        if kind == 0x15 && length == 7 {
            kinds.extend(&rest[5..7]);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    kinds.dedup();
    kinds
}

/// Passes connections on and remembers what the client said.
async fn tap(to: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let recording = Arc::clone(&recorded);
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = TcpStream::connect(to).await.unwrap().into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        let mut buffer = [0; 4_096];
        while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
            recording.lock().unwrap().extend_from_slice(&buffer[..count]);
            to_server.write_all(&buffer[..count]).await.unwrap();
        }
    });
    (address, recorded)
}

/// A real nginx with the proxy's certificate.
struct Bare {
    tls: SocketAddr,
    _nginx: Front,
    _folder: tempfile::TempDir,
}

impl Bare {
    async fn start(proxy: &Running, options: &str) -> Self {
        Self::start_with(proxy, options, "").await
    }

    async fn start_with(proxy: &Running, options: &str, more: &str) -> Self {
        let (folder, tls, data) = (tempfile::tempdir().unwrap(), free_port(), proxy.data.path().display());
        let servers = format!(
            "root {};\nserver {{ listen 127.0.0.1:{tls} ssl {options}; ssl_certificate {data}/certificate.pem; \
             ssl_certificate_key {data}/certificate-key.pem; }}\n{more}",
            Path::new("/usr/share/nginx/html").display()
        );
        let nginx = front("/usr/sbin/nginx", &["-c"], folder.path(), "nginx.conf", &nginx_config(folder.path(), "", &servers));
        listening(tls).await;
        Self { tls: SocketAddr::from(([127, 0, 0, 1], tls)), _nginx: nginx, _folder: folder }
    }
}
