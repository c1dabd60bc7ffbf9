//! Makes one unbroken stream out of what changes behind a slot: another layer, another person.
//!
//! Sequence numbers go on without a gap, timestamps advance by the time that passed, and VP8's picture numbers go on as well.
//! A packet from before the change that arrives after it is not forwarded: its number is taken.

use std::time::Instant;

/// The numbers of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Numbers {
    /// Extended sequence number.
    pub(crate) sequence: u64,
    /// RTP timestamp.
    pub(crate) timestamp: u32,
    /// The VP8 picture and the bits that it counts in.
    pub(crate) picture: Option<(u16, u16)>,
    /// The VP8 base-layer picture.
    pub(crate) base_picture: Option<u8>,
}

/// The numbers of one outgoing stream.
pub(crate) struct Rewriting {
    clock_rate: f64,
    stretch: Option<Stretch>,
    newest: Option<Newest>,
}

/// Packets from one unchanged source.
struct Stretch {
    began_at_sequence: u64,
    sequence: i64,
    timestamp: u32,
    picture: u16,
    base_picture: u8,
}

/// The newest packet that left.
struct Newest {
    numbers: Numbers,
    at: Instant,
}

impl Rewriting {
    /// For a stream of that clock rate in hertz.
    pub(crate) fn new(clock_rate: u32) -> Self {
        Self { clock_rate: f64::from(clock_rate), stretch: None, newest: None }
    }

    /// The next packet comes from another source.
    pub(crate) fn handle_change(&mut self) {
        self.stretch = None;
    }

    /// Gives a packet its new numbers; `None` if it must not be forwarded.
    pub(crate) fn rewrite(&mut self, original: Numbers, now: Instant) -> Option<Numbers> {
        if self.stretch.is_none() {
            self.stretch = Some(self.begin(original, now));
        }
        let stretch = self.stretch.as_ref()?;
        if original.sequence < stretch.began_at_sequence {
            return None;
        }
        let numbers = Numbers {
            sequence: original.sequence.checked_add_signed(stretch.sequence)?,
            timestamp: original.timestamp.wrapping_add(stretch.timestamp),
            picture: original.picture.map(|(picture, bits)| (picture.wrapping_add(stretch.picture) & bits, bits)),
            base_picture: original.base_picture.map(|picture| picture.wrapping_add(stretch.base_picture)),
        };
        if self.newest.as_ref().is_none_or(|newest| numbers.sequence > newest.numbers.sequence) {
            self.newest = Some(Newest { numbers, at: now });
        }
        Some(numbers)
    }

    fn begin(&self, first: Numbers, now: Instant) -> Stretch {
        let next = self.next(first, now);
        Stretch {
            began_at_sequence: first.sequence,
            sequence: next.sequence.cast_signed().wrapping_sub(first.sequence.cast_signed()),
            timestamp: next.timestamp.wrapping_sub(first.timestamp),
            picture: picture(next).wrapping_sub(picture(first)),
            base_picture: next.base_picture.unwrap_or(0).wrapping_sub(first.base_picture.unwrap_or(0)),
        }
    }

    /// What a packet must be numbered that follows the newest. The first of all begins at 1: its rollover counter must be 0.
    fn next(&self, first: Numbers, now: Instant) -> Numbers {
        let Some(newest) = &self.newest else { return Numbers { sequence: 1, ..first } };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a timestamp counts modulo 2^32")]
        let passed = (now.saturating_duration_since(newest.at).as_secs_f64() * self.clock_rate) as u64 as u32;
        Numbers {
            sequence: newest.numbers.sequence + 1,
            timestamp: newest.numbers.timestamp.wrapping_add(passed.max(1)),
            picture: Some((picture(newest.numbers).wrapping_add(1), 0x7fff)),
            base_picture: Some(newest.numbers.base_picture.unwrap_or(0).wrapping_add(1)),
        }
    }
}

fn picture(numbers: Numbers) -> u16 {
    numbers.picture.map_or(0, |(picture, _)| picture)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn packet(sequence: u64, timestamp: u32, picture: u16) -> Numbers {
        Numbers { sequence, timestamp, picture: Some((picture, 0x7fff)), base_picture: Some(7) }
    }

    #[test]
    fn a_change_of_source_leaves_no_gap() {
        let (mut rewriting, start) = (Rewriting::new(90_000), crate::start());
        let one = rewriting.rewrite(packet(70_000, 1_000, 5), start).unwrap();
        assert_eq!(one.sequence, 1);
        rewriting.handle_change();
        let two = rewriting.rewrite(packet(12, 900_000, 32_000), start + Duration::from_millis(100)).unwrap();
        assert_eq!(two.sequence, 2);
        assert_eq!(two.timestamp, one.timestamp + 9_000);
        assert_eq!(two.picture, Some((one.picture.unwrap().0 + 1, 0x7fff)));
        assert_eq!(two.base_picture, Some(8));
    }

    #[test]
    fn packets_in_the_wrong_order_keep_their_places() {
        let (mut rewriting, start) = (Rewriting::new(48_000), crate::start());
        let sequences: Vec<_> =
            [10, 12, 11, 13].map(|sequence| rewriting.rewrite(packet(sequence, 0, 0), start).unwrap().sequence).into();
        assert_eq!(sequences, [1, 3, 2, 4]);
    }

    #[test]
    fn a_packet_from_before_the_change_is_not_forwarded() {
        let (mut rewriting, start) = (Rewriting::new(48_000), crate::start());
        rewriting.rewrite(packet(10, 0, 0), start).unwrap();
        rewriting.handle_change();
        rewriting.rewrite(packet(500, 0, 0), start).unwrap();
        assert_eq!(rewriting.rewrite(packet(499, 0, 0), start), None);
    }

    #[test]
    fn picture_numbers_roll_over_within_their_bits() {
        let (mut rewriting, start) = (Rewriting::new(90_000), crate::start());
        rewriting.rewrite(packet(1, 0, 0x7fff), start).unwrap();
        assert_eq!(rewriting.rewrite(packet(2, 0, 0), start).unwrap().picture, Some((0, 0x7fff)));
    }
}
