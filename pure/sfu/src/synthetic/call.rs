//! A service and synthetic participants on a network of their own, in their own time.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use umweg_wire::datagram::Flow;
use umweg_wire::proto::v1;
use umweg_wire::{LogId, Ticket};

use super::person::Person;
use super::profile::Profile;
use crate::output::{Output, Reason};
use crate::{EnterError, Entered, Sfu};

/// Time passes in such steps. Bandwidth is measured with short bursts at exact times: where time is coarser, it is measured too low.
const STEP: Duration = Duration::from_millis(1);
/// A datagram that would wait longer on a slow link is dropped.
const QUEUED_MAX: Duration = Duration::from_millis(300);

/// How datagrams reach one participant.
#[derive(Clone, Copy, Default)]
pub struct Link {
    /// Of one direction.
    pub delay: Duration,
    /// Bits a second towards the participant; `None`: any.
    pub rate: Option<u64>,
    /// Nothing passes at all.
    pub cut: bool,
}

/// A call.
pub struct Call {
    /// The service.
    pub sfu: Sfu,
    /// The time.
    pub now: Instant,
    /// Everybody who entered and did not leave, by mark.
    pub people: BTreeMap<u32, Guest>,
    /// The newest roster.
    pub roster: v1::Roster,
    /// Whose seats became free.
    pub gone: Vec<(Ticket, Reason)>,
    /// Datagrams that left, and calls of the kernel in which a router would send them.
    pub left: (u64, u64),
    /// The call's log.
    pub log: LogId,
    rng: ChaCha8Rng,
}

/// A participant and what the service told it.
pub struct Guest {
    /// The participant.
    pub person: Person,
    /// What it entered with.
    pub entered: Entered,
    /// Its link.
    pub link: Link,
    /// The newest slots.
    pub slots: v1::Slots,
    /// Whether each of its datagrams comes twice, as by two roads.
    pub copies: bool,
    flow: Flow,
    towards: VecDeque<(Instant, Vec<u8>)>,
    from: VecDeque<(Instant, Vec<u8>)>,
    free_at: Instant,
}

impl Call {
    /// Nobody is in yet.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let roster = v1::Roster::default();
        Self {
            sfu: Sfu::new(),
            now,
            people: BTreeMap::new(),
            roster,
            gone: Vec::new(),
            left: (0, 0),
            log: LogId([7; 32]),
            rng: ChaCha8Rng::seed_from_u64(7),
        }
    }

    /// Somebody enters under a mark.
    pub fn enter(&mut self, mark: u32, profile: Profile) -> Result<Entered, EnterError> {
        let (mut person, offer) = Person::new(mark, profile, self.now);
        let note = mark.to_be_bytes().to_vec();
        let entered = self.sfu.handle_enter(self.log, &offer, note, profile.films, &mut self.rng, self.now)?;
        person.handle_answer(&entered.answer);
        let guest = Guest {
            person,
            entered: entered.clone(),
            link: Link::default(),
            slots: v1::Slots::default(),
            copies: false,
            flow: flow(0),
            towards: VecDeque::new(),
            from: VecDeque::new(),
            free_at: self.now,
        };
        self.people.insert(mark, guest);
        self.poll();
        Ok(entered)
    }

    /// Somebody says that it leaves. It goes on sending, as a participant could that means ill: `linger`.
    pub fn leave(&mut self, mark: u32, linger: bool) {
        let ticket = self.guest(mark).entered.ticket;
        self.sfu.handle_leave(ticket, self.now);
        self.poll();
        if !linger {
            self.people.remove(&mark);
        }
    }

    /// The others have taken somebody out of the keys, and one of them says so. It goes on sending.
    pub fn dismiss(&mut self, by: u32, of: u32) {
        let (by, of) = (self.guest(by).entered.ticket, self.guest(of).entered.participant);
        self.sfu.handle_dismissal(by, of, self.now);
        self.poll();
    }

    /// Time passes.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += STEP;
            self.step();
        }
    }

    /// Somebody.
    ///
    /// # Panics
    /// If it is not there.
    pub fn guest(&mut self, mark: u32) -> &mut Guest {
        self.people.get_mut(&mark).expect("who is asked about has entered")
    }

    /// The number that somebody has in the call.
    pub fn number(&mut self, mark: u32) -> u32 {
        self.guest(mark).entered.participant
    }

    /// Brings what the service wants done to those concerned.
    ///
    /// # Panics
    /// If more was to come for a participant, and something else comes.
    pub fn poll(&mut self) {
        let mut more_for = None;
        while let Some(output) = self.sfu.poll_output(self.now) {
            if let Some(ticket) = more_for.take() {
                assert!(matches!(&output, Output::Transmit(transmit) if transmit.ticket == ticket), "more was to come");
            }
            match output {
                Output::Transmit(transmit) => {
                    more_for = transmit.more.then_some(transmit.ticket);
                    self.left = (self.left.0 + 1, self.left.1 + u64::from(!transmit.more));
                    let now = self.now;
                    if let Some(guest) = self.people.values_mut().find(|guest| guest.entered.ticket == transmit.ticket) {
                        guest.receive_later(transmit.datagram.to_vec(), now);
                    }
                }
                Output::Slots(ticket, slots) => {
                    if let Some(guest) = self.people.values_mut().find(|guest| guest.entered.ticket == ticket) {
                        guest.slots = slots;
                    }
                }
                Output::Roster(_, roster) => self.roster = roster,
                Output::Gone(gone) => self.gone.push((gone.ticket, gone.reason)),
            }
        }
        assert!(more_for.is_none(), "more was to come");
    }

    fn step(&mut self) {
        for guest in self.people.values_mut() {
            guest.step(self.now);
            while guest.from.front().is_some_and(|(at, _)| *at <= self.now) {
                if let Some((_, datagram)) = guest.from.pop_front() {
                    self.sfu.handle_datagram(guest.entered.ticket, guest.flow, &datagram, self.now);
                }
            }
        }
        self.sfu.handle_timeout(self.now);
        self.poll();
    }
}

impl Guest {
    /// Its datagrams begin to come by another of its addresses.
    pub fn change_flow(&mut self, number: u8) {
        self.flow = flow(number);
    }

    /// The marks that arrive in audio slots since `earlier`, a clone of the person's record.
    #[must_use]
    pub fn voices_since(&self, earlier: &BTreeMap<str0m::media::Mid, super::Heard>) -> Vec<u32> {
        let packets_before = |mid| earlier.get(mid).map_or(0, |heard: &super::Heard| heard.packets);
        let mut marks: Vec<_> = self
            .person
            .heard
            .iter()
            .filter(|(mid, heard)| heard.packets > packets_before(mid))
            .map(|(_, heard)| heard.mark)
            .collect();
        marks.sort_unstable();
        marks
    }

    /// The marks that arrive in video slots since `earlier`, with their layers.
    #[must_use]
    pub fn videos_since(&self, earlier: &BTreeMap<str0m::media::Mid, super::Seen>) -> Vec<(u32, u8)> {
        let packets_before = |mid| earlier.get(mid).map_or(0, |seen: &super::Seen| seen.packets);
        let mut marks: Vec<_> = self
            .person
            .seen
            .iter()
            .filter(|(mid, seen)| seen.packets > packets_before(mid))
            .map(|(_, seen)| (seen.mark, seen.layer))
            .collect();
        marks.sort_unstable();
        marks
    }

    fn step(&mut self, now: Instant) {
        while self.towards.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, datagram)) = self.towards.pop_front() {
                self.person.handle_datagram(&datagram, now);
            }
        }
        if self.person.poll_timeout() <= now {
            self.person.handle_timeout(now);
        }
        for datagram in self.person.poll_transmit() {
            if self.link.cut {
                continue;
            }
            let arrives_at = now + self.link.delay;
            if self.copies {
                self.from.push_back((arrives_at, datagram.clone()));
            }
            self.from.push_back((arrives_at, datagram));
        }
    }

    fn receive_later(&mut self, datagram: Vec<u8>, now: Instant) {
        let begins_at = self.free_at.max(now);
        if self.link.cut || begins_at > now + QUEUED_MAX {
            return;
        }
        let takes =
            self.link.rate.map_or(Duration::ZERO, |rate| Duration::from_micros(datagram.len() as u64 * 8_000_000 / rate.max(1)));
        self.free_at = begins_at + takes;
        self.towards.push_back((self.free_at + self.link.delay, datagram));
    }
}

fn flow(number: u8) -> Flow {
    Flow::new(number).expect("a small number is a flow")
}
