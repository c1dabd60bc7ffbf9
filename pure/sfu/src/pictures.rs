//! What a packet of pictures says in clear, in each codec that the service forwards: whether a key frame begins, and how high it is.
//!
//! VP8: [`crate::vp8`]. VP9: the payload descriptor (RFC 9628, section 4.2). AV1: the aggregation header (the RTP payload format for
//! AV1, section 4.4), which says no height.

use crate::vp8::{KeyFrame, Vp8};

/// The codecs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Codec {
    Vp8,
    Vp9,
    Av1,
}

impl Codec {
    pub(crate) const ALL: [Self; 3] = [Self::Vp8, Self::Vp9, Self::Av1];
}

/// What one packet says.
pub(crate) struct Head {
    pub(crate) codec: Codec,
    /// Set if a key frame begins here.
    pub(crate) key_frame: Option<KeyFrame>,
    /// Numbers that only VP8 needs to be without gaps.
    pub(crate) vp8: Option<Vp8>,
}

impl Head {
    /// Reads a packet; `None` if it is none of this codec.
    pub(crate) fn read(codec: Codec, payload: &[u8]) -> Option<Self> {
        let (key_frame, vp8) = match codec {
            Codec::Vp8 => {
                let vp8 = Vp8::read(payload)?;
                (vp8.key_frame, Some(vp8))
            }
            Codec::Vp9 => (vp9_key_frame(payload).ok()?, None),
            Codec::Av1 => (av1_key_frame(payload).ok()?, None),
        };
        Some(Self { codec, key_frame, vp8 })
    }
}

const VP9_PICTURE: u8 = 0x80;
const VP9_PREDICTED: u8 = 0x40;
const VP9_LAYERS: u8 = 0x20;
const VP9_FLEXIBLE: u8 = 0x10;
const VP9_BEGINS: u8 = 0x08;
const VP9_STRUCTURE: u8 = 0x02;
const VP9_LONG_PICTURE: u8 = 0x80;
const VP9_SPATIAL: u8 = 0x0e;
const VP9_SIZES: u8 = 0x10;

/// It ends before its head does.
struct CutOff;

fn take(bytes: &mut impl Iterator<Item = u8>) -> Result<u8, CutOff> {
    bytes.next().ok_or(CutOff)
}

fn vp9_key_frame(payload: &[u8]) -> Result<Option<KeyFrame>, CutOff> {
    let mut bytes = payload.iter().copied();
    let first = take(&mut bytes)?;
    if first & VP9_PICTURE != 0 && take(&mut bytes)? & VP9_LONG_PICTURE != 0 {
        take(&mut bytes)?;
    }
    let mut spatial = 0;
    if first & VP9_LAYERS != 0 {
        spatial = take(&mut bytes)? & VP9_SPATIAL;
        if first & VP9_FLEXIBLE == 0 {
            take(&mut bytes)?;
        }
    }
    if first & VP9_PREDICTED != 0 || first & VP9_BEGINS == 0 || spatial != 0 {
        return Ok(None);
    }
    let height = if first & VP9_STRUCTURE == 0 { None } else { vp9_height(&mut bytes)? };
    Ok(Some(KeyFrame { height }))
}

/// Of the highest spatial layer, which stands last.
fn vp9_height(bytes: &mut impl Iterator<Item = u8>) -> Result<Option<u16>, CutOff> {
    let head = take(bytes)?;
    let mut height = None;
    if head & VP9_SIZES != 0 {
        for _ in 0..=head >> 5 {
            let [_, _, high, low] = [take(bytes)?, take(bytes)?, take(bytes)?, take(bytes)?];
            height = Some(u16::from_be_bytes([high, low]));
        }
    }
    Ok(height)
}

const AV1_CONTINUES: u8 = 0x80;
const AV1_NEW_SEQUENCE: u8 = 0x08;

fn av1_key_frame(payload: &[u8]) -> Result<Option<KeyFrame>, CutOff> {
    let head = take(&mut payload.iter().copied())?;
    let begins = head & AV1_NEW_SEQUENCE != 0 && head & AV1_CONTINUES == 0;
    Ok(begins.then_some(KeyFrame { height: None }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key_frame(codec: Codec, payload: &[u8]) -> Option<KeyFrame> {
        Head::read(codec, payload).unwrap().key_frame
    }

    #[test]
    fn a_key_frame_of_vp9_begins_where_nothing_was_predicted_and_tells_its_height() {
        // A long picture number, the beginning of a frame, and a structure with one size: 640 by 360.
        let key = [0x8a, 0x81, 0x02, 0x18, 0x02, 0x80, 0x01, 0x68, 0x00, 1, 2, 3];
        assert_eq!(key_frame(Codec::Vp9, &key), Some(KeyFrame { height: Some(360) }));
        let (mut predicted, mut continued) = (key, key);
        predicted[0] |= VP9_PREDICTED;
        continued[0] &= !VP9_BEGINS;
        assert_eq!((key_frame(Codec::Vp9, &predicted), key_frame(Codec::Vp9, &continued)), (None, None));
    }

    #[test]
    fn a_higher_spatial_layer_of_vp9_begins_no_key_frame() {
        assert_eq!(key_frame(Codec::Vp9, &[0xa8, 0x01, 0x02, 0x00, 1]), None);
        assert_eq!(key_frame(Codec::Vp9, &[0xa8, 0x01, 0x00, 0x00, 1]), Some(KeyFrame { height: None }));
    }

    #[test]
    fn a_key_frame_of_av1_begins_with_a_new_sequence() {
        assert_eq!(key_frame(Codec::Av1, &[0x18, 0x0a]), Some(KeyFrame { height: None }));
        assert_eq!(key_frame(Codec::Av1, &[0x98, 0x0a]), None);
        assert_eq!(key_frame(Codec::Av1, &[0x10, 0x32]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            for codec in Codec::ALL {
                _ = Head::read(codec, &bytes);
            }
        }
    }
}
