//! Redundant voice (RFC 2198): a packet carries the frames before its own once more, so that a lost one costs nothing.
//!
//! The heads stand in the clear, and each block is sealed by itself: a receiver that knows no redundancy, or has no room for it, is
//! sent the newest block alone, as if it had never been in company.

use std::sync::Arc;

/// The head of a block that is not the last: its type, how much older it is, its length.
const HEAD_BYTES: usize = 4;
/// The last head's type only.
const LAST_HEAD_BYTES: usize = 1;
const IS_FOLLOWED: u8 = 0x80;
/// Of a head's four bytes, the length is in the last ten bits.
const LENGTH_BITS: u16 = 0x03ff;

/// The newest frame of a redundant payload; `None` if the payload makes no sense.
pub(crate) fn newest(payload: &[u8]) -> Option<Arc<[u8]>> {
    let (mut head, mut older) = (0, 0);
    while payload.get(head)? & IS_FOLLOWED != 0 {
        let length = u16::from_be_bytes([*payload.get(head + 2)?, *payload.get(head + 3)?]) & LENGTH_BITS;
        older += usize::from(length);
        head += HEAD_BYTES;
    }
    payload.get(head + LAST_HEAD_BYTES + older..).filter(|newest| !newest.is_empty()).map(Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_block_stands_behind_all_heads_and_older_blocks() {
        let two = [0x80 | 111, 0x0f, 0x00, 3, 111, 1, 2, 3, 9, 9];
        assert_eq!(newest(&two).as_deref(), Some([9, 9].as_slice()));
        assert_eq!(newest(&[111, 7]).as_deref(), Some([7].as_slice()));
    }

    #[test]
    fn what_makes_no_sense_has_none() {
        for payload in [&[][..], &[111], &[0x80 | 111, 0, 0], &[0x80 | 111, 0x0f, 0x00, 3, 111, 1, 2, 3], &[0x80; 12]] {
            assert_eq!(newest(payload), None);
        }
    }
}
