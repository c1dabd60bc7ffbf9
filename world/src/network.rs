//! How the network behaves: how long things take, and how often a connection breaks.

use std::time::Duration;

use rand::{Rng, RngExt};

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
