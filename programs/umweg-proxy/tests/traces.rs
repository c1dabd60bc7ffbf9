//! What a proxy leaves behind: after a run with people of every kind nothing that it said, counted, showed or kept has an address of
//! theirs.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[expect(dead_code, reason = "these tests use a part of it")]
mod house;
#[expect(dead_code, reason = "these tests use a part of it")]
#[path = "house/program.rs"]
mod program;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use house::hello::client_hello;
use house::neighbours::{answer, tls_over};
use house::ports::free_port;
use house::{Service, exchange, get};
use program::Program;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use umweg_io::dial::{DialError, Form, RoadChoice, dial};
use umweg_io::session::Purpose;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::ProxyLink;

/// Of whoever comes by themselves.
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);
/// Of whoever comes by another server, which says so.
const ANNOUNCED: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 77);

#[tokio::test]
async fn after_a_run_nothing_that_the_proxy_wrote_has_an_address_of_a_client() {
    let mut service = Service::start().await;
    let (own, announced, media) = (free_port(), free_port(), free_port());
    // One server of another messenger's is there, and one is not.
    let chat = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let instead = format!("--connect-to=g.whatsapp.net:80:{},chat.signal.org:443:127.0.0.1:9", chat.local_addr().unwrap());
    let proxy = Program::start(&[
        &format!("--service={}", service.link.to_link()),
        "--host=127.0.0.1",
        "--tls-port=0",
        "--plain-port=0",
        "--bare-port=0",
        "--signal",
        "--whatsapp",
        &format!("--whatsapp-media-ports={media}"),
        &format!("--proxy-protocol=plain={announced}"),
        &format!("--metrics=127.0.0.1:{own}"),
        &instead,
    ]);
    let [tls, plain, bare] = [proxy.link.tls_port, proxy.link.plain_port, proxy.link.bare_port].map(at);

    for (form, door) in [(Form::Tls, tls), (Form::Plain, plain), (Form::Bare, bare)] {
        let choice = by_way_of_client(&proxy.link, form, door).await;
        let mut person = dial(&choice, &service.link, Purpose::Rpc).await.unwrap();
        let mut served = service.arrivals.rpc.recv().await.unwrap();
        assert_eq!(exchange(&mut person, &mut served, b"hello").await, b"hello");
    }
    let in_tls = async |bytes: &[u8]| answer(tls_over(from_client(tls).await, proxy.link.pin.clone()).await, bytes).await;
    assert!(in_tls(&get("/")).await.starts_with("HTTP/1.1 200"));
    assert_eq!(in_tls(&client_hello("chat.signal.org")).await, "", "Signal cannot be reached");
    for (door, bytes) in
        [(tls, &b"\x16\x03\x01\x00\x05nonse"[..]), (tls, b"GET / HTTP/1.0\r\n\r\n"), (plain, b"GET /%zz HTTP/1.0\r\n\r\n")]
    {
        answer(from_client(door).await, bytes).await;
    }
    let header = format!("PROXY TCP4 {ANNOUNCED} 198.51.100.1 50000 80\r\n");
    let announced = answer(from_client(at(announced.into())).await, &[header.as_bytes(), &get("/")].concat()).await;
    assert!(announced.starts_with("HTTP/1.1 200"));
    let somebody_else = from_client(plain).await;
    somebody_else.try_write(b"WA\x06\x03").unwrap();
    drop((chat.accept().await.unwrap(), somebody_else));
    // The service goes.
    let link = service.link.clone();
    drop(service);
    let choice = by_way_of_client(&proxy.link, Form::Tls, tls).await;
    assert_eq!(dial(&choice, &link, Purpose::Rpc).await.err(), Some(DialError::ServiceBehind));

    let shown = async |path| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{own}\r\nConnection: close\r\n\r\n");
        answer(TcpStream::connect(at(own.into())).await.unwrap(), request.as_bytes()).await
    };
    let shown = [shown("/").await, shown("/metrics").await].concat();
    let (said, data) = tokio::task::spawn_blocking(|| proxy.end()).await.unwrap();
    assert!(said.contains("the service can be reached") && said.contains("wa.me"), "what it said was heard: {said}");
    assert!(shown.contains("connections to the service, now") && shown.contains("\numweg_proxy_tunnels 3"), "{shown}");
    let mut written =
        vec![(PathBuf::from("what it said"), said.into_bytes()), (PathBuf::from("what it showed"), shown.into_bytes())];
    files_in(data.path(), &mut written);
    assert!(written.len() > 4, "invites, their counts, certificate and key");
    for (place, bytes) in written {
        for address in [CLIENT, ANNOUNCED] {
            for needle in [address.to_string().as_bytes(), &address.octets()] {
                assert!(!bytes.windows(needle.len()).any(|part| part == needle), "{} has an address of a client", place.display());
            }
        }
    }
}

fn at(port: u32) -> SocketAddr {
    ([127, 0, 0, 1], u16::try_from(port).unwrap()).into()
}

async fn from_client(door: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((CLIENT, 0).into()).unwrap();
    socket.connect(door).await.unwrap()
}

/// The road by that proxy, dialed from the client's address.
async fn by_way_of_client(link: &ProxyLink, form: Form, door: SocketAddr) -> RoadChoice {
    let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = between.local_addr().unwrap().port().into();
    tokio::spawn(async move {
        let (mut app, _) = between.accept().await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut app, &mut from_client(door).await).await;
    });
    RoadChoice::via(ProxyLink { tls_port: port, plain_port: port, bare_port: port, ..link.clone() }, form)
}

fn files_in(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_in(&path, found);
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
}
