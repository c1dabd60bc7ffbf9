//! The router over real sockets, and its door over real gRPC.

use std::time::{Duration, Instant};

use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Endpoint, Server};
use tonic::{Code, Streaming};
use umweg_io::media::{Class, MediaLink};
use umweg_io::rpc::calls_client::CallsClient;
use umweg_io::udp::TicketedSocket;
use umweg_sfu::Entered;
use umweg_sfu::synthetic::{Person, Profile};
use umweg_wire::Ticket;
use umweg_wire::datagram::Flow;
use umweg_wire::proto::v1::participant_event::Event;
use umweg_wire::proto::v1::participant_request::Request as Wish;
use umweg_wire::proto::v1::{Camera, Enter, Leave, ParticipantEvent, ParticipantRequest, Resume, Screen, WatchRosterRequest};

use super::command::{Command, Told};
use super::*;

const LOG: LogId = LogId([3; 32]);
const CAPABILITY: [u8; 32] = [4; 32];
/// What should happen within a second may take longer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn three_ways_into_one_call_and_a_change_from_one_to_another() {
    let sfu = Sfu::start(Some(([127, 0, 0, 1], 0).into())).unwrap();
    let mut by_udp = Guest::enter(&sfu, 1).await;
    let mut by_link = Guest::enter(&sfu, 2).await;
    by_udp.go_by_udp(&sfu).await;
    by_link.go_by_link(&sfu).await;
    run(&mut [&mut by_udp, &mut by_link], |guests| guests.iter().all(|guest| guest.hears_and_sees_somebody())).await;
    assert_eq!((by_udp.mark_heard(), by_link.mark_heard()), (2, 1));

    // In mid-call the first one's UDP dies, and a media connection takes over; then that one ends, and UDP takes over.
    by_udp.udp = None;
    by_udp.go_by_link(&sfu).await;
    by_udp.forget();
    by_link.forget();
    run(&mut [&mut by_udp, &mut by_link], |guests| guests.iter().all(|guest| guest.hears_and_sees_somebody())).await;
    by_udp.link = None;
    by_udp.go_by_udp(&sfu).await;
    by_udp.forget();
    by_link.forget();
    run(&mut [&mut by_udp, &mut by_link], |guests| guests.iter().all(|guest| guest.hears_and_sees_somebody())).await;
    assert_eq!(by_udp.person.disconnections, 0);
    sfu.stop().await;
}

#[tokio::test]
async fn a_datagram_with_nobodys_ticket_gets_no_answer_and_takes_no_seats_place() {
    let sfu = Sfu::start(Some(([127, 0, 0, 1], 0).into())).unwrap();
    let mut one = Guest::enter(&sfu, 1).await;
    let mut two = Guest::enter(&sfu, 2).await;
    one.go_by_udp(&sfu).await;
    two.go_by_udp(&sfu).await;
    let stranger = TicketedSocket::connect(([127, 0, 0, 1], sfu.udp_port()).into(), Ticket([0; 16])).await.unwrap();
    for flow in 0..32 {
        stranger.send(Flow::new(flow).unwrap(), &[0; 200]);
    }
    run(&mut [&mut one, &mut two], |guests| guests.iter().all(|guest| guest.hears_and_sees_somebody())).await;
    assert!(tokio::time::timeout(Duration::from_millis(1), stranger.recv()).await.is_err());
}

#[tokio::test]
async fn a_media_connection_with_nobodys_ticket_ends() {
    let sfu = Sfu::start(None).unwrap();
    let (ours, theirs) = tokio::io::duplex(4_096);
    let serving = tokio::spawn({
        let sfu = sfu.clone();
        async move { sfu.handle_media(theirs).await }
    });
    let mut link = MediaLink::open(ours, Ticket([0; 16])).await.unwrap();
    serving.await.unwrap();
    assert!(link.recv().await.is_err());
}

#[tokio::test]
async fn a_taken_port_is_told_at_the_start() {
    let first = Sfu::start(Some(([127, 0, 0, 1], 0).into())).unwrap();
    let second = Sfu::start(Some(([127, 0, 0, 1], first.udp_port()).into()));
    assert_eq!(second.err().unwrap().kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn the_door_opens_to_the_capability_alone() {
    let mut client = client(&Sfu::start(None).unwrap()).await;
    let (_, mut stranger) = participate(&mut client, Wish::Enter(enter([9; 32]))).await;
    assert_eq!(refusal(&mut stranger).await, Code::PermissionDenied);
    let watch = WatchRosterRequest { log_id: LOG.to_vec(), capability: vec![9; 32] };
    assert_eq!(client.watch_roster(watch).await.unwrap_err().code(), Code::PermissionDenied);
    let (_, mut nobody) = participate(&mut client, Wish::Leave(Leave {})).await;
    assert_eq!(refusal(&mut nobody).await, Code::InvalidArgument);
    let (_, mut odd) = participate(&mut client, Wish::Enter(Enter { offer: "nonsense".to_owned(), ..enter(CAPABILITY) })).await;
    assert_eq!(refusal(&mut odd).await, Code::InvalidArgument);
}

#[tokio::test]
async fn a_participant_enters_and_comes_back_on_a_new_stream_until_it_leaves() {
    let mut client = client(&Sfu::start(None).unwrap()).await;
    let (wishes, mut events) = participate(&mut client, Wish::Enter(enter(CAPABILITY))).await;
    let Event::Entered(entered) = next(&mut events).await else { panic!("the first event is Entered") };
    assert!(entered.answer.contains("a=ice-lite") && entered.camera && entered.udp_port == 0);
    wishes.send(request(Wish::Camera(Camera { on: false }))).await.unwrap();
    while !matches!(next(&mut events).await, Event::Camera(answer) if !answer.on) {}
    wishes.send(request(Wish::Screen(Screen { on: true }))).await.unwrap();
    while !matches!(next(&mut events).await, Event::Screen(answer) if answer.on) {}
    drop((wishes, events));

    let resume = Resume { log_id: LOG.to_vec(), capability: CAPABILITY.to_vec(), ticket: entered.ticket };
    let (wishes, mut events) = participate(&mut client, Wish::Resume(resume.clone())).await;
    assert!(matches!(next(&mut events).await, Event::Resumed(_)));
    wishes.send(request(Wish::Leave(Leave {}))).await.unwrap();
    while events.message().await.unwrap().is_some() {}

    let (_wishes, mut events) = participate(&mut client, Wish::Resume(resume)).await;
    assert_eq!(refusal(&mut events).await, Code::NotFound);
}

#[tokio::test]
async fn who_comes_by_two_connections_hears_each_word_once_and_misses_none_when_one_stops() {
    /// Said, and not heard yet or heard before.
    const UNDER_WAY: u64 = 10;
    let sfu = Sfu::start(None).unwrap();
    let (mut one, mut other) = (Guest::enter(&sfu, 1).await, Guest::enter(&sfu, 2).await);
    one.go_by_two_links(&sfu).await;
    other.go_by_link(&sfu).await;
    run(&mut [&mut one, &mut other], |guests| guests.iter().all(|guest| guest.hears_and_sees_somebody())).await;

    let mut stuck = Vec::new();
    for stops in [false, true] {
        if stops {
            // The first stands still. What it had is stuck in it.
            stuck.extend(one.link.replace(one.second.take().unwrap()));
        }
        let (heard, said) = (one.packets_heard(), other.person.words_said());
        run(&mut [&mut one, &mut other], |guests| guests[1].person.words_said() >= said + 50).await;
        let (heard, said) = (one.packets_heard() - heard, other.person.words_said() - said);
        assert!(heard <= said + UNDER_WAY, "of {said} words {heard} were heard: they were doubled");
        assert!(heard + UNDER_WAY >= said, "of {said} words {heard} were heard");
    }
}

#[tokio::test]
async fn who_is_not_in_watches_who_is() {
    let sfu = Sfu::start(None).unwrap();
    let mut client = client(&sfu).await;
    let watch = WatchRosterRequest { log_id: LOG.to_vec(), capability: CAPABILITY.to_vec() };
    let mut rosters = client.watch_roster(watch).await.unwrap().into_inner();
    assert!(rosters.message().await.unwrap().unwrap().present.is_empty());
    let mut one = Guest::enter(&sfu, 1).await;
    one.go_by_link(&sfu).await;
    run(&mut [&mut one], |guests| guests[0].person.is_connected()).await;
    assert_eq!(rosters.message().await.unwrap().unwrap().present.len(), 1);
    sfu.commands.send(Command::Leave { ticket: one.entered.ticket }).await.unwrap();
    assert!(rosters.message().await.unwrap().unwrap().present.is_empty());
}

/// A synthetic participant with real ways.
struct Guest {
    person: Person,
    entered: Entered,
    _told: Told,
    udp: Option<TicketedSocket>,
    link: Option<MediaLink<DuplexStream>>,
    /// By another road: everything urgent goes on both. Here everything is.
    second: Option<MediaLink<DuplexStream>>,
}

impl Guest {
    async fn enter(sfu: &Sfu, mark: u32) -> Self {
        let (mut person, offer) =
            Person::new(mark, Profile { audio_slots: 2, video_slots: 2, ..Profile::default() }, Instant::now());
        let entered =
            sfu.commands.ask(|answer| Command::Enter { log: LOG, offer, note: Vec::new(), camera: true, answer }).await.unwrap();
        let (entered, told) = entered.unwrap();
        person.handle_answer(&entered.answer);
        Self { person, entered, _told: told, udp: None, link: None, second: None }
    }

    async fn go_by_udp(&mut self, sfu: &Sfu) {
        let address = ([127, 0, 0, 1], sfu.udp_port()).into();
        self.udp = Some(TicketedSocket::connect(address, self.entered.ticket).await.unwrap());
    }

    async fn go_by_link(&mut self, sfu: &Sfu) {
        self.link = Some(self.open_link(sfu).await);
    }

    async fn go_by_two_links(&mut self, sfu: &Sfu) {
        self.go_by_link(sfu).await;
        self.second = Some(self.open_link(sfu).await);
    }

    async fn open_link(&self, sfu: &Sfu) -> MediaLink<DuplexStream> {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let sfu = sfu.clone();
        tokio::spawn(async move { sfu.handle_media(theirs).await });
        MediaLink::open(ours, self.entered.ticket).await.unwrap()
    }

    fn forget(&mut self) {
        self.person.heard.clear();
        self.person.seen.clear();
    }

    fn hears_and_sees_somebody(&self) -> bool {
        !self.person.heard.is_empty() && !self.person.seen.is_empty()
    }

    fn packets_heard(&self) -> u64 {
        self.person.heard.values().map(|heard| heard.packets).sum()
    }

    fn mark_heard(&self) -> u32 {
        self.person.heard.values().next().unwrap().mark
    }

    /// Sends what is due, and takes in what came within a moment.
    async fn step(&mut self) {
        self.person.handle_timeout(Instant::now());
        let flow = Flow::new(0).unwrap();
        for datagram in self.person.poll_transmit() {
            match (&self.udp, &self.link) {
                (Some(udp), _) => udp.send(flow, &datagram),
                (None, Some(link)) => link.send(flow, &datagram, Class::Urgent),
                (None, None) => {}
            }
            if let Some(second) = &self.second {
                second.send(flow, &datagram, Class::Urgent);
            }
        }
        let moment = tokio::time::sleep(Duration::from_millis(2));
        tokio::pin!(moment);
        loop {
            let datagram = tokio::select! {
                received = async { self.udp.as_ref().unwrap().recv().await.unwrap() }, if self.udp.is_some() => received.1,
                received = async { self.link.as_mut().unwrap().recv().await.unwrap() }, if self.link.is_some() => received.1,
                received = async { self.second.as_mut().unwrap().recv().await.unwrap() }, if self.second.is_some() => received.1,
                () = &mut moment => return,
            };
            self.person.handle_datagram(&datagram, Instant::now());
        }
    }
}

/// Lets everybody act until it is so.
async fn run(guests: &mut [&mut Guest], is_so: impl Fn(&[&mut Guest]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so(guests) {
        assert!(Instant::now() < deadline, "it did not come about");
        for guest in guests.iter_mut() {
            guest.step().await;
        }
    }
}

struct Known;

#[tonic::async_trait]
impl Authorize for Known {
    async fn authorize(&self, log: LogId, capability: &Capability) -> Result<bool, tonic::Status> {
        Ok(log == LOG && *capability == Capability::new(CAPABILITY))
    }
}

async fn client(sfu: &Sfu) -> CallsClient<tonic::transport::Channel> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().add_service(sfu.service(Arc::new(Known)));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    CallsClient::new(Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap())
}

async fn participate(
    client: &mut CallsClient<tonic::transport::Channel>,
    first: Wish,
) -> (mpsc::Sender<ParticipantRequest>, Streaming<ParticipantEvent>) {
    let (wishes, stream) = mpsc::channel(4);
    wishes.send(request(first)).await.unwrap();
    (wishes, client.participate(ReceiverStream::new(stream)).await.unwrap().into_inner())
}

async fn refusal(events: &mut Streaming<ParticipantEvent>) -> Code {
    events.message().await.err().unwrap().code()
}

async fn next(events: &mut Streaming<ParticipantEvent>) -> Event {
    events.message().await.unwrap().unwrap().event.unwrap()
}

fn request(wish: Wish) -> ParticipantRequest {
    ParticipantRequest { request: Some(wish) }
}

fn enter(capability: [u8; 32]) -> Enter {
    let (_, offer) = Person::new(1, Profile::default(), Instant::now());
    Enter { log_id: LOG.to_vec(), capability: capability.to_vec(), offer, note: b"note".to_vec(), camera: true }
}
