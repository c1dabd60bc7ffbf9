//! One synthetic participant.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};
use umweg_wire::datagram::sfu_address;

/// Voice packets are so far apart.
const VOICE_GAP: Duration = Duration::from_millis(20);
/// Frames are so far apart.
const FRAME_GAP: Duration = Duration::from_millis(50);
const VOICE_BYTES: usize = 100;
const PACKET_BYTES_MAX: usize = 1_000;
/// The layers: name, bytes of a frame, height in pixels.
const LAYERS: [(&str, usize, u16); 3] = [("l", 700, 180), ("m", 2_500, 360), ("h", 8_000, 720)];
/// A key frame is so much larger than another.
const KEY_FRAME_FACTOR: usize = 4;
/// Marks a payload as ours: then follow the sender's mark and the layer.
const SIGN: u8 = 0xa7;

/// What a participant is like.
#[derive(Clone, Copy)]
pub struct Profile {
    /// Slots for voices.
    pub audio_slots: usize,
    /// Slots for videos.
    pub video_slots: usize,
    /// How loud it speaks, in decibels below the loudest there is; `None`: it is muted.
    pub level: Option<i8>,
    /// Whether it films.
    pub films: bool,
    /// How many layers it sends.
    pub layers: usize,
}

impl Default for Profile {
    fn default() -> Self {
        Self { audio_slots: 8, video_slots: 8, level: Some(-20), films: true, layers: LAYERS.len() }
    }
}

/// What arrived in an audio slot.
#[derive(Clone, Copy, Default, Debug)]
pub struct Heard {
    /// Packets.
    pub packets: u64,
    /// The sender's mark in the newest.
    pub mark: u32,
}

/// What arrived in a video slot.
#[derive(Clone, Copy, Default, Debug)]
pub struct Seen {
    /// Packets.
    pub packets: u64,
    /// Key frames.
    pub key_frames: u64,
    /// The sender's mark in the newest.
    pub mark: u32,
    /// The layer of the newest.
    pub layer: u8,
    /// Gaps and steps back in the numbers of pictures: a decoder would stumble.
    pub stumbles: u64,
    picture: Option<u16>,
}

/// The participant.
pub struct Person {
    /// Goes into every packet.
    pub mark: u32,
    /// What it does; may change at any time.
    pub profile: Profile,
    /// By slot.
    pub heard: BTreeMap<Mid, Heard>,
    /// By slot.
    pub seen: BTreeMap<Mid, Seen>,
    /// Key frames that it was asked for.
    pub key_frames_asked: u64,
    /// How often ICE said that it lost the connection.
    pub disconnections: u64,
    rtc: Rtc,
    address: SocketAddr,
    pending: Option<SdpPendingOffer>,
    audio: Mid,
    video: Mid,
    tracks: [Track; LAYERS.len()],
    voice: Clock,
    frames: Clock,
    outgoing: Vec<Vec<u8>>,
    wakes_at: Instant,
    connected: bool,
}

#[derive(Clone, Copy, Default)]
struct Track {
    sequence: u64,
    picture: u16,
    wants_key_frame: bool,
}

struct Clock {
    next_at: Instant,
    count: u64,
}

impl Person {
    /// A participant and its offer.
    ///
    /// # Panics
    /// If str0m does not make an offer, which it does.
    #[must_use]
    pub fn new(mark: u32, profile: Profile, now: Instant) -> (Self, String) {
        let mut rtc = RtcConfig::new().set_rtp_mode(true).clear_codecs().enable_opus(true, false).enable_vp8(true).build(now);
        let address = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 4_000));
        rtc.add_local_candidate(Candidate::host(address, Protocol::Udp).expect("the address is a valid one"));
        let mut sdp = rtc.sdp_api();
        let audio = sdp.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
        let simulcast = (profile.layers > 1).then(|| simulcast(profile.layers));
        let video = sdp.add_media(MediaKind::Video, Direction::SendOnly, None, None, simulcast);
        for _ in 0..profile.audio_slots {
            sdp.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        }
        for _ in 0..profile.video_slots {
            sdp.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        }
        let (offer, pending) = sdp.apply().expect("media was added");
        let person = Self {
            mark,
            profile,
            heard: BTreeMap::new(),
            seen: BTreeMap::new(),
            key_frames_asked: 0,
            disconnections: 0,
            rtc,
            address,
            pending: Some(pending),
            audio,
            video,
            tracks: [Track { wants_key_frame: true, ..Track::default() }; LAYERS.len()],
            voice: Clock { next_at: now, count: 0 },
            frames: Clock { next_at: now, count: 0 },
            outgoing: Vec::new(),
            wakes_at: now,
            connected: false,
        };
        (person, offer.to_sdp_string())
    }

    /// The service's answer came.
    ///
    /// # Panics
    /// If the answer is not one: that is what is tested.
    pub fn handle_answer(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).expect("the service answers in SDP");
        let pending = self.pending.take().expect("one answer comes for one offer");
        self.rtc.sdp_api().accept_answer(pending, answer).expect("the answer fits the offer");
    }

    /// A datagram came.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        let Ok(contents) = datagram.try_into() else { return };
        let receive = Receive { proto: Protocol::Udp, source: sfu_address(), destination: self.address, contents };
        // What doesn't belong here is dropped, as a browser does.
        _ = self.rtc.handle_input(Input::Receive(now, receive));
        self.poll(now);
    }

    /// Time passed: speaks and films what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while self.connected && self.voice.is_due(now, VOICE_GAP) {
            self.speak(now);
        }
        while self.connected && self.frames.is_due(now, FRAME_GAP) {
            self.film(now);
        }
        _ = self.rtc.handle_input(Input::Timeout(now));
        self.poll(now);
    }

    /// The datagrams that leave.
    pub fn poll_transmit(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.outgoing)
    }

    /// When time must pass at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        if self.connected { self.wakes_at.min(self.voice.next_at).min(self.frames.next_at) } else { self.wakes_at }
    }

    /// Whether its media runs.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Asks for key frames in every video slot, as a browser does that cannot decode.
    pub fn ask_for_key_frames(&mut self) {
        let slots: Vec<_> = self.seen.keys().copied().collect();
        for slot in slots {
            if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(slot, None) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }
    }

    fn speak(&mut self, now: Instant) {
        let Some(level) = self.profile.level else { return };
        let Some(payload_type) = self.payload_type(Codec::Opus) else { return };
        let mut payload = vec![0; VOICE_BYTES];
        sign(&mut payload, self.mark, 0);
        let count = self.voice.count;
        let extensions = ExtensionValues { audio_level: Some(level), voice_activity: Some(true), ..ExtensionValues::default() };
        if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(self.audio, None) {
            stream.write_rtp(RtpWrite::new(payload_type, count.into(), timestamp(count, 960), now, payload).ext_vals(extensions));
        }
    }

    fn film(&mut self, now: Instant) {
        if !self.profile.films {
            return;
        }
        for layer in 0..self.profile.layers.min(LAYERS.len()) {
            self.film_layer(layer, now);
        }
    }

    fn film_layer(&mut self, layer: usize, now: Instant) {
        let Some(payload_type) = self.payload_type(Codec::Vp8) else { return };
        let (name, mut bytes, height) = LAYERS[layer];
        let rid = (self.profile.layers > 1).then(|| Rid::from(name));
        let track = &mut self.tracks[layer];
        let is_key = std::mem::take(&mut track.wants_key_frame);
        if is_key {
            bytes *= KEY_FRAME_FACTOR;
        }
        track.picture = track.picture.wrapping_add(1) & 0x7fff;
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(self.video, rid) else { return };
        let packets = bytes.div_ceil(PACKET_BYTES_MAX);
        for packet in 0..packets {
            let mut payload = descriptor(packet == 0, track.picture);
            if packet == 0 {
                payload.extend_from_slice(&frame_head(is_key, height));
            }
            let head = payload.len();
            payload.resize(head + bytes.min(PACKET_BYTES_MAX), 0);
            sign(&mut payload[head..], self.mark, u8::try_from(layer).unwrap_or(0));
            let write = RtpWrite::new(payload_type, track.sequence.into(), timestamp(self.frames.count, 4_500), now, payload);
            stream.write_rtp(write.marker(packet + 1 == packets).nackable(true));
            track.sequence += 1;
        }
    }

    fn poll(&mut self, now: Instant) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.wakes_at = at.max(now);
                    return;
                }
                Ok(Output::Transmit(transmit)) => self.outgoing.push(transmit.contents.to_vec()),
                Ok(Output::Event(event)) => self.handle_event(event),
                Err(_) => return,
            }
        }
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Connected => self.connected = true,
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => self.disconnections += 1,
            Event::KeyframeRequest(request) => {
                self.key_frames_asked += 1;
                let layer = request.rid.and_then(|rid| LAYERS.iter().position(|(name, ..)| rid == Rid::from(*name))).unwrap_or(0);
                self.tracks[layer].wants_key_frame = true;
            }
            Event::RtpPacket(packet) => self.handle_packet(&packet),
            _ => {}
        }
    }

    fn handle_packet(&mut self, packet: &RtpPacket) {
        let Some(mid) = self.rtc.direct_api().stream_rx(&packet.header.ssrc).map(|stream| stream.mid()) else { return };
        if self.payload_type(Codec::Opus) == Some(packet.header.payload_type) {
            let heard = self.heard.entry(mid).or_default();
            heard.packets += 1;
            heard.mark = signed(&packet.payload).map_or(0, |(mark, _)| mark);
        } else if !packet.payload.is_empty() {
            self.seen.entry(mid).or_default().handle(&packet.payload);
        }
    }

    fn payload_type(&self, codec: Codec) -> Option<Pt> {
        self.rtc.codec_config().find(|params| params.spec().codec == codec).map(|params| params.pt())
    }
}

impl Seen {
    fn handle(&mut self, payload: &[u8]) {
        self.packets += 1;
        let Some(vp8) = crate::vp8::Vp8::read(payload) else { return };
        self.key_frames += u64::from(vp8.key_frame.is_some());
        if let Some((mark, layer)) = signed(payload) {
            (self.mark, self.layer) = (mark, layer);
        }
        if let Some((picture, bits)) = vp8.picture {
            let follows = self.picture.is_none_or(|before| picture == before || picture == before.wrapping_add(1) & bits);
            self.stumbles += u64::from(!follows);
            self.picture = Some(picture);
        }
    }
}

impl Clock {
    fn is_due(&mut self, now: Instant, gap: Duration) -> bool {
        let due = now >= self.next_at;
        if due {
            self.count += 1;
            // After a pause nothing is made up for.
            self.next_at = (self.next_at + gap).max(now.checked_sub(gap).unwrap_or(now));
        }
        due
    }
}

fn simulcast(layers: usize) -> Simulcast {
    let mut simulcast = Simulcast::new();
    for (name, ..) in LAYERS.iter().take(layers) {
        simulcast.add_send_layer(SimulcastLayer::new(name));
    }
    simulcast
}

/// A VP8 payload descriptor (RFC 7741, section 4.2) with a long picture number.
fn descriptor(starts_frame: bool, picture: u16) -> Vec<u8> {
    let [high, low] = picture.to_be_bytes();
    vec![0x80 | if starts_frame { 0x10 } else { 0 }, 0x80, 0x80 | high, low]
}

/// The clear head of a frame (RFC 6386, section 9.1).
fn frame_head(is_key: bool, height: u16) -> [u8; 10] {
    let [low, high] = height.to_le_bytes();
    [u8::from(!is_key), 0, 0, 0x9d, 0x01, 0x2a, 0, 1, low, high]
}

fn sign(payload: &mut [u8], mark: u32, layer: u8) {
    let [a, b, c, d] = mark.to_be_bytes();
    payload[..7].copy_from_slice(&[SIGN, SIGN, a, b, c, d, layer]);
}

fn signed(payload: &[u8]) -> Option<(u32, u8)> {
    let at = payload.windows(2).position(|pair| pair == [SIGN, SIGN])?;
    let [_, _, a, b, c, d, layer] = *payload.get(at..)?.first_chunk()?;
    Some((u32::from_be_bytes([a, b, c, d]), layer))
}

fn timestamp(count: u64, step: u32) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "a timestamp counts modulo 2^32")]
    let count = count as u32;
    count.wrapping_mul(step)
}
