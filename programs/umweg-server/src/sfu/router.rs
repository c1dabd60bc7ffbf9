//! The router's thread: owns the rooms and the UDP socket, and does what there is to do in a fixed order.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use umweg_io::media::Class as Urgency;
use umweg_sfu::{Capacity, Class, Output, Transmit};
use umweg_wire::datagram::{self, Flow};
use umweg_wire::limits::ROOMS_MAX;
use umweg_wire::proto::v1;
use umweg_wire::{LogId, Ticket};

use super::command::{Command, Told};
use super::udp::{Received, Udp};
use super::ways::{Role, Way, WayId, Ways};

/// Commands, and calls for datagrams, in one go before what they caused is sent.
const BATCH: usize = 64;
/// With nothing to do the thread still looks about this often; so often, too, it counts.
const IDLE: Duration = Duration::from_secs(1);

/// The thread's state.
pub(super) struct Router {
    rooms: umweg_sfu::Sfu,
    udp: Option<Udp>,
    seats: BTreeMap<Ticket, Seat>,
    rosters: BTreeMap<LogId, watch::Sender<v1::Roster>>,
    received: Received,
    sent: u64,
    counted_at: Instant,
}

/// What the thread keeps about a participant beside its room.
struct Seat {
    ways: Ways,
    slots: watch::Sender<v1::Slots>,
}

impl Router {
    /// Starts the thread.
    pub(super) fn start(
        socket: Option<std::net::UdpSocket>,
        capacity: Capacity,
        commands: mpsc::Receiver<Command>,
    ) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let udp = {
            let _inside = runtime.enter();
            socket.map(Udp::new).transpose()?
        };
        let router = Self {
            rooms: umweg_sfu::Sfu::with_capacity(capacity),
            udp,
            seats: BTreeMap::new(),
            rosters: BTreeMap::new(),
            received: Received::new(),
            sent: 0,
            counted_at: Instant::now(),
        };
        std::thread::Builder::new().name("calls".to_owned()).spawn(move || runtime.block_on(router.run(commands)))?;
        Ok(())
    }

    /// The whole life of the thread.
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            // Sleep until there is something to do.
            let wakes_at = self.rooms.poll_timeout().unwrap_or_else(|| Instant::now() + IDLE).min(Instant::now() + IDLE);
            let first = tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => Some(command),
                    None => return,
                },
                () = readable(self.udp.as_ref()) => None,
                () = tokio::time::sleep_until(wakes_at.into()) => None,
            };
            // Priority 1: commands; the datagrams of media connections are among them.
            for command in first.into_iter().chain(std::iter::from_fn(|| commands.try_recv().ok())).take(BATCH) {
                if let Some(stopped) = self.handle_command(command) {
                    drop(self);
                    // Who asked may have gone.
                    _ = stopped.send(());
                    return;
                }
            }
            // Priority 2: datagrams by UDP.
            self.receive_batch();
            // Priority 3: time, and whatever all this caused.
            self.pass_time();
            self.count(Instant::now());
        }
    }

    /// Lets time pass until nothing is due. A paced packet is due as soon as the one before it has left, and the runtime's own clock would make
    /// each of them wait for its next millisecond.
    fn pass_time(&mut self) {
        for _ in 0..BATCH {
            self.rooms.handle_timeout(Instant::now());
            self.flush();
            if self.rooms.poll_timeout().is_none_or(|at| at > Instant::now()) {
                return;
            }
        }
    }

    /// Does what is asked. Answers whom to tell if that is to stop.
    fn handle_command(&mut self, command: Command) -> Option<oneshot::Sender<()>> {
        let now = Instant::now();
        match command {
            Command::Datagram { ticket, link, flow, datagram } => {
                self.handle_datagram(ticket, flow, &datagram, WayId::Link(link), now);
            }
            Command::Enter { log, offer, note, camera, answer } => {
                let entered = self.rooms.handle_enter(log, &offer, note, camera, &mut rand::rng(), now);
                let told = entered.map(|entered| {
                    let told = self.tell(log, entered.ticket);
                    (entered, told)
                });
                self.answer(answer, told);
            }
            Command::Resume { log, ticket, answer } => {
                let told = self.rooms.handle_resume(log, ticket).map(|_| self.tell(log, ticket));
                self.answer(answer, told);
            }
            Command::Leave { ticket } => self.rooms.handle_leave(ticket, now),
            Command::Dismiss { by, participant } => self.rooms.handle_dismissal(by, participant, now),
            Command::Note { ticket, note, answer } => {
                let noted = self.rooms.handle_note(ticket, note);
                self.answer(answer, noted);
            }
            Command::Choose { ticket, participants, height_max } => self.rooms.handle_choose(ticket, participants, height_max, now),
            Command::Camera { ticket, on, answer } => {
                let on = self.rooms.handle_camera(ticket, on, now);
                self.answer(answer, on);
            }
            Command::Screen { ticket, on, answer } => {
                let on = self.rooms.handle_screen(ticket, on, now);
                self.answer(answer, on);
            }
            Command::Watch { log, answer } => {
                let roster = self.watch(log);
                self.answer(answer, roster);
            }
            Command::LinkOpened { ticket, link, sender, answer } => {
                let seat = self.seats.get_mut(&ticket);
                let is_known = seat.is_some();
                if let Some(seat) = seat {
                    seat.ways.handle_link(link, sender);
                }
                self.answer(answer, is_known);
            }
            Command::LinkClosed { ticket, link } => {
                if let Some(seat) = self.seats.get_mut(&ticket) {
                    seat.ways.handle_link_end(link);
                }
            }
            Command::Stop { stopped } => return Some(stopped),
        }
        None
    }

    fn receive_batch(&mut self) {
        let mut received = std::mem::take(&mut self.received);
        for _ in 0..BATCH {
            match self.udp.as_ref().map(|udp| udp.receive(&mut received)) {
                Some(Ok(())) => received.datagrams().for_each(|(datagram, from)| self.handle_udp(datagram, from)),
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An ICMP answer to something sent before; the next call goes on.
                Some(Err(_)) => {}
                None => break,
            }
        }
        self.received = received;
    }

    fn handle_udp(&mut self, received: &[u8], from: SocketAddr) {
        let Ok((ticket, flow, datagram)) = datagram::from_udp(received) else { return };
        let Some(seat) = self.seats.get_mut(&ticket) else { return };
        let now = Instant::now();
        seat.ways.handle_udp(from, Role::of(datagram), now);
        self.handle_datagram(ticket, flow, datagram, WayId::Udp, now);
    }

    fn handle_datagram(&mut self, ticket: Ticket, flow: Flow, datagram: &[u8], by: WayId, now: Instant) {
        let Some(seat) = self.seats.get_mut(&ticket) else { return };
        let role = Role::of(datagram);
        seat.ways.handle(by, role, now);
        if seat.ways.is_copy(datagram) {
            return;
        }
        self.rooms.handle_datagram(ticket, flow, datagram, now);
        if role == Role::Check {
            // Its answer leaves before another way's check may come.
            self.flush();
        }
    }

    /// Does what the rooms want done.
    fn flush(&mut self) {
        let now = Instant::now();
        while let Some(output) = self.rooms.poll_output(now) {
            match output {
                Output::Transmit(transmit) => self.transmit(&transmit),
                Output::Slots(ticket, slots) => {
                    if let Some(seat) = self.seats.get(&ticket) {
                        seat.slots.send_replace(slots);
                    }
                }
                Output::Roster(log, roster) => {
                    if let Some(watched) = self.rosters.get(&log) {
                        watched.send_replace(roster);
                    }
                    self.rosters.retain(|_, watched| watched.receiver_count() > 0);
                }
                Output::Gone(gone) => {
                    tracing::debug!(reason = ?gone.reason, "a seat is free");
                    self.seats.remove(&gone.ticket);
                }
            }
        }
        // More was to come, and went another way.
        if let Some(udp) = &mut self.udp {
            udp.flush();
        }
    }

    fn transmit(&mut self, transmit: &Transmit) {
        let Some(seat) = self.seats.get(&transmit.ticket) else { return };
        self.sent += 1;
        let (role, urgency) = (Role::of(&transmit.datagram), urgency(transmit.class));
        match seat.ways.way(role) {
            Some(Way::Link(_)) if role == Role::Media && urgency == Urgency::Urgent => {
                seat.ways.connections().for_each(|sender| sender.send(transmit.flow, &transmit.datagram, urgency));
            }
            Some(Way::Link(sender)) => sender.send(transmit.flow, &transmit.datagram, urgency),
            Some(Way::Udp(address)) => {
                let Some(udp) = &mut self.udp else { return };
                udp.send(address, [&transmit.ticket.0, &[transmit.flow.number()], &transmit.datagram]);
                if !transmit.more {
                    udp.flush();
                }
            }
            None => {}
        }
    }

    /// What a participant is told from now on; an older stream of it hears no more.
    fn tell(&mut self, log: LogId, ticket: Ticket) -> Told {
        let (sender, slots) = watch::channel(v1::Slots::default());
        let ways = self.seats.remove(&ticket).map(|seat| seat.ways).unwrap_or_default();
        self.seats.insert(ticket, Seat { ways, slots: sender });
        Told { slots, roster: self.watch(log) }
    }

    fn watch(&mut self, log: LogId) -> watch::Receiver<v1::Roster> {
        if self.rosters.len() >= ROOMS_MAX {
            self.rosters.retain(|_, watched| watched.receiver_count() > 0);
        }
        let roster = || watch::channel(self.rooms.roster(log)).0;
        self.rosters.entry(log).or_insert_with(roster).subscribe()
    }

    /// Answers; what the command caused comes after the answer. Who asked may have gone.
    fn answer<T>(&mut self, answer: oneshot::Sender<T>, with: T) {
        _ = answer.send(with);
        self.flush();
    }

    fn count(&mut self, now: Instant) {
        if now < self.counted_at + IDLE {
            return;
        }
        self.counted_at = now;
        metrics::counter!("umweg_calls_datagrams_sent_total").increment(std::mem::take(&mut self.sent));
        let (calls, participants) = self.rooms.size();
        #[expect(clippy::cast_precision_loss, reason = "both are small")]
        {
            metrics::gauge!("umweg_calls").set(calls as f64);
            metrics::gauge!("umweg_calls_participants").set(participants as f64);
        }
    }
}

async fn readable(udp: Option<&Udp>) {
    match udp {
        Some(udp) => udp.readable().await,
        None => std::future::pending().await,
    }
}

fn urgency(class: Class) -> Urgency {
    match class {
        Class::Control | Class::Audio => Urgency::Urgent,
        Class::Video => Urgency::Video,
    }
}
