//! What a synthetic participant is like.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use umweg_wire::limits::LAYERS_MAX;

/// What a participant is like.
#[derive(Clone, Copy)]
pub struct Profile {
    /// Slots for voices.
    pub audio_slots: usize,
    /// Slots for videos.
    pub video_slots: usize,
    /// Whether it sends each frame of its voice once more with the next, and takes the same.
    pub redundant: bool,
    /// How loud it speaks, in decibels below the loudest there is; `None`: it is muted.
    pub level: Option<i8>,
    /// Whether it films.
    pub films: bool,
    /// Whether it has a screen to show, and sends it: in one layer, `SCREEN`.
    pub screen: bool,
    /// How many layers of its camera it sends.
    pub layers: usize,
    /// Its frames are so far apart.
    pub frame_gap: Duration,
    /// Bytes of a frame of the smallest layer; `None`: as usual.
    pub frame_bytes: Option<usize>,
    /// Its own address, if it has one.
    pub address: Option<SocketAddr>,
    /// Its packets say when they were made, counted from here.
    pub clock: Option<Instant>,
}

impl Profile {
    /// What is usual: eight slots of each kind, three layers, twenty frames a second.
    pub const USUAL: Self = Self {
        audio_slots: 8,
        video_slots: 8,
        redundant: false,
        level: Some(-20),
        films: true,
        screen: false,
        layers: LAYERS_MAX,
        frame_gap: Duration::from_millis(50),
        frame_bytes: None,
        address: None,
        clock: None,
    };
}

impl Default for Profile {
    fn default() -> Self {
        Self::USUAL
    }
}
