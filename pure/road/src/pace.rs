//! A bound on bytes a second, for many streams together.

use std::time::Duration;

use umweg_wire::Timestamp;

/// So much may come at once after a pause.
const BURST: Duration = Duration::from_millis(250);

/// Bytes a second: who moved some waits until `free_at` before moving more.
pub struct Pace {
    bytes_per_second: u64,
    /// When everything moved so far would have been moved at exactly that pace, in microseconds.
    even_at: u64,
}

impl Pace {
    /// At most so many a second, and at least one.
    #[must_use]
    pub fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), even_at: 0 }
    }

    /// So many were moved.
    pub fn take(&mut self, bytes: u64, now: Timestamp) {
        let now = micros(now);
        let takes = u128::from(bytes) * 1_000_000 / u128::from(self.bytes_per_second);
        self.even_at = self.even_at.max(now).saturating_add(u64::try_from(takes).unwrap_or(u64::MAX));
    }

    /// How long to wait before more is moved. A clock that was set back makes nobody wait for longer than the bytes do.
    #[must_use]
    pub fn wait(&self, now: Timestamp) -> Duration {
        Duration::from_micros(self.even_at.saturating_sub(micros(now))).saturating_sub(BURST).min(WAIT_MAX)
    }
}

/// One read of a stream is small: only an odd clock or a tiny pace asks for more.
const WAIT_MAX: Duration = Duration::from_secs(10);

fn micros(time: Timestamp) -> u64 {
    time.0.saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_moves_keep_the_pace() {
        let mut pace = Pace::new(100_000);
        let start = Timestamp(1_000_000);
        let mut now = start;
        for _ in 0..1_000 {
            now = now.after(pace.wait(now));
            pace.take(1_000, now);
        }
        let took = now.since(start).as_secs_f64();
        assert!((9.5..=10.0).contains(&took), "a million bytes took {took} s");
    }

    #[test]
    fn what_was_not_used_is_not_saved_up() {
        let mut pace = Pace::new(1_000);
        let later = Timestamp(1_000_000_000);
        pace.take(1_000, later);
        assert_eq!(pace.wait(later), Duration::from_millis(750));
    }

    #[test]
    fn neither_an_odd_clock_nor_a_huge_number_stops_it_for_long() {
        let mut pace = Pace::new(0);
        pace.take(u64::MAX, Timestamp(u64::MAX));
        assert_eq!(pace.wait(Timestamp(0)), WAIT_MAX);
    }
}
