//! Behind a censor that freezes every connection after 15 kB: the real service, real TLS, and small bites.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

#[expect(dead_code, reason = "these tests use a part of it")]
mod house;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_stream::StreamExt;
use umweg_io::bites::Pace;
use umweg_io::clock;
use umweg_io::dial::{dial, dial_in_bites};
use umweg_io::session::Purpose;
use umweg_road::freeze::FreezeWatch;
use umweg_road::{Form, RoadChoice};
use umweg_wire::limits::{BITE_BYTES_MAX, KEEPALIVE_ANSWER_MAX};
use umweg_wire::proto::v1::{self, put_blob_request::Part, watch_event::Event};

use house::{House, Person, SOON, hash, random};

/// What this censor lets through a connection, both ways together.
const FREEZES_AFTER: u64 = 15_000;
/// Shorter than people's, so that the test is.
const QUICK: Duration = Duration::from_millis(20);

#[tokio::test]
async fn texts_and_voice_notes_flow_and_no_connection_is_ever_frozen() {
    let house = House::open(&[]).await;
    for form in [Form::Tls, Form::Plain, Form::Bare] {
        let censor = Censor::before(&house, form).await;
        let pace = Pace(QUICK..=2 * QUICK);
        let (mut ada, mut bo) = (censor.person_in_bites(form, pace.clone()).await, censor.person_in_bites(form, pace).await);
        let group = ada.group().await;
        let mut watching = bo.watch().await;
        watching.subscribe(&group, 0).await;
        let texts: Vec<Vec<u8>> = (0..40).map(|_| random(500)).collect();
        for text in &texts {
            ada.say(&group, text).await;
        }
        let mut read = Vec::new();
        while read.len() < texts.len() {
            if let Event::Entries(entries) = watching.next().await {
                read.extend(entries.entries.into_iter().map(|entry| entry.payload));
            }
        }
        assert!(read == texts, "{form:?}: every text once, in order");

        // Half a minute of speech, and larger than many bites together.
        let note = random(60_000);
        let (blob_id, capability) = (random(32), random(32));
        let head = v1::BlobHead { blob_id: blob_id.clone(), read_hash: hash(&capability), bytes: note.len() as u64 };
        let parts = std::iter::once(Part::Head(head)).chain(note.chunks(8_000).map(|part| Part::Data(part.to_vec())));
        let parts: Vec<_> = parts.map(|part| v1::PutBlobRequest { part: Some(part) }).collect();
        ada.blobs.put(tokio_stream::iter(parts)).await.unwrap();
        let get = v1::GetBlobRequest { blob_id, capability, offset: 0 };
        let heard: Vec<_> = bo.blobs.get(get).await.unwrap().into_inner().map(|part| part.unwrap().data).collect().await;
        assert!(heard.concat() == note, "{form:?}: the voice note is whole");

        let seen = censor.seen();
        let largest = seen.iter().max().unwrap();
        assert!(*largest <= BITE_BYTES_MAX, "{form:?}: a connection moved {largest} bytes");
        assert!(seen.len() >= 10, "{form:?}: {} connections for so much", seen.len());
        assert!(censor.most_at_once() <= 2, "{form:?}: one at a time for each of two people");
    }
    // Who goes says so, although no connection's end is the end: the service does not wait for the next bite.
    house.close().await;
}

#[tokio::test]
async fn a_service_that_ends_does_not_wait_for_bites_that_cannot_come() {
    let house = House::open(&[]).await;
    let censor = Censor::before(&house, Form::Tls).await;
    let mut ada = censor.person_in_bites(Form::Tls, Pace(10 * SOON..=10 * SOON)).await;
    writes_until(&mut ada, censor.emptied()).await;
    house.close().await;
}

#[tokio::test]
async fn a_whole_connection_is_frozen_there_and_the_app_can_tell() {
    let house = House::open(&[]).await;
    let censor = Censor::before(&house, Form::Tls).await;
    let stream = dial(&RoadChoice::direct(Form::Tls), &censor.link, Purpose::Rpc).await.unwrap();
    let traffic = stream.traffic().unwrap();
    let mut ada = Person::on(stream).await;
    writes_until(&mut ada, censor.froze()).await;
    let (mut watch, moved, now) = (FreezeWatch::new(clock::now()), traffic.moved(), clock::now());
    watch.handle_moved(moved, now);
    assert!(watch.was_frozen(moved, traffic.end(), now.after(KEEPALIVE_ANSWER_MAX)));
}

/// Somebody writes on until that happens.
async fn writes_until(who: &mut Person, happens: impl Future<Output = ()>) {
    let group = who.group().await;
    let texts = async {
        loop {
            who.say(&group, &random(500)).await;
        }
    };
    tokio::select! {
        () = happens => {}
        () = texts => unreachable!("people write on"),
    }
}

/// Between people and the service.
struct Censor {
    link: v1::ServiceLink,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    moved_by_connection: Mutex<Vec<Arc<AtomicU64>>>,
    open: AtomicU64,
    most_at_once: AtomicU64,
    froze: Notify,
    emptied: Notify,
}

impl Censor {
    async fn before(house: &House, form: Form) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = u32::from(listener.local_addr().unwrap().port());
        let mut link = house.link.clone();
        let place = match form {
            Form::Tls => &mut link.tls_port,
            Form::Plain => &mut link.plain_port,
            Form::Bare => &mut link.bare_port,
        };
        let service = SocketAddr::from(([127, 0, 0, 1], u16::try_from(*place).unwrap()));
        *place = port;
        let state = Arc::new(State::default());
        let watching = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(watch(client, service, Arc::clone(&watching)));
            }
        });
        Self { link, state }
    }

    async fn person_in_bites(&self, form: Form, pace: Pace) -> Person {
        let dialed = tokio::time::timeout(SOON, dial_in_bites(&RoadChoice::direct(form), &self.link, pace)).await;
        Person::on(dialed.unwrap().unwrap()).await
    }

    fn seen(&self) -> Vec<u64> {
        self.state.moved_by_connection.lock().unwrap().iter().map(|moved| moved.load(SeqCst)).collect()
    }

    fn most_at_once(&self) -> u64 {
        self.state.most_at_once.load(SeqCst)
    }

    async fn froze(&self) {
        self.state.froze.notified().await;
    }

    /// The last connection that was there has ended.
    async fn emptied(&self) {
        self.state.emptied.notified().await;
    }
}

async fn watch(client: TcpStream, service: SocketAddr, state: Arc<State>) {
    let moved = Arc::new(AtomicU64::new(0));
    state.moved_by_connection.lock().unwrap().push(Arc::clone(&moved));
    let open = state.open.fetch_add(1, SeqCst) + 1;
    state.most_at_once.fetch_max(open, SeqCst);
    let (from_client, to_client) = client.into_split();
    // A service that has ended is not there any more.
    if let Ok(service) = TcpStream::connect(service).await {
        let (from_service, to_service) = service.into_split();
        tokio::join!(pass(from_client, to_service, &moved, &state), pass(from_service, to_client, &moved, &state));
    }
    if state.open.fetch_sub(1, SeqCst) == 1 {
        state.emptied.notify_one();
    }
}

/// Until the end, or until it has seen enough: then nothing moves any more, and nobody is told.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, moved: &AtomicU64, state: &State) {
    let mut buffer = [0; 1_400];
    loop {
        let Ok(count) = from.read(&mut buffer).await else { return };
        if count == 0 {
            let _ = to.shutdown().await;
            return;
        }
        if moved.fetch_add(count as u64, SeqCst) + count as u64 > FREEZES_AFTER {
            state.froze.notify_one();
            std::future::pending::<()>().await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
