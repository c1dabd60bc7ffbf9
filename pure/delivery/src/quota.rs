//! How often one connection may do something. The asker is told to wait; nobody else is held up.

use std::time::Duration;

use umweg_wire::{Timestamp, limits};

/// So many in a time, and so many at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    every_ms: u64,
    burst: u64,
}

impl Rate {
    /// `count` in `time`, sustained; `burst` at once.
    #[must_use]
    pub const fn new(count: u32, time: Duration, burst: u32) -> Self {
        let count = if count == 0 { 1 } else { count as u64 };
        let every_ms = time.as_millis() as u64 / count;
        Self { every_ms: if every_ms == 0 { 1 } else { every_ms }, burst: if burst == 0 { 1 } else { burst as u64 } }
    }
}

/// A token bucket in one number: the moment at which it will be full again (GCRA, ITU-T I.371).
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: Rate,
    full_at: Timestamp,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, full_at: Timestamp(0) }
    }

    /// Takes `count` tokens, or says how long to wait for them.
    pub fn take(&mut self, count: u64, now: Timestamp) -> Result<(), Wait> {
        let cost = count.saturating_mul(self.rate.every_ms);
        let filled = self.full_at.max(now).0.saturating_add(cost);
        let room = now.0.saturating_add(self.rate.burst.saturating_mul(self.rate.every_ms));
        if filled > room {
            return Err(Wait(Duration::from_millis(filled - room)));
        }
        self.full_at = Timestamp(filled);
        Ok(())
    }
}

/// Too often.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too many requests: wait for {} ms", .0.as_millis())]
pub struct Wait(pub Duration);

/// The buckets of one connection.
#[derive(Clone, Debug)]
pub struct Quotas {
    /// `Append`.
    pub appends: Bucket,
    /// `Create`.
    pub creates: Bucket,
    /// Whatever else is asked once: trims, snapshots, key packages.
    pub requests: Bucket,
    /// Logs subscribed to.
    pub subscriptions: Bucket,
    /// Kilobytes of files, up and down.
    pub blob_kilobytes: Bucket,
}

impl Default for Quotas {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        let subscriptions = u32::try_from(limits::SUBSCRIPTIONS_MAX).unwrap_or(u32::MAX);
        Self {
            appends: Bucket::new(Rate::new(limits::APPENDS_PER_SECOND, second, limits::APPENDS_BURST)),
            creates: Bucket::new(Rate::new(limits::CREATES_PER_HOUR, Duration::from_secs(3600), limits::CREATES_PER_HOUR)),
            requests: Bucket::new(Rate::new(limits::REQUESTS_PER_SECOND, second, limits::REQUESTS_BURST)),
            subscriptions: Bucket::new(Rate::new(limits::SUBSCRIPTIONS_PER_SECOND, second, 2 * subscriptions)),
            blob_kilobytes: Bucket::new(Rate::new(limits::BLOB_KILOBYTES_PER_MINUTE, 60 * second, limits::BLOB_KILOBYTES_BURST)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut bucket = Bucket::new(Rate::new(10, Duration::from_secs(1), 5));
        let start = Timestamp(1_000_000);
        for _ in 0..5 {
            bucket.take(1, start).unwrap();
        }
        assert_eq!(bucket.take(1, start), Err(Wait(Duration::from_millis(100))));
        bucket.take(1, start.after(Duration::from_millis(100))).unwrap();
        assert!(bucket.take(1, start.after(Duration::from_millis(150))).is_err());
    }

    #[test]
    fn an_idle_bucket_holds_no_more_than_its_burst() {
        let mut bucket = Bucket::new(Rate::new(10, Duration::from_secs(1), 5));
        let later = Timestamp(0).after(Duration::from_secs(1_000_000));
        let passed = (0..100).filter(|_| bucket.take(1, later).is_ok()).count();
        assert_eq!(passed, 5);
    }
}
