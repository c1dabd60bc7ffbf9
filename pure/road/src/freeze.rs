//! Noticing the block that freezes a connection after 15 to 20 kB: nothing is cut, nothing more arrives.
//!
//! A connection that falls silent while it has moved about so much is asked for a sign of life soon, rather than at the next
//! keepalive. If it is then given up in silence, or cut while it owes that sign, it was frozen; one that ended in the middle of
//! its talk, however it ended, or that had moved less or more, died of something else. A connection that has moved more than the
//! block lets through is never asked again. One that had stood for long, and said little, was more likely lost with its network:
//! that is not taken for a freeze, and costs no more than any loss.

use std::time::Duration;

use umweg_wire::Timestamp;
use umweg_wire::limits::KEEPALIVE;

/// A connection that has moved less than this was not frozen yet. 15 to 20 kB are known; a censor counts packets, not our bytes.
const FROZEN_FROM: u64 = 12_000;
/// One to which more came was let through. What was sent says nothing: it may still lie in the kernel.
const FROZEN_RECEIVED_MAX: u64 = 28_000;
/// So long it is silent before it is asked; twice as long each time it answered.
const SILENCE: Duration = Duration::from_secs(3);
/// A connection that still received something after so long was not frozen by what it moved at its beginning.
const YOUNG: Duration = Duration::from_secs(120);
/// How often the counters are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What has gone over a connection, as its socket saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moved {
    /// Out.
    pub sent: u64,
    /// In.
    pub received: u64,
}

impl Moved {
    /// Both.
    #[must_use]
    pub fn total(self) -> u64 {
        self.sent + self.received
    }
}

/// How a connection ended, as far as its socket saw.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Closed or cut: the network said so.
    Told,
    /// The network said nothing: it was given up here. That may have been because of what came last, which said that it was over.
    Silent,
}

/// Watches one connection.
#[derive(Clone)]
pub struct FreezeWatch {
    moved: Moved,
    began: Timestamp,
    /// When something came last.
    came: Timestamp,
    asked: Timestamp,
    patience: Duration,
    looks: Option<Timestamp>,
}

impl FreezeWatch {
    /// From when it stands.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { moved: Moved::default(), began: now, came: now, asked: now, patience: SILENCE, looks: Some(now.after(LOOK)) }
    }

    /// What has moved so far. True: ask the other side for a sign of life.
    pub fn handle_moved(&mut self, moved: Moved, now: Timestamp) -> bool {
        if moved.received != self.moved.received {
            self.came = now;
        }
        self.moved = moved;
        self.looks = (!self.is_past()).then(|| now.after(LOOK));
        let asks = self.is_suspect() && self.patience < KEEPALIVE && now.since(self.came.max(self.asked)) >= self.patience;
        if asks {
            // The answer, too, is something that moves: without growing patience it would be asked for ever.
            self.asked = now;
            self.patience *= 2;
        }
        asks
    }

    /// When to look at the counters again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.looks
    }

    /// Whether a connection that ended so, now, after so much, was frozen.
    #[must_use]
    pub fn was_frozen(mut self, moved: Moved, end: End, now: Timestamp) -> bool {
        // What has come since the last look may have been the end: a TLS alert, a close frame, an HTTP/2 GOAWAY.
        let quiet = moved.received == self.moved.received && now.since(self.came) >= SILENCE;
        let owes = self.asked > self.came;
        self.moved = moved;
        quiet && (end == End::Silent || owes) && self.is_suspect() && self.came.since(self.began) <= YOUNG
    }

    fn is_suspect(&self) -> bool {
        self.moved.total() >= FROZEN_FROM && !self.is_past()
    }

    fn is_past(&self) -> bool {
        self.moved.received > FROZEN_RECEIVED_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_000_000);

    /// Looks whenever it wants to, for so long: how many seconds after the start it asked.
    fn asks(watch: &mut FreezeWatch, time: Duration, moved: impl Fn(Duration) -> Moved) -> Vec<u64> {
        let mut asked = Vec::new();
        while let Some(at) = watch.poll_timeout().filter(|at| at.since(START) <= time) {
            if watch.handle_moved(moved(at.since(START)), at) {
                asked.push(at.since(START).as_secs());
            }
        }
        asked
    }

    fn received(received: u64) -> Moved {
        Moved { sent: 2_000, received }
    }

    /// Whether a connection was frozen that moved this at once, and nothing in the ten seconds until its end.
    fn frozen(moved: Moved, end: End) -> bool {
        let mut watch = FreezeWatch::new(START);
        watch.handle_moved(moved, START);
        watch.was_frozen(moved, end, START.after(Duration::from_secs(10)))
    }

    #[test]
    fn silence_after_fifteen_kilobytes_is_looked_into_within_seconds_and_is_a_freeze() {
        let mut watch = FreezeWatch::new(START);
        let asked = asks(&mut watch, Duration::from_secs(8), |_| received(15_000));
        assert_eq!(asked, [4], "it is silent from the first look on, which is after a second");
        assert!(watch.was_frozen(received(15_000), End::Silent, START.after(Duration::from_secs(9))));
    }

    #[test]
    fn a_connection_that_is_cut_while_it_owes_a_sign_of_life_was_frozen_before() {
        let mut watch = FreezeWatch::new(START);
        assert_eq!(asks(&mut watch, Duration::from_secs(5), |_| received(15_000)), [4]);
        let end = START.after(Duration::from_secs(6));
        let came = watch.clone().was_frozen(received(15_100), End::Told, end);
        assert!(watch.was_frozen(received(15_000), End::Told, end) && !came);
    }

    #[test]
    fn what_ends_in_the_middle_of_its_talk_was_not_frozen() {
        let mut watch = FreezeWatch::new(START);
        assert!(asks(&mut watch, Duration::from_secs(10), |time| received(10_000 + 500 * time.as_secs())).is_empty());
        let end = START.after(Duration::from_secs(10));
        let a_goodbye = received(15_024);
        assert!(!watch.clone().was_frozen(a_goodbye, End::Silent, end), "the other side said that it goes, and we closed");
        assert!(!watch.was_frozen(received(15_000), End::Silent, end), "it said so just before we looked");
        assert!(!FreezeWatch::new(START).was_frozen(received(15_000), End::Silent, START.after(SILENCE)), "it was never looked at");
    }

    #[test]
    fn what_was_cut_or_had_moved_much_less_or_more_was_not_frozen() {
        assert!(!frozen(received(16_000), End::Told));
        assert!(!frozen(received(5_000), End::Silent));
        assert!(!frozen(received(200_000), End::Silent));
        assert!(frozen(Moved { sent: 12_000, received: 5_000 }, End::Silent), "a censor may count both directions");
        assert!(frozen(Moved { sent: 90_000, received: 4_000 }, End::Silent), "what waits to be sent does not hide it");
    }

    #[test]
    fn a_connection_that_had_stood_for_long_was_lost_and_not_frozen() {
        let mut watch = FreezeWatch::new(START);
        asks(&mut watch, Duration::from_secs(600), |time| received(15_000 + time.as_secs().min(590)));
        assert!(!watch.was_frozen(received(15_590), End::Silent, START.after(Duration::from_secs(600))));
    }

    #[test]
    fn a_quiet_connection_that_lives_is_asked_less_and_less() {
        let mut watch = FreezeWatch::new(START);
        let asked = asks(&mut watch, Duration::from_secs(600), |_| received(16_000));
        assert!(asked.len() <= 4, "{asked:?}: then the keepalive is enough");
    }

    #[test]
    fn a_connection_that_got_through_is_left_in_peace() {
        let mut watch = FreezeWatch::new(START);
        let asked = asks(&mut watch, Duration::from_secs(600), |time| received(2_000 * time.as_secs()));
        assert!(asked.is_empty() && watch.poll_timeout().is_none());
    }
}
