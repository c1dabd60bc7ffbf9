//! Which of a call's datagrams goes next on a connection that may be too narrow for all of them.
//!
//! Audio, connectivity checks and feedback go before video, whatever waits; what waited too long is dropped before it is written,
//! because a late datagram is worse than a lost one. The queue is bounded: when it is full the oldest video gives way first.

use std::collections::VecDeque;
use std::time::Duration;

use umweg_wire::Timestamp;
use umweg_wire::datagram::Flow;
use umweg_wire::limits::{AUDIO_AGE_MAX, MEDIA_QUEUE_MAX, VIDEO_AGE_MAX};

/// How urgent a datagram is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Audio, STUN, DTLS and RTCP: little, and everything waits for it.
    Urgent,
    /// Video.
    Video,
}

impl Class {
    fn age_max(self) -> Duration {
        match self {
            Class::Urgent => AUDIO_AGE_MAX,
            Class::Video => VIDEO_AGE_MAX,
        }
    }
}

struct Waiting {
    flow: Flow,
    datagram: Vec<u8>,
    since: Timestamp,
}

/// The datagrams that wait.
#[derive(Default)]
pub struct MediaQueue {
    urgent: VecDeque<Waiting>,
    video: VecDeque<Waiting>,
    dropped: u64,
}

impl MediaQueue {
    /// A datagram wants to go.
    pub fn push(&mut self, flow: Flow, datagram: Vec<u8>, class: Class, now: Timestamp) {
        if self.urgent.len() + self.video.len() >= MEDIA_QUEUE_MAX {
            let _ = self.video.pop_front().or_else(|| self.urgent.pop_front());
            self.dropped += 1;
        }
        self.lane(class).push_back(Waiting { flow, datagram, since: now });
    }

    /// The next one to write.
    pub fn pop(&mut self, now: Timestamp) -> Option<(Flow, Vec<u8>)> {
        [Class::Urgent, Class::Video].into_iter().find_map(|class| self.pop_of(class, now))
    }

    /// How many datagrams were dropped so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn pop_of(&mut self, class: Class, now: Timestamp) -> Option<(Flow, Vec<u8>)> {
        while let Some(next) = self.lane(class).pop_front() {
            if now.since(next.since) <= class.age_max() {
                return Some((next.flow, next.datagram));
            }
            self.dropped += 1;
        }
        None
    }

    fn lane(&mut self, class: Class) -> &mut VecDeque<Waiting> {
        match class {
            Class::Urgent => &mut self.urgent,
            Class::Video => &mut self.video,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_overtakes_the_video_that_waits() {
        let mut queue = MediaQueue::default();
        push(&mut queue, b"video 1", Class::Video, 0);
        push(&mut queue, b"video 2", Class::Video, 0);
        push(&mut queue, b"audio", Class::Urgent, 1);
        assert_eq!(drain(&mut queue, 2), ["audio", "video 1", "video 2"]);
    }

    #[test]
    fn stale_video_is_dropped_while_audio_of_the_same_age_still_goes() {
        let mut queue = MediaQueue::default();
        push(&mut queue, b"stale", Class::Video, 0);
        push(&mut queue, b"audio", Class::Urgent, 0);
        push(&mut queue, b"fresh", Class::Video, 100);
        assert_eq!(drain(&mut queue, 151), ["audio", "fresh"]);
        assert_eq!(queue.dropped(), 1);
    }

    #[test]
    fn a_full_queue_gives_up_its_oldest_video_and_never_grows() {
        let mut queue = MediaQueue::default();
        push(&mut queue, b"audio", Class::Urgent, 0);
        for n in 0..10 * MEDIA_QUEUE_MAX {
            push(&mut queue, format!("{n}").as_bytes(), Class::Video, 0);
        }
        let left = drain(&mut queue, 0);
        assert_eq!((left.len(), left[0].as_str()), (MEDIA_QUEUE_MAX, "audio"));
        assert_eq!(left[MEDIA_QUEUE_MAX - 1], (10 * MEDIA_QUEUE_MAX - 1).to_string());
    }

    fn push(queue: &mut MediaQueue, datagram: &[u8], class: Class, now_ms: u64) {
        queue.push(Flow::new(0).unwrap(), datagram.to_vec(), class, Timestamp(now_ms));
    }

    fn drain(queue: &mut MediaQueue, now_ms: u64) -> Vec<String> {
        std::iter::from_fn(|| queue.pop(Timestamp(now_ms))).map(|(_, datagram)| String::from_utf8(datagram).unwrap()).collect()
    }
}
