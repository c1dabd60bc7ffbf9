//! Media keys by SFrame (RFC 9605). The frames themselves are sealed in the browser; here are the keys and their names.
//!
//! 1. MLS gives `MLS-Exporter("SFrame 1.0 Base Key", "", 16)` (RFC 9605, section 5.2), equal for all members of an epoch.
//! 2. Ours: the base key is the first 16 bytes of HKDF-Extract with SHA-256 (RFC 5869), salt = the call's join secret, input =
//!    the exporter's value. The call's group is classical; the join secret came under a conversation's post-quantum suite, so
//!    media keys stay secret if either holds.
//! 3. A key id is context, leaf and epoch (RFC 9605, section 5.2, with E = 8 and S = 16). From base key and key id the worker
//!    derives key and salt as RFC 9605, section 4.4.2, says; nothing of ours is in that.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bits of the epoch in a key id.
const EPOCH_BITS: u32 = 8;
/// Bits of the leaf.
const LEAF_BITS: u32 = 16;

/// Bytes of a base key: Nk of AES-128-GCM.
pub const BASE_KEY_BYTES: usize = 16;

/// Which of a participant's media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Context {
    /// Camera and microphone.
    Camera,
    /// Screen.
    Screen,
}

/// The media keys of an epoch of a call.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct MediaKeys {
    /// The epoch of the call's group.
    pub epoch: u64,
    /// The base key of all participants.
    pub base_key: [u8; BASE_KEY_BYTES],
    /// This device's leaf.
    pub leaf: u32,
}

/// The key id under which a leaf seals in an epoch.
#[must_use]
pub fn key_id(context: Context, leaf: u32, epoch: u64) -> u64 {
    let context = match context {
        Context::Camera => 0,
        Context::Screen => 1,
    };
    ((context << LEAF_BITS) | (u64::from(leaf) & 0xFFFF)) << EPOCH_BITS | (epoch & 0xFF)
}

/// The base key from a call's join secret and what the epoch's exporter gave.
pub(crate) fn base_key(join_secret: &[u8; 32], exported: &[u8]) -> [u8; BASE_KEY_BYTES] {
    let (extracted, _) = Hkdf::<Sha256>::extract(Some(join_secret), exported);
    let mut key = [0; BASE_KEY_BYTES];
    key.copy_from_slice(&extracted[..BASE_KEY_BYTES]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frozen; computed a second time with Python: HMAC-SHA256(key = 0101…01, message = 16 bytes 02), the first 16 bytes.
    #[test]
    fn the_base_key_needs_join_secret_and_exporter() {
        let hex = |key: [u8; 16]| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(base_key(&[1; 32], &[2; 16])), "68da5b80de4fa44f51ccce1e245314ed");
        assert_ne!(base_key(&[1; 32], &[2; 16]), base_key(&[3; 32], &[2; 16]));
        assert_ne!(base_key(&[1; 32], &[2; 16]), base_key(&[1; 32], &[3; 16]));
    }
}
