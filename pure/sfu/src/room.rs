//! One call: its participants, and what goes from whom to whom.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rand::Rng;
use str0m::media::Mid;
use str0m::rtp::RtpPacket;
use umweg_wire::datagram::Flow;
use umweg_wire::proto::v1;
use umweg_wire::{LogId, Ticket};

use crate::capacity::Capacity;
use crate::media::{Departure, Event, Media, OfferError, Source};
use crate::output::{Gone, Output, Reason, Transmit};
use crate::participant::{Forwarded, Participant, Voice};
use crate::pictures::Head;
use crate::slots::{Number, Video, Which};
use crate::speakers::Speakers;

/// How often voices are compared and bandwidth is divided anew.
const TICK: Duration = Duration::from_millis(200);

/// What somebody who entered must know.
#[derive(Clone)]
pub struct Entered {
    /// The number in the call.
    pub participant: u32,
    /// The proof towards the service, before every datagram.
    pub ticket: Ticket,
    /// The SDP answer.
    pub answer: String,
    /// Whether it has a place with video.
    pub camera: bool,
}

/// The call.
pub(crate) struct Room {
    log: LogId,
    capacity: Capacity,
    participants: BTreeMap<Number, Participant>,
    newest: Number,
    speakers: Speakers,
    ticks_at: Instant,
    roster_changed: bool,
    outputs: VecDeque<Output>,
    /// Peers to settle, each when what leaves for the one before has been polled: nobody's packets wait until the others' are sealed.
    due: Vec<Number>,
    /// Reused between packets, so that none needs an allocation for it.
    events: Vec<Event>,
    /// Whether the switchboard knows that there is something to poll.
    pub(crate) is_touched: bool,
}

impl Room {
    /// A call nobody is in yet.
    pub(crate) fn new(log: LogId, capacity: Capacity, now: Instant) -> Self {
        Self {
            log,
            capacity,
            participants: BTreeMap::new(),
            newest: 0,
            speakers: Speakers::default(),
            ticks_at: now + TICK,
            roster_changed: false,
            outputs: VecDeque::new(),
            due: Vec::new(),
            events: Vec::new(),
            is_touched: false,
        }
    }

    /// Somebody enters with an offer.
    pub(crate) fn handle_enter(
        &mut self,
        offer: &str,
        note: Vec<u8>,
        camera: bool,
        rng: &mut impl Rng,
        now: Instant,
    ) -> Result<Entered, OfferError> {
        let number = self.newest + 1;
        #[expect(clippy::cast_possible_truncation, reason = "addresses may repeat after 65536 entries: each belongs to one peer")]
        let (media, answer) = Media::accept(offer, number as u16, self.capacity, now)?;
        self.newest = number;
        let camera = camera && self.has_place_for(Which::Camera);
        let ticket = Ticket::random(rng);
        self.participants.insert(number, Participant::new(ticket, note, camera, media, now));
        self.assign(now);
        self.tell_slots(number);
        Ok(Entered { participant: number, ticket, answer, camera })
    }

    /// Somebody came back on a new stream, and must be told anew.
    pub(crate) fn handle_resume(&mut self, who: Number) {
        self.tell_slots(who);
    }

    /// Somebody leaves: nothing more is forwarded from now on.
    pub(crate) fn handle_leave(&mut self, who: Number, now: Instant) {
        self.remove(who, Reason::Left, now);
    }

    /// Somebody is out by the others' keys: nothing more is forwarded from now on, either way.
    pub(crate) fn handle_dismissal(&mut self, of: Number, now: Instant) {
        self.remove(of, Reason::Dismissed, now);
    }

    /// Somebody's note changed.
    pub(crate) fn handle_note(&mut self, who: Number, note: Vec<u8>) {
        if let Some(participant) = self.participants.get_mut(&who) {
            participant.note = note;
            self.roster_changed |= participant.is_present();
        }
    }

    /// Somebody chose videos.
    pub(crate) fn handle_choice(&mut self, who: Number, participants: Vec<Number>, height_max: u32, now: Instant) {
        if let Some(participant) = self.participants.get_mut(&who) {
            participant.handle_choice(participants, height_max);
            self.assign(now);
        }
    }

    /// Somebody's camera or screen goes on or off. Answers whether it is on.
    pub(crate) fn handle_video(&mut self, who: Number, which: Which, on: bool, now: Instant) -> bool {
        let has_place = self.has_place_for(which);
        let Some(participant) = self.participants.get_mut(&who) else { return false };
        let film = participant.film_mut(which);
        let on = on && (film.is_on || has_place);
        if film.is_on != on {
            film.is_on = on;
            self.roster_changed |= participant.is_present();
            self.assign(now);
        }
        on
    }

    /// A datagram of somebody's came.
    pub(crate) fn handle_datagram(&mut self, who: Number, flow: Flow, datagram: &[u8], now: Instant) {
        self.with_media(who, now, |media, events, depart| {
            media.handle_datagram(flow, datagram, now);
            media.gather(events, depart);
        });
    }

    /// Time passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let expired: Vec<_> = self
            .participants
            .iter()
            .filter_map(|(number, participant)| {
                participant.expires_at().and_then(|(at, reason)| (now >= at).then_some((*number, reason)))
            })
            .collect();
        for (number, reason) in expired {
            self.remove(number, reason, now);
        }
        if now >= self.ticks_at {
            self.ticks_at = now + TICK;
            self.speakers.handle_tick(self.places());
            self.assign(now);
        }
    }

    /// The next thing to do.
    pub(crate) fn poll_output(&mut self, now: Instant) -> Option<Output> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            if !self.settle(now) {
                return std::mem::take(&mut self.roster_changed).then(|| Output::Roster(self.log, self.roster()));
            }
        }
    }

    /// When time must pass at the latest.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let peers = self.participants.values().filter_map(|participant| participant.media.wakes_at());
        let seats = self.participants.values().filter_map(|participant| Some(participant.expires_at()?.0));
        peers.chain(seats).chain([self.ticks_at]).min()
    }

    /// Who is in, and with what.
    pub(crate) fn roster(&self) -> v1::Roster {
        let present = self.participants.iter().filter(|(_, participant)| participant.is_present());
        roster_of(
            present
                .map(|(number, participant)| v1::Present {
                    participant: *number,
                    note: participant.note.clone(),
                    camera: participant.film(Which::Camera).is_on,
                    screen: participant.film(Which::Screen).is_on,
                })
                .collect(),
            self.capacity,
        )
    }

    /// Whether nobody is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.participants.is_empty()
    }

    /// Whether nobody more can come.
    pub(crate) fn is_full(&self) -> bool {
        self.participants.len() >= self.capacity.places()
    }

    fn has_place_for(&self, which: Which) -> bool {
        self.participants.values().filter(|participant| participant.film(which).is_on).count() < self.capacity.videos(which)
    }

    /// So many voices are heard by somebody.
    fn places(&self) -> usize {
        self.participants.values().map(Participant::audio_places).max().unwrap_or(0)
    }

    fn remove(&mut self, who: Number, reason: Reason, now: Instant) {
        let Some(participant) = self.participants.remove(&who) else { return };
        self.speakers.handle_gone(who);
        self.roster_changed |= participant.is_present();
        self.outputs.push_back(Output::Gone(Gone { ticket: participant.ticket, reason }));
        self.assign(now);
    }

    /// Settles the next peer that is due. Answers whether there was one.
    fn settle(&mut self, now: Instant) -> bool {
        if self.due.is_empty() {
            let due = self.participants.iter().filter(|(_, participant)| participant.media.is_due(now));
            self.due.extend(due.map(|(number, _)| *number));
        }
        let Some(number) = self.due.pop() else { return false };
        self.with_media(number, now, |media, events, depart| media.settle(now, events, depart));
        true
    }

    /// Lets a peer act, sends what leaves, and handles what it has to say.
    fn with_media(&mut self, who: Number, now: Instant, act: impl FnOnce(&mut Media, &mut Vec<Event>, &mut dyn FnMut(Departure))) {
        let Some(participant) = self.participants.get_mut(&who) else { return };
        let (ticket, outputs) = (participant.ticket, &mut self.outputs);
        let mut events = std::mem::take(&mut self.events);
        act(&mut participant.media, &mut events, &mut |Departure { flow, class, datagram }| {
            outputs.push_back(Output::Transmit(Transmit { ticket, flow, class, datagram, more: true }));
        });
        if let Some(Output::Transmit(last)) = outputs.back_mut() {
            last.more = false;
        }
        for event in events.drain(..) {
            self.handle_event(who, event, now);
        }
        self.events = events;
    }

    fn handle_event(&mut self, who: Number, event: Event, now: Instant) {
        match event {
            Event::Packet(Source::Audio, packet) => self.forward_audio(who, &packet, now),
            Event::Packet(Source::Video(which, layer), packet) => {
                self.forward_video(Video { from: who, which }, layer, &packet, now);
            }
            Event::KeyFrameWish(mid) => self.handle_wish(who, mid, now),
            Event::Estimate(estimate) => {
                if let Some(participant) = self.participants.get_mut(&who) {
                    participant.handle_estimate(estimate);
                }
                self.divide(who, now);
            }
            Event::Connected => {
                if self.participants.get_mut(&who).is_some_and(Participant::handle_connected) {
                    self.roster_changed = true;
                    self.assign(now);
                }
            }
            Event::Disconnected => {
                if let Some(participant) = self.participants.get_mut(&who) {
                    participant.handle_disconnected(now);
                }
            }
        }
    }

    fn forward_audio(&mut self, from: Number, packet: &RtpPacket, now: Instant) {
        self.speakers.handle_level(from, packet.header.ext_vals.audio_level);
        let Some(voice) = self.participants.get(&from).and_then(|sender| Voice::of(&sender.media, packet)) else { return };
        for (number, participant) in &mut self.participants {
            if *number != from {
                participant.forward_audio(from, &voice, now);
            }
        }
    }

    fn forward_video(&mut self, video: Video, layer: usize, packet: &RtpPacket, now: Instant) {
        let Some(sender) = self.participants.get_mut(&video.from).filter(|sender| sender.film(video.which).is_on) else { return };
        let Some(codec) = sender.media.picture_codec(packet) else { return };
        let Some(head) = Head::read(codec, &packet.payload) else { return };
        let height = head.key_frame.and_then(|key_frame| key_frame.height);
        if sender.film_mut(video.which).layers.handle_packet(layer, packet.payload.len(), height, now) {
            self.divide_all(now);
        }
        let mut waits = false;
        for (number, participant) in &mut self.participants {
            if *number != video.from {
                waits |= participant.forward_video(video, layer, packet, &head, now) == Forwarded::Waits;
            }
        }
        if waits {
            self.request_key_frame(video, layer, |requests| requests.handle_wait(now));
        }
    }

    fn handle_wish(&mut self, of: Number, mid: Mid, now: Instant) {
        if let Some((video, layer)) = self.participants.get(&of).and_then(|receiver| receiver.source_of(mid)) {
            self.request_key_frame(video, layer, |requests| requests.handle_wish(now));
        }
    }

    fn request_key_frame(&mut self, video: Video, layer: usize, may: impl FnOnce(&mut crate::key_frames::Requests) -> bool) {
        if let Some(sender) = self.participants.get_mut(&video.from)
            && sender.film_mut(video.which).layers.requests(layer).is_some_and(may)
        {
            sender.media.request_key_frame(video.which, layer);
        }
    }

    /// Decides anew whose media goes into whose slots.
    fn assign(&mut self, now: Instant) {
        let present: Vec<_> =
            self.participants.iter().filter(|(_, participant)| participant.is_present()).map(|(number, _)| *number).collect();
        let mut by_loudness = self.speakers.ranking();
        by_loudness.retain(|number| present.contains(number));
        by_loudness.extend(present.iter().filter(|number| !by_loudness.contains(number)).copied().collect::<Vec<_>>());
        let mut videos = Vec::new();
        for (number, participant) in by_loudness.iter().filter_map(|number| Some((*number, self.participants.get(number)?))) {
            let shown = Which::ALL.into_iter().filter(|which| participant.film(*which).is_on);
            videos.extend(shown.map(|which| Video { from: number, which }));
        }
        let mut changed = Vec::new();
        for (number, participant) in &mut self.participants {
            let voices: Vec<_> = by_loudness.iter().copied().filter(|other| other != number).collect();
            let audio = participant.assign_audio(&voices);
            let video = participant.assign_video(videos.iter().copied().filter(|video| video.from != *number).collect());
            if audio || video {
                changed.push(*number);
            }
        }
        for number in changed {
            self.tell_slots(number);
        }
        self.divide_all(now);
    }

    fn divide_all(&mut self, now: Instant) {
        let numbers: Vec<_> = self.participants.keys().copied().collect();
        for number in numbers {
            self.divide(number, now);
        }
    }

    /// Divides a receiver's bandwidth.
    fn divide(&mut self, receiver: Number, now: Instant) {
        let Some(participant) = self.participants.get(&receiver) else { return };
        let videos = participant.videos();
        let offered: BTreeMap<_, _> = videos
            .iter()
            .filter_map(|(_, video)| {
                let film = self.participants.get(&video.from)?.film(video.which);
                Some((*video, film.layers.rungs(participant.height_max(video.which), now)))
            })
            .collect();
        if let Some(participant) = self.participants.get_mut(&receiver) {
            participant.divide(&videos, |video| offered.get(&video).copied().unwrap_or_default(), now);
        }
    }

    fn tell_slots(&mut self, who: Number) {
        if let Some(participant) = self.participants.get(&who) {
            self.outputs.push_back(Output::Slots(participant.ticket, participant.slots()));
        }
    }
}

/// A roster of those, with the limits that a person is told.
pub(crate) fn roster_of(present: Vec<v1::Present>, capacity: Capacity) -> v1::Roster {
    #[expect(clippy::cast_possible_truncation, reason = "both limits are small")]
    let (cameras_max, participants_max) = (capacity.cameras as u32, capacity.places() as u32);
    v1::Roster { present, cameras_max, participants_max }
}
