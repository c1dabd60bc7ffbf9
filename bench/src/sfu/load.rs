//! The load generator: one thread that lets participants send and receive at exact times.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Context;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use umweg_sfu::synthetic::Person;
use umweg_wire::Ticket;
use umweg_wire::datagram::{self, Flow};

/// The thread wakes this often if nothing happens.
const IDLE: Duration = Duration::from_millis(20);
const WAKE: Token = Token(usize::MAX);
/// A socket's datagrams taken in before the others' turn.
const BATCH: usize = 32;

/// The generator; it ends when this is dropped.
pub(crate) struct Load {
    commands: Sender<Command>,
    pictures: Receiver<Instant>,
    waker: Waker,
}

/// A participant, or one of its connections, with the socket towards its router.
pub(crate) struct Seat {
    person: Person,
    socket: UdpSocket,
    ticket: Option<Ticket>,
    sees: bool,
}

/// What came since it was last counted.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) packets: u64,
    pub(crate) delays: Vec<Duration>,
}

enum Command {
    Add(usize, Box<Seat>),
    Remove(usize),
    Count(Sender<Counts>),
}

impl Load {
    /// Starts the thread.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let (commands, waiting) = channel();
        let (picture, pictures) = channel();
        let generator = Generator { poll, waiting, picture, seats: BTreeMap::new(), counted: 0 };
        std::thread::Builder::new().name("load".to_owned()).spawn(move || generator.run())?;
        Ok(Self { commands, pictures, waker })
    }

    /// Somebody begins under a number.
    pub(crate) fn add(&self, number: usize, seat: Seat) -> anyhow::Result<()> {
        // Whoever saw a picture before is not asked for any more.
        while self.pictures.try_recv().is_ok() {}
        self.tell(Command::Add(number, Box::new(seat)))
    }

    /// Somebody ends.
    pub(crate) fn remove(&self, number: usize) -> anyhow::Result<()> {
        self.tell(Command::Remove(number))
    }

    /// What came since the last time.
    pub(crate) fn count(&self) -> Counts {
        let (counts, counted) = channel();
        // A generator that has ended counts nothing more.
        _ = self.tell(Command::Count(counts));
        counted.recv().unwrap_or_default()
    }

    /// When the newest one first had a whole picture.
    pub(crate) fn first_picture(&self, within: Duration) -> Option<Instant> {
        self.pictures.recv_timeout(within).ok()
    }

    fn tell(&self, command: Command) -> anyhow::Result<()> {
        self.commands.send(command).ok().context("the load generator has ended")?;
        Ok(self.waker.wake()?)
    }
}

impl Seat {
    /// Towards a router, from a socket of the standard library.
    pub(crate) fn new(
        person: Person,
        socket: std::net::UdpSocket,
        router: SocketAddr,
        ticket: Option<Ticket>,
    ) -> anyhow::Result<Self> {
        socket.connect(router)?;
        socket.set_nonblocking(true)?;
        Ok(Self { person, socket: UdpSocket::from_std(socket), ticket, sees: false })
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let length = self.socket.recv(buffer)?;
        let received = buffer.get(..length).unwrap_or_default();
        match self.ticket {
            None => self.person.handle_datagram(received, Instant::now()),
            Some(_) => {
                if let Ok((_, _, datagram)) = datagram::from_udp(received) {
                    self.person.handle_datagram(datagram, Instant::now());
                }
            }
        }
        Ok(())
    }

    fn send(&mut self) {
        for datagram in self.person.poll_transmit() {
            // A full socket drops it, as UDP may.
            _ = match self.ticket {
                None => self.socket.send(&datagram),
                Some(ticket) => self.socket.send(&datagram::to_udp(ticket, flow(), &datagram)),
            };
        }
    }

    fn packets(&self) -> u64 {
        let heard = self.person.heard.values().map(|heard| heard.packets).sum::<u64>();
        heard + self.person.seen.values().map(|seen| seen.packets).sum::<u64>()
    }
}

struct Generator {
    poll: Poll,
    waiting: Receiver<Command>,
    picture: Sender<Instant>,
    seats: BTreeMap<usize, Seat>,
    counted: u64,
}

impl Generator {
    fn run(mut self) {
        let (mut events, mut buffer) = (Events::with_capacity(1_024), vec![0; 2_048]);
        loop {
            let now = Instant::now();
            let wakes_at = self.seats.values().map(|seat| seat.person.poll_timeout()).min().unwrap_or(now + IDLE);
            // An interrupted wait is followed by another.
            _ = self.poll.poll(&mut events, Some(wakes_at.saturating_duration_since(now).min(IDLE)));
            loop {
                match self.waiting.try_recv() {
                    Ok(command) => self.handle(command),
                    Err(std::sync::mpsc::TryRecvError::Empty) => break,
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
                }
            }
            // Edges are told once, so that every socket is read until it is empty; those that are empty cost one call.
            while self.receive(&mut buffer) {}
            self.pass_time();
        }
    }

    /// Takes in some of what came. Answers whether there may be more.
    fn receive(&mut self, buffer: &mut [u8]) -> bool {
        let mut more = false;
        for seat in self.seats.values_mut() {
            let taken = (0..BATCH).take_while(|_| seat.receive(buffer).is_ok()).count();
            more |= taken == BATCH;
            if taken > 0 {
                seat.send();
            }
            if !seat.sees && seat.person.seen.values().any(|seen| seen.pictures > 0) {
                seat.sees = true;
                // Nobody may be waiting for it.
                _ = self.picture.send(Instant::now());
            }
        }
        self.pass_time();
        more
    }

    fn pass_time(&mut self) {
        for seat in self.seats.values_mut() {
            let now = Instant::now();
            if seat.person.poll_timeout() <= now {
                seat.person.handle_timeout(now);
                seat.send();
            }
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Add(number, mut seat) => {
                if self.poll.registry().register(&mut seat.socket, Token(number), Interest::READABLE).is_ok() {
                    self.seats.insert(number, *seat);
                }
            }
            Command::Remove(number) => {
                if let Some(mut seat) = self.seats.remove(&number) {
                    // It closes in any case.
                    _ = self.poll.registry().deregister(&mut seat.socket);
                }
            }
            Command::Count(answer) => {
                let packets = self.seats.values().map(Seat::packets).sum::<u64>();
                let delays = self.seats.values_mut().flat_map(|seat| std::mem::take(&mut seat.person.delays)).collect();
                // Who asked may have gone.
                _ = answer.send(Counts { packets: packets.saturating_sub(self.counted), delays });
                self.counted = packets;
            }
        }
    }
}

fn flow() -> Flow {
    Flow::new(0).expect("zero is a flow")
}
