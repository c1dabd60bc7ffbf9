//! Roads end to end on loopback, with real sockets and real TLS: what a client dials, and what a service's doors let in.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use umweg_io::dial::{DialError, Form, RoadChoice, Stage, Who, dial, test};
use umweg_io::listen::{Arrivals, Doors, Entrance, ListenConfig};
use umweg_io::log::ForbidsPrivate;
use umweg_io::session::{Purpose, Scheme, SealedStream, StaticKey};
use umweg_io::shutdown::Shutdown;
use umweg_io::site::Site;
use umweg_io::tls::Certificate;
use umweg_road::upgrade::Upgrade;
use umweg_wire::proto::v1::ServiceLink;

#[tokio::test]
async fn every_form_of_the_direct_road_carries_bytes_both_ways() {
    let mut service = Service::start(100).await;
    for form in Form::ALL {
        let mut client = dial(&RoadChoice::direct(form), &service.link, Purpose::Rpc).await.unwrap();
        let mut server = service.arrivals.rpc.recv().await.unwrap();
        let sent: Vec<u8> = (0..300_000u32).map(|i| i.to_le_bytes()[1]).collect();
        let there = exchange(&mut client, &mut server, &sent).await;
        let back = exchange(&mut server, &mut client, &sent).await;
        assert!(there == sent && back == sent, "{form:?}");
        drop(client);
        assert_eq!(server.read(&mut [0; 1]).await.unwrap_or(0), 0, "{form:?}: the end is noticed");
    }
}

#[tokio::test]
async fn a_media_connection_goes_to_the_sfu_and_not_to_grpc() {
    let mut service = Service::start(100).await;
    let _client = dial(&RoadChoice::direct(Form::Tls), &service.link, Purpose::Media).await.unwrap();
    assert!(service.arrivals.media.recv().await.is_some());
    assert!(service.arrivals.rpc.try_recv().is_err());
}

#[tokio::test]
async fn a_proxys_port_takes_both_upgrade_and_bare_session() {
    let mut service = Service::start(100).await;
    let relay = service.doors.relay.unwrap().port().into();
    for (form, link) in [
        (Form::Plain, ServiceLink { plain_port: relay, ..service.link.clone() }),
        (Form::Bare, ServiceLink { bare_port: relay, ..service.link.clone() }),
    ] {
        let _client = dial(&RoadChoice::direct(form), &link, Purpose::Rpc).await.unwrap();
        assert!(service.arrivals.rpc.recv().await.is_some(), "{form:?}");
    }
}

#[tokio::test]
async fn a_test_says_how_long_it_took() {
    let service = Service::start(100).await;
    assert!(test(&RoadChoice::direct(Form::Tls), &service.link).await.unwrap() < std::time::Duration::from_secs(10));
}

#[tokio::test]
async fn each_way_to_fail_says_what_it_is() {
    let service = Service::start(100).await;
    let direct = |form| RoadChoice::direct(form);
    let failure = async |form, link: &ServiceLink| dial(&direct(form), link, Purpose::Rpc).await.err().unwrap();

    let other_pin = ServiceLink { pin: vec![9; 32], ..service.link.clone() };
    assert_eq!(failure(Form::Tls, &other_pin).await, DialError::WrongPin(Who::Service));
    let authorities = ServiceLink { pin: vec![], ..service.link.clone() };
    assert_eq!(failure(Form::Tls, &authorities).await, DialError::UnknownAuthority(Who::Service));
    let other_path = ServiceLink { path: "/other".into(), ..service.link.clone() };
    assert_eq!(failure(Form::Tls, &other_path).await, DialError::NotOurs(Who::Service, 404));
    let other_key = ServiceLink { static_key: StaticKey::random(&mut rand::rng()).public().to_vec(), ..service.link.clone() };
    assert_eq!(failure(Form::Plain, &other_key).await, DialError::NotOurs(Who::Service, 404));
    assert_eq!(failure(Form::Bare, &other_key).await, DialError::Cut(Who::Service, Stage::Session));
    let not_offered = ServiceLink { tls_port: 0, ..service.link.clone() };
    assert_eq!(failure(Form::Tls, &not_offered).await, DialError::NotOffered(Who::Service));

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let nobody = ServiceLink { plain_port: port.into(), ..service.link.clone() };
    assert_eq!(failure(Form::Plain, &nobody).await, DialError::Closed(Who::Service));
    let no_name = ServiceLink { host: "does-not-exist.invalid".into(), ..service.link.clone() };
    assert_eq!(failure(Form::Tls, &no_name).await, DialError::NoAddress(Who::Service));
}

#[tokio::test]
async fn somebody_who_cannot_speak_is_called_strange_and_somebody_silent_is_waited_for_in_vain() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = u32::from(listener.local_addr().unwrap().port());
    let answers: [(&[u8], DialError); 3] = [
        (b"SSH-2.0-OpenSSH_9\r\n", DialError::Strange(Who::Service)),
        (b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n", DialError::Strange(Who::Service)),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", DialError::NotOurs(Who::Service, 403)),
    ];
    let link = ServiceLink { plain_port: port, tls_port: port, ..link_of([1; 32], [2; 32], Doors::default()) };
    for (answer, expected) in answers {
        let road = RoadChoice::direct(Form::Plain);
        let (dialed, ()) = tokio::join!(dial(&road, &link, Purpose::Rpc), async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            tcp.write_all(answer).await.unwrap();
            let _ = tcp.read(&mut [0; 1_000]).await;
        });
        assert_eq!(dialed.err().unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialing_does_not_wait_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link =
        ServiceLink { bare_port: listener.local_addr().unwrap().port().into(), ..link_of([1; 32], [2; 32], Doors::default()) };
    let accepted = tokio::spawn(async move { listener.accept().await });
    let failed = dial(&RoadChoice::direct(Form::Bare), &link, Purpose::Rpc).await.err().unwrap();
    assert!(matches!(failed, DialError::TimedOut(Who::Service, _)), "{failed}");
    drop(accepted);
}

#[tokio::test]
async fn nothing_but_the_upgrade_is_more_than_a_web_site() {
    let service = Service::start(100).await;
    let plain = service.doors.plain.unwrap();
    let unknown = ask(plain, b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(unknown.starts_with("HTTP/1.1 404 Not Found\r\n"));
    let close = |request: &str| request.replace("Connection: Upgrade\r\n", "Connection: Upgrade, close\r\n").into_bytes();
    let forged = Upgrade::new(vec![7; 120], &mut rand::rng());
    let wrong_path = close(&String::from_utf8(forged.to_request("x", "/guess")).unwrap());
    let wrong_session = close(&String::from_utf8(forged.to_request("x", PATH)).unwrap());
    let without_upgrade = format!("GET {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes();
    for request in [wrong_path, wrong_session, without_upgrade] {
        assert_eq!(ask(plain, &request).await, unknown, "every miss gets the same bytes");
    }
    assert!(ask(plain, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(ask(plain, b"\x00\x01\x02 garbage \r\n\r\n").await.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    assert!(
        ask(plain, b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.starts_with("HTTP/1.1 405 Not Allowed\r\n")
    );
}

#[tokio::test]
async fn where_tls_is_expected_others_are_answered_as_nginx_answers_them() {
    let service = Service::start(100).await;
    let tls = service.doors.tls.unwrap();
    for request in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), format!("GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n")] {
        let answer = ask(tls, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        assert!(answer.contains("The plain HTTP request was sent to HTTPS port"), "{answer}");
    }
    let mut ssl2 = TcpStream::connect(tls).await.unwrap();
    ssl2.write_all(&[0x80, 3, 1, 0, 2]).await.unwrap();
    let mut answer = Vec::new();
    ssl2.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, [0x15, 3, 3, 0, 2, 2, 70], "an alert: too old");
}

#[tokio::test]
async fn garbage_at_any_door_ends_that_connection_and_no_other() {
    let mut service = Service::start(100).await;
    let mut good = dial(&RoadChoice::direct(Form::Tls), &service.link, Purpose::Rpc).await.unwrap();
    let mut served = service.arrivals.rpc.recv().await.unwrap();
    for door in [service.doors.tls, service.doors.plain, service.doors.bare, service.doors.relay].into_iter().flatten() {
        for first in [0u8, 3, 0x16, b'G', 0x80, 0xff] {
            let mut garbage = vec![first; 600];
            garbage.extend_from_slice(b"\r\n\r\n");
            let _ = ask(door, &garbage).await;
        }
    }
    assert!(service.arrivals.rpc.try_recv().is_err() && service.arrivals.media.try_recv().is_err());
    assert_eq!(exchange(&mut good, &mut served, b"still here").await, b"still here");
}

#[tokio::test(start_paused = true)]
async fn who_is_slow_on_purpose_is_cut() {
    let service = Service::start(100).await;
    for (door, start) in [
        (service.doors.plain, &b"GET / HTTP/1.1\r\nX: "[..]),
        (service.doors.tls, &[0x16, 3, 1, 2, 0][..]),
        (service.doors.bare, &[0, 200, 1][..]),
        (service.doors.relay, &b""[..]),
    ] {
        let mut slow = TcpStream::connect(door.unwrap()).await.unwrap();
        slow.write_all(start).await.unwrap();
        let mut rest = Vec::new();
        // It ends without an answer; a reset is an end, too.
        let _ = slow.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
    }
}

#[tokio::test]
async fn connections_above_the_limit_are_turned_away_and_let_in_when_one_goes() {
    let mut service = Service::start(1).await;
    let first = dial(&RoadChoice::direct(Form::Bare), &service.link, Purpose::Rpc).await.unwrap();
    let held = service.arrivals.rpc.recv().await.unwrap();
    assert!(dial(&RoadChoice::direct(Form::Bare), &service.link, Purpose::Rpc).await.is_err());
    drop((first, held));
    assert!(dial(&RoadChoice::direct(Form::Bare), &service.link, Purpose::Rpc).await.is_ok());
}

#[tokio::test]
async fn a_changed_byte_on_the_way_ends_the_session_with_an_error() {
    let mut service = Service::start(100).await;
    let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = ServiceLink { bare_port: between.local_addr().unwrap().port().into(), ..service.link.clone() };
    let target = service.doors.bare.unwrap();
    tokio::spawn(async move {
        let (mut client, _) = between.accept().await.unwrap();
        let mut server = TcpStream::connect(target).await.unwrap();
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let meddle = async {
            let mut first = [0; 4_096];
            let length = from_client.read(&mut first).await.unwrap();
            to_server.write_all(&first[..length]).await.unwrap();
            let length = from_client.read(&mut first).await.unwrap();
            first[length - 1] ^= 1;
            to_server.write_all(&first[..length]).await.unwrap();
        };
        let _ = tokio::join!(meddle, tokio::io::copy(&mut from_server, &mut to_client));
    });
    let mut client = dial(&RoadChoice::direct(Form::Bare), &link, Purpose::Rpc).await.unwrap();
    let mut server = service.arrivals.rpc.recv().await.unwrap();
    client.write_all(b"pay 1").await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(server.read(&mut [0; 10]).await.unwrap_err().kind(), std::io::ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_taken_port_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let doors = Doors { plain: Some(address), ..Doors::default() };
    let refused = Entrance::bind(config(doors, StaticKey::random(&mut rand::rng()), None, 1)).await.err().unwrap();
    assert_eq!(
        refused.to_string(),
        format!("port {} is taken by another program: stop that one, or choose another port", address.port())
    );
}

const PATH: &str = "/live";

struct Service {
    link: ServiceLink,
    doors: Doors,
    arrivals: Arrivals,
    shutdown: Shutdown,
}

impl Service {
    async fn start(connections_max: usize) -> Self {
        ForbidsPrivate::new(["/live"]).everywhere();
        #[cfg(feature = "boring")]
        umweg_io::tls::Stack::Boring.choose().unwrap();
        let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let key = StaticKey::random(&mut rand::rng());
        let certificate = Certificate::self_signed("localhost").unwrap();
        let doors = Doors { tls: any, plain: any, bare: any, relay: any };
        let entrance = Entrance::bind(config(doors, key.clone(), Some(&certificate), connections_max)).await.unwrap();
        let doors = entrance.addresses();
        let shutdown = Shutdown::new();
        let link = link_of(*key.public(), certificate.pin().unwrap(), doors);
        Self { link, doors, arrivals: entrance.open(&shutdown), shutdown }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

fn config(doors: Doors, key: StaticKey, certificate: Option<&Certificate>, connections_max: usize) -> ListenConfig {
    let tls = certificate.map(|certificate| certificate.server_config().unwrap());
    ListenConfig { doors, tls, path: PATH.into(), key, scheme: Scheme::default(), site: Site::default(), connections_max }
}

fn link_of(static_key: [u8; 32], pin: [u8; 32], doors: Doors) -> ServiceLink {
    let port = |door: Option<SocketAddr>| door.map_or(0, |address| address.port().into());
    ServiceLink {
        host: "127.0.0.1".into(),
        static_key: static_key.to_vec(),
        tls_port: port(doors.tls),
        pin: pin.to_vec(),
        path: PATH.into(),
        plain_port: port(doors.plain),
        bare_port: port(doors.bare),
        relay_port: port(doors.relay),
    }
}

async fn exchange(from: &mut SealedStream, to: &mut SealedStream, bytes: &[u8]) -> Vec<u8> {
    let mut got = vec![0; bytes.len()];
    let write = async {
        from.write_all(bytes).await.unwrap();
        from.flush().await.unwrap();
    };
    let (_, read) = tokio::join!(write, to.read_exact(&mut got));
    read.unwrap();
    got
}

/// The whole answer, without its date.
async fn ask(door: SocketAddr, request: &[u8]) -> String {
    let mut tcp = TcpStream::connect(door).await.unwrap();
    tcp.write_all(request).await.unwrap();
    tcp.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).lines().filter(|line| !line.starts_with("Date: ")).map(|line| format!("{line}\r\n")).collect()
}
