//! Voices for people without a browser. Each has an app of its own, which makes the keys, holds the seat and passes on the datagrams;
//! whoever drives the app tells us here what it tells a page, and gets the offer that a page would make. What is said is Opus, sealed
//! by RFC 9605 under the app's keys, and what is heard is opened with them.
//!
//! Standard input and output speak lines of JSON.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use rand::RngExt;
use serde::Deserialize;
use serde_json::json;
use sframe::CipherSuite;
use sframe::frame::{EncryptedFrameView, MediaFrameView, MonotonicCounter};
use sframe::key::{DecryptionKey, EncryptionKey};
use umweg_seal::sframe::{BASE_KEY_BYTES, Context as Media, key_id};
use umweg_sfu::synthetic::{Person, Profile, Speech};

use crate::sfu::load::{Load, Seat};

const SUITE: CipherSuite = CipherSuite::AesGcm128Sha256;
/// One frame of 20 ms, of one channel and every pitch (RFC 6716, section 3.1). Any bytes after it decode, to noise.
const OPUS_HEAD: u8 = 31 << 3;
const OPUS_BYTES: usize = 80;
/// A base key that came is kept beside so many newer ones: frames of the epoch before are under way.
const EPOCHS_KEPT: usize = 2;

/// What is told of one of them.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum Told {
    /// The app wants an offer.
    MakeOffer { voice: usize, slots: usize },
    /// The answer to it.
    Answer { voice: usize, sdp: String },
    /// The keys of an epoch.
    Keys { voice: usize, epoch: u64, leaf: u32, base_key: [u8; BASE_KEY_BYTES] },
    /// How loud it speaks from now on, in decibels below the loudest there is.
    Speak { voice: usize, level: i8 },
    /// Whom it has heard since it was last asked is wanted.
    Heard { voice: usize },
}

/// One of them; what its thread needs is shared with it.
#[derive(Default)]
struct Voice {
    offered: Option<(Person, UdpSocket)>,
    head: Arc<Mutex<Head>>,
}

/// What a voice knows.
#[derive(Default)]
struct Head {
    level: Option<i8>,
    counter: MonotonicCounter,
    sealing: Option<EncryptionKey>,
    /// Newest last.
    epochs: Vec<(u64, [u8; BASE_KEY_BYTES])>,
    opening: BTreeMap<u64, DecryptionKey>,
    /// Frames that it opened, by who sealed them.
    heard: BTreeMap<u64, u64>,
    refused: u64,
}

struct Shared(Arc<Mutex<Head>>);

pub(crate) fn run() -> anyhow::Result<()> {
    let load = Load::start()?;
    let mut voices = BTreeMap::<usize, Voice>::new();
    let mut answers = std::io::stdout().lock();
    writeln!(answers, "ready")?;
    for line in std::io::stdin().lock().lines() {
        match serde_json::from_str(&line?).context("a line is not one of ours")? {
            Told::MakeOffer { voice, slots } => {
                let sdp = voices.entry(voice).or_default().offer(voice, slots)?;
                writeln!(answers, "{}", json!({ "voice": voice, "offer": sdp }))?;
            }
            Told::Answer { voice, sdp } => load.add(voice, voices.entry(voice).or_default().seat(&sdp)?)?,
            Told::Keys { voice, epoch, leaf, base_key } => {
                voices.entry(voice).or_default().head().take_keys(epoch, leaf, base_key)?;
            }
            Told::Speak { voice, level } => voices.entry(voice).or_default().head().level = Some(level),
            Told::Heard { voice } => {
                let mut head = voices.entry(voice).or_default().head();
                let (heard, refused) = (std::mem::take(&mut head.heard), std::mem::take(&mut head.refused));
                writeln!(answers, "{}", json!({ "voice": voice, "heard": heard, "refused": refused }))?;
            }
        }
    }
    Ok(())
}

impl Voice {
    fn offer(&mut self, number: usize, slots: usize) -> anyhow::Result<String> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = Some(socket.local_addr()?);
        let profile = Profile { audio_slots: slots, video_slots: 0, films: false, address, ..Profile::USUAL };
        let (mut person, offer) = Person::new(u32::try_from(number)?, profile, Instant::now());
        person.speech = Some(Box::new(Shared(Arc::clone(&self.head))));
        self.offered = Some((person, socket));
        Ok(offer)
    }

    fn seat(&mut self, answer: &str) -> anyhow::Result<Seat> {
        let (mut person, socket) = self.offered.take().context("an answer came to no offer")?;
        let app = app_in(answer).context("the app's answer has no UDP address on loopback")?;
        person.reach_at(app);
        person.handle_answer(answer);
        Seat::new(person, socket, app, None)
    }

    fn head(&self) -> std::sync::MutexGuard<'_, Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Head {
    fn take_keys(&mut self, epoch: u64, leaf: u32, base_key: [u8; BASE_KEY_BYTES]) -> anyhow::Result<()> {
        self.sealing = Some(EncryptionKey::derive_from(SUITE, key_id(Media::Camera, leaf, epoch), base_key)?);
        self.epochs.push((epoch, base_key));
        if self.epochs.len() > EPOCHS_KEPT {
            self.epochs.remove(0);
        }
        self.opening.clear();
        Ok(())
    }

    fn say(&mut self) -> Option<(i8, Vec<u8>)> {
        let (level, key) = (self.level?, self.sealing.as_ref()?);
        let mut frame = [OPUS_HEAD; OPUS_BYTES];
        rand::rng().fill(&mut frame[1..]);
        let sealed = MediaFrameView::try_new(&mut self.counter, &frame).ok()?.encrypt(key).ok()?;
        Some((level, sealed.as_ref().to_vec()))
    }

    /// Whose frame it is, if it opens.
    fn open(&mut self, frame: &[u8]) -> Option<u64> {
        let frame = EncryptedFrameView::try_new(frame).ok()?;
        let kid = frame.header().key_id();
        if !self.opening.contains_key(&kid) {
            let (_, base_key) = self.epochs.iter().rev().find(|(epoch, _)| key_id(Media::Camera, 0, *epoch) == kid & 0xFF)?;
            self.opening.insert(kid, DecryptionKey::derive_from(SUITE, kid, base_key).ok()?);
        }
        frame.decrypt(self.opening.get(&kid)?).ok()?;
        Some(kid >> 8)
    }
}

impl Speech for Shared {
    fn say(&mut self) -> Option<(i8, Vec<u8>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).say()
    }

    fn hear(&mut self, frame: &[u8]) {
        let mut head = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match head.open(frame) {
            Some(leaf) => *head.heard.entry(leaf).or_default() += 1,
            None => head.refused += 1,
        }
    }
}

/// Where the app takes datagrams: the first of its own addresses here.
fn app_in(answer: &str) -> Option<SocketAddr> {
    answer.lines().filter_map(|line| line.strip_prefix("a=candidate:")).find_map(|candidate| {
        let fields = candidate.split(' ').collect::<Vec<_>>();
        let [_, _, "udp", _, host, port, ..] = fields[..] else { return None };
        let address = SocketAddr::new(host.parse().ok()?, port.parse().ok()?);
        (address.is_ipv4() && address.ip().is_loopback()).then_some(address)
    })
}
