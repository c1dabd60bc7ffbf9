//! When a source may be asked for a key frame. Each costs its sender's uplink as much as ten other frames.
//!
//! Two kinds of wish are kept apart: the room's own, when a slot waits for a new layer or a new source, which are few; and those of
//! the receivers, which may not end, since a receiver without the sender's key takes every frame for damaged. The latter back off.

use std::time::{Duration, Instant};

use umweg_wire::limits::KEY_FRAME_REQUEST_GAP;

/// Between two requests that receivers caused, at first.
const RECEIVERS_GAP_MIN: Duration = Duration::from_secs(2);
/// And at last.
const RECEIVERS_GAP_MAX: Duration = Duration::from_secs(16);

/// The requests to one layer of one source.
#[derive(Default)]
pub(crate) struct Requests {
    asked_at: Option<Instant>,
    receivers: Option<Receivers>,
}

struct Receivers {
    asked_at: Instant,
    gap: Duration,
}

impl Requests {
    /// Whether a slot that waits may ask now.
    pub(crate) fn handle_wait(&mut self, now: Instant) -> bool {
        let due = self.asked_at.is_none_or(|asked_at| now >= asked_at + KEY_FRAME_REQUEST_GAP);
        if due {
            self.asked_at = Some(now);
        }
        due
    }

    /// Whether a receiver's wish may be passed on now.
    pub(crate) fn handle_wish(&mut self, now: Instant) -> bool {
        let gap = match &self.receivers {
            Some(receivers) if now < receivers.asked_at + receivers.gap => return false,
            Some(receivers) if now < receivers.asked_at + receivers.gap * 4 => (receivers.gap * 2).min(RECEIVERS_GAP_MAX),
            _ => RECEIVERS_GAP_MIN,
        };
        if !self.handle_wait(now) {
            return false;
        }
        self.receivers = Some(Receivers { asked_at: now, gap });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_waits_asks_once_in_a_gap() {
        let (mut requests, start) = (Requests::default(), crate::start());
        assert!(requests.handle_wait(start));
        assert!(!requests.handle_wait(start + KEY_FRAME_REQUEST_GAP / 2));
        assert!(requests.handle_wait(start + KEY_FRAME_REQUEST_GAP));
    }

    #[test]
    fn a_receiver_that_never_stops_asking_is_heard_ever_more_rarely() {
        let (mut requests, start) = (Requests::default(), crate::start());
        let passed_on = (0..60_000).step_by(100).filter(|ms| requests.handle_wish(start + Duration::from_millis(*ms))).count();
        assert!((4..=7).contains(&passed_on), "{passed_on} requests in a minute");
    }

    #[test]
    fn after_a_quiet_time_a_wish_is_new() {
        let (mut requests, start) = (Requests::default(), crate::start());
        assert!(requests.handle_wish(start));
        assert!(requests.handle_wish(start + Duration::from_secs(60)));
        assert!(requests.handle_wish(start + Duration::from_secs(63)));
    }
}
