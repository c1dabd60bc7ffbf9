//! One participant's WebRTC peer: a str0m `Rtc`, and what its sections are for.
//!
//! str0m's contract: **after every change, poll until it has nothing more**. Here a change only marks the peer as [`Media::is_due`],
//! and the room settles it later, once for all that came meanwhile: many packets for one participant leave in one go.
//!
//! An error of str0m, or a panic, ends this peer and nobody else's.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use str0m::bwe::{Bitrate, BweKind};
use str0m::change::SdpOffer;
use str0m::format::Codec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt, Rid, Rids};
use str0m::net::{DatagramSend, Protocol, Receive};
use str0m::rtp::{Extension, RtpPacket, RtpWrite, Ssrc};
use str0m::{Candidate, IceConnectionState, Input, Rtc, RtcConfig};
use umweg_wire::datagram::{Flow, sfu_address};
use umweg_wire::limits::{LAYERS_MAX, SDP_BYTES_MAX, SLOT_QUEUE_MAX};

use crate::capacity::Capacity;
use crate::output::Class;
use crate::pictures;
use crate::slots::Which;

/// What is assumed of a new receiver's connection, in bits a second.
pub(crate) const ESTIMATE_AT_FIRST: u64 = 1_000_000;
/// Packets kept for repeating them, and how long: a lost one is asked for within a round trip or two. Three seconds of every stream to
/// everybody, as is usual, would be most of the memory of a call.
const REPEATED_MAX: usize = 512;
const REPEATED_WITHIN: Duration = Duration::from_millis(600);
/// No more of what is sent than this is repetition.
const REPEATED_SHARE_MAX: f32 = 0.15;
/// Streams that one sender's packets are told apart by; who sends more is answered more slowly.
const STREAMS_REMEMBERED: usize = 16;
/// str0m lets a paced packet out this long after the one before, if it may leave at once: so that no two have the same time.
const BETWEEN_PACKETS: Duration = Duration::from_micros(1);
/// Packets that leave before it is another peer's turn: the longest burst that the pacer allows is not much more.
const TOGETHER_MAX: usize = 64;
/// The order of simulcast layers by their names.
const LAYER_NAMES: [&str; LAYERS_MAX] = ["l", "m", "h"];
/// The source port of flow 0: `Flow::synthetic_address`.
const FIRST_FLOW_PORT: u16 = 10_000;

/// Why an offer cannot be answered: the participant's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OfferError {
    /// It is too long.
    #[error("answer an offer of {0} bytes")]
    Long(usize),
    /// It has too many media sections.
    #[error("answer an offer with {0} media sections")]
    Sections(usize),
    /// It cannot be read, or asks for what the service does not do.
    #[error("answer an offer that makes no sense")]
    Malformed,
}

/// The peer.
pub(crate) struct Media {
    rtc: Rtc,
    seat: u16,
    sections: Sections,
    payload_types: PayloadTypes,
    /// Whose packets a stream's are; `None` for those that are not forwarded.
    streams: Vec<(Ssrc, Option<Source>)>,
    wakes_at: Instant,
    condition: Condition,
    is_due: bool,
    /// str0m may want a time that has come already; it is not asked twice at one time.
    settled_at: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// Keys are being agreed.
    Connecting,
    /// Media runs.
    Connected,
    /// Nothing is heard; it may come back.
    Away,
    /// It failed, for good.
    Broken,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Gathered {
    /// A packet of the pacer's, after which more may leave.
    Paced,
    Everything,
}

/// What the sections of the offer are for.
#[derive(Default)]
pub(crate) struct Sections {
    audio: Option<Mid>,
    /// With their layers, in the order of [`Which::ALL`].
    videos: Vec<(Mid, Vec<Option<Rid>>)>,
    pub(crate) audio_slots: Vec<Mid>,
    pub(crate) video_slots: Vec<Mid>,
}

#[derive(Clone, Copy, Default)]
struct PayloadTypes {
    opus: Option<Pt>,
    /// Opus with the frames before once more.
    redundant: Option<Pt>,
    vp8: Option<Pt>,
    vp9: Option<Pt>,
    av1: Option<Pt>,
}

/// What a participant's packet carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Its voice.
    Audio,
    /// That layer of a video.
    Video(Which, usize),
}

/// What the room must hear of.
#[expect(clippy::large_enum_variant, reason = "nearly all are packets, and a box for each would be an allocation for each")]
pub(crate) enum Event {
    /// Media can run.
    Connected,
    /// Nothing was heard for some time, or it broke.
    Disconnected,
    /// A packet to forward.
    Packet(Source, RtpPacket),
    /// The receiver needs a key frame in that slot.
    KeyFrameWish(Mid),
    /// So much can be sent to the receiver, in bits a second.
    Estimate(u64),
}

/// A packet ready to leave.
pub(crate) struct Departure {
    pub(crate) flow: Flow,
    pub(crate) class: Class,
    pub(crate) datagram: DatagramSend,
}

impl Media {
    /// Answers an offer; gives the peer and the SDP answer.
    pub(crate) fn accept(offer: &str, seat: u16, capacity: Capacity, now: Instant) -> Result<(Self, String), OfferError> {
        check(offer, capacity)?;
        catch_unwind(AssertUnwindSafe(|| Self::accept_checked(offer, seat, capacity, now))).unwrap_or(Err(OfferError::Malformed))
    }

    fn accept_checked(offer: &str, seat: u16, capacity: Capacity, now: Instant) -> Result<(Self, String), OfferError> {
        let offer = if capacity.learns_loudness { Cow::Borrowed(offer) } else { Cow::Owned(without_loudness(offer)) };
        let offer = SdpOffer::from_sdp_string(&offer).map_err(|_| OfferError::Malformed)?;
        let mut rtc = configuration().build(now);
        let candidate = Candidate::host(sfu_address(), Protocol::Udp).map_err(|_| OfferError::Malformed)?;
        rtc.add_local_candidate(candidate);
        let answer = rtc.sdp_api().accept_offer(offer).map_err(|_| OfferError::Malformed)?;
        let answer = answer.to_sdp_string();
        let (sections, payload_types) = (Sections::of(&rtc, &answer, capacity), PayloadTypes::of(&rtc));
        let mut media = Self {
            rtc,
            seat,
            sections,
            payload_types,
            streams: Vec::new(),
            wakes_at: now,
            condition: Condition::Connecting,
            is_due: true,
            settled_at: None,
        };
        media.settle(now, &mut Vec::new(), &mut |_| {});
        if media.condition == Condition::Broken { Err(OfferError::Malformed) } else { Ok((media, answer)) }
    }

    /// A datagram came by one of the browser's addresses.
    pub(crate) fn handle_datagram(&mut self, flow: Flow, datagram: &[u8], now: Instant) {
        let Ok(contents) = datagram.try_into() else { return };
        let source = flow.synthetic_address(self.seat);
        let input = Input::Receive(now, Receive { proto: Protocol::Udp, source, destination: sfu_address(), contents });
        if self.condition == Condition::Broken || !self.rtc.accepts(&input) {
            return;
        }
        self.input(input);
    }

    /// Brings the peer up to date: gathers what it has to say and the packets that leave. Those that may leave now leave together, and
    /// go to the kernel in one call.
    pub(crate) fn settle(&mut self, now: Instant, events: &mut Vec<Event>, depart: &mut dyn FnMut(Departure)) {
        self.is_due = false;
        let mut at = now;
        for _ in 0..TOGETHER_MAX {
            self.settled_at = Some(at);
            if self.condition == Condition::Broken {
                return;
            }
            self.input(Input::Timeout(at));
            if self.gather_some(events, depart) == Gathered::Everything {
                return;
            }
            at += BETWEEN_PACKETS;
        }
        self.wakes_at = at;
    }

    /// Gathers what the peer has to say after a datagram, without driving its timers.
    pub(crate) fn gather(&mut self, events: &mut Vec<Event>, depart: &mut dyn FnMut(Departure)) {
        self.is_due |= self.gather_some(events, depart) == Gathered::Paced;
    }

    /// Gathers until a packet leaves that the pacer let out, or nothing more is there. After each such packet the pacer wants time to
    /// pass; when that is given at once, str0m need not look through all streams for the next time at which something is due.
    fn gather_some(&mut self, events: &mut Vec<Event>, depart: &mut dyn FnMut(Departure)) -> Gathered {
        while self.condition != Condition::Broken {
            let polled = catch_unwind(AssertUnwindSafe(|| self.rtc.poll_output()));
            match polled {
                Ok(Ok(str0m::Output::Timeout(at))) => {
                    self.wakes_at = at;
                    if !self.rtc.is_alive() {
                        self.condition = Condition::Broken;
                        events.push(Event::Disconnected);
                    }
                    break;
                }
                Ok(Ok(str0m::Output::Transmit(transmit))) => {
                    let class = self.payload_types.classify(&transmit.contents);
                    if let Some(flow) = flow_of(transmit.destination.port()) {
                        depart(Departure { flow, class, datagram: transmit.contents });
                    }
                    if class != Class::Control {
                        return Gathered::Paced;
                    }
                }
                Ok(Ok(str0m::Output::Event(event))) => events.extend(self.translate(event)),
                Ok(Err(_)) | Err(_) => {
                    tracing::debug!("a participant's peer failed");
                    self.condition = Condition::Broken;
                    events.push(Event::Disconnected);
                }
            }
        }
        Gathered::Everything
    }

    /// Queues a packet for a slot. Answers false if the connection is so slow that the slot should pause.
    pub(crate) fn write(&mut self, slot: Ssrc, packet: RtpWrite) -> bool {
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx(&slot) else { return true };
        if stream.queue_info().is_some_and(|queue| queue.packet_count() > SLOT_QUEUE_MAX) {
            return false;
        }
        stream.write_rtp(packet);
        self.is_due = true;
        true
    }

    /// Asks the participant for a key frame of a layer.
    pub(crate) fn request_key_frame(&mut self, which: Which, layer: usize) {
        let Some((mid, rids)) = self.sections.videos.get(which as usize) else { return };
        let (mid, rid) = (*mid, rids.get(layer).copied().flatten());
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, rid) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
            self.is_due = true;
        }
    }

    /// Tells how much would be sent if it could be.
    pub(crate) fn set_demand(&mut self, next: u64, best: u64) {
        self.rtc.bwe().set_bitrate(Bitrate::bps(next), Bitrate::bps(best));
        self.is_due = true;
    }

    /// The stream that a slot's packets leave in.
    pub(crate) fn open_stream(&mut self, slot: Mid) -> Option<Ssrc> {
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(slot, None)?;
        stream.set_rtx_cache(REPEATED_MAX, REPEATED_WITHIN, Some(REPEATED_SHARE_MAX));
        Some(stream.ssrc())
    }

    /// What the sections are for.
    pub(crate) fn sections(&self) -> &Sections {
        &self.sections
    }

    /// Whether a packet of this participant carries the frames before once more.
    pub(crate) fn is_redundant(&self, packet: &RtpPacket) -> bool {
        self.payload_types.redundant == Some(packet.header.payload_type)
    }

    /// Whether this participant takes voice with the frames before once more.
    pub(crate) fn wants_redundancy(&self) -> bool {
        self.payload_types.redundant.is_some()
    }

    /// The payload type under which this participant wants redundant voice, if it can be had from a sender with such a type for Opus:
    /// the types of the blocks stand in the packet.
    pub(crate) fn redundant_type(&self, opus: Option<Pt>) -> Option<Pt> {
        self.payload_types.redundant.filter(|_| opus == self.payload_types.opus)
    }

    /// The payload type of this participant's for voice.
    pub(crate) fn voice_type(&self) -> Option<Pt> {
        self.payload_types.opus
    }

    /// The payload type of this participant's for pictures of a codec; `None`: it does not know the codec.
    pub(crate) fn picture_type(&self, codec: pictures::Codec) -> Option<Pt> {
        match codec {
            pictures::Codec::Vp8 => self.payload_types.vp8,
            pictures::Codec::Vp9 => self.payload_types.vp9,
            pictures::Codec::Av1 => self.payload_types.av1,
        }
    }

    /// In which codec the picture of a packet of this participant is.
    pub(crate) fn picture_codec(&self, packet: &RtpPacket) -> Option<pictures::Codec> {
        pictures::Codec::ALL.into_iter().find(|codec| self.picture_type(*codec) == Some(packet.header.payload_type))
    }

    /// Whether media can run.
    pub(crate) fn is_connected(&self) -> bool {
        self.condition == Condition::Connected
    }

    /// Whether it waits to be settled.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.condition != Condition::Broken && (self.is_due || (self.wakes_at <= now && self.settled_at.is_none_or(|at| at < now)))
    }

    /// When it wants to be settled at the latest.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        (self.condition != Condition::Broken).then_some(self.wakes_at)
    }

    fn input(&mut self, input: Input<'_>) {
        let handled = catch_unwind(AssertUnwindSafe(|| self.rtc.handle_input(input)));
        if !matches!(handled, Ok(Ok(()))) {
            // A DTLS or SRTP error of this peer: it is told by `gather`, since the peer is no longer alive.
            self.rtc.disconnect();
        }
    }

    fn translate(&mut self, event: str0m::Event) -> Option<Event> {
        match event {
            str0m::Event::Connected => {
                self.condition = Condition::Connected;
                Some(Event::Connected)
            }
            str0m::Event::IceConnectionStateChange(IceConnectionState::Disconnected) if self.condition == Condition::Connected => {
                self.condition = Condition::Away;
                Some(Event::Disconnected)
            }
            str0m::Event::IceConnectionStateChange(IceConnectionState::Connected | IceConnectionState::Completed)
                if self.condition == Condition::Away =>
            {
                self.condition = Condition::Connected;
                Some(Event::Connected)
            }
            str0m::Event::RtpPacket(packet) => self.source(&packet).map(|source| Event::Packet(source, packet)),
            str0m::Event::KeyframeRequest(request) => Some(Event::KeyFrameWish(request.mid)),
            str0m::Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. } | BweKind::Remb { estimate, .. }) => {
                Some(Event::Estimate(estimate.as_u64()))
            }
            _ => None,
        }
    }

    /// What a packet carries; `None` if it is not forwarded.
    fn source(&mut self, packet: &RtpPacket) -> Option<Source> {
        let ssrc = packet.header.ssrc;
        let source = match self.streams.iter().find(|(known, _)| *known == ssrc) {
            Some((_, source)) => *source,
            None => self.learn(ssrc),
        }?;
        let is_wanted = match source {
            Source::Audio => self.voice_type() == Some(packet.header.payload_type) || self.is_redundant(packet),
            Source::Video(..) => self.picture_codec(packet).is_some(),
        };
        (!packet.payload.is_empty() && is_wanted).then_some(source)
    }

    fn learn(&mut self, ssrc: Ssrc) -> Option<Source> {
        let mut api = self.rtc.direct_api();
        let stream = api.stream_rx(&ssrc)?;
        let source = self.sections.source(stream.mid(), stream.rid());
        if self.streams.len() >= STREAMS_REMEMBERED {
            self.streams.clear();
        }
        self.streams.push((ssrc, source));
        source
    }
}

impl Sections {
    /// str0m tells of its sections only when keys are agreed; their names stand in the answer that it made.
    fn of(rtc: &Rtc, answer: &str, capacity: Capacity) -> Self {
        let mut sections = Self::default();
        for section in
            answer.lines().filter_map(|line| line.strip_prefix("a=mid:")).filter_map(|name| rtc.media(name.trim().into()))
        {
            sections.add(section, capacity);
        }
        sections
    }

    fn add(&mut self, section: &str0m::media::Media, capacity: Capacity) {
        match (section.kind(), section.direction()) {
            (MediaKind::Audio, Direction::RecvOnly | Direction::SendRecv) => _ = self.audio.get_or_insert(section.mid()),
            (MediaKind::Video, Direction::RecvOnly | Direction::SendRecv) if self.videos.len() < Which::ALL.len() => {
                self.videos.push((section.mid(), layers_of(section)));
            }
            (MediaKind::Audio, Direction::SendOnly) if self.audio_slots.len() < capacity.audio_slots => {
                self.audio_slots.push(section.mid());
            }
            (MediaKind::Video, Direction::SendOnly) if self.video_slots.len() < capacity.video_slots => {
                self.video_slots.push(section.mid());
            }
            _ => {}
        }
    }

    fn source(&self, mid: Mid, rid: Option<Rid>) -> Option<Source> {
        if self.audio == Some(mid) {
            return Some(Source::Audio);
        }
        let (which, (_, rids)) = Which::ALL.into_iter().zip(&self.videos).find(|(_, (video, _))| *video == mid)?;
        rids.iter().position(|known| *known == rid).map(|layer| Source::Video(which, layer))
    }
}

impl PayloadTypes {
    fn of(rtc: &Rtc) -> Self {
        let of = |codec| rtc.codec_config().find(|params| params.spec().codec == codec);
        let opus = of(Codec::Opus);
        Self {
            opus: opus.map(|params| params.pt()),
            redundant: opus.and_then(|params| params.red()),
            vp8: of(Codec::Vp8).map(|params| params.pt()),
            vp9: of(Codec::Vp9).map(|params| params.pt()),
            av1: of(Codec::Av1).map(|params| params.pt()),
        }
    }

    /// RTP has version 2 in its first bits; RTCP (RFC 5761, section 4) has types that RTP leaves alone.
    fn classify(self, datagram: &[u8]) -> Class {
        let [first, second, ..] = *datagram else { return Class::Control };
        let payload_type = second & 0x7f;
        if first >> 6 != 2 || (64..96).contains(&payload_type) {
            Class::Control
        } else if [self.opus, self.redundant].iter().flatten().any(|voice| **voice == payload_type) {
            Class::Audio
        } else {
            Class::Video
        }
    }
}

fn check(offer: &str, capacity: Capacity) -> Result<(), OfferError> {
    if offer.len() > SDP_BYTES_MAX {
        return Err(OfferError::Long(offer.len()));
    }
    let sections = offer.lines().filter(|line| line.starts_with("m=")).count();
    if sections > capacity.sections() { Err(OfferError::Sections(sections)) } else { Ok(()) }
}

/// What is not offered is not answered, and what is not answered no browser sends.
fn without_loudness(offer: &str) -> String {
    offer.split_inclusive('\n').filter(|line| !line.trim_end().ends_with(Extension::AudioLevel.as_uri())).collect()
}

fn configuration() -> RtcConfig {
    RtcConfig::new()
        .set_rtp_mode(true)
        .set_ice_lite(true)
        .clear_codecs()
        .enable_opus(true, true)
        .enable_vp8(true)
        .enable_vp9(true)
        .enable_av1(true)
        .enable_bwe(Some(Bitrate::bps(ESTIMATE_AT_FIRST)))
}

/// The layers from the smallest: by their names where they have ours, else as the offer lists them.
fn layers_of(section: &str0m::media::Media) -> Vec<Option<Rid>> {
    let Rids::Specific(rids) = section.rids_rx() else { return vec![None] };
    let mut rids = rids.clone();
    rids.sort_by_key(|rid| LAYER_NAMES.iter().position(|name| **rid == **name).unwrap_or(LAYERS_MAX));
    rids.truncate(LAYERS_MAX);
    if rids.is_empty() { vec![None] } else { rids.into_iter().map(Some).collect() }
}

fn flow_of(port: u16) -> Option<Flow> {
    let number = u8::try_from(port.checked_sub(FIRST_FLOW_PORT)?).ok()?;
    Flow::new(number).ok()
}
