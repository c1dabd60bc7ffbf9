//! Sound that is more than a mark: of participants who hold keys, and seal and open what they say and hear.

/// The mouth and the ears of a participant.
pub trait Speech: Send {
    /// The next 20 ms as they leave, and how loud they are, in decibels below the loudest there is. `None`: nothing is sent.
    fn say(&mut self) -> Option<(i8, Vec<u8>)>;
    /// A frame as it came.
    fn hear(&mut self, frame: &[u8]);
}
