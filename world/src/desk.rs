//! The SFU's door: who is in which call, by sealed notes, and by which ways their media comes. What `call.proto` says, no more.

use std::collections::BTreeMap;
use std::time::Duration;

use umweg_wire::proto::v1::{self, participant_event::Event, participant_request::Request};
use umweg_wire::{LogId, Ticket, Timestamp, limits};

use crate::router::{Back, MediaSeat, SeatWays};

/// Where it listens for datagrams.
const UDP_PORT: u32 = 10_000;

/// All calls.
pub(crate) struct Desk {
    rooms: BTreeMap<LogId, Vec<Seat>>,
    serial: u32,
    /// Places with video, as the operator set them.
    pub(crate) cameras_max: usize,
    lie: Option<RosterLie>,
}

/// How the service lies about who is in a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RosterLie {
    /// Shows somebody whose note nobody of the call has signed.
    ShowsAStranger,
    /// Shows the seat of that device's earlier time in the call, with the note it signed then.
    ShowsWhoLeft { device: usize },
    /// Does not show that device's seat.
    Hides { device: usize },
}

/// A participant's place.
struct Seat {
    device: usize,
    participant: u32,
    ticket: Ticket,
    note: Vec<u8>,
    camera: bool,
    screen: bool,
    ways: SeatWays,
    /// Its stream broke: the seat is kept until then.
    until: Option<Timestamp>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { rooms: BTreeMap::new(), serial: 0, cameras_max: limits::CAMERAS_USUAL, lie: None }
    }
}

impl Desk {
    /// What a device says on its `Participate` stream for that log. Answers with what it hears back; a change of the roster is
    /// told by `roster`.
    pub(crate) fn handle(&mut self, device: usize, log: LogId, request: Request) -> Option<Event> {
        let seats = self.rooms.entry(log).or_default();
        match request {
            Request::Enter(enter) => {
                self.serial += 1;
                seats.retain(|seat| seat.device != device);
                let mut ticket = Ticket([0; 16]);
                ticket.0[..4].copy_from_slice(&self.serial.to_be_bytes());
                let camera = enter.camera && seats.iter().filter(|seat| seat.camera).count() < self.cameras_max;
                seats.push(Seat {
                    device,
                    participant: self.serial,
                    ticket,
                    note: enter.note,
                    camera,
                    screen: false,
                    ways: SeatWays::default(),
                    until: None,
                });
                Some(Event::Entered(v1::Entered {
                    participant: self.serial,
                    answer: "v=0".to_owned(),
                    ticket: ticket.to_vec(),
                    udp_port: UDP_PORT,
                    camera,
                }))
            }
            Request::Resume(resume) => {
                let seat = seats.iter_mut().find(|seat| seat.device == device && resume.ticket == seat.ticket.to_vec())?;
                seat.until = None;
                Some(Event::Resumed(v1::Resumed {}))
            }
            Request::Note(update) => {
                seats.iter_mut().filter(|seat| seat.device == device).for_each(|seat| seat.note.clone_from(&update.note));
                None
            }
            Request::Camera(camera) => {
                let others = seats.iter().filter(|seat| seat.camera && seat.device != device).count();
                let on = camera.on && others < self.cameras_max;
                seats.iter_mut().filter(|seat| seat.device == device).for_each(|seat| seat.camera = on);
                Some(Event::Camera(v1::CameraAnswer { on }))
            }
            Request::Screen(screen) => {
                let others = seats.iter().filter(|seat| seat.screen && seat.device != device).count();
                let on = screen.on && others < limits::SCREENS_MAX;
                seats.iter_mut().filter(|seat| seat.device == device).for_each(|seat| seat.screen = on);
                Some(Event::Screen(v1::ScreenAnswer { on }))
            }
            Request::Dismiss(dismissed) => {
                let kept = |seat: &Seat| self.lie == Some(RosterLie::ShowsWhoLeft { device: seat.device });
                seats.retain(|seat| seat.participant != dismissed.participant || kept(seat));
                None
            }
            Request::Leave(_) => {
                if self.lie != Some(RosterLie::ShowsWhoLeft { device }) {
                    seats.retain(|seat| seat.device != device);
                }
                None
            }
            Request::Videos(_) => None,
        }
    }

    /// A device's streams broke: its seats wait for it. Answers with when they are given up.
    pub(crate) fn handle_lost(&mut self, device: usize, now: Timestamp) -> Timestamp {
        let until = now.after(limits::SEAT_KEPT);
        for seat in self.rooms.values_mut().flatten().filter(|seat| seat.device == device) {
            seat.until.get_or_insert(until);
        }
        until.after(Duration::from_millis(1))
    }

    /// Gives up seats whose time is over. Answers with the calls whose rosters changed.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp) -> Vec<LogId> {
        let mut changed = Vec::new();
        for (log, seats) in &mut self.rooms {
            let before = seats.len();
            seats.retain(|seat| seat.until.is_none_or(|until| until > now));
            if seats.len() != before {
                changed.push(*log);
            }
        }
        changed
    }

    /// Begins to lie.
    pub(crate) fn turn(&mut self, lie: RosterLie) {
        self.lie = Some(lie);
    }

    /// Killed and started again: every seat is gone. Answers with who had one, and where.
    pub(crate) fn restart(&mut self) -> Vec<(usize, LogId)> {
        let rooms = std::mem::take(&mut self.rooms);
        rooms.into_iter().flat_map(|(log, seats)| seats.into_iter().map(move |seat| (seat.device, log))).collect()
    }

    pub(crate) fn roster(&self, log: LogId) -> v1::Roster {
        let seats = self.rooms.get(&log).map(Vec::as_slice).unwrap_or_default();
        let present = |seat: &Seat| v1::Present {
            participant: seat.participant,
            note: seat.note.clone(),
            camera: seat.camera,
            screen: seat.screen,
        };
        let hidden = |seat: &&Seat| self.lie != Some(RosterLie::Hides { device: seat.device });
        let stranger = v1::Present { participant: u32::MAX, note: vec![7; 400], camera: false, screen: false };
        v1::Roster {
            present: seats
                .iter()
                .filter(hidden)
                .map(present)
                .chain((self.lie == Some(RosterLie::ShowsAStranger)).then_some(stranger))
                .collect(),
            cameras_max: u32::try_from(self.cameras_max).unwrap_or(u32::MAX),
            participants_max: u32::try_from(limits::PARTICIPANTS_USUAL).unwrap_or(u32::MAX),
        }
    }

    /// The seat of that ticket.
    pub(crate) fn seat(&mut self, ticket: Ticket) -> Option<MediaSeat<'_>> {
        let seat = self.rooms.values_mut().flatten().find(|seat| seat.ticket == ticket)?;
        Some(MediaSeat { device: seat.device, participant: seat.participant, ways: &mut seat.ways })
    }

    /// The others of that ticket's call, and their devices.
    pub(crate) fn tickets_beside(&self, ticket: Ticket) -> Vec<(Ticket, usize)> {
        let room = self.rooms.values().find(|seats| seats.iter().any(|seat| seat.ticket == ticket));
        room.into_iter().flatten().filter(|seat| seat.ticket != ticket).map(|seat| (seat.ticket, seat.device)).collect()
    }

    /// A media connection stands; false: with nobody's ticket.
    pub(crate) fn handle_link(&mut self, ticket: Ticket, link: u64, back: Back) -> bool {
        self.seat(ticket).map(|seat| seat.ways.handle_link(link, back)).is_some()
    }

    /// It ended.
    pub(crate) fn handle_link_end(&mut self, ticket: Ticket, link: u64) {
        if let Some(seat) = self.seat(ticket) {
            seat.ways.handle_link_end(link);
        }
    }

    /// Devices with an open stream into that call.
    pub(crate) fn devices(&self, log: LogId) -> Vec<usize> {
        self.rooms.get(&log).into_iter().flatten().filter(|seat| seat.until.is_none()).map(|seat| seat.device).collect()
    }
}
