//! How the network behaves: how long things take, how often a connection breaks, and how much travels.

use std::time::Duration;

use prost::Message;
use rand::{Rng, RngExt};
use umweg_client::port::{Answer, Request};

/// A kind of network.
#[derive(Clone, Copy, Debug)]
pub struct Temper {
    /// One way, at least and at most, in milliseconds.
    pub delay_ms: (u64, u64),
    /// Of a hundred requests, how many break the connection on their way, half of them after they arrived.
    pub breaks_percent: u8,
    /// How long a device is without connection after a break, at most, in milliseconds.
    pub away_ms_max: u64,
}

impl Temper {
    /// At home.
    pub const CALM: Self = Self { delay_ms: (5, 40), breaks_percent: 0, away_ms_max: 1_000 };
    /// On a train.
    pub const ROUGH: Self = Self { delay_ms: (20, 900), breaks_percent: 6, away_ms_max: 30_000 };

    pub(crate) fn delay(self, rng: &mut impl Rng) -> Duration {
        Duration::from_millis(rng.random_range(self.delay_ms.0..=self.delay_ms.1))
    }

    pub(crate) fn fate(self, rng: &mut impl Rng) -> Fate {
        if !rng.random_ratio(u32::from(self.breaks_percent), 100) {
            Fate::Arrives
        } else if rng.random_bool(0.5) {
            Fate::Lost
        } else {
            Fate::AnswerLost
        }
    }

    pub(crate) fn away(self, rng: &mut impl Rng) -> Duration {
        Duration::from_millis(rng.random_range(100..=self.away_ms_max.max(101)))
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Arrives,
    /// The connection breaks before it arrives.
    Lost,
    /// It arrives, and the connection breaks before the answer does.
    AnswerLost,
}

/// What the SFU's door says, and is told.
pub(crate) const SMALL: usize = 600;

/// What is asked takes so many bytes.
pub(crate) fn request_bytes(request: &Request) -> usize {
    match request {
        Request::CreateLog(request) => request.encoded_len(),
        Request::Append(request) => request.encoded_len(),
        Request::Trim(request) => request.encoded_len(),
        Request::GetSnapshot(request) => request.encoded_len(),
        Request::PublishKeyPackages(request) => request.encoded_len(),
        Request::TakeKeyPackage(request) => request.encoded_len(),
    }
}

/// And what is answered.
pub(crate) fn answer_bytes(answer: &Answer) -> usize {
    match answer {
        Answer::Created | Answer::Trimmed => 0,
        Answer::Appended(answer) => answer.encoded_len(),
        Answer::Snapshot(answer) => answer.encoded_len(),
        Answer::Published(answer) => answer.encoded_len(),
        Answer::KeyPackage(answer) => answer.encoded_len(),
    }
}
