//! The forwarder against a service of its own, over real sealed sessions.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use umweg_io::listen::{Arrivals, Doors, Entrance, ListenConfig};
use umweg_io::media::MediaLink;
use umweg_io::session::{SealedStream, StaticKey};
use umweg_io::shutdown::Shutdown;
use umweg_road::Form;
use umweg_road::media_queue::Class;
use umweg_wire::datagram;
use umweg_wire::proto::v1::ProxyLink;

use super::super::sdp::Candidate;
use super::super::stun::make;
use super::*;

const TICKET: Ticket = Ticket([7; 16]);
const ANSWER: &str = include_str!("../../../tests/fixtures/answer-sfu.sdp");
const UFRAG: &str = "hSfUfRaG0123456";
const VIDEO: &[u8] = &[0x90, 96, 0, 1, b'v'];

/// The service's media side: its UDP port, and media connections on a bare road.
struct Sfu {
    udp: UdpSocket,
    arrivals: Arrivals,
    link: ServiceLink,
    shutdown: Shutdown,
}

impl Drop for Sfu {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

impl Sfu {
    async fn start() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let key = StaticKey::random(&mut rand::rng());
        let static_key = key.public().to_vec();
        let config = ListenConfig {
            doors: Doors { bare: Some(any), ..Doors::default() },
            tls: None,
            path: "/live".into(),
            key,
            scheme: Default::default(),
            site: Default::default(),
            connections_max: 16,
        };
        let (entrance, shutdown) = (Entrance::bind(config).await.unwrap(), Shutdown::new());
        let bare_port = u32::from(entrance.addresses().bare.unwrap().port());
        let arrivals = entrance.open(&shutdown);
        let link = ServiceLink { host: "127.0.0.1".into(), static_key, bare_port, path: "/live".into(), ..Default::default() };
        Self { udp: UdpSocket::bind(any).await.unwrap(), arrivals, link, shutdown }
    }

    fn udp_port(&self) -> u16 {
        self.udp.local_addr().unwrap().port()
    }

    /// A "proxy": another address of the same door, which is all that the forwarder can see of one.
    fn proxy(&self) -> RoadChoice {
        self.proxy_called("one")
    }

    fn proxy_called(&self, name: &str) -> RoadChoice {
        let (host, bare_port, path) = ("127.0.0.1".into(), self.link.bare_port, "/p".into());
        let proxy = ProxyLink { host, bare_port, path, name: name.into(), ..Default::default() };
        RoadChoice::via(proxy, Form::Bare)
    }

    async fn by_udp(&self) -> (Flow, Vec<u8>, SocketAddr) {
        let mut buffer = [0; 2_000];
        let (length, from) = self.udp.recv_from(&mut buffer).await.unwrap();
        let (ticket, flow, datagram) = datagram::from_udp(&buffer[..length]).unwrap();
        assert_eq!(ticket, TICKET);
        (flow, datagram.to_vec(), from)
    }

    async fn answer_by_udp(&self, flow: Flow, datagram: &[u8], to: SocketAddr) {
        self.udp.send_to(&datagram::to_udp(TICKET, flow, datagram), to).await.unwrap();
    }

    async fn link(&mut self) -> MediaLink<SealedStream> {
        let stream = self.arrivals.media.recv().await.unwrap();
        let (ticket, link) = MediaLink::accept(stream).await.unwrap();
        assert_eq!(ticket, TICKET);
        link
    }
}

struct Call {
    forwarder: Forwarder,
    road: watch::Sender<Option<RoadChoice>>,
    browser: UdpSocket,
}

impl Call {
    async fn start(sfu: &Sfu, road: Option<RoadChoice>) -> Self {
        let usable = road.iter().cloned().collect();
        Self::start_beside(sfu, road, usable).await
    }

    async fn start_beside(sfu: &Sfu, road: Option<RoadChoice>, usable: Vec<RoadChoice>) -> Self {
        let (road, usable) = (watch::Sender::new(road), watch::Sender::new(usable));
        let network = Network {
            service: Arc::new(sfu.link.clone()),
            road: road.subscribe(),
            usable: usable.subscribe(),
            suspicion: Arc::default(),
        };
        let forwarder = Forwarder::start(network).await.unwrap();
        let Candidate::Udp(first) = forwarder.candidates[0] else { panic!("UDP comes first") };
        let browser = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        browser.connect(first).await.unwrap();
        forwarder.handle_answer(Answer::read(ANSWER).unwrap()).await;
        forwarder.handle_open(TICKET, sfu.udp_port()).await;
        Self { forwarder, road, browser }
    }

    async fn send(&self, datagram: &[u8]) {
        self.browser.send(datagram).await.unwrap();
    }

    async fn receive(&self) -> Vec<u8> {
        let mut buffer = [0; 2_000];
        let length = self.browser.recv(&mut buffer).await.unwrap();
        buffer[..length].to_vec()
    }
}

/// Sends checks, as browsers do, until something happens.
async fn checking<T>(call: &Call, until: impl Future<Output = T>) -> T {
    repeating(call, &make::request(UFRAG), until).await
}

/// Sends a datagram again and again, until something happens.
async fn repeating<T>(call: &Call, datagram: &[u8], until: impl Future<Output = T>) -> T {
    let mut turns = tokio::time::interval(Duration::from_millis(20));
    let again = async {
        loop {
            turns.tick().await;
            call.send(datagram).await;
        }
    };
    tokio::select! {
        value = until => value,
        () = again => unreachable!("it goes on for ever"),
    }
}

/// What is not a check, the next time it comes.
async fn media_on(link: &mut MediaLink<SealedStream>) -> (Flow, Vec<u8>) {
    loop {
        let (flow, datagram) = link.recv().await.unwrap();
        if stun::read(&datagram).is_none() {
            return (flow, datagram);
        }
    }
}

#[tokio::test]
async fn on_a_direct_road_media_goes_by_udp_and_comes_back_to_who_asked() {
    let sfu = Sfu::start().await;
    let call = Call::start(&sfu, Some(RoadChoice::direct(Form::Bare))).await;
    let (flow, _, app) = checking(&call, sfu.by_udp()).await;
    sfu.answer_by_udp(flow, &make::success(), app).await;
    assert_eq!(call.receive().await, make::success());
    call.send(VIDEO).await;
    loop {
        let (media_flow, datagram, _) = sfu.by_udp().await;
        if datagram == VIDEO {
            assert_eq!(media_flow, flow);
            break;
        }
    }
}

#[tokio::test]
async fn where_udp_is_silent_media_goes_by_a_connection() {
    let mut sfu = Sfu::start().await;
    let call = Call::start(&sfu, Some(RoadChoice::direct(Form::Bare))).await;
    let mut link = checking(&call, sfu.link()).await;
    let (flow, check) = checking(&call, link.recv()).await.unwrap();
    assert!(matches!(stun::read(&check), Some(Binding::Request { .. })));
    link.send(flow, &make::success(), Class::Urgent);
    assert_eq!(call.receive().await, make::success());
    call.send(VIDEO).await;
    assert_eq!(media_on(&mut link).await, (flow, VIDEO.to_vec()));
}

#[tokio::test]
async fn the_road_changes_in_the_middle_of_a_call_and_the_browser_notices_nothing() {
    let mut sfu = Sfu::start().await;
    let (one, two, direct) = (sfu.proxy(), sfu.proxy_called("two"), RoadChoice::direct(Form::Bare));
    let call = Call::start_beside(&sfu, Some(one.clone()), vec![one, two.clone(), direct.clone()]).await;
    let mut first = checking(&call, sfu.link()).await;
    let (flow, _) = checking(&call, first.recv()).await.unwrap();

    drop(first); // the proxy stops
    call.road.send_replace(None);
    call.road.send_replace(Some(two));
    let mut second = checking(&call, sfu.link()).await;
    let (same, _) = checking(&call, second.recv()).await.unwrap();
    assert_eq!(same, flow, "the SFU sees the same flow");
    second.send(flow, b"\x90\x60 from the SFU", Class::Video);
    assert_eq!(call.receive().await, b"\x90\x60 from the SFU");

    call.road.send_replace(Some(direct));
    let (same, _, app) = checking(&call, sfu.by_udp()).await;
    assert_eq!(same, flow);
    sfu.answer_by_udp(flow, &make::success(), app).await;
    assert_eq!(call.receive().await, make::success());
}

#[tokio::test]
async fn a_connection_that_breaks_on_the_same_road_is_dialed_again_and_reported() {
    let mut sfu = Sfu::start().await;
    let call = Call::start(&sfu, Some(sfu.proxy())).await;
    drop(checking(&call, sfu.link()).await);
    let mut again = checking(&call, sfu.link()).await;
    assert!(checking(&call, again.recv()).await.is_ok());
}

#[tokio::test]
async fn where_there_are_two_roads_audio_goes_by_both_and_one_that_stops_delays_nothing() {
    const AUDIO: &[u8] = &[0x90, 111, 0, 1, b'a'];
    const BUDGET: Duration = Duration::from_millis(200);
    let mut sfu = Sfu::start().await;
    let roads = vec![sfu.proxy(), sfu.proxy_called("two")];
    let call = Call::start_beside(&sfu, Some(sfu.proxy()), roads).await;
    let mut first = checking(&call, sfu.link()).await;
    let (flow, _) = checking(&call, first.recv()).await.unwrap();
    let mut second = checking(&call, sfu.link()).await;
    checking(&call, second.recv()).await.unwrap();

    call.send(AUDIO).await;
    assert_eq!(media_on(&mut first).await, (flow, AUDIO.to_vec()));
    assert_eq!(media_on(&mut second).await, (flow, AUDIO.to_vec()));
    // The first one moves no more, but does not break. The browser hears and is heard.
    for packet in 0..50_u8 {
        let audio = [AUDIO, &[packet]].concat();
        let sent = Instant::now();
        call.send(&audio).await;
        second.send(flow, &audio, Class::Urgent);
        assert_eq!(media_on(&mut second).await, (flow, audio.clone()));
        assert_eq!(call.receive().await, audio);
        assert!(sent.elapsed() < BUDGET, "packet {packet}");
    }
    // Once that is noticed, video leaves it, too.
    let video = repeating(&call, VIDEO, media_on(&mut second)).await;
    assert_eq!(video, (flow, VIDEO.to_vec()));
}

#[tokio::test]
async fn when_the_first_road_ends_the_second_carries_the_call_at_once() {
    let mut sfu = Sfu::start().await;
    let other = sfu.proxy_called("two");
    let call = Call::start_beside(&sfu, Some(sfu.proxy()), vec![sfu.proxy(), other.clone()]).await;
    let first = checking(&call, sfu.link()).await;
    let mut second = checking(&call, sfu.link()).await;
    let (flow, _) = checking(&call, second.recv()).await.unwrap();
    call.road.send_replace(None);
    drop(first);
    assert_eq!(repeating(&call, VIDEO, media_on(&mut second)).await, (flow, VIDEO.to_vec()));
    // The second's road becomes the road: the connection stays, and none is dialed.
    call.road.send_replace(Some(other));
    call.send(VIDEO).await;
    assert_eq!(media_on(&mut second).await, (flow, VIDEO.to_vec()));
    assert!(sfu.arrivals.media.try_recv().is_err());
}

#[tokio::test]
async fn by_a_proxy_nothing_of_a_call_goes_by_udp() {
    let mut sfu = Sfu::start().await;
    let call = Call::start(&sfu, Some(sfu.proxy())).await;
    let mut link = checking(&call, sfu.link()).await;
    let (flow, _) = checking(&call, link.recv()).await.unwrap();
    for _ in 0..50 {
        call.send(VIDEO).await;
        assert_eq!(media_on(&mut link).await, (flow, VIDEO.to_vec()));
    }
    assert!(sfu.udp.try_recv_from(&mut [0; 2_000]).is_err(), "the service's UDP port hears nothing, not even a check");
}

#[tokio::test]
async fn ice_tcp_reaches_the_sfu_too_and_a_stranger_on_it_does_not() {
    let sfu = Sfu::start().await;
    let call = Call::start(&sfu, Some(RoadChoice::direct(Form::Bare))).await;
    let tcp = call.forwarder.candidates.iter().find_map(|candidate| match candidate {
        Candidate::TcpPassive(address) => Some(*address),
        Candidate::Udp(_) => None,
    });
    let mut stranger = TcpStream::connect(tcp.unwrap()).await.unwrap();
    stranger.write_all(&super::super::ice_tcp::frame(&make::request("guess")).unwrap()).await.unwrap();
    assert_eq!(stranger.read(&mut [0; 16]).await.unwrap_or(0), 0, "it is hung up on");

    let mut browser = TcpStream::connect(tcp.unwrap()).await.unwrap();
    let check = make::request(UFRAG);
    let frame = super::super::ice_tcp::frame(&check).unwrap();
    let (flow, came, app) = loop {
        // UDP to the service may not be open yet: a browser, too, repeats its checks.
        browser.write_all(&frame).await.unwrap();
        if let Ok(came) = tokio::time::timeout(Duration::from_millis(50), sfu.by_udp()).await {
            break came;
        }
    };
    assert_eq!(came, check);
    sfu.answer_by_udp(flow, &make::success(), app).await;
    let mut answer = vec![0; 2 + make::success().len()];
    browser.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[2..], make::success());
}

#[tokio::test]
async fn before_it_names_our_ufrag_nothing_of_a_sender_is_forwarded() {
    let sfu = Sfu::start().await;
    let call = Call::start(&sfu, Some(RoadChoice::direct(Form::Bare))).await;
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    stranger.connect(call.browser.peer_addr().unwrap()).await.unwrap();
    for datagram in [make::request("guess"), VIDEO.to_vec(), make::success()] {
        stranger.send(&datagram).await.unwrap();
    }
    let (_, first, _) = checking(&call, sfu.by_udp()).await;
    assert_eq!(first, make::request(UFRAG), "what was sent before did not come");
}
