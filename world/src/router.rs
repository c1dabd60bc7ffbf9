//! The SFU's router in the world: everybody's voice to everybody else, back by the ways that the real rules choose
//! (`umweg_sfu::ways`). It can be made to lie.

use std::net::{Ipv4Addr, SocketAddr};

use umweg_road::media::LinkId;
use umweg_sfu::ways::{self, Way, WayId};
use umweg_wire::Ticket;

use crate::media::{MediaEvent, Packet};
use crate::world::World;

/// The router reports after so many frames.
const FRAMES_PER_REPORT: u32 = 5;

/// How the SFU lies about media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MediaLie {
    /// Says of everybody's voice that it is somebody else's.
    Swaps,
    /// Forwards everything to that device, too, whatever its place in the call.
    ForwardsTo { device: usize },
}

/// The ways of a seat, at the router.
pub(crate) type SeatWays = ways::Ways<u64, Back>;

/// Where a connection leads back to.
#[derive(Clone, Copy)]
pub(crate) struct Back {
    pub(crate) device: usize,
    pub(crate) stay: u64,
    pub(crate) link: LinkId,
}

/// Somebody's media at the router's door.
pub(crate) struct MediaSeat<'a> {
    pub(crate) device: usize,
    pub(crate) participant: u32,
    pub(crate) ways: &'a mut SeatWays,
}

impl World {
    /// The SFU begins to lie about media.
    pub fn turn_media(&mut self, lie: MediaLie) {
        self.media_lie = Some(lie);
    }

    pub(crate) fn at_router(&mut self, ticket: Ticket, device: usize, by: WayId<u64>, packet: &Packet) {
        let now = self.instant();
        let Some(seat) = self.desk.seat(ticket) else { return };
        match by {
            WayId::Udp => seat.ways.handle_udp(address(device), packet.role(), now),
            WayId::Link(_) => seat.ways.handle(by, packet.role(), now),
        }
        let participant = seat.participant;
        match packet {
            Packet::Check => self.send_from_router(ticket, &Packet::Answer),
            Packet::Voice { speaker, seal, .. } => {
                let voice = Packet::Voice { speaker: *speaker, participant, seal: seal.clone() };
                self.forward(ticket, &voice);
                self.report(ticket, device);
            }
            Packet::Answer | Packet::Report => {}
        }
    }

    fn report(&mut self, ticket: Ticket, device: usize) {
        let Some(app) = &mut self.devices[device].media.app else { return };
        app.said += 1;
        if app.said.is_multiple_of(FRAMES_PER_REPORT) {
            self.send_from_router(ticket, &Packet::Report);
        }
    }

    /// Everybody's voice to everybody else.
    fn forward(&mut self, from: Ticket, voice: &Packet) {
        let tickets = self.desk.tickets_beside(from);
        if let (Some(MediaLie::ForwardsTo { device }), Packet::Voice { seal, .. }) = (self.media_lie, voice)
            && !tickets.iter().any(|(_, seated)| *seated == device)
        {
            let now = self.now();
            let media = &mut self.devices[device].media;
            if media.knew.contains(&(seal.epoch, seal.base_key.clone())) {
                media.overheard = Some(now);
            }
        }
        for (ticket, receiver) in &tickets {
            let mut voice = voice.clone();
            if let (Some(MediaLie::Swaps), Packet::Voice { participant, speaker, .. }) = (self.media_lie, &mut voice) {
                // Of the two others, the one who does not speak.
                let other = tickets.iter().find(|(_, device)| device != receiver && device != speaker);
                *participant = other.and_then(|(ticket, _)| self.desk.seat(*ticket)).map_or(*participant, |seat| seat.participant);
            }
            self.send_from_router(*ticket, &voice);
        }
    }

    fn send_from_router(&mut self, ticket: Ticket, packet: &Packet) {
        let Some(seat) = self.desk.seat(ticket) else { return };
        let device = seat.device;
        let backs: Vec<Back> = match seat.ways.way(packet.role()) {
            Some(Way::Link(_)) if packet.role() == ways::Role::Media => seat.ways.connections().copied().collect(),
            Some(Way::Link(back)) => vec![*back],
            Some(Way::Udp(_)) => {
                if let Some(delay) = self.udp_passes(device) {
                    let stay = self.devices[device].media.stay;
                    self.media_after(delay, MediaEvent::FromRouter { device, stay, by: None, packet: packet.clone() });
                }
                return;
            }
            None => return,
        };
        for Back { device, stay, link } in backs {
            if let Some((_, delay)) = self.wire_passes(device, link, packet.bytes()) {
                self.media_after(delay, MediaEvent::FromRouter { device, stay, by: Some(link), packet: packet.clone() });
            }
        }
    }
}

/// A device as the router sees it by UDP.
fn address(device: usize) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(device).unwrap_or(u16::MAX)))
}
