//! The service's static key, and Noise set up with randomness that is given.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use snow::params::{CipherChoice, DHChoice, HashChoice, NoiseParams};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use zeroize::Zeroizing;

const NOISE: &str = "Noise_NK_25519_AESGCM_SHA256";

/// The service's X25519 pair. Its public half stands in the service's link.
#[derive(Clone)]
pub struct StaticKey {
    private: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

impl StaticKey {
    /// A new one.
    pub fn random(rng: &mut impl Rng) -> Self {
        let mut private = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut private[..]);
        Self::from_bytes(*private)
    }

    /// From the private half, as it was stored.
    #[must_use]
    pub fn from_bytes(private: [u8; 32]) -> Self {
        let mut pair = DefaultResolver.resolve_dh(&DHChoice::Curve25519).expect("snow's default resolver has X25519");
        pair.set(&private);
        let public = pair.pubkey().try_into().expect("an X25519 public key has 32 bytes");
        Self { private: Zeroizing::new(private), public }
    }

    /// The private half, to be stored where only the service can read it.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.private.clone()
    }

    /// What the service's link carries.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }
}

/// A Noise builder whose only randomness comes from `rng`.
pub(super) fn noise<'k>(rng: &mut impl Rng) -> snow::Builder<'k> {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let params: NoiseParams = NOISE.parse().expect("the name of a pattern that snow knows");
    snow::Builder::with_resolver(params, Box::new(Given(seed))).prologue(super::PROLOGUE).expect("the prologue is set once")
}

/// snow's own primitives, on given randomness.
struct Given([u8; 32]);

impl CryptoResolver for Given {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(GivenRandomness(ChaCha20Rng::from_seed(self.0))))
    }
    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }
    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }
    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

struct GivenRandomness(ChaCha20Rng);

impl Random for GivenRandomness {
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), snow::Error> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}
