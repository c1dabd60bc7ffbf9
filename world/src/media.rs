//! A call's media in the world: pages that speak and listen, and the ways between them.
//!
//! What is real: the app's choice of ways (`umweg_road::media`), and the keys, which come from the calls' groups. What is made up: a
//! frame says by which key it was sealed, and opens for who has that key; the censor sees every packet. The other end is `router`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use umweg_client::command::Look;
use umweg_road::RoadChoice;
use umweg_road::choice::Endpoint;
use umweg_road::media::{LinkId, MediaWays, Output, Role};
use umweg_road::media_queue::Class;
use umweg_road::ranking::Failure;
use umweg_sfu::ways::{self, WayId};
use umweg_wire::{CallId, Ticket, Timestamp};

use crate::block;
use crate::device::Link;
use crate::router::Back;
use crate::world::{Event, World};

/// Of Opus; browsers send one at a time.
const FRAME: Duration = Duration::from_millis(20);
/// A browser checks its pair so often, and more often while nobody answers.
const CHECK: Duration = Duration::from_millis(2_500);
const CHECK_UNANSWERED: Duration = Duration::from_millis(500);
/// A sealed frame of voice, in SRTP, in a record, in TLS.
const FRAME_BYTES: u64 = 190;
const SMALL_BYTES: u64 = 140;
/// What dialing a media connection moves.
const HANDSHAKE_BYTES: u64 = 5_500;
/// A page opens frames of an epoch that is over for so long.
const OLD_KEYS_KEPT: Duration = Duration::from_secs(10);
/// Who was heard so long ago is heard.
const HEARD_WITHIN: Duration = Duration::from_secs(1);
/// A page asks anew whose slot it is, at most so often.
const ASKED_AGAIN: Duration = Duration::from_millis(200);

/// By which key a frame was sealed, and whose it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seal {
    pub(crate) epoch: u64,
    pub(crate) base_key: String,
    leaf: u32,
}

/// What travels between a page and the router.
#[derive(Clone)]
pub(crate) enum Packet {
    Check,
    Answer,
    /// `participant`: whose it is, as the router says.
    Voice {
        speaker: usize,
        participant: u32,
        seal: Rc<Seal>,
    },
    Report,
}

impl Packet {
    pub(crate) fn role(&self) -> ways::Role {
        if matches!(self, Self::Check | Self::Answer) { ways::Role::Check } else { ways::Role::Media }
    }

    pub(crate) fn bytes(&self) -> u64 {
        if matches!(self, Self::Voice { .. }) { FRAME_BYTES } else { SMALL_BYTES }
    }
}

/// What happens to media.
pub(crate) enum MediaEvent {
    Turn { device: usize, stay: u64 },
    AtRouter { ticket: Ticket, device: usize, by: WayId<u64>, packet: Packet },
    FromRouter { device: usize, stay: u64, by: Option<LinkId>, packet: Packet },
    Dialed { device: usize, stay: u64, link: LinkId, to: Endpoint, result: Result<(), Failure> },
    Cut { device: usize, stay: u64, link: LinkId },
}

/// A device's media: its page, and its app's side of the ways.
#[derive(Default)]
pub(crate) struct Media {
    page: Page,
    pub(crate) app: Option<App>,
    /// Tells times in calls apart: what belongs to an earlier one comes too late.
    pub(crate) stay: u64,
    /// Every key that it ever had.
    pub(crate) knew: BTreeSet<(u64, String)>,
    /// When somebody spoke under one of them, and the router gave it to this device.
    pub(crate) overheard: Option<Timestamp>,
}

#[derive(Default)]
struct Page {
    /// The newest last; since when there is a newer one.
    keys: Vec<(Rc<Seal>, Option<Timestamp>)>,
    leaves_by_participant: BTreeMap<u32, u32>,
    asked: Option<Timestamp>,
    heard: BTreeMap<usize, Timestamp>,
    misnamed: u64,
}

pub(crate) struct App {
    call: CallId,
    ticket: Ticket,
    ways: MediaWays,
    roads_told: Option<u64>,
    udp: bool,
    wires: BTreeMap<LinkId, Wire>,
    check_at: Timestamp,
    answered: Option<Timestamp>,
    pub(crate) said: u32,
}

/// A media connection, as the censor sees it.
struct Wire {
    to: Endpoint,
    at_router: u64,
    moved: u64,
    frozen: bool,
}

impl Page {
    fn opens(&self, seal: &Seal, now: Timestamp) -> bool {
        self.keys.iter().any(|(key, over)| {
            let fresh = over.is_none_or(|over| now.since(over) <= OLD_KEYS_KEPT);
            fresh && key.epoch == seal.epoch && key.base_key == seal.base_key
        })
    }
}

impl World {
    /// Whether that device's page has played a voice of the other's within the last second.
    #[must_use]
    pub fn hears(&self, listener: usize, speaker: usize) -> bool {
        let heard = self.devices[listener].media.page.heard.get(&speaker);
        heard.is_some_and(|heard| self.now().since(*heard) <= HEARD_WITHIN)
    }

    /// How many frames that device's page did not play because they were not of whom the SFU said.
    #[must_use]
    pub fn misnamed(&self, device: usize) -> u64 {
        self.devices[device].media.page.misnamed
    }

    /// When a frame was last forwarded to that device that opens with a key it ever had, although it is not in the call.
    #[must_use]
    pub fn overheard(&self, device: usize) -> Option<Timestamp> {
        self.devices[device].media.overheard
    }

    /// How that device's voice goes at the moment: by UDP, and by how many connections.
    #[must_use]
    pub fn media_ways(&self, device: usize) -> Option<(bool, usize)> {
        let app = self.devices[device].media.app.as_ref()?;
        Some((app.udp && app.wires.is_empty(), app.wires.len()))
    }

    pub(crate) fn open_media(&mut self, device: usize, call: CallId, ticket: Ticket, udp_port: u16) {
        let now = self.now();
        let media = &mut self.devices[device].media;
        let begins = media.app.as_ref().is_none_or(|app| app.call != call);
        if begins {
            media.stay += 1;
            let (ways, wires) = (MediaWays::new(block::service()), BTreeMap::new());
            media.app =
                Some(App { call, ticket, ways, roads_told: None, udp: false, wires, check_at: now, answered: None, said: 0 });
        }
        let stay = media.stay;
        if let Some(app) = &mut media.app {
            (app.ticket, app.check_at, app.answered) = (ticket, now, None);
            app.ways.handle_seat(udp_port, now);
        }
        self.execute_ways(device);
        if begins {
            self.media_after(Duration::ZERO, MediaEvent::Turn { device, stay });
        }
    }

    pub(crate) fn close_media(&mut self, device: usize) {
        let media = &mut self.devices[device].media;
        (media.page, media.stay) = (Page::default(), media.stay + 1);
        if let Some(app) = media.app.take() {
            app.wires.values().for_each(|wire| self.desk.handle_link_end(app.ticket, wire.at_router));
        }
    }

    pub(crate) fn give_keys(&mut self, device: usize, epoch: u64, base_key: String, leaf: u32) {
        let now = self.now();
        let media = &mut self.devices[device].media;
        media.knew.insert((epoch, base_key.clone()));
        if let Some((_, over)) = media.page.keys.last_mut() {
            *over = Some(now);
        }
        media.page.keys.push((Rc::new(Seal { epoch, base_key, leaf }), None));
    }

    pub(crate) fn media_happens(&mut self, event: MediaEvent) -> Result<()> {
        match event {
            MediaEvent::Turn { device, stay } if self.devices[device].media.stay == stay => self.take_turn(device, stay),
            MediaEvent::AtRouter { ticket, device, by, packet } => self.at_router(ticket, device, by, &packet),
            MediaEvent::FromRouter { device, stay, by, packet } if self.devices[device].media.stay == stay => {
                self.arrives_from_router(device, by, &packet)?;
            }
            MediaEvent::Dialed { device, stay, link, to, result } if self.devices[device].media.stay == stay => {
                self.handle_link_dialed(device, stay, link, to, result);
            }
            MediaEvent::Cut { device, stay, link } if self.devices[device].media.stay == stay => self.cut_wire(device, link),
            MediaEvent::Turn { .. } | MediaEvent::FromRouter { .. } | MediaEvent::Dialed { .. } | MediaEvent::Cut { .. } => {}
        }
        Ok(())
    }

    /// The censor does something else now: what it would not let come about is cut, or its packets vanish.
    pub(crate) fn censor_media(&mut self, device: usize) {
        let Some(app) = &mut self.devices[device].media.app else { return };
        let mut cut = Vec::new();
        for (link, wire) in &mut app.wires {
            if self.censor.knows(&wire.to.host) {
                wire.frozen = true;
            } else if !self.censor.lets_stand(&wire.to) {
                cut.push(*link);
            }
        }
        cut.into_iter().for_each(|link| self.cut_wire(device, link));
    }

    pub(crate) fn media_after(&mut self, wait: Duration, event: MediaEvent) {
        self.schedule.after(wait, Event::Media(event));
    }

    /// Twenty milliseconds of a page and its app.
    fn take_turn(&mut self, device: usize, stay: u64) {
        let now = self.now();
        self.tell_roads(device);
        let Some(app) = &mut self.devices[device].media.app else { return };
        if app.ways.poll_timeout().is_some_and(|due| due <= now) {
            app.ways.handle_timeout(now);
        }
        let checks = app.check_at <= now;
        if checks {
            let answered = app.answered.is_some_and(|answered| now.since(answered) <= CHECK * 2);
            app.check_at = now.after(if answered { CHECK } else { CHECK_UNANSWERED });
        }
        let speaks = app.answered.is_some();
        self.execute_ways(device);
        if checks {
            self.send_media(device, Packet::Check);
        }
        let seal = self.devices[device].media.page.keys.last().map(|(seal, _)| seal.clone());
        if let (true, Some(seal)) = (speaks, seal) {
            self.send_media(device, Packet::Voice { speaker: device, participant: 0, seal });
        }
        self.media_after(FRAME, MediaEvent::Turn { device, stay });
    }

    fn tell_roads(&mut self, device: usize) {
        let now = self.now();
        let (version, roads) = (self.devices[device].roads_version, self.media_roads(device));
        let Some(app) = self.devices[device].media.app.as_mut().filter(|app| app.roads_told != Some(version)) else { return };
        app.roads_told = Some(version);
        let (road, usable) = roads;
        app.ways.handle_roads(road, usable, now);
    }

    /// The road of the moment, and what may be used. Who has no roads to find is free.
    fn media_roads(&self, device: usize) -> (Option<RoadChoice>, Vec<RoadChoice>) {
        match &self.devices[device].roads {
            Some(roads) => (self.road(device).map(|(road, _)| road.clone()), roads.usable()),
            None => {
                let direct = RoadChoice::direct(umweg_road::Form::Tls);
                let is_up = matches!(self.devices[device].link, Link::Up { .. });
                (is_up.then(|| direct.clone()), vec![direct])
            }
        }
    }

    fn execute_ways(&mut self, device: usize) {
        while let Some(output) = self.devices[device].media.app.as_mut().and_then(|app| app.ways.poll_output()) {
            let stay = self.devices[device].media.stay;
            match output {
                Output::OpenUdp { .. } => {
                    let resolves = !self.is_watched(device) || self.censor.resolves(&block::service().host);
                    if let Some(app) = self.devices[device].media.app.as_mut().filter(|_| resolves) {
                        app.udp = true;
                        app.ways.handle_udp_open();
                    }
                }
                Output::CloseUdp => {
                    if let Some(app) = &mut self.devices[device].media.app {
                        app.udp = false;
                    }
                }
                Output::Dial { link, road } => self.dial_link(device, stay, link, &road),
                Output::Drop(link) => self.drop_wire(device, link),
                Output::Suspect => self.suspect(device),
            }
        }
    }

    fn dial_link(&mut self, device: usize, stay: u64, link: LinkId, road: &RoadChoice) {
        let Some(to) = road.endpoint(&block::service()) else { return };
        let honest = 3 * self.temper.delay(&mut self.rng);
        let away = self.devices[device].link == Link::Away;
        let (after, result) = if away {
            (honest, Err(Failure::NoConnection))
        } else if self.is_watched(device) {
            self.censor.judge(&to, honest)
        } else {
            (honest, Ok(()))
        };
        self.media_after(after, MediaEvent::Dialed { device, stay, link, to, result });
    }

    fn handle_link_dialed(&mut self, device: usize, stay: u64, link: LinkId, to: Endpoint, result: Result<(), Failure>) {
        let now = self.now();
        self.wire_serial += 1;
        let at_router = self.wire_serial;
        let (watched, resets, probes) = (self.is_watched(device), self.censor.resets(&to), self.censor.probes());
        let Some(app) = &mut self.devices[device].media.app else { return };
        match result {
            Ok(()) if self.desk.handle_link(app.ticket, at_router, Back { device, stay, link }) => {
                let wire = Wire { to: to.clone(), at_router, moved: HANDSHAKE_BYTES, frozen: false };
                app.wires.insert(link, wire);
                app.ways.handle_link_up(link, now);
                if let Some(after) = resets.filter(|_| watched) {
                    self.media_after(after, MediaEvent::Cut { device, stay, link });
                }
                if let Some(after) = probes.filter(|_| watched) {
                    self.visit_later(device, after, to);
                }
            }
            // The router hangs up on who has nobody's ticket.
            Ok(()) => app.ways.handle_link_down(link, Failure::Broken, now),
            Err(failure) => app.ways.handle_link_down(link, failure, now),
        }
        self.execute_ways(device);
    }

    fn drop_wire(&mut self, device: usize, link: LinkId) {
        let Some(app) = &mut self.devices[device].media.app else { return };
        // Of what was frozen the router hears nothing any more, not even its end.
        if let Some(wire) = app.wires.remove(&link).filter(|wire| !wire.frozen) {
            self.desk.handle_link_end(app.ticket, wire.at_router);
        }
    }

    fn cut_wire(&mut self, device: usize, link: LinkId) {
        let now = self.now();
        let stands = self.devices[device].media.app.as_ref().is_some_and(|app| app.wires.contains_key(&link));
        self.drop_wire(device, link);
        if let Some(app) = self.devices[device].media.app.as_mut().filter(|_| stands) {
            app.ways.handle_link_down(link, Failure::Broken, now);
        }
        self.execute_ways(device);
    }

    fn send_media(&mut self, device: usize, packet: Packet) {
        let now = self.now();
        let Some(app) = &mut self.devices[device].media.app else { return };
        let role = if matches!(packet, Packet::Check) { Role::Check } else { Role::Other };
        let (ticket, ways) = (app.ticket, app.ways.handle_outgoing(role, Class::Urgent, now));
        if ways.udp
            && let Some(delay) = self.udp_passes(device)
        {
            self.media_after(delay, MediaEvent::AtRouter { ticket, device, by: WayId::Udp, packet: packet.clone() });
        }
        for link in ways.links.into_iter().flatten() {
            if let Some((at_router, delay)) = self.wire_passes(device, link, packet.bytes()) {
                let by = WayId::Link(at_router);
                self.media_after(delay, MediaEvent::AtRouter { ticket, device, by, packet: packet.clone() });
            }
        }
    }

    fn arrives_from_router(&mut self, device: usize, by: Option<LinkId>, packet: &Packet) -> Result<()> {
        let now = self.now();
        let Some(app) = &mut self.devices[device].media.app else { return Ok(()) };
        match by {
            None if !app.udp => return Ok(()),
            None => app.ways.handle_from_udp(matches!(packet, Packet::Answer)),
            Some(link) if !app.ways.handle_from_link(link, now) => return Ok(()),
            Some(_) => {}
        }
        match packet {
            Packet::Answer => app.answered = Some(now),
            Packet::Voice { speaker, participant, seal } => self.play(device, *speaker, *participant, seal)?,
            Packet::Check | Packet::Report => {}
        }
        Ok(())
    }

    /// Whose frame it is, its key id says; whose slot it came in, the SFU does. The page plays what agrees.
    fn play(&mut self, device: usize, speaker: usize, participant: u32, seal: &Seal) -> Result<()> {
        let now = self.now();
        if !self.devices[device].media.page.opens(seal, now) {
            return Ok(());
        }
        let known = |page: &Page| page.leaves_by_participant.get(&participant) == Some(&seal.leaf);
        let page = &self.devices[device].media.page;
        if !known(page) && page.asked.is_none_or(|asked| now.since(asked) >= ASKED_AGAIN) {
            let call = self.devices[device].media.app.as_ref().map(|app| app.call);
            let shown = self.view(device, &Look { call, ..Look::default() })?.call;
            let rows = shown.into_iter().flat_map(|call| call.present);
            let leaves = rows.filter_map(|row| Some((row.participant?, row.leaf))).collect();
            let page = &mut self.devices[device].media.page;
            (page.leaves_by_participant, page.asked) = (leaves, Some(now));
        }
        let page = &mut self.devices[device].media.page;
        if known(page) {
            page.heard.insert(speaker, now);
        } else {
            page.misnamed += 1;
        }
        Ok(())
    }

    /// How long a datagram takes by UDP; `None`: it does not arrive.
    pub(crate) fn udp_passes(&mut self, device: usize) -> Option<Duration> {
        let lost = self.draw(100) < usize::from(self.temper.breaks_percent);
        let blocked = self.is_watched(device) && !self.censor.lets_udp(&block::service().host);
        let away = self.devices[device].link == Link::Away;
        (!lost && !blocked && !away).then(|| self.temper.delay(&mut self.rng))
    }

    /// The connection's number at the router, and how long it takes. A stream keeps its order.
    pub(crate) fn wire_passes(&mut self, device: usize, link: LinkId, bytes: u64) -> Option<(u64, Duration)> {
        let watched = self.is_watched(device);
        let away = self.devices[device].link == Link::Away;
        let wire = self.devices[device].media.app.as_mut()?.wires.get_mut(&link)?;
        if let Some(limit) = self.censor.freezes(&wire.to).filter(|_| watched) {
            wire.frozen |= wire.moved + bytes > limit;
        }
        wire.moved += bytes;
        (!wire.frozen && !away).then(|| (wire.at_router, Duration::from_millis(self.temper.delay_ms.0)))
    }

    /// Whether the censor stands between that device and the world.
    fn is_watched(&self, device: usize) -> bool {
        self.devices[device].roads.is_some()
    }
}
