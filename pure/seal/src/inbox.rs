//! What somebody who shares no conversation with a person yet can leave in the person's inbox.
//!
//! 1. The sender signs the body with its device key, over the recipient's account id, and adds its certificate.
//! 2. It pads, and seals to the inbox's HPKE key (RFC 9180), which the contact card holds.
//! 3. It seals once more under the link secret, which the contact card holds as well: who lacks the link cannot even knock.
//!
//! Key packages lie beside the inbox, sealed under the link secret only: whoever may write may add.

use hpke_rs::hpke_types::{AeadAlgorithm, KdfAlgorithm, KemAlgorithm};
use hpke_rs::{Hpke, HpkePrivateKey, HpkePublicKey, Mode};
use hpke_rs_rust_crypto::HpkeRustCrypto;
use prost::Message as _;
use rand::Rng;
use umweg_wire::limits::{ENTRY_BYTES_MAX, KEY_PACKAGE_BYTES_MAX};
use umweg_wire::proto::sealed::{ContactCard, InboxBody, InboxEntry, inbox_body};
use umweg_wire::{AccountId, Capability};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::envelope::{EnvelopeKey, expand};
use crate::identity::verify_encoded;
use crate::key_package::{KeyPackageError, KeyPackageOf, validate_key_package};
use crate::padding::{pad, unpad};
use crate::{CertificateError, Device, Verified, account_id, labels};

/// An X25519 public key, or what HPKE encapsulates with one.
const KEM_BYTES: usize = 32;
/// A Poly1305 tag and an XChaCha20 nonce around a key package.
const ENVELOPE_BYTES: usize = 24 + 16;

/// What opens the entries of an inbox.
pub struct InboxKey {
    seed: Zeroizing<[u8; 32]>,
    private: HpkePrivateKey,
    public: [u8; KEM_BYTES],
}

impl InboxKey {
    /// A new one.
    pub fn generate(rng: &mut impl Rng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        Self::from_bytes(&seed)
    }

    /// From what `to_bytes` gave: the seed of the pair (RFC 9180, section 7.1.3).
    #[must_use]
    pub fn from_bytes(seed: &[u8; 32]) -> Self {
        let pair = hpke().derive_key_pair(seed).expect("an X25519 pair can be derived from any 32 bytes");
        let (private, public) = pair.into_keys();
        let public = public.as_slice().try_into().expect("an X25519 public key has 32 bytes");
        Self { seed: Zeroizing::new(*seed), private, public }
    }

    /// For the device's own encrypted database.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.seed.clone()
    }

    /// What a contact card holds.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.public
    }
}

/// What a contact link gives beside keys: the right to write to the inbox.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct LinkSecret([u8; 32]);

impl LinkSecret {
    /// A new one; links with the old one stop working.
    pub fn random(rng: &mut impl Rng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// From a contact card.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For a contact card, or the device's own encrypted database.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// What the service wants to see of who appends to the inbox or takes a key package.
    #[must_use]
    pub fn sender_capability(&self) -> Capability {
        Capability::new(*expand(&self.0, labels::INBOX_CAPABILITY))
    }

    fn key(&self, label: &[u8]) -> EnvelopeKey {
        EnvelopeKey::derive(&self.0, label)
    }
}

impl TryFrom<&[u8]> for LinkSecret {
    type Error = std::array::TryFromSliceError;
    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self)
    }
}

/// Why an entry could not be sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealEntryError {
    /// The contact card is not whole.
    #[error("read the contact card")]
    PeerCard,
    /// It would be larger than an entry may be.
    #[error("seal something so large")]
    OursTooLarge,
}

/// Why an entry is worth nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenEntryError {
    /// Larger than an entry may be.
    #[error("read an inbox entry that is too large")]
    PeerTooLarge,
    /// Not sealed with this inbox's link and key.
    #[error("open an inbox entry")]
    PeerSealed,
    /// Sealed well, but not what should be inside.
    #[error("read what an inbox entry holds")]
    PeerMalformed,
    /// Its certificate says nothing.
    #[error(transparent)]
    PeerCertificate(#[from] CertificateError),
    /// Its sender did not write it, or wrote it to somebody else.
    #[error("verify an inbox entry's signature")]
    PeerForged,
    /// It brings the contact card of another account than its sender's.
    #[error("find the sender's own contact card in an inbox entry")]
    PeerOthersCard,
}

/// Seals an entry for the owner of a contact card.
pub fn seal_entry(
    device: &Device,
    recipient: &ContactCard,
    body: &InboxBody,
    rng: &mut impl Rng,
) -> Result<Vec<u8>, SealEntryError> {
    let to = account_id(&field(&recipient.account_key)?);
    let link = LinkSecret(field(&recipient.link_secret)?);
    let inbox = HpkePublicKey::new(field(&recipient.inbox_key)?.to_vec());
    let body = body.encode_to_vec();
    let signature = device.key.sign(labels::INBOX_SIGNATURE, &[&to.0, &body]);
    let entry = InboxEntry { certificate: device.encoded_certificate(), body, signature: signature.to_vec() };
    let padded = pad(entry.encode_to_vec());
    let sealed = hpke().seal(&inbox, labels::INBOX_HPKE, &to.0, &padded, None, None, None);
    // An X25519 key of small order is the only thing that HPKE refuses here.
    let (encapsulated, ciphertext) = sealed.map_err(|_| SealEntryError::PeerCard)?;
    let sealed = link.key(labels::INBOX_ENTRY_KEY).seal(&[encapsulated, ciphertext].concat(), &to.0, rng);
    if sealed.len() > ENTRY_BYTES_MAX { Err(SealEntryError::OursTooLarge) } else { Ok(sealed) }
}

/// Opens an entry of one's own inbox.
pub fn open_entry(
    sealed: &[u8],
    key: &InboxKey,
    link: &LinkSecret,
    me: AccountId,
) -> Result<(Verified, InboxBody), OpenEntryError> {
    if sealed.len() > ENTRY_BYTES_MAX {
        return Err(OpenEntryError::PeerTooLarge);
    }
    let entry = open_layers(sealed, key, link, me).ok_or(OpenEntryError::PeerSealed)?;
    let entry = unpad(&entry).and_then(|entry| InboxEntry::decode(entry).ok()).ok_or(OpenEntryError::PeerMalformed)?;
    let sender = verify_encoded(&entry.certificate)?;
    if !sender.signed(labels::INBOX_SIGNATURE, &[&me.0, &entry.body], &entry.signature) {
        return Err(OpenEntryError::PeerForged);
    }
    let body = InboxBody::decode(entry.body.as_slice()).map_err(|_| OpenEntryError::PeerMalformed)?;
    let card = match body.body.as_ref().ok_or(OpenEntryError::PeerMalformed)? {
        inbox_body::Body::Request(request) => request.card.as_ref().ok_or(OpenEntryError::PeerMalformed)?,
        inbox_body::Body::Invitation(invitation) => invitation.card.as_ref().ok_or(OpenEntryError::PeerMalformed)?,
    };
    if card.account_key != sender.account_key() { Err(OpenEntryError::PeerOthersCard) } else { Ok((sender, body)) }
}

/// Seals a key package for the service to hand out.
pub fn seal_key_package(package: &[u8], link: &LinkSecret, rng: &mut impl Rng) -> Vec<u8> {
    link.key(labels::KEY_PACKAGE_KEY).seal(package, &[], rng)
}

/// Opens and checks a key package that the service handed out.
pub fn open_key_package(sealed: &[u8], link: &LinkSecret) -> Result<KeyPackageOf, KeyPackageError> {
    if sealed.len() > KEY_PACKAGE_BYTES_MAX + ENVELOPE_BYTES {
        return Err(KeyPackageError::PeerTooLarge);
    }
    let package = link.key(labels::KEY_PACKAGE_KEY).open(sealed, &[]).ok_or(KeyPackageError::PeerInvalid)?;
    validate_key_package(&package)
}

fn open_layers(sealed: &[u8], key: &InboxKey, link: &LinkSecret, me: AccountId) -> Option<Vec<u8>> {
    let outer = link.key(labels::INBOX_ENTRY_KEY).open(sealed, &me.0)?;
    let (encapsulated, ciphertext) = outer.split_at_checked(KEM_BYTES)?;
    hpke().open(encapsulated, &key.private, labels::INBOX_HPKE, &me.0, ciphertext, None, None, None).ok()
}

fn hpke() -> Hpke<HpkeRustCrypto> {
    Hpke::new(Mode::Base, KemAlgorithm::DhKem25519, KdfAlgorithm::HkdfSha256, AeadAlgorithm::ChaCha20Poly1305)
}

fn field(bytes: &[u8]) -> Result<[u8; 32], SealEntryError> {
    bytes.try_into().map_err(|_| SealEntryError::PeerCard)
}
