//! Sealing under a shared secret: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), a random nonce before the ciphertext.
//!
//! Keys come from a secret by HKDF-SHA256 (RFC 5869), one for each use, so that nothing sealed for one use opens in another.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use rand::Rng;
use sha2::Sha256;
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 24;

/// A key for one use.
pub(crate) struct EnvelopeKey(Zeroizing<[u8; 32]>);

impl EnvelopeKey {
    /// The key that a secret gives for the use that the label names.
    pub(crate) fn derive(secret: &[u8; 32], label: &[u8]) -> Self {
        Self(expand(secret, label))
    }

    /// A key that is of one use already.
    pub(crate) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// Seals; `bound` must be the same when it is opened.
    pub(crate) fn seal(&self, plain: &[u8], bound: &[u8], rng: &mut impl Rng) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: bound });
        let sealed = sealed.expect("XChaCha20-Poly1305 refuses only what is longer than 256 GB");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens, if it was sealed so.
    pub(crate) fn open(&self, sealed: &[u8], bound: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: bound }).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.0).into())
    }
}

/// 32 bytes for the use that the label names.
pub(crate) fn expand(secret: &[u8; 32], label: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, secret).expand(label, out.as_mut_slice()).expect("32 bytes are within what HKDF-SHA256 gives");
    out
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn what_was_sealed_for_one_use_opens_in_no_other() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let sealed = EnvelopeKey::derive(&[1; 32], b"one").seal(b"text", b"bound", &mut rng);
        assert_eq!(EnvelopeKey::derive(&[1; 32], b"one").open(&sealed, b"bound").as_deref(), Some(&b"text"[..]));
        assert!(EnvelopeKey::derive(&[1; 32], b"two").open(&sealed, b"bound").is_none());
        assert!(EnvelopeKey::derive(&[1; 32], b"one").open(&sealed, b"other").is_none());
        assert!(EnvelopeKey::derive(&[2; 32], b"one").open(&sealed, b"bound").is_none());
    }
}
