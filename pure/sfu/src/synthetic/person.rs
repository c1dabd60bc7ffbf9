//! One synthetic participant.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};
use umweg_wire::datagram::sfu_address;

use super::profile::Profile;
use super::speech::Speech;

/// Voice packets are so far apart.
const VOICE_GAP: Duration = Duration::from_millis(20);
const VOICE_BYTES: usize = 100;
const PACKET_BYTES_MAX: usize = 1_000;
/// The camera's layers and the screen: name, bytes of a frame, height in pixels.
const LAYERS: [(&str, usize, u16); SCREEN as usize + 1] =
    [("l", 700, 180), ("m", 2_500, 360), ("h", 8_000, 720), ("", 3_000, 1_080)];
/// The screen's number among the layers.
pub const SCREEN: u8 = 3;
/// A key frame is so much larger than another.
const KEY_FRAME_FACTOR: usize = 4;
/// Marks a payload as ours, twice: then follow the sender's mark, the layer, and when it was made.
const SIGN: u8 = 0xa7;
const SIGNATURE_BYTES: usize = 2 + 4 + 1 + 8;
const SIGNATURE_WITHIN: usize = 32;

/// What arrived in an audio slot.
#[derive(Clone, Copy, Default, Debug)]
pub struct Heard {
    /// Packets.
    pub packets: u64,
    /// Of them with frames that came before.
    pub redundant: u64,
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
    /// Key frames of which every packet came in order: with the first there is a picture.
    pub pictures: u64,
    picture: Option<u16>,
    /// The packet that continues a key frame.
    continues_at: Option<u64>,
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
    /// How long packets were under way that say when they were made, since somebody last took this.
    pub delays: Vec<Duration>,
    /// What it says and hears; without it, voice packets that say who made them.
    pub speech: Option<Box<dyn Speech>>,
    rtc: Rtc,
    address: SocketAddr,
    service: SocketAddr,
    pending: Option<SdpPendingOffer>,
    audio: Mid,
    video: Mid,
    screen: Option<Mid>,
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
        let (mut rtc, address) = rtc(&profile, now);
        let mut sdp = rtc.sdp_api();
        let audio = sdp.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
        let simulcast = (profile.layers > 1).then(|| simulcast(profile.layers));
        let video = sdp.add_media(MediaKind::Video, Direction::SendOnly, None, None, simulcast);
        let screen = profile.screen.then(|| sdp.add_media(MediaKind::Video, Direction::SendOnly, None, None, None));
        for _ in 0..profile.audio_slots {
            sdp.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        }
        for _ in 0..profile.video_slots {
            sdp.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        }
        let (offer, pending) = sdp.apply().expect("media was added");
        let person = Self::with(rtc, mark, profile, (audio, video, screen), Some(pending), address, now);
        (person, offer.to_sdp_string())
    }

    /// A participant that answers an offer, and only receives; and its answer.
    ///
    /// # Panics
    /// If the offer is not one: that is what is tested.
    #[must_use]
    pub fn answering(mark: u32, profile: Profile, offer: &str, now: Instant) -> (Self, String) {
        let (mut rtc, address) = rtc(&profile, now);
        let offer = SdpOffer::from_sdp_string(offer).expect("the service offers in SDP");
        let answer = rtc.sdp_api().accept_offer(offer).expect("the offer can be answered");
        let nothing = (Mid::from("none"), Mid::from("none"), None);
        let profile = Profile { level: None, films: false, ..profile };
        (Self::with(rtc, mark, profile, nothing, None, address, now), answer.to_sdp_string())
    }

    fn with(
        rtc: Rtc,
        mark: u32,
        profile: Profile,
        (audio, video, screen): (Mid, Mid, Option<Mid>),
        pending: Option<SdpPendingOffer>,
        address: SocketAddr,
        now: Instant,
    ) -> Self {
        Self {
            mark,
            profile,
            heard: BTreeMap::new(),
            seen: BTreeMap::new(),
            key_frames_asked: 0,
            disconnections: 0,
            delays: Vec::new(),
            speech: None,
            rtc,
            address,
            service: sfu_address(),
            pending,
            audio,
            video,
            screen,
            tracks: [Track { wants_key_frame: true, ..Track::default() }; LAYERS.len()],
            voice: Clock { next_at: now, count: 0 },
            frames: Clock { next_at: now, count: 0 },
            outgoing: Vec::new(),
            wakes_at: now,
            connected: false,
        }
    }

    /// The service has this address rather than the one that all services claim.
    pub fn reach_at(&mut self, service: SocketAddr) {
        self.service = service;
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
        let receive = Receive { proto: Protocol::Udp, source: self.service, destination: self.address, contents };
        // What doesn't belong here is dropped, as a browser does.
        _ = self.rtc.handle_input(Input::Receive(now, receive));
        self.poll(now);
    }

    /// Time passed: speaks and films what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while self.connected && self.voice.is_due(now, VOICE_GAP) {
            self.speak(now);
        }
        while self.connected && self.frames.is_due(now, self.profile.frame_gap) {
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

    /// Packets of voice that it has sent.
    #[must_use]
    pub fn words_said(&self) -> u64 {
        self.voice.count
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
        let Some(opus) = self.payload_type(Codec::Opus) else { return };
        let (level, payload_type, payload) = match (&mut self.speech, self.profile.level) {
            (Some(speech), _) => match speech.say() {
                Some((level, frame)) => (level, opus, frame),
                None => return,
            },
            (None, Some(level)) => {
                let mut payload = vec![0; VOICE_BYTES];
                self.sign(&mut payload, 0, now);
                let (payload_type, payload) = self.with_redundancy(opus, payload);
                (level, payload_type, payload)
            }
            (None, None) => return,
        };
        let count = self.voice.count;
        let extensions = ExtensionValues { audio_level: Some(level), voice_activity: Some(true), ..ExtensionValues::default() };
        if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(self.audio, None) {
            stream.write_rtp(RtpWrite::new(payload_type, count.into(), timestamp(count, 960), now, payload).ext_vals(extensions));
        }
    }

    /// RFC 2198: the frame before, of the same length and 20 ms older, stands before this one.
    fn with_redundancy(&self, opus: Pt, payload: Vec<u8>) -> (Pt, Vec<u8>) {
        let Some(redundant) = self.redundant_type() else { return (opus, payload) };
        let [high, low] = u16::try_from(VOICE_BYTES).unwrap_or(0).to_be_bytes();
        let older = 960_u16 << 2;
        let [older_high, older_low] = older.to_be_bytes();
        let mut packet = vec![0x80 | *opus, older_high, older_low | high, low, *opus];
        packet.extend_from_slice(&[0; VOICE_BYTES]);
        packet.extend(payload);
        (redundant, packet)
    }

    fn redundant_type(&self) -> Option<Pt> {
        self.rtc.codec_config().find(|params| params.spec().codec == Codec::Opus).and_then(|params| params.red())
    }

    fn film(&mut self, now: Instant) {
        let layers = if self.profile.films { self.profile.layers.min(SCREEN.into()) } else { 0 };
        let screen = self.screen.filter(|_| self.profile.screen).map(|mid| (mid, SCREEN.into()));
        let video = self.video;
        for (mid, layer) in (0..layers).map(|layer| (video, layer)).chain(screen) {
            self.film_layer(mid, layer, now);
        }
    }

    fn film_layer(&mut self, mid: Mid, layer: usize, now: Instant) {
        let Some(payload_type) = self.payload_type(Codec::Vp8) else { return };
        let (name, mut bytes, height) = LAYERS[layer];
        if layer == 0 {
            bytes = self.profile.frame_bytes.unwrap_or(bytes);
        }
        let rid = (mid == self.video && self.profile.layers > 1).then(|| Rid::from(name));
        let is_key = std::mem::take(&mut self.tracks[layer].wants_key_frame);
        if is_key {
            bytes *= KEY_FRAME_FACTOR;
        }
        self.tracks[layer].picture = self.tracks[layer].picture.wrapping_add(1) & 0x7fff;
        let signature = self.signature(u8::try_from(layer).unwrap_or(0), now);
        let track = &mut self.tracks[layer];
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, rid) else { return };
        let packets = bytes.div_ceil(PACKET_BYTES_MAX);
        for packet in 0..packets {
            let mut payload = descriptor(packet == 0, track.picture);
            if packet == 0 {
                payload.extend_from_slice(&frame_head(is_key, height));
            }
            let head = payload.len();
            payload.resize(head + bytes.min(PACKET_BYTES_MAX), 0);
            payload[head..head + SIGNATURE_BYTES].copy_from_slice(&signature);
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
                Ok(Output::Event(event)) => self.handle_event(event, now),
                Err(_) => return,
            }
        }
    }

    fn handle_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Connected => self.connected = true,
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => self.disconnections += 1,
            Event::KeyframeRequest(request) => {
                self.key_frames_asked += 1;
                let of_rid = request.rid.and_then(|rid| LAYERS.iter().position(|(name, ..)| rid == Rid::from(*name)));
                let layer = if self.screen == Some(request.mid) { SCREEN.into() } else { of_rid.unwrap_or(0) };
                self.tracks[layer].wants_key_frame = true;
            }
            Event::RtpPacket(packet) => self.handle_packet(&packet, now),
            _ => {}
        }
    }

    fn handle_packet(&mut self, packet: &RtpPacket, now: Instant) {
        let is_redundant = self.redundant_type() == Some(packet.header.payload_type);
        let newest = is_redundant.then(|| crate::redundancy::newest(&packet.payload)).flatten();
        let signed = signed(newest.as_ref().unwrap_or(&packet.payload));
        if let (Some(clock), Some(signed)) = (self.profile.clock, &signed) {
            self.delays.push((now - clock).saturating_sub(signed.made_at));
        }
        let Some(mid) = self.rtc.direct_api().stream_rx(&packet.header.ssrc).map(|stream| stream.mid()) else { return };
        if is_redundant || self.payload_type(Codec::Opus) == Some(packet.header.payload_type) {
            let heard = self.heard.entry(mid).or_default();
            heard.packets += 1;
            heard.redundant += u64::from(newest.is_some());
            heard.mark = signed.map_or(0, |signed| signed.mark);
            if let Some(speech) = &mut self.speech {
                speech.hear(newest.as_ref().unwrap_or(&packet.payload));
            }
        } else if !packet.payload.is_empty() {
            self.seen.entry(mid).or_default().handle(packet, signed);
        }
    }

    fn sign(&self, payload: &mut [u8], layer: u8, now: Instant) {
        payload[..SIGNATURE_BYTES].copy_from_slice(&self.signature(layer, now));
    }

    fn signature(&self, layer: u8, now: Instant) -> [u8; SIGNATURE_BYTES] {
        let made_at = self.profile.clock.map_or(Duration::ZERO, |clock| now - clock);
        let mut signature = [SIGN; SIGNATURE_BYTES];
        signature[2..6].copy_from_slice(&self.mark.to_be_bytes());
        signature[6] = layer;
        signature[7..].copy_from_slice(&u64::try_from(made_at.as_nanos()).unwrap_or(u64::MAX).to_be_bytes());
        signature
    }

    fn payload_type(&self, codec: Codec) -> Option<Pt> {
        self.rtc.codec_config().find(|params| params.spec().codec == codec).map(|params| params.pt())
    }
}

impl Seen {
    fn handle(&mut self, packet: &RtpPacket, signed: Option<Signed>) {
        self.packets += 1;
        let Some(vp8) = crate::vp8::Vp8::read(&packet.payload) else { return };
        if vp8.key_frame.is_some() || self.continues_at == Some(*packet.seq_no) {
            self.pictures += u64::from(packet.header.marker);
            self.continues_at = (!packet.header.marker).then_some(*packet.seq_no + 1);
        }
        self.key_frames += u64::from(vp8.key_frame.is_some());
        if let Some(signed) = signed {
            (self.mark, self.layer) = (signed.mark, signed.layer);
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

fn rtc(profile: &Profile, now: Instant) -> (Rtc, SocketAddr) {
    let mut rtc =
        RtcConfig::new().set_rtp_mode(true).clear_codecs().enable_opus(true, profile.redundant).enable_vp8(true).build(now);
    let address = profile.address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 4_000)));
    rtc.add_local_candidate(Candidate::host(address, Protocol::Udp).expect("the address is a valid one"));
    (rtc, address)
}

/// What a payload says about itself.
struct Signed {
    mark: u32,
    layer: u8,
    made_at: Duration,
}

fn signed(payload: &[u8]) -> Option<Signed> {
    // After the descriptor and the head of a frame at the latest.
    let at = payload.windows(2).take(SIGNATURE_WITHIN).position(|pair| pair == [SIGN, SIGN])?;
    let (_, rest) = payload.get(at..)?.split_first_chunk::<2>()?;
    let (mark, rest) = rest.split_first_chunk()?;
    let (&layer, rest) = rest.split_first()?;
    let made_at = Duration::from_nanos(u64::from_be_bytes(*rest.first_chunk()?));
    Some(Signed { mark: u32::from_be_bytes(*mark), layer, made_at })
}

fn timestamp(count: u64, step: u32) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "a timestamp counts modulo 2^32")]
    let count = count as u32;
    count.wrapping_mul(step)
}
