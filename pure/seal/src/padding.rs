//! Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019, section 4):
//! padded lengths have few significant bits, so a length tells little, at a cost of at most 12 %.

/// Nothing is shorter than this when padded: receipts, reactions and short texts look alike.
const FLOOR: usize = 128;
/// Ends what was padded (ISO/IEC 7816-4); zeros follow.
const MARK: u8 = 0x80;

/// The length to which so many bytes are padded.
fn padded_len(len: usize) -> usize {
    if len <= FLOOR {
        return FLOOR;
    }
    let exponent = len.ilog2();
    let significant = exponent.ilog2() + 1;
    let mask = (1usize << (exponent - significant)) - 1;
    (len + mask) & !mask
}

/// Pads to a Padmé length.
pub(crate) fn pad(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(MARK);
    bytes.resize(padded_len(bytes.len()), 0);
    bytes
}

/// What was padded.
pub(crate) fn unpad(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().rposition(|&byte| byte != 0)?;
    (bytes[end] == MARK).then(|| &bytes[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn everything_short_has_one_length() {
        assert!((0..FLOOR).all(|len| pad(vec![7; len]).len() == FLOOR));
    }

    /// From the paper's formula, by hand: 1,000 has exponent 9, 4 significant bits, so multiples of 32.
    #[test]
    fn lengths_are_those_of_the_paper() {
        assert_eq!([129, 999, 1_000, 65_537].map(padded_len), [144, 1_024, 1_024, 67_584]);
    }

    proptest! {
        #[test]
        fn padding_comes_off_again(bytes: Vec<u8>) {
            let padded = pad(bytes.clone());
            prop_assert_eq!(unpad(&padded), Some(&bytes[..]));
        }

        #[test]
        fn padding_costs_little(len in FLOOR..1_000_000) {
            prop_assert!(padded_len(len) >= len);
            prop_assert!((padded_len(len) - len) * 100 <= len * 12);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = unpad(&bytes);
        }
    }
}
