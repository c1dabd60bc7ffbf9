//! Codes that people compare: digits that are equal on two devices only if the keys are.

use sha2::{Digest, Sha512};

use crate::labels;

/// Groups of a safety code.
const SAFETY_GROUPS: usize = 12;

/// What two people compare to know that nobody stands between them: 12 groups of 5 digits, the same on both sides.
///
/// It has 199 bits; to find keys that show the same code to both sides somebody in between would need about 2^99 tries.
#[must_use]
pub fn safety_code(one: &[u8; 32], other: &[u8; 32]) -> String {
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    let hash = Sha512::new().chain_update(labels::SAFETY_CODE).chain_update(low).chain_update(high).finalize();
    digits(&hash, SAFETY_GROUPS)
}

/// Groups of five digits, each from five bytes.
pub(crate) fn digits(bytes: &[u8], groups: usize) -> String {
    let group = |five: &[u8]| format!("{:05}", five.iter().fold(0u64, |number, &byte| number << 8 | u64::from(byte)) % 100_000);
    bytes.chunks_exact(5).take(groups).map(group).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_the_same_code() {
        assert_eq!(safety_code(&[1; 32], &[2; 32]), safety_code(&[2; 32], &[1; 32]));
    }

    #[test]
    fn another_key_shows_another_code() {
        assert_ne!(safety_code(&[1; 32], &[2; 32]), safety_code(&[1; 32], &[3; 32]));
    }

    #[test]
    fn a_code_is_twelve_groups_of_five_digits() {
        let code = safety_code(&[1; 32], &[2; 32]);
        assert_eq!(code.split(' ').count(), SAFETY_GROUPS);
        assert!(code.split(' ').all(|group| group.len() == 5 && group.bytes().all(|digit| digit.is_ascii_digit())));
    }
}
