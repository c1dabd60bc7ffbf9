//! One participant: its seat, what it sends, and its slots.

use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::media::{Mid, Pt};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite, Ssrc};
use umweg_wire::Ticket;
use umweg_wire::limits::{MEDIA_AWAITED, SEAT_KEPT};
use umweg_wire::proto::v1;

use crate::bandwidth::{Demand, Rungs, Share, divide};
use crate::layers::Layers;
use crate::media::{ESTIMATE_AT_FIRST, Media};
use crate::output::Reason;
use crate::pictures::Head;
use crate::redundancy::newest;
use crate::rewriting::{Numbers, Rewriting};
use crate::slots::{Number, Video, Which, assign};

/// After its layer fell, a slot doesn't rise for so long.
const RISES_AGAIN_AFTER: Duration = Duration::from_secs(4);
/// What a receiver of videos is taken to want at least, in bits a second. What str0m looks for is bounded by what is wanted, and it looks
/// around only once, when media begins to run: nobody's video has come by then.
const WANTED_AT_LEAST: u64 = 2_000_000;
/// Demands that differ by less, as a fraction, are the same: an eighth.
const DEMAND_STEP: u64 = 8;
/// What it costs to send a voice's frames twice, in bits a second, and the part of the estimate that all voices may take for it: a quarter.
const REDUNDANCY_RATE: u64 = 40_000;
const REDUNDANCY_SHARE: u64 = 4;
const AUDIO_CLOCK_RATE: u32 = 48_000;
const VIDEO_CLOCK_RATE: u32 = 90_000;

/// The participant.
pub(crate) struct Participant {
    pub(crate) ticket: Ticket,
    pub(crate) note: Vec<u8>,
    pub(crate) media: Media,
    camera: Film,
    screen: Film,
    seat: Seat,
    choice: Choice,
    estimate: u64,
    demand: Demand,
    audio: Vec<Slot<Number>>,
    video: Vec<Slot<Video>>,
}

/// What it sends of one video.
pub(crate) struct Film {
    /// It has a place, and is forwarded.
    pub(crate) is_on: bool,
    pub(crate) layers: Layers,
}

/// Why and until when the seat is kept.
#[derive(Clone, Copy)]
enum Seat {
    /// It entered, and no media came yet.
    Awaited { until: Instant },
    /// Its media runs.
    Taken,
    /// Its media ran and is gone.
    Kept { until: Instant },
}

/// The videos that the participant wants.
#[derive(Default)]
struct Choice {
    participants: Vec<Number>,
    height_max: Option<u16>,
}

/// A receiving section of the participant, and what leaves in it.
struct Slot<S> {
    mid: Mid,
    stream: Option<Ssrc>,
    source: Option<S>,
    picture: Picture,
    rewriting: Rewriting,
}

/// What a packet leaves with.
struct Payload {
    payload_type: Option<Pt>,
    bytes: Arc<[u8]>,
}

/// Which layer a video slot shows and which it should.
#[derive(Default)]
struct Picture {
    shown: Option<usize>,
    wanted: Option<usize>,
    fell_at: Option<Instant>,
}

/// A packet of somebody's voice.
pub(crate) struct Voice<'a> {
    packet: &'a RtpPacket,
    /// The frame alone, where the packet carries those before once more.
    alone: Option<Arc<[u8]>>,
    /// The sender's type for Opus.
    opus: Option<Pt>,
}

/// What became of a packet at one receiver.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forwarded {
    /// It left, or was not for this receiver.
    Done,
    /// The slot waits for a key frame of this layer.
    Waits,
}

impl Participant {
    /// Somebody whose offer was answered.
    pub(crate) fn new(ticket: Ticket, note: Vec<u8>, camera: bool, mut media: Media, now: Instant) -> Self {
        let (audio, video) = (media.sections().audio_slots.clone(), media.sections().video_slots.clone());
        let audio = slots(&mut media, audio, AUDIO_CLOCK_RATE);
        let video = slots(&mut media, video, VIDEO_CLOCK_RATE);
        Self {
            ticket,
            note,
            media,
            camera: Film { is_on: camera, layers: Layers::of(Which::Camera) },
            screen: Film { is_on: false, layers: Layers::of(Which::Screen) },
            seat: Seat::Awaited { until: now + MEDIA_AWAITED },
            choice: Choice::default(),
            estimate: ESTIMATE_AT_FIRST,
            demand: Demand { next: 0, best: 0 },
            audio,
            video,
        }
    }

    /// One of its videos.
    pub(crate) fn film(&self, which: Which) -> &Film {
        match which {
            Which::Camera => &self.camera,
            Which::Screen => &self.screen,
        }
    }

    /// The same, to be changed.
    pub(crate) fn film_mut(&mut self, which: Which) -> &mut Film {
        match which {
            Which::Camera => &mut self.camera,
            Which::Screen => &mut self.screen,
        }
    }

    /// Its media runs. Answers whether it is newly in the call.
    pub(crate) fn handle_connected(&mut self) -> bool {
        let was_awaited = matches!(self.seat, Seat::Awaited { .. });
        self.seat = Seat::Taken;
        was_awaited
    }

    /// Its media stopped.
    pub(crate) fn handle_disconnected(&mut self, now: Instant) {
        if matches!(self.seat, Seat::Taken) {
            self.seat = Seat::Kept { until: now + SEAT_KEPT };
        }
    }

    /// It chose the videos it wants.
    pub(crate) fn handle_choice(&mut self, participants: Vec<Number>, height_max: u32) {
        let height_max = (height_max > 0).then(|| u16::try_from(height_max).unwrap_or(u16::MAX));
        self.choice = Choice { participants, height_max };
    }

    /// The bandwidth towards it is estimated anew.
    pub(crate) fn handle_estimate(&mut self, estimate: u64) {
        self.estimate = estimate;
    }

    /// Whether others can hear and see it, and the roster names it.
    pub(crate) fn is_present(&self) -> bool {
        !matches!(self.seat, Seat::Awaited { .. })
    }

    /// When the seat is free if nothing happens.
    pub(crate) fn expires_at(&self) -> Option<(Instant, Reason)> {
        match self.seat {
            Seat::Awaited { until } => Some((until, Reason::NeverCame)),
            Seat::Taken => None,
            Seat::Kept { until } => Some((until, Reason::Vanished)),
        }
    }

    /// How many voices fit.
    pub(crate) fn audio_places(&self) -> usize {
        self.audio.len()
    }

    /// Puts voices into the audio slots, the most wanted first. Answers whether anything changed.
    pub(crate) fn assign_audio(&mut self, wanted: &[Number]) -> bool {
        reassign(&mut self.audio, wanted)
    }

    /// Puts videos into the video slots: of those who were chosen, or all, in the given order. Answers whether anything changed.
    pub(crate) fn assign_video(&mut self, mut videos: Vec<Video>) -> bool {
        let chosen = &self.choice.participants;
        videos.retain(|video| chosen.is_empty() || chosen.contains(&video.from));
        videos.sort_by_key(|video| self.choice.rank(*video));
        reassign(&mut self.video, &videos)
    }

    /// The videos in the slots, the most wanted first, each with its slot.
    pub(crate) fn videos(&self) -> Vec<(usize, Video)> {
        let mut videos: Vec<_> = self.video.iter().enumerate().filter_map(|(at, slot)| Some((at, slot.source?))).collect();
        videos.sort_by_key(|(_, video)| self.choice.rank(*video));
        videos
    }

    /// The highest picture that it wants to receive: of faces, since letters are small enough.
    pub(crate) fn height_max(&self, which: Which) -> Option<u16> {
        self.choice.height_max.filter(|_| which == Which::Camera)
    }

    /// Divides the bandwidth among `videos`, given what each source offers.
    pub(crate) fn divide(&mut self, videos: &[(usize, Video)], offered: impl Fn(Video) -> Rungs, now: Instant) {
        let mut shares: Vec<_> = videos
            .iter()
            .map(|(at, video)| Share {
                is_screen: video.which == Which::Screen,
                ..self.video[*at].picture.share(offered(*video), now)
            })
            .collect();
        let redundancy = if self.has_room_for_redundancy() { self.redundancy() } else { 0 };
        let mut demand = divide(self.estimate - redundancy, self.voices(), &mut shares);
        demand = Demand { next: demand.next + redundancy, best: demand.best + redundancy };
        if !self.video.is_empty() {
            demand.best = demand.best.max(WANTED_AT_LEAST);
        }
        for ((at, _), share) in videos.iter().zip(&shares) {
            self.video[*at].picture.want(share.layer, now);
        }
        if self.media.is_connected() && demand.differs_from(self.demand) {
            self.demand = demand;
            self.media.set_demand(demand.next, demand.best);
        }
    }

    /// What its slots carry.
    pub(crate) fn slots(&self) -> v1::Slots {
        let told = |mid: Mid, participant: Option<Number>, screen| v1::Slot {
            mid: mid.to_string(),
            participant: participant.unwrap_or(0),
            screen,
        };
        let audio = self.audio.iter().map(|slot| told(slot.mid, slot.source, false));
        let video = self.video.iter().map(|slot| {
            let is_screen = slot.source.is_some_and(|video| video.which == Which::Screen);
            told(slot.mid, slot.source.map(|video| video.from), is_screen)
        });
        v1::Slots { slots: audio.chain(video).collect() }
    }

    /// Which video a section carries, and in which layer.
    pub(crate) fn source_of(&self, mid: Mid) -> Option<(Video, usize)> {
        let slot = self.video.iter().find(|slot| slot.mid == mid)?;
        Some((slot.source?, slot.picture.shown.or(slot.picture.wanted)?))
    }

    /// Forwards a voice, if there is a slot for it.
    pub(crate) fn forward_audio(&mut self, from: Number, voice: &Voice<'_>, now: Instant) {
        let has_room = self.has_room_for_redundancy();
        let Some(slot) = self.audio.iter_mut().find(|slot| slot.source == Some(from)) else { return };
        if !self.media.is_connected() {
            return;
        }
        let redundant_type = self.media.redundant_type(voice.opus).filter(|_| has_room);
        let (payload_type, payload) = match (&voice.alone, redundant_type) {
            (Some(_), Some(redundant)) => (Some(redundant), &voice.packet.payload),
            (Some(alone), None) => (self.media.voice_type(), alone),
            (None, _) => (self.media.voice_type(), &voice.packet.payload),
        };
        let payload = Payload { payload_type, bytes: payload.clone() };
        slot.write(&mut self.media, voice.packet, payload, None, now);
    }

    /// Whether voices may come twice: where little gets through, pictures need it more.
    fn has_room_for_redundancy(&self) -> bool {
        self.redundancy() * REDUNDANCY_SHARE <= self.estimate
    }

    /// What it costs at most, in bits a second.
    fn redundancy(&self) -> u64 {
        let wants = self.media.wants_redundancy();
        if wants { self.voices() as u64 * REDUNDANCY_RATE } else { 0 }
    }

    fn voices(&self) -> usize {
        self.audio.iter().filter(|slot| slot.source.is_some()).count()
    }

    /// Forwards a video packet, if there is a slot for its layer.
    pub(crate) fn forward_video(&mut self, video: Video, layer: usize, packet: &RtpPacket, head: &Head, now: Instant) -> Forwarded {
        let Some(slot) = self.video.iter_mut().find(|slot| slot.source == Some(video)) else { return Forwarded::Done };
        if !self.media.is_connected() {
            return Forwarded::Done;
        }
        if slot.picture.shown != Some(layer) {
            if slot.picture.wanted != Some(layer) {
                return Forwarded::Done;
            }
            if head.key_frame.is_none() {
                return Forwarded::Waits;
            }
            slot.picture.shown = Some(layer);
            slot.rewriting.handle_change();
        }
        let payload = Payload { payload_type: self.media.picture_type(head.codec), bytes: packet.payload.clone() };
        if !slot.write(&mut self.media, packet, payload, Some(head), now) {
            slot.picture.shown = None;
        }
        Forwarded::Done
    }
}

impl<'a> Voice<'a> {
    /// Nothing, if the packet makes no sense.
    pub(crate) fn of(sender: &Media, packet: &'a RtpPacket) -> Option<Self> {
        let alone = if sender.is_redundant(packet) { Some(newest(&packet.payload)?) } else { None };
        Some(Self { packet, alone, opus: sender.voice_type() })
    }
}

impl Choice {
    /// Screens stand first, then who was chosen first.
    fn rank(&self, video: Video) -> (bool, usize) {
        let place = self.participants.iter().position(|chosen| *chosen == video.from);
        (video.which == Which::Camera, place.unwrap_or(usize::MAX))
    }
}

impl<S> Slot<S> {
    /// Writes a packet under the slot's own numbers. Answers false if the slot must pause until the next key frame.
    fn write(&mut self, media: &mut Media, packet: &RtpPacket, payload: Payload, head: Option<&Head>, now: Instant) -> bool {
        let vp8 = head.and_then(|head| head.vp8.as_ref());
        let (Some(stream), Some(payload_type)) = (self.stream, payload.payload_type) else { return true };
        let original = Numbers {
            sequence: *packet.seq_no,
            timestamp: packet.header.timestamp,
            picture: vp8.and_then(|vp8| vp8.picture),
            base_picture: vp8.and_then(|vp8| vp8.base_picture),
        };
        let Some(numbers) = self.rewriting.rewrite(original, now) else { return true };
        let mut write = RtpWrite::new(payload_type, numbers.sequence.into(), numbers.timestamp, packet.timestamp, payload.bytes)
            .marker(packet.header.marker)
            .ext_vals(forwarded_extensions(&packet.header.ext_vals))
            .nackable(head.is_some());
        if let Some(patch) = vp8.and_then(|vp8| vp8.patch(numbers.picture.map(|(picture, _)| picture), numbers.base_picture)) {
            write = write.vp8_patch(patch);
        }
        media.write(stream, write)
    }
}

impl Picture {
    fn share(&self, rungs: Rungs, now: Instant) -> Share {
        let may_rise = self.fell_at.is_none_or(|fell_at| now >= fell_at + RISES_AGAIN_AFTER);
        Share { rungs, layer: self.wanted, may_rise, ..Share::default() }
    }

    fn want(&mut self, layer: Option<usize>, now: Instant) {
        if layer < self.wanted {
            self.fell_at = Some(now);
        }
        self.wanted = layer;
        if layer.is_none() {
            self.shown = None;
        }
    }
}

impl Demand {
    fn differs_from(self, other: Self) -> bool {
        let differs = |one: u64, other: u64| one.abs_diff(other) > other / DEMAND_STEP;
        differs(self.next, other.next) || differs(self.best, other.best)
    }
}

fn slots<S>(media: &mut Media, mids: Vec<Mid>, clock_rate: u32) -> Vec<Slot<S>> {
    let slot = |mid| Slot {
        mid,
        stream: media.open_stream(mid),
        source: None,
        picture: Picture::default(),
        rewriting: Rewriting::new(clock_rate),
    };
    mids.into_iter().map(slot).collect()
}

fn reassign<S: Copy + PartialEq>(slots: &mut [Slot<S>], wanted: &[S]) -> bool {
    let mut sources: Vec<_> = slots.iter().map(|slot| slot.source).collect();
    let changed = assign(&mut sources, wanted);
    for (slot, source) in slots.iter_mut().zip(sources) {
        if slot.source != source {
            slot.source = source;
            slot.picture = Picture::default();
            slot.rewriting.handle_change();
        }
    }
    changed
}

/// What a receiver may know of the sender's extensions. The rest belongs to one hop: a leaked section id would misroute.
fn forwarded_extensions(original: &ExtensionValues) -> ExtensionValues {
    ExtensionValues {
        audio_level: original.audio_level,
        voice_activity: original.voice_activity,
        video_orientation: original.video_orientation,
        abs_capture_time: original.abs_capture_time,
        ..ExtensionValues::default()
    }
}
