//! All calls of one thread: finds the room of a ticket, opens rooms and closes them.

use std::collections::BTreeMap;
use std::time::Instant;

use rand::Rng;
use umweg_wire::datagram::Flow;
use umweg_wire::limits::{NOTE_BYTES_MAX, ROOMS_MAX};
use umweg_wire::proto::v1;
use umweg_wire::{LogId, Ticket};

use crate::capacity::Capacity;
use crate::media::OfferError;
use crate::output::Output;
use crate::room::{Entered, Room, roster_of};
use crate::slots::{Number, Which};

/// Why somebody cannot enter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EnterError {
    /// All seats of the call are taken.
    #[error("enter a call that is full")]
    CallFull,
    /// The service holds as many calls as it may.
    #[error("open one more call on this service")]
    ServiceFull,
    /// The participant's note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The participant's offer.
    #[error(transparent)]
    Offer(#[from] OfferError),
}

/// Why a note is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("leave a note of {0} bytes")]
pub struct NoteError(usize);

/// Why a seat cannot be taken again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("find the seat: it is free again")]
pub struct ResumeError;

/// The calls.
#[derive(Default)]
pub struct Sfu {
    rooms: BTreeMap<LogId, Room>,
    seats: BTreeMap<Ticket, Seat>,
    touched: Vec<LogId>,
    capacity: Capacity,
}

#[derive(Clone, Copy)]
struct Seat {
    log: LogId,
    number: Number,
}

impl Sfu {
    /// No calls yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No calls yet, and each will hold so much.
    #[must_use]
    pub fn with_capacity(capacity: Capacity) -> Self {
        Self { capacity, ..Self::default() }
    }

    /// Somebody who showed the capability of the call's log enters.
    pub fn handle_enter(
        &mut self,
        log: LogId,
        offer: &str,
        note: Vec<u8>,
        camera: bool,
        rng: &mut impl Rng,
        now: Instant,
    ) -> Result<Entered, EnterError> {
        check_note(&note)?;
        if !self.rooms.contains_key(&log) && self.rooms.len() >= ROOMS_MAX {
            return Err(EnterError::ServiceFull);
        }
        let room = self.rooms.entry(log).or_insert_with(|| Room::new(log, self.capacity, now));
        let entered = if room.is_full() {
            Err(EnterError::CallFull)
        } else {
            room.handle_enter(offer, note, camera, rng, now).map_err(EnterError::from)
        };
        match &entered {
            Ok(entered) => _ = self.seats.insert(entered.ticket, Seat { log, number: entered.participant }),
            Err(_) if room.is_empty() => _ = self.rooms.remove(&log),
            Err(_) => {}
        }
        self.touch(log);
        entered
    }

    /// Somebody takes its seat again on a new stream. Answers with its number.
    pub fn handle_resume(&mut self, log: LogId, ticket: Ticket) -> Result<u32, ResumeError> {
        let seat = self.seats.get(&ticket).copied().filter(|seat| seat.log == log).ok_or(ResumeError)?;
        self.at(ticket, |room, number| room.handle_resume(number));
        Ok(seat.number)
    }

    /// Somebody leaves.
    pub fn handle_leave(&mut self, ticket: Ticket, now: Instant) {
        self.at(ticket, |room, number| room.handle_leave(number, now));
        self.seats.remove(&ticket);
    }

    /// Somebody says that another one of the same call has no keys any more.
    pub fn handle_dismissal(&mut self, by: Ticket, of: u32, now: Instant) {
        self.at(by, |room, _| room.handle_dismissal(of, now));
    }

    /// Somebody's note changed.
    pub fn handle_note(&mut self, ticket: Ticket, note: Vec<u8>) -> Result<(), NoteError> {
        check_note(&note)?;
        self.at(ticket, |room, number| room.handle_note(number, note));
        Ok(())
    }

    /// Somebody chose videos, the most wanted first, and no higher than that in pixels (0: whatever fits).
    pub fn handle_choose(&mut self, ticket: Ticket, mut participants: Vec<u32>, height_max: u32, now: Instant) {
        participants.truncate(self.capacity.participants);
        self.at(ticket, |room, number| room.handle_choice(number, participants, height_max, now));
    }

    /// Somebody's camera goes on or off. Answers whether it is on.
    pub fn handle_camera(&mut self, ticket: Ticket, on: bool, now: Instant) -> bool {
        self.at(ticket, |room, number| room.handle_video(number, Which::Camera, on, now)).unwrap_or(false)
    }

    /// Somebody's screen goes on or off, beside the camera. Answers whether it is on.
    pub fn handle_screen(&mut self, ticket: Ticket, on: bool, now: Instant) -> bool {
        self.at(ticket, |room, number| room.handle_video(number, Which::Screen, on, now)).unwrap_or(false)
    }

    /// A datagram came under a ticket, by whatever road.
    pub fn handle_datagram(&mut self, ticket: Ticket, flow: Flow, datagram: &[u8], now: Instant) {
        self.at(ticket, |room, number| room.handle_datagram(number, flow, datagram, now));
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        for (log, room) in &mut self.rooms {
            if room.poll_timeout().is_some_and(|at| at <= now) {
                room.handle_timeout(now);
                if !std::mem::replace(&mut room.is_touched, true) {
                    self.touched.push(*log);
                }
            }
        }
    }

    /// The next thing to do. `now` is the time of the input before.
    pub fn poll_output(&mut self, now: Instant) -> Option<Output> {
        while let Some(log) = self.touched.last().copied() {
            let Some(room) = self.rooms.get_mut(&log) else {
                self.touched.pop();
                continue;
            };
            if let Some(output) = room.poll_output(now) {
                if let Output::Gone(gone) = &output {
                    self.seats.remove(&gone.ticket);
                }
                return Some(output);
            }
            room.is_touched = false;
            self.touched.pop();
            if room.is_empty() {
                self.rooms.remove(&log);
            }
        }
        None
    }

    /// When [`Self::handle_timeout`] must be called at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.rooms.values().filter_map(Room::poll_timeout).min()
    }

    /// Whether datagrams under this ticket belong to anybody.
    #[must_use]
    pub fn knows(&self, ticket: Ticket) -> bool {
        self.seats.contains_key(&ticket)
    }

    /// Who is in a call.
    #[must_use]
    pub fn roster(&self, log: LogId) -> v1::Roster {
        self.rooms.get(&log).map_or_else(|| roster_of(Vec::new(), self.capacity), Room::roster)
    }

    /// How many calls run, and how many participants they have.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.rooms.len(), self.seats.len())
    }

    fn at<T>(&mut self, ticket: Ticket, act: impl FnOnce(&mut Room, Number) -> T) -> Option<T> {
        let seat = *self.seats.get(&ticket)?;
        let room = self.rooms.get_mut(&seat.log)?;
        let done = act(room, seat.number);
        if !std::mem::replace(&mut room.is_touched, true) {
            self.touched.push(seat.log);
        }
        Some(done)
    }

    fn touch(&mut self, log: LogId) {
        if let Some(room) = self.rooms.get_mut(&log)
            && !std::mem::replace(&mut room.is_touched, true)
        {
            self.touched.push(log);
        }
    }
}

fn check_note(note: &[u8]) -> Result<(), NoteError> {
    if note.len() > NOTE_BYTES_MAX { Err(NoteError(note.len())) } else { Ok(()) }
}
