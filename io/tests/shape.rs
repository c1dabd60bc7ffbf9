//! What a censor can measure of a session without opening it: sizes and directions of its TLS records.
//!
//! Twenty sessions say exactly the same. Whatever differs between them is our shaping, and what does not is a signature.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use umweg_io::dial::{Form, RoadChoice, dial};
use umweg_io::listen::{Arrivals, Doors, Entrance, ListenConfig};
use umweg_io::session::{Purpose, Scheme, SealedStream, StaticKey};
use umweg_io::shutdown::Shutdown;
use umweg_io::site::Site;
use umweg_io::tls::Certificate;
use umweg_wire::proto::v1::ServiceLink;

const SESSIONS: usize = 20;
/// What is said, by turns, the client first: like gRPC's beginning and two small requests.
const SAID: [usize; 10] = [90, 60, 250, 30, 40, 300, 200, 30, 120, 900];

#[tokio::test]
async fn twenty_sessions_that_say_the_same_look_different_and_share_no_signature() {
    let mut service = Service::start(Scheme::default()).await;
    let seen = service.twenty().await;
    let whole: BTreeSet<_> = seen.iter().map(sizes).collect();
    assert_eq!(whole.len(), SESSIONS, "no two sessions are alike");
    for (number, (by_client, _)) in seen[0].iter().enumerate() {
        let different: BTreeSet<_> = seen.iter().map(|records| records[number].1).collect();
        assert!(different.len() >= SESSIONS / 2, "record {number} (client: {by_client}) has one of {} sizes", different.len());
    }
    for (first, second) in (0..seen[0].len()).flat_map(|first| (0..first).map(move |second| (first, second))) {
        let apart: BTreeSet<_> = seen.iter().map(|records| records[first].1.abs_diff(records[second].1)).collect();
        assert!(apart.len() >= SESSIONS / 2, "records {first} and {second} are always about as far apart");
    }
    let directions: Vec<bool> = seen[0].iter().map(|(by_client, _)| *by_client).collect();
    let alike =
        seen.iter().filter(|records| records.iter().map(|(by_client, _)| *by_client).eq(directions.iter().copied())).count();
    assert!(alike < SESSIONS, "even who speaks when is not always the same");
}

#[tokio::test]
async fn what_a_censor_learned_of_one_scheme_is_worth_nothing_under_the_next() {
    let seen = Service::start(Scheme::default()).await.twenty().await;
    let learned: Vec<_> = (0..seen[0].len())
        .map(|number| {
            let sizes = seen.iter().map(|records| records[number].1);
            sizes.clone().min().unwrap()..=sizes.max().unwrap()
        })
        .collect();
    // The operator writes another scheme into the service's configuration, and nothing else changes anywhere.
    let next = Scheme::new(vec![(900, 1_300), (700, 1_200), (80, 300), (90, 400), (600, 1_300), (80, 200)]).unwrap();
    let later = Service::start(next).await.twenty().await;
    let matches = later.iter().filter(|records| records.iter().zip(&learned).all(|((_, size), range)| range.contains(size)));
    assert_eq!(matches.count(), 0, "sessions that still fit");
}

/// Session tickets: a TLS server's first words after the handshake, of one size for each server, and none of ours.
const TICKETS: usize = 2;

type Records = Vec<(bool, usize)>;

fn sizes(records: &Records) -> Vec<usize> {
    records.iter().map(|(_, size)| *size).collect()
}

struct Service {
    link: ServiceLink,
    arrivals: Arrivals,
    door: SocketAddr,
    shutdown: Shutdown,
}

impl Service {
    async fn start(scheme: Scheme) -> Self {
        let key = StaticKey::random(&mut rand::rng());
        let certificate = Certificate::self_signed("localhost").unwrap();
        let (static_key, pin) = (key.public().to_vec(), certificate.pin().unwrap().to_vec());
        let config = ListenConfig {
            doors: Doors { tls: Some(([127, 0, 0, 1], 0).into()), ..Doors::default() },
            tls: Some(certificate.server_config().unwrap()),
            path: "/live".into(),
            key,
            scheme,
            site: Site::default(),
            connections_max: 100,
        };
        let entrance = Entrance::bind(config).await.unwrap();
        let door = entrance.addresses().tls.unwrap();
        let shutdown = Shutdown::new();
        let link = ServiceLink { host: "127.0.0.1".into(), static_key, pin, path: "/live".into(), ..Default::default() };
        Self { link, arrivals: entrance.open(&shutdown), door, shutdown }
    }

    /// The shaped records of twenty sessions.
    async fn twenty(&mut self) -> Vec<Records> {
        let mut seen = Vec::new();
        for _ in 0..SESSIONS {
            seen.push(self.one().await);
        }
        let shortest = seen.iter().map(Vec::len).min().unwrap();
        seen.iter_mut().for_each(|records| records.truncate(shortest));
        seen
    }

    async fn one(&mut self) -> Records {
        let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let link = ServiceLink { tls_port: between.local_addr().unwrap().port().into(), ..self.link.clone() };
        let records = Arc::new(Mutex::new(Records::new()));
        let (seen, door) = (Arc::clone(&records), self.door);
        tokio::spawn(async move {
            let (client, _) = between.accept().await.unwrap();
            client.set_nodelay(true).unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_service, to_service) = service_side(door).await.into_split();
            tokio::join!(pass(from_client, to_service, true, &seen), pass(from_service, to_client, false, &seen));
        });
        let mut client = dial(&RoadChoice::direct(Form::Tls), &link, Purpose::Rpc).await.unwrap();
        let mut server = self.arrivals.rpc.recv().await.unwrap();
        for (turn, length) in SAID.into_iter().enumerate() {
            if turn % 2 == 0 { say(&mut client, &mut server, length).await } else { say(&mut server, &mut client, length).await }
        }
        let records = records.lock().unwrap().clone();
        // Up to here it is what every TLS client and server do; the upgrade's request is the client's first word of its own.
        let finished = records.iter().position(|(by_client, _)| *by_client).unwrap();
        let request = finished + 1 + records[finished + 1..].iter().position(|(by_client, _)| *by_client).unwrap();
        let (by_client, by_service): (Vec<_>, Vec<_>) = records[request..].iter().enumerate().partition(|(_, record)| record.0);
        let mut ours = [by_client, by_service.into_iter().skip(TICKETS).collect()].concat();
        ours.sort_by_key(|(number, _)| *number);
        ours.into_iter().map(|(_, record)| *record).collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
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

async fn service_side(door: SocketAddr) -> TcpStream {
    let tcp = TcpStream::connect(door).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    tcp
}

/// Notes every record of application data, or what looks like it.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, by_client: bool, seen: &Mutex<Records>) {
    loop {
        let mut record = vec![0; 5];
        if from.read_exact(&mut record).await.is_err() {
            let _ = to.shutdown().await;
            return;
        }
        record.resize(5 + usize::from(u16::from_be_bytes([record[3], record[4]])), 0);
        from.read_exact(&mut record[5..]).await.unwrap();
        if record[0] == 23 {
            seen.lock().unwrap().push((by_client, record.len()));
        }
        if to.write_all(&record).await.is_err() {
            return;
        }
    }
}
