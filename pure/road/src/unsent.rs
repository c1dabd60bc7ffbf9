//! How much may wait unsent on a connection of which nobody knows what it carries.
//!
//! For a call, what waits is delay. For a file, little that waits means many small writes, and those are what a fast connection
//! costs. So as much may wait as leaves within `TUNNEL_UNSENT_TIME` at the speed that was measured last: the delay is bounded, and
//! who is fast gets large writes. The speed is that at which bytes are taken: where less may wait than comes, they are taken as fast
//! as they leave, from the moment when no more was taken. What a connection takes before (its window opens, its buffers fill) says
//! less: so the bound grows by steps.

use std::time::Duration;

use umweg_wire::limits::{MEDIA_UNSENT_BYTES_MAX, TUNNEL_UNSENT_BYTES_MAX, TUNNEL_UNSENT_TIME, TUNNEL_UNSENT_WINDOW};

/// What takes so many times the bound before the time for measuring is over is fast.
const MUCH: u64 = 4;
/// The bound becomes at most so many times what it was. A fast connection pays for each step with small writes.
const STEP: u32 = 4;

/// The bound for one direction.
pub struct Unsent {
    bound: u32,
    /// The measurement under way: since when, and how much was taken.
    since: Duration,
    taken: u64,
    begun: Begun,
    /// A socket is told only when it matters: most connections end before they have moved that much.
    told: bool,
}

/// Where a measurement begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// Anywhere: all that comes is taken.
    Anywhere { bound_changed: bool },
    /// Not yet: what is taken now fills up to a bound that has changed.
    Filling,
    /// When no more was taken. What is taken from then on has left.
    Full,
}

impl Default for Unsent {
    fn default() -> Self {
        Self {
            bound: MEDIA_UNSENT_BYTES_MAX,
            since: Duration::ZERO,
            taken: 0,
            begun: Begun::Anywhere { bound_changed: true },
            told: false,
        }
    }
}

impl Unsent {
    /// So many bytes may wait, and no more should be written at once.
    #[must_use]
    pub fn bound(&self) -> usize {
        self.bound as usize
    }

    /// So many were taken, `now` after the connection began. If the socket has to be told another bound, that one.
    pub fn handle_taken(&mut self, bytes: usize, now: Duration) -> Option<u32> {
        self.taken += bytes as u64;
        let before = self.bound;
        let passed = now.saturating_sub(self.since);
        let is_measured = passed >= TUNNEL_UNSENT_WINDOW || self.taken >= MUCH * u64::from(before);
        if is_measured && self.begun != Begun::Filling {
            let leaves = u128::from(self.taken) * TUNNEL_UNSENT_TIME.as_nanos() / passed.as_nanos().max(1);
            let most = before.saturating_mul(STEP).min(TUNNEL_UNSENT_BYTES_MAX);
            self.bound = u32::try_from(leaves).unwrap_or(u32::MAX).clamp(MEDIA_UNSENT_BYTES_MAX, most);
            (self.since, self.taken) = (now, 0);
            self.begun = Begun::Anywhere { bound_changed: self.bound != before };
        }
        let tell = self.bound != before || !self.told && self.taken > u64::from(self.bound);
        self.told |= tell;
        tell.then_some(self.bound)
    }

    /// No more is taken at this moment.
    pub fn handle_full(&mut self, now: Duration) {
        let begun = match self.begun {
            Begun::Anywhere { bound_changed: true } => Begun::Filling,
            Begun::Anywhere { bound_changed: false } => Begun::Full,
            Begun::Filling if self.taken > 0 => Begun::Full,
            Begun::Filling | Begun::Full => return,
        };
        (self.since, self.taken, self.begun) = (now, 0, begun);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: usize = MEDIA_UNSENT_BYTES_MAX as usize;

    /// A socket that sends so many bytes a millisecond, into which is written what it takes.
    struct Socket {
        unsent: Unsent,
        told: usize,
        waits: usize,
        now: Duration,
    }

    impl Socket {
        fn new() -> Self {
            let unsent = Unsent::default();
            Self { told: unsent.bound(), unsent, waits: 0, now: Duration::ZERO }
        }

        /// At most how much waited in it.
        fn send(&mut self, bytes_per_millisecond: usize, milliseconds: u32) -> usize {
            let mut most = 0;
            for _ in 0..milliseconds {
                self.now += Duration::from_millis(1);
                self.waits = self.waits.saturating_sub(bytes_per_millisecond);
                while self.waits < self.told / 2 {
                    let written = self.unsent.bound();
                    self.waits += written;
                    self.told = self.unsent.handle_taken(written, self.now).map_or(self.told, |bound| bound as usize);
                }
                self.unsent.handle_full(self.now);
                most = most.max(self.waits);
            }
            most
        }
    }

    #[test]
    fn on_a_slow_connection_little_waits() {
        assert!(Socket::new().send(64, 5_000) <= 2 * LEAST);
    }

    #[test]
    fn on_a_fast_one_what_waits_leaves_soon() {
        let mut socket = Socket::new();
        socket.send(1_000, 1_000);
        assert!((30_000..=100_000).contains(&socket.unsent.bound()), "{}: not 50 ms", socket.unsent.bound());
        socket.send(1_000_000, 1_000);
        assert_eq!(socket.unsent.bound(), TUNNEL_UNSENT_BYTES_MAX as usize);
    }

    #[test]
    fn when_a_fast_one_becomes_slow_less_waits_again() {
        let mut socket = Socket::new();
        socket.send(1_000, 1_000);
        let before = socket.send(64, 2_000);
        assert!(before <= 150_000, "{before} waited from the time when it was fast");
        assert!(socket.send(64, 1_000) <= 2 * LEAST);
    }

    #[test]
    fn one_that_takes_everything_gets_large_writes_at_once() {
        let mut unsent = Unsent::default();
        let writes = (0..100).take_while(|_| {
            unsent.handle_taken(unsent.bound(), Duration::ZERO);
            unsent.bound() < TUNNEL_UNSENT_BYTES_MAX as usize
        });
        assert!(writes.count() < 40);
    }

    #[test]
    fn a_short_connection_s_socket_is_told_nothing() {
        let mut unsent = Unsent::default();
        assert_eq!(unsent.handle_taken(LEAST, Duration::ZERO), None);
        assert_eq!(unsent.handle_taken(1, Duration::ZERO), Some(MEDIA_UNSENT_BYTES_MAX));
        assert_eq!(unsent.handle_taken(1, Duration::ZERO), None);
    }
}
