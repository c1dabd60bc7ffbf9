//! How much one call may hold: what the operator of a service can set.

use umweg_wire::limits::{AUDIO_SLOTS_MAX, CAMERAS_USUAL, PARTICIPANTS_USUAL, SCREENS_MAX, VIDEO_SLOTS_MAX};

use crate::slots::Which;

/// What one call may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capacity {
    /// Participants.
    pub participants: usize,
    /// Of them with a camera.
    pub cameras: usize,
    /// Screens.
    pub screens: usize,
    /// Voices that one participant receives at once.
    pub audio_slots: usize,
    /// Videos that one participant receives at once.
    pub video_slots: usize,
    /// Whether the service may learn how loud each voice is (RFC 6464). Without that nobody can say whose voices are to be heard
    /// where not all are.
    pub learns_loudness: bool,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            participants: PARTICIPANTS_USUAL,
            cameras: CAMERAS_USUAL,
            screens: SCREENS_MAX,
            audio_slots: AUDIO_SLOTS_MAX,
            video_slots: VIDEO_SLOTS_MAX,
            learns_loudness: true,
        }
    }
}

impl Capacity {
    /// Media sections of an offer: what is sent, the slots, and a data channel that nobody uses.
    pub(crate) fn sections(self) -> usize {
        1 + Which::ALL.len() + self.audio_slots + self.video_slots + 1
    }

    /// How many take part: where the loudest cannot be chosen, no more than can all be heard.
    pub(crate) fn places(self) -> usize {
        if self.learns_loudness { self.participants } else { self.participants.min(self.audio_slots + 1) }
    }

    /// So many of those videos may be shown.
    pub(crate) fn videos(self, which: Which) -> usize {
        match which {
            Which::Camera => self.cameras,
            Which::Screen => self.screens,
        }
    }
}
