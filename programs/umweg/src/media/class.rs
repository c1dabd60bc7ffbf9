//! What a datagram between browser and SFU is, by its first bytes (RFC 7983, RFC 5761), so that the urgent goes first.
//!
//! SRTP leaves the RTP header readable: the payload type tells video from audio, and the answer says which types are video.

use std::collections::BTreeSet;

use umweg_road::media_queue::Class;

/// The RTP payload types that the answer gave to video.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct VideoTypes(pub(crate) BTreeSet<u8>);

impl VideoTypes {
    /// How urgent this datagram is; `None` for bytes that WebRTC never sends.
    pub(crate) fn class(&self, datagram: &[u8]) -> Option<Class> {
        let (first, second) = (*datagram.first()?, *datagram.get(1)?);
        match first {
            // STUN, DTLS
            0..=3 | 20..=63 => Some(Class::Urgent),
            // RTCP has the packet types 192 to 223 where RTP has marker bit and payload type
            128..=191 if !(192..=223).contains(&second) && self.0.contains(&(second & 0x7f)) => Some(Class::Video),
            128..=191 => Some(Class::Urgent),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_datagram_has_its_class() {
        let types = VideoTypes([96, 97].into());
        assert_eq!(types.class(&[0, 1, 0, 0]), Some(Class::Urgent), "a STUN request");
        assert_eq!(types.class(&[22, 254, 253]), Some(Class::Urgent), "a DTLS handshake");
        assert_eq!(types.class(&[0x80, 200]), Some(Class::Urgent), "an RTCP sender report");
        assert_eq!(types.class(&[0x90, 111]), Some(Class::Urgent));
        assert_eq!(types.class(&[0x90, 96]), Some(Class::Video));
        assert_eq!(types.class(&[0x90, 0x80 | 97]), Some(Class::Video), "with the marker bit");
        assert_eq!(types.class(&[64, 0]), None, "a TURN channel");
        assert_eq!(types.class(&[0x80]), None);
    }
}
