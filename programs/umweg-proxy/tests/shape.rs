//! What a censor can measure of a session without opening it: sizes and directions of what is on the wire between an app and the
//! running proxy, and between an app and the service where no proxy is needed.
//!
//! Twenty sessions say exactly the same. Whatever differs between them is our shaping, and what does not is a signature.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

#[expect(dead_code, reason = "these tests use a part of it")]
#[path = "house/program.rs"]
mod program;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use program::Program;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use umweg_io::dial::{Form, RoadChoice, dial};
use umweg_io::listen::{Arrivals, Doors, Entrance, ListenConfig};
use umweg_io::session::{Purpose, Scheme, SealedStream, StaticKey};
use umweg_io::shutdown::Shutdown;
use umweg_io::site::Site;
use umweg_io::tls::Certificate;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

const SESSIONS: usize = 20;
/// What is said, by turns, the client first: like gRPC's beginning and two small requests.
const SAID: [usize; 10] = [90, 60, 250, 30, 40, 300, 200, 30, 120, 900];

#[tokio::test]
async fn twenty_sessions_by_a_running_proxy_look_different_and_share_no_signature() {
    assert_no_signature(&Road::by_proxy(Form::Tls).await.twenty().await);
}

#[tokio::test]
async fn nor_do_they_without_tls_around_them() {
    assert_no_signature(&Road::by_proxy(Form::Plain).await.twenty().await);
}

#[tokio::test]
async fn twenty_direct_sessions_look_different_and_share_no_signature() {
    assert_no_signature(&Road::direct(Scheme::default()).await.twenty().await);
}

fn assert_no_signature(seen: &[Units]) {
    let whole: BTreeSet<_> = seen.iter().map(sizes).collect();
    assert_eq!(whole.len(), SESSIONS, "no two sessions are alike");
    for (number, (by_client, _)) in seen[0].iter().enumerate() {
        let different: BTreeSet<_> = seen.iter().map(|units| units[number].1).collect();
        assert!(different.len() >= SESSIONS / 2, "unit {number} (client: {by_client}) has one of {} sizes", different.len());
    }
    for (first, second) in (0..seen[0].len()).flat_map(|first| (0..first).map(move |second| (first, second))) {
        let apart: BTreeSet<_> = seen.iter().map(|units| units[first].1.abs_diff(units[second].1)).collect();
        assert!(apart.len() >= SESSIONS / 2, "units {first} and {second} are always about as far apart");
    }
    let directions: BTreeSet<Vec<bool>> =
        seen.iter().map(|units| units.iter().map(|(by_client, _)| *by_client).collect()).collect();
    assert!(directions.len() > 1, "even who speaks when is not always the same");
}

#[tokio::test]
async fn what_a_censor_learned_of_one_scheme_is_worth_nothing_under_the_next() {
    let seen = Road::direct(Scheme::default()).await.twenty().await;
    let learned: Vec<_> = (0..seen[0].len())
        .map(|number| {
            let sizes = seen.iter().map(|units| units[number].1);
            sizes.clone().min().unwrap()..=sizes.max().unwrap()
        })
        .collect();
    // The operator writes another scheme into the service's configuration, and nothing else changes anywhere.
    let next = Scheme::new(vec![(900, 1_300), (700, 1_200), (80, 300), (90, 400), (600, 1_300), (80, 200)]).unwrap();
    let later = Road::direct(next).await.twenty().await;
    let matches = later.iter().filter(|units| units.iter().zip(&learned).all(|((_, size), range)| range.contains(size)));
    assert_eq!(matches.count(), 0, "sessions that still fit");
}

/// Session tickets: a TLS server's first words after the handshake, of one size for each server, and none of ours.
const TICKETS: usize = 2;

/// TLS records, or WebSocket frames where there is no TLS: by the client or not, and how long.
type Units = Vec<(bool, usize)>;

fn sizes(units: &Units) -> Vec<usize> {
    units.iter().map(|(_, size)| *size).collect()
}

/// A service and the way to it.
struct Road {
    service: ServiceLink,
    arrivals: Arrivals,
    form: Form,
    /// A running proxy, if it goes by one.
    proxy: Option<Program>,
    door: SocketAddr,
    shutdown: Shutdown,
}

impl Road {
    async fn direct(scheme: Scheme) -> Self {
        let certificate = Certificate::self_signed("localhost").unwrap();
        let pin = certificate.pin().unwrap().to_vec();
        let doors = Doors { tls: Some(([127, 0, 0, 1], 0).into()), ..Doors::default() };
        let mut road = Self::of_service(doors, Some(&certificate), scheme).await;
        road.service.pin = pin;
        road
    }

    async fn by_proxy(form: Form) -> Self {
        let doors = Doors { relay: Some(([127, 0, 0, 1], 0).into()), ..Doors::default() };
        let mut road = Self::of_service(doors, None, Scheme::default()).await;
        // The service itself is blocked: nobody listens there.
        (road.service.relay_port, road.service.tls_port) = (road.door.port().into(), 9);
        let service = format!("--service={}", road.service.to_link());
        let proxy = Program::start(&[&service, "--host=127.0.0.1", "--tls-port=0", "--plain-port=0"]);
        let port = if form == Form::Tls { proxy.link.tls_port } else { proxy.link.plain_port };
        road.door.set_port(port.try_into().unwrap());
        (road.form, road.proxy) = (form, Some(proxy));
        road
    }

    async fn of_service(doors: Doors, certificate: Option<&Certificate>, scheme: Scheme) -> Self {
        let key = StaticKey::random(&mut rand::rng());
        let static_key = key.public().to_vec();
        let config = ListenConfig {
            doors,
            tls: certificate.map(|certificate| certificate.server_config().unwrap()),
            path: "/live".into(),
            key,
            scheme,
            site: Site::default(),
            connections_max: 100,
        };
        let entrance = Entrance::bind(config).await.unwrap();
        let door = entrance.addresses().tls.or(entrance.addresses().relay).unwrap();
        let shutdown = Shutdown::new();
        let service = ServiceLink { host: "127.0.0.1".into(), static_key, path: "/live".into(), ..Default::default() };
        Self { service, arrivals: entrance.open(&shutdown), form: Form::Tls, proxy: None, door, shutdown }
    }

    /// What is dialed to go by that port rather than straight to the door.
    fn through(&self, port: u16) -> (RoadChoice, ServiceLink) {
        let port = port.into();
        match &self.proxy {
            Some(proxy) => {
                let link = ProxyLink { tls_port: port, plain_port: port, ..proxy.link.clone() };
                (RoadChoice::via(link, self.form), self.service.clone())
            }
            None => (RoadChoice::direct(self.form), ServiceLink { tls_port: port, ..self.service.clone() }),
        }
    }

    /// What was on the wire in twenty sessions.
    async fn twenty(&mut self) -> Vec<Units> {
        let mut seen = Vec::new();
        for _ in 0..SESSIONS {
            seen.push(self.one().await);
        }
        let shortest = seen.iter().map(Vec::len).min().unwrap();
        seen.iter_mut().for_each(|units| units.truncate(shortest));
        seen
    }

    async fn one(&mut self) -> Units {
        let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (choice, service) = self.through(between.local_addr().unwrap().port());
        let units = Arc::new(Mutex::new(Units::new()));
        let (seen, door, form) = (Arc::clone(&units), self.door, self.form);
        tokio::spawn(async move {
            let (client, _) = between.accept().await.unwrap();
            let there = TcpStream::connect(door).await.unwrap();
            for tcp in [&client, &there] {
                tcp.set_nodelay(true).unwrap();
            }
            let ((from_client, to_client), (from_there, to_there)) = (client.into_split(), there.into_split());
            tokio::join!(pass(from_client, to_there, form, true, &seen), pass(from_there, to_client, form, false, &seen));
        });
        let mut client = dial(&choice, &service, Purpose::Rpc).await.unwrap();
        let mut server = self.arrivals.rpc.recv().await.unwrap();
        for (turn, length) in SAID.into_iter().enumerate() {
            if turn % 2 == 0 { say(&mut client, &mut server, length).await } else { say(&mut server, &mut client, length).await }
        }
        let units = units.lock().unwrap().clone();
        if self.form == Form::Tls { ours(&units) } else { units }
    }
}

impl Drop for Road {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

/// Up to the client's second record it is what every TLS client and server do; the upgrade's request is its first word of its own.
fn ours(records: &Units) -> Units {
    let finished = records.iter().position(|(by_client, _)| *by_client).unwrap();
    let request = finished + 1 + records[finished + 1..].iter().position(|(by_client, _)| *by_client).unwrap();
    let (by_client, by_service): (Vec<_>, Vec<_>) = records[request..].iter().enumerate().partition(|(_, record)| record.0);
    let mut ours = [by_client, by_service.into_iter().skip(TICKETS).collect()].concat();
    ours.sort_by_key(|(number, _)| *number);
    ours.into_iter().map(|(_, record)| *record).collect()
}

async fn say(from: &mut SealedStream, to: &mut SealedStream, length: usize) {
    let write = async {
        from.write_all(&vec![7; length]).await.unwrap();
        from.flush().await.unwrap();
    };
    let mut heard = vec![0; length];
    let ((), read) = tokio::join!(write, to.read_exact(&mut heard));
    read.unwrap();
}

/// Passes everything on, and notes what is application data or looks like it.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, form: Form, by_client: bool, seen: &Mutex<Units>) {
    let mut is_first = true;
    loop {
        let unit = match form {
            Form::Tls => record(&mut from).await,
            _ if is_first => head(&mut from, by_client).await,
            _ => frame(&mut from).await,
        };
        let Ok(unit) = unit else {
            let _ = to.shutdown().await;
            return;
        };
        is_first = false;
        if form != Form::Tls || unit[0] == 23 {
            seen.lock().unwrap().push((by_client, unit.len()));
        }
        if to.write_all(&unit).await.is_err() {
            return;
        }
    }
}

async fn record(from: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let mut record = vec![0; 5];
    from.read_exact(&mut record).await?;
    record.resize(5 + usize::from(u16::from_be_bytes([record[3], record[4]])), 0);
    from.read_exact(&mut record[5..]).await?;
    Ok(record)
}

/// Of a request or an answer; with an answer comes the first frame.
async fn head(from: &mut OwnedReadHalf, by_client: bool) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(from.read_u8().await?);
    }
    if !by_client {
        head.extend(frame(from).await?);
    }
    Ok(head)
}

/// RFC 6455, section 5.2.
async fn frame(from: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let mut frame = vec![0; 2];
    from.read_exact(&mut frame).await?;
    let (is_masked, short) = (frame[1] & 0x80 != 0, usize::from(frame[1] & 0x7f));
    let beside = if short == 126 { 2 } else { 0 } + if is_masked { 4 } else { 0 };
    frame.resize(2 + beside, 0);
    from.read_exact(&mut frame[2..]).await?;
    let length = if short == 126 { usize::from(u16::from_be_bytes([frame[2], frame[3]])) } else { short };
    frame.resize(2 + beside + length, 0);
    from.read_exact(&mut frame[2 + beside..]).await?;
    Ok(frame)
}
