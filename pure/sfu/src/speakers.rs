//! Who speaks loudest, from the level that each audio packet carries in clear (RFC 6464).
//!
//! Levels are smoothed, and who is heard already has an advantage: otherwise two people of the same voice would take each
//! other's slot many times a second.

use std::collections::BTreeMap;

use crate::slots::Number;

/// How much louder than one who is heard somebody must be to take the place, in decibels.
const ADVANTAGE: f32 = 8.0;
/// How much of the new level enters the smoothed one with each packet of 20 ms.
const ATTACK: f32 = 0.2;
/// What remains of a level after a tick without any packet: silence is not always sent.
const DECAY: f32 = 0.7;
/// The level of a packet that does not tell it: audible, but quieter than anybody who speaks.
const UNKNOWN_LEVEL: i8 = -60;
/// The lowest level there is.
const SILENCE: i8 = -127;

/// The voices of one room.
#[derive(Default)]
pub(crate) struct Speakers {
    voices: BTreeMap<Number, Voice>,
    heard: Vec<Number>,
}

#[derive(Default)]
struct Voice {
    /// Decibels above silence, smoothed.
    loudness: f32,
    spoke_since_tick: bool,
}

impl Speakers {
    /// A packet came, of this level in decibels below the loudest there is.
    pub(crate) fn handle_level(&mut self, of: Number, level: Option<i8>) {
        let level = level.unwrap_or(UNKNOWN_LEVEL).clamp(SILENCE, 0);
        let voice = self.voices.entry(of).or_default();
        voice.loudness += (f32::from(level) - f32::from(SILENCE) - voice.loudness) * ATTACK;
        voice.spoke_since_tick = true;
    }

    /// Somebody left.
    pub(crate) fn handle_gone(&mut self, who: Number) {
        self.voices.remove(&who);
        self.heard.retain(|heard| *heard != who);
    }

    /// Some time passed: ranks the voices anew and gives the first `places` the advantage.
    pub(crate) fn handle_tick(&mut self, places: usize) {
        for voice in self.voices.values_mut() {
            if !std::mem::take(&mut voice.spoke_since_tick) {
                voice.loudness *= DECAY;
            }
        }
        self.heard = self.ranking();
        self.heard.truncate(places);
    }

    /// Everybody who ever spoke, the loudest first.
    pub(crate) fn ranking(&self) -> Vec<Number> {
        let mut ranked: Vec<_> =
            self.voices.iter().map(|(number, voice)| (*number, voice.loudness + self.advantage(*number))).collect();
        ranked.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        ranked.into_iter().map(|(number, _)| number).collect()
    }

    fn advantage(&self, of: Number) -> f32 {
        if self.heard.contains(&of) { ADVANTAGE } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speak(speakers: &mut Speakers, levels: &[(Number, i8)], places: usize) {
        for _ in 0..50 {
            for (who, level) in levels {
                speakers.handle_level(*who, Some(*level));
            }
            speakers.handle_tick(places);
        }
    }

    #[test]
    fn the_loudest_come_first() {
        let mut speakers = Speakers::default();
        speak(&mut speakers, &[(1, -60), (2, -20), (3, -40)], 2);
        assert_eq!(speakers.ranking(), [2, 3, 1]);
    }

    #[test]
    fn a_voice_a_little_louder_does_not_take_the_place() {
        let mut speakers = Speakers::default();
        speak(&mut speakers, &[(1, -30), (2, -40)], 1);
        speak(&mut speakers, &[(1, -30), (2, -25)], 1);
        assert_eq!(speakers.ranking()[0], 1);
        speak(&mut speakers, &[(1, -30), (2, -15)], 1);
        assert_eq!(speakers.ranking()[0], 2);
    }

    #[test]
    fn who_sends_nothing_any_more_grows_silent() {
        let mut speakers = Speakers::default();
        speak(&mut speakers, &[(1, -10), (2, -50)], 1);
        speak(&mut speakers, &[(2, -50)], 1);
        assert_eq!(speakers.ranking(), [2, 1]);
    }

    #[test]
    fn who_left_is_not_ranked() {
        let mut speakers = Speakers::default();
        speak(&mut speakers, &[(1, -10), (2, -50)], 1);
        speakers.handle_gone(1);
        assert_eq!(speakers.ranking(), [2]);
    }
}
