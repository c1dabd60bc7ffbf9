//! One call's forwarder: one task that owns flows and path, and tends the ways to the SFU.
//!
//! It begins with the browser's side alone, because the answer needs its candidates; the SFU's side comes with the ticket.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use umweg_io::udp::TicketedSocket;
use umweg_road::media_queue::Class;
use umweg_road::{RoadChoice, Way};
use umweg_wire::Ticket;
use umweg_wire::datagram::Flow;
use umweg_wire::proto::v1::ServiceLink;

use super::class::VideoTypes;
use super::copies::{Copies, Which};
use super::flows::{Flows, Source};
use super::link::{Link, LinkEvent, LinkId};
use super::path::{Path, Role};
use super::sdp::Answer;
use super::sockets::{FromBrowser, Sockets};
use super::stun::{self, Binding};

/// Datagrams between the tasks of one call.
const QUEUE_MAX: usize = 1_024;
/// How often path and link are looked after.
const TICK: Duration = Duration::from_millis(100);
/// Between two attempts to dial the link on the same road.
const REDIAL_GAP: Duration = Duration::from_secs(1);
/// Between two attempts to open the UDP way.
const RESOLVE_GAP: Duration = Duration::from_secs(5);

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
    Ready { road: u64, socket: Arc<TicketedSocket> },
    Datagram { road: u64, flow: Flow, datagram: Vec<u8> },
}

struct Task {
    network: Network,
    sockets: Sockets,
    connections: HashMap<u64, mpsc::Sender<Vec<u8>>>,
    flows: Flows,
    video: VideoTypes,
    path: Path,
    seat: Option<Seat>,
    /// Counts the roads: what belongs to an earlier one comes too late.
    road: u64,
    udp: Option<Arc<TicketedSocket>>,
    udp_tasks: JoinSet<()>,
    udp_tried: Option<Instant>,
    /// The link in use, and the one that is being dialed to take its place.
    link: Option<Link>,
    next_link: Option<Link>,
    link_tried: Option<Instant>,
    copies: Copies,
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
            network,
            sockets,
            connections: HashMap::new(),
            flows: Flows::default(),
            video: VideoTypes::default(),
            path: Path::default(),
            seat: None,
            road: 0,
            udp: None,
            udp_tasks: JoinSet::new(),
            udp_tried: None,
            link: None,
            next_link: None,
            link_tried: None,
            copies: Copies::default(),
            to_self,
            from_udp,
            link_events_to_self,
            link_events,
        }
    }

    async fn run(mut self, mut control: mpsc::Receiver<Control>, mut from_browser: mpsc::Receiver<FromBrowser>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut road = self.network.road.clone();
        loop {
            tokio::select! {
                wish = control.recv() => match wish {
                    Some(wish) => self.handle_control(wish),
                    None => return,
                },
                changed = road.changed() => match changed {
                    Ok(()) => self.handle_road(),
                    Err(_) => return,
                },
                Some(event) = from_browser.recv() => self.handle_browser(event),
                Some(event) = self.from_udp.recv() => self.handle_udp(event),
                Some((id, event)) = self.link_events.recv() => self.handle_link(id, event),
                _ = tick.tick() => {}
            }
            self.tend(Instant::now());
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
                    self.close_links();
                    self.handle_road();
                }
            }
        }
    }

    /// Another road, another ticket: the ways of before count no longer. A link that stands is used until the new one does.
    fn handle_road(&mut self) {
        self.road += 1;
        self.udp = None;
        self.udp_tasks.abort_all();
        (self.udp_tried, self.link_tried, self.next_link) = (None, None, None);
        let second = self.network.road.borrow().as_ref().and_then(|road| self.copies.take_of(road));
        if let Some(second) = second {
            self.begin_link(second);
        }
        self.path.handle_road(self.udp_port().is_some(), Instant::now());
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
        let now = Instant::now();
        let Some(flow) = self.flows.handle_datagram(source, datagram, now) else {
            if let Source::Tcp { connection } = source {
                self.connections.remove(&connection);
            }
            return;
        };
        let Some(class) = self.video.class(datagram) else { return };
        let role = if matches!(stun::read(datagram), Some(Binding::Request { .. })) { Role::Check } else { Role::Other };
        let ways = self.path.handle_outgoing(role, now);
        if let (true, Some(udp)) = (ways.udp, &self.udp) {
            udp.send(flow, datagram);
        }
        if ways.link {
            self.send_by_links(flow, datagram, class);
            if role == Role::Check {
                self.copies.handle_check(now);
            }
        }
    }

    /// What is urgent by both, video by the one that leads.
    fn send_by_links(&self, flow: Flow, datagram: &[u8], class: Class) {
        let leads = |which| class == Class::Urgent || self.copies.lead() == which;
        if let Some(link) = self.link.as_ref().filter(|_| leads(Which::First)) {
            link.send(flow, datagram, class);
        }
        if let Some(link) = self.copies.link().filter(|_| leads(Which::Second)) {
            link.send(flow, datagram, class);
        }
    }

    fn handle_udp(&mut self, event: FromUdp) {
        match event {
            FromUdp::Ready { road, socket } if road == self.road => self.udp = Some(socket),
            FromUdp::Datagram { road, flow, datagram } if road == self.road => {
                self.path.handle_from_udp(matches!(stun::read(&datagram), Some(Binding::Success)));
                self.give_back(flow, &datagram);
            }
            FromUdp::Ready { .. } | FromUdp::Datagram { .. } => {}
        }
    }

    fn handle_link(&mut self, id: LinkId, event: LinkEvent) {
        let is = |link: Option<&Link>| link.is_some_and(|link| link.id() == id);
        match event {
            LinkEvent::Up(sender) if self.copies.is_dialing(id) => self.copies.handle_up(sender),
            LinkEvent::Up(sender) => {
                if let Some(mut link) = self.next_link.take_if(|link| link.id() == id) {
                    link.handle_up(sender);
                    self.begin_link(link);
                    tracing::debug!("media has a connection of its own");
                }
            }
            LinkEvent::Datagram(flow, datagram) => {
                if is(self.link.as_ref()) {
                    self.path.handle_from_link();
                    self.copies.handle_heard(Which::First, Instant::now());
                } else if is(self.copies.link()) {
                    self.copies.handle_heard(Which::Second, Instant::now());
                } else {
                    return;
                }
                self.give_back(flow, &datagram);
            }
            LinkEvent::Down if is(self.link.as_ref()) => self.lose_link(),
            LinkEvent::Down => {
                self.next_link.take_if(|link| link.id() == id);
                self.copies.handle_down(id);
            }
        }
    }

    /// This is the first connection from now on. The one before stays for copies, if there is none for them yet.
    fn begin_link(&mut self, link: Link) {
        let before = self.link.replace(link);
        if let (Some(before), None) = (before, self.copies.link()) {
            self.copies.put(before);
        }
        self.path.handle_link_up();
        self.copies.handle_first(Instant::now());
    }

    /// The first connection is gone: the second takes its place, until there is one on the road of the moment.
    fn lose_link(&mut self) {
        self.link = None;
        self.path.handle_link_down();
        if let Some(second) = self.copies.take() {
            self.begin_link(second);
        }
        self.network.suspicion.notify_one();
    }

    fn close_links(&mut self) {
        (self.link, self.next_link, self.copies) = (None, None, Copies::default());
        self.path.handle_link_down();
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

    /// Opens what is wanted and closes what is not.
    fn tend(&mut self, now: Instant) {
        let Some(seat) = self.seat else { return };
        self.path.handle_timeout(now);
        if self.udp.is_none() && self.udp_tried.is_none_or(|tried| now >= tried + RESOLVE_GAP) {
            self.open_udp(seat, now);
        }
        if self.path.link_is_silent(now) {
            self.lose_link();
            tracing::debug!("the media's connection answers no more");
        }
        if !self.path.wants_link(now) {
            self.close_links();
            return;
        }
        let Some(road) = self.network.road.borrow().clone() else { return };
        let is_on_it = self.link.as_ref().is_some_and(|link| *link.road() == road);
        let may_dial = self.link_tried.is_none_or(|tried| now >= tried + REDIAL_GAP);
        if may_dial && !is_on_it && self.next_link.is_none() {
            self.link_tried = Some(now);
            self.next_link = Some(self.dial(road.clone(), seat));
        }
        if is_on_it {
            self.tend_copies(&road, seat, now);
        }
    }

    fn tend_copies(&mut self, first: &RoadChoice, seat: Seat, now: Instant) {
        let usable = self.network.usable.borrow().clone();
        self.copies.close_useless(&first.way, &usable, now);
        if let Some(road) = self.copies.wants(&first.way, self.link_tried, &usable, now) {
            let link = self.dial(road, seat);
            self.copies.handle_dialed(link, now);
        }
    }

    fn dial(&self, road: RoadChoice, seat: Seat) -> Link {
        Link::dial(road, self.network.service.clone(), seat.ticket, self.link_events_to_self.clone())
    }

    fn udp_port(&self) -> Option<u16> {
        let direct = matches!(&*self.network.road.borrow(), Some(RoadChoice { way: Way::Direct, .. }));
        self.seat.map(|seat| seat.udp_port).filter(|&port| port != 0 && direct)
    }

    fn open_udp(&mut self, seat: Seat, now: Instant) {
        let Some(port) = self.udp_port() else { return };
        self.udp_tried = Some(now);
        while self.udp_tasks.try_join_next().is_some() {}
        self.udp_tasks.spawn(serve_udp(self.network.service.host.clone(), port, seat.ticket, self.road, self.to_self.clone()));
    }
}

/// Opens the UDP way of one road and reads it for as long as the road lasts.
async fn serve_udp(host: String, port: u16, ticket: Ticket, road: u64, to: mpsc::Sender<FromUdp>) {
    let Ok(socket) = connect_udp(&host, port, ticket).await else {
        tracing::debug!("the service's UDP port could not be opened");
        return;
    };
    let socket = Arc::new(socket);
    if to.send(FromUdp::Ready { road, socket: socket.clone() }).await.is_err() {
        return;
    }
    loop {
        let Ok((flow, datagram)) = socket.recv().await else {
            // Nobody listens there (ICMP). Somebody may, later.
            tokio::time::sleep(TICK).await;
            continue;
        };
        if let Err(mpsc::error::TrySendError::Closed(_)) = to.try_send(FromUdp::Datagram { road, flow, datagram }) {
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
