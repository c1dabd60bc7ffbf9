//! One call's forwarder: one task that owns the flows, and carries out what the ways to the SFU decide (`umweg_road::media`).
//!
//! It begins with the browser's side alone, because the answer needs its candidates; the SFU's side comes with the ticket.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use umweg_io::clock;
use umweg_io::udp::TicketedSocket;
use umweg_road::RoadChoice;
use umweg_road::media::{LinkId, MediaWays, Output, Role};
use umweg_wire::datagram::Flow;
use umweg_wire::proto::v1::ServiceLink;
use umweg_wire::{Ticket, Timestamp};

use super::class::VideoTypes;
use super::flows::{Flows, Source};
use super::link::{Link, LinkEvent};
use super::sdp::Answer;
use super::sockets::{FromBrowser, Sockets};
use super::stun::{self, Binding};

/// Datagrams between the tasks of one call.
const QUEUE_MAX: usize = 1_024;
/// A socket that fails is read again after so long.
const UDP_READ_GAP: Duration = Duration::from_millis(100);
/// There is nothing to look after before there is a seat.
const NOTHING_DUE: Duration = Duration::from_secs(60);

/// What the app knows of the network at the moment.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) service: Arc<ServiceLink>,
    /// The road of the moment.
    pub(crate) road: watch::Receiver<Option<RoadChoice>>,
    /// Every road that may be used.
    pub(crate) usable: watch::Receiver<Vec<RoadChoice>>,
    /// Told when nothing comes back on that road: calls notice it first.
    pub(crate) suspicion: Arc<Notify>,
}

/// The media of one call, for the app's loop. Dropping it closes every socket.
pub(crate) struct Forwarder {
    candidates: Vec<super::sdp::Candidate>,
    control: mpsc::Sender<Control>,
    _task: AbortOnDropHandle<()>,
}

enum Control {
    Answer { ufrags: Vec<String>, video: VideoTypes },
    Open { ticket: Ticket, udp_port: u16 },
}

impl Forwarder {
    /// Binds the browser's side.
    pub(crate) async fn start(network: Network) -> std::io::Result<Self> {
        let (to_task, from_browser) = mpsc::channel(QUEUE_MAX);
        let sockets = Sockets::bind(&to_task).await?;
        let candidates = sockets.candidates().to_vec();
        let (control, control_here) = mpsc::channel(4);
        let task = tokio::spawn(Task::new(network, sockets).run(control_here, from_browser));
        Ok(Self { candidates, control, _task: AbortOnDropHandle::new(task) })
    }

    /// The answer for the browser: with our candidates. Who knows it is let in from now on.
    pub(crate) async fn handle_answer(&self, answer: Answer) -> String {
        let sdp = answer.with_candidates(&self.candidates);
        let Answer { ufrags, video, .. } = answer;
        // The task lives as long as this value, so it takes what is sent.
        let _ = self.control.send(Control::Answer { ufrags, video }).await;
        sdp
    }

    /// The SFU's side: datagrams carry this ticket, to this port of the service where UDP passes (0: there is none).
    pub(crate) async fn handle_open(&self, ticket: Ticket, udp_port: u16) {
        let _ = self.control.send(Control::Open { ticket, udp_port }).await;
    }
}

/// The SFU's side, once there is a ticket.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seat {
    ticket: Ticket,
    udp_port: u16,
}

enum FromUdp {
    Ready { opening: u64, socket: Arc<TicketedSocket> },
    Datagram { opening: u64, flow: Flow, datagram: Vec<u8> },
}

/// Time that nobody can set: a call does not stop when the system's clock does.
struct Clock {
    began: Instant,
    began_at: Timestamp,
}

impl Clock {
    fn start() -> Self {
        Self { began: Instant::now(), began_at: clock::now() }
    }

    fn now(&self) -> Timestamp {
        self.began_at.after(self.began.elapsed())
    }
}

struct Task {
    network: Network,
    clock: Clock,
    sockets: Sockets,
    connections: HashMap<u64, mpsc::Sender<Vec<u8>>>,
    flows: Flows,
    video: VideoTypes,
    seat: Option<Seat>,
    ways: MediaWays,
    /// Counts the openings of the UDP way: what belongs to an earlier one comes too late.
    opening: u64,
    udp: Option<Arc<TicketedSocket>>,
    udp_tasks: JoinSet<()>,
    links: BTreeMap<LinkId, Link>,
    to_self: mpsc::Sender<FromUdp>,
    from_udp: mpsc::Receiver<FromUdp>,
    link_events_to_self: mpsc::Sender<(LinkId, LinkEvent)>,
    link_events: mpsc::Receiver<(LinkId, LinkEvent)>,
}

impl Task {
    fn new(network: Network, sockets: Sockets) -> Self {
        let (to_self, from_udp) = mpsc::channel(QUEUE_MAX);
        let (link_events_to_self, link_events) = mpsc::channel(QUEUE_MAX);
        Self {
            clock: Clock::start(),
            sockets,
            connections: HashMap::new(),
            flows: Flows::default(),
            video: VideoTypes::default(),
            seat: None,
            ways: MediaWays::new(ServiceLink::clone(&network.service)),
            network,
            opening: 0,
            udp: None,
            udp_tasks: JoinSet::new(),
            links: BTreeMap::new(),
            to_self,
            from_udp,
            link_events_to_self,
            link_events,
        }
    }

    async fn run(mut self, mut control: mpsc::Receiver<Control>, mut from_browser: mpsc::Receiver<FromBrowser>) {
        let (mut road, mut usable) = (self.network.road.clone(), self.network.usable.clone());
        self.handle_roads();
        loop {
            let wait = self.ways.poll_timeout().map_or(NOTHING_DUE, |due| due.since(self.clock.now()));
            tokio::select! {
                wish = control.recv() => match wish {
                    Some(wish) => self.handle_control(wish),
                    None => return,
                },
                changed = road.changed() => match changed {
                    Ok(()) => self.handle_roads(),
                    Err(_) => return,
                },
                Ok(()) = usable.changed() => self.handle_roads(),
                Some(event) = from_browser.recv() => self.handle_browser(event),
                Some(event) = self.from_udp.recv() => self.handle_udp(event),
                Some((id, event)) = self.link_events.recv() => self.handle_link(id, event),
                () = sleep(wait) => self.ways.handle_timeout(self.clock.now()),
            }
            self.execute();
        }
    }

    fn handle_control(&mut self, wish: Control) {
        match wish {
            Control::Answer { ufrags, video } => {
                self.flows.handle_answer(ufrags);
                self.video = video;
            }
            Control::Open { ticket, udp_port } => {
                let seat = Seat { ticket, udp_port };
                if self.seat.replace(seat) != Some(seat) {
                    self.ways.handle_seat(udp_port, self.clock.now());
                }
            }
        }
    }

    fn handle_roads(&mut self) {
        let (road, usable) = (self.network.road.borrow().clone(), self.network.usable.borrow().clone());
        self.ways.handle_roads(road, usable, self.clock.now());
    }

    fn execute(&mut self) {
        while let Some(output) = self.ways.poll_output() {
            match output {
                Output::OpenUdp { port } => self.open_udp(port),
                Output::CloseUdp => {
                    self.opening += 1;
                    self.udp = None;
                    self.udp_tasks.abort_all();
                }
                Output::Dial { link, road } => self.dial(link, &road),
                Output::Drop(link) => drop(self.links.remove(&link)),
                Output::Suspect => self.network.suspicion.notify_one(),
            }
        }
    }

    fn handle_browser(&mut self, event: FromBrowser) {
        match event {
            FromBrowser::Datagram { source, datagram } => self.forward(source, &datagram),
            FromBrowser::Connected { connection, frames } => drop(self.connections.insert(connection, frames)),
            FromBrowser::Disconnected { connection } => {
                self.connections.remove(&connection);
                self.flows.handle_closed(Source::Tcp { connection });
            }
        }
    }

    /// From the browser to the SFU.
    fn forward(&mut self, source: Source, datagram: &[u8]) {
        let Some(flow) = self.flows.handle_datagram(source, datagram, Instant::now()) else {
            if let Source::Tcp { connection } = source {
                self.connections.remove(&connection);
            }
            return;
        };
        let Some(class) = self.video.class(datagram) else { return };
        let role = if matches!(stun::read(datagram), Some(Binding::Request { .. })) { Role::Check } else { Role::Other };
        let ways = self.ways.handle_outgoing(role, class, self.clock.now());
        if let (true, Some(udp)) = (ways.udp, &self.udp) {
            udp.send(flow, datagram);
        }
        for link in ways.links.iter().flatten().filter_map(|link| self.links.get(link)) {
            link.send(flow, datagram, class);
        }
    }

    fn handle_udp(&mut self, event: FromUdp) {
        match event {
            FromUdp::Ready { opening, socket } if opening == self.opening => {
                self.udp = Some(socket);
                self.ways.handle_udp_open();
            }
            FromUdp::Datagram { opening, flow, datagram } if opening == self.opening => {
                self.ways.handle_from_udp(matches!(stun::read(&datagram), Some(Binding::Success)));
                self.give_back(flow, &datagram);
            }
            FromUdp::Ready { .. } | FromUdp::Datagram { .. } => {}
        }
    }

    fn handle_link(&mut self, id: LinkId, event: LinkEvent) {
        let now = self.clock.now();
        match event {
            LinkEvent::Up(sender) => {
                if let Some(link) = self.links.get_mut(&id) {
                    link.handle_up(sender);
                    self.ways.handle_link_up(id, now);
                    tracing::debug!("media has a connection of its own");
                }
            }
            LinkEvent::Datagram(flow, datagram) => {
                if self.ways.handle_from_link(id, now) {
                    self.give_back(flow, &datagram);
                }
            }
            LinkEvent::Down(failure) => {
                if self.links.remove(&id).is_some() {
                    self.ways.handle_link_down(id, failure, now);
                }
            }
        }
    }

    /// From the SFU to the browser.
    fn give_back(&mut self, flow: Flow, datagram: &[u8]) {
        match self.flows.source(flow) {
            Some(Source::Udp { socket, from }) => self.sockets.send(socket, from, datagram),
            Some(Source::Tcp { connection }) => {
                if let Some(frames) = self.connections.get(&connection) {
                    let _ = frames.try_send(datagram.to_vec());
                }
            }
            None => {}
        }
    }

    fn dial(&mut self, id: LinkId, road: &RoadChoice) {
        let Some(seat) = self.seat else { return };
        let link = Link::dial(id, road.clone(), self.network.service.clone(), seat.ticket, self.link_events_to_self.clone());
        self.links.insert(id, link);
    }

    /// What was open before is read until the new one is ready: see `umweg_road::media`.
    fn open_udp(&mut self, port: u16) {
        let Some(seat) = self.seat else { return };
        while self.udp_tasks.try_join_next().is_some() {}
        let host = self.network.service.host.clone();
        self.udp_tasks.spawn(serve_udp(host, port, seat.ticket, self.opening, self.to_self.clone()));
    }
}

/// Opens the UDP way and reads it until it is closed.
async fn serve_udp(host: String, port: u16, ticket: Ticket, opening: u64, to: mpsc::Sender<FromUdp>) {
    let Ok(socket) = connect_udp(&host, port, ticket).await else {
        tracing::debug!("the service's UDP port could not be opened");
        return;
    };
    let socket = Arc::new(socket);
    if to.send(FromUdp::Ready { opening, socket: socket.clone() }).await.is_err() {
        return;
    }
    loop {
        let Ok((flow, datagram)) = socket.recv().await else {
            // Nobody listens there (ICMP). Somebody may, later.
            sleep(UDP_READ_GAP).await;
            continue;
        };
        if let Err(mpsc::error::TrySendError::Closed(_)) = to.try_send(FromUdp::Datagram { opening, flow, datagram }) {
            return;
        }
    }
}

async fn connect_udp(host: &str, port: u16, ticket: Ticket) -> std::io::Result<TicketedSocket> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut failure = std::io::Error::from(std::io::ErrorKind::NotFound);
    for address in tokio::net::lookup_host((host, port)).await? {
        match TicketedSocket::connect(address, ticket).await {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests;
