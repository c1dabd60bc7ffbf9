//! What a VP8 packet says in clear: its descriptor (RFC 7741, section 4.2), and of a key frame also the size of the picture
//! (section 4.3; RFC 6386, section 9.1). The sealed frame leaves these bytes open.

use str0m::rtp::{Vp8Descriptor, Vp8Patch};

/// What one packet says.
#[derive(Clone, Copy)]
pub struct Vp8 {
    descriptor: Vp8Descriptor,
    /// The picture's number, and the bits that it counts in.
    pub picture: Option<(u16, u16)>,
    /// The number of the base-layer picture.
    pub base_picture: Option<u8>,
    /// Set if a key frame begins here.
    pub key_frame: Option<KeyFrame>,
}

/// A key frame's picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyFrame {
    /// In pixels; unknown if the sender sealed it.
    pub height: Option<u16>,
}

const EXTENDED: u8 = 0x80;
const HAS_PICTURE: u8 = 0x80;
const HAS_BASE_PICTURE: u8 = 0x40;
const HAS_TEMPORAL_OR_KEY_INDEX: u8 = 0x30;
const LONG_PICTURE: u8 = 0x80;
const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];

impl Vp8 {
    /// Reads a packet; `None` if it is not VP8.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let descriptor = Vp8Descriptor::parse(payload).ok()?;
        let (&first, mut rest) = payload.split_first()?;
        let (mut picture, mut base_picture) = (None, None);
        if first & EXTENDED != 0 {
            let flags = take(&mut rest)?;
            if flags & HAS_PICTURE != 0 {
                let high = take(&mut rest)?;
                picture = Some(if high & LONG_PICTURE == 0 {
                    (u16::from(high), 0x7f)
                } else {
                    (u16::from_be_bytes([high & !LONG_PICTURE, take(&mut rest)?]), 0x7fff)
                });
            }
            if flags & HAS_BASE_PICTURE != 0 {
                base_picture = Some(take(&mut rest)?);
            }
            if flags & HAS_TEMPORAL_OR_KEY_INDEX != 0 {
                take(&mut rest)?;
            }
        }
        let key_frame = descriptor.starts_keyframe(payload).then(|| KeyFrame { height: height(rest) });
        Some(Self { descriptor, picture, base_picture, key_frame })
    }

    /// How to write other numbers over the packet's.
    pub fn patch(&self, picture: Option<u16>, base_picture: Option<u8>) -> Option<Vp8Patch> {
        let mut patch = self.descriptor.patch();
        if let Some(picture) = picture {
            patch = patch.picture_id(picture);
        }
        if let Some(base_picture) = base_picture {
            patch = patch.tl0_pic_idx(base_picture);
        }
        patch.build().ok()
    }
}

fn take(bytes: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(first)
}

fn height(frame: &[u8]) -> Option<u16> {
    let head: &[u8; 10] = frame.first_chunk()?;
    (head[3..6] == START_CODE).then(|| u16::from_le_bytes([head[8], head[9]]) & 0x3fff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Descriptor with a long picture number, a base picture and a temporal layer, then a key frame of 640 by 360.
    const KEY: [u8; 16] = [0x90, 0xe0, 0x81, 0x02, 0x09, 0x20, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];

    #[test]
    fn a_key_frame_tells_its_numbers_and_height() {
        let vp8 = Vp8::read(&KEY).unwrap();
        assert_eq!((vp8.picture, vp8.base_picture), (Some((0x102, 0x7fff)), Some(9)));
        assert_eq!(vp8.key_frame, Some(KeyFrame { height: Some(360) }));
    }

    #[test]
    fn a_delta_frame_is_no_key_frame() {
        let mut delta = KEY;
        delta[6] |= 1;
        assert_eq!(Vp8::read(&delta).unwrap().key_frame, None);
    }

    #[test]
    fn a_sealed_key_frame_is_still_one() {
        assert_eq!(Vp8::read(&[0x10, 0x10, 1, 2, 3]).unwrap().key_frame, Some(KeyFrame { height: None }));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            if let Some(vp8) = Vp8::read(&bytes) {
                vp8.patch(vp8.picture.map(|picture| picture.0), vp8.base_picture);
            }
        }
    }
}
