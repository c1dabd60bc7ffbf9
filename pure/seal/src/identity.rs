//! Who somebody is: an account is a key, and signs the keys of its devices.
//!
//! 1. An account key (Ed25519, RFC 8032) is made on the first device. The account id is the SHA-256 of its public half under a label.
//! 2. Each device makes a key of its own. The account key signs a certificate over both public keys and the time.
//! 3. The device key signs everything the device says: MLS leaves, inbox entries, roster notes.
//!
//! Whoever reads a certificate gets a [`Verified`], which cannot be had otherwise: where one is asked for, the check was made.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;
use prost::Message as _;
use rand::Rng;
use sha2::{Digest, Sha256};
use umweg_wire::proto::sealed::DeviceCertificate;
use umweg_wire::{AccountId, Timestamp};
use zeroize::{Zeroize, Zeroizing};

use crate::labels;

/// The key that is the account.
pub struct AccountKey(SigningKey);

impl AccountKey {
    /// A new account.
    pub fn generate(rng: &mut impl Rng) -> Self {
        Self(generate(rng))
    }

    /// From what `to_bytes` gave.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// For the device's own encrypted database.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// What the account is called.
    #[must_use]
    pub fn id(&self) -> AccountId {
        account_id(&self.public())
    }

    /// Says that a device is of this account.
    #[must_use]
    pub fn issue(&self, device: &DeviceKey, now: Timestamp) -> DeviceCertificate {
        let (account_key, device_key) = (self.public(), device.public());
        let signed = signed_bytes(labels::DEVICE_CERTIFICATE, &[&account_key, &device_key, &now.0.to_be_bytes()]);
        DeviceCertificate {
            account_key: account_key.to_vec(),
            device_key: device_key.to_vec(),
            issued_at: now.0,
            signature: self.0.sign(&signed).to_bytes().to_vec(),
        }
    }
}

/// The key of one device; the signature key of its MLS leaves.
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// A new device.
    pub fn generate(rng: &mut impl Rng) -> Self {
        Self(generate(rng))
    }

    /// From what `to_bytes` gave.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// For the device's own encrypted database.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs parts under a label; each part's length is signed as well, so that no two lists of parts look alike.
    #[must_use]
    pub fn sign(&self, label: &[u8], parts: &[&[u8]]) -> [u8; 64] {
        self.0.sign(&signed_bytes(label, parts)).to_bytes()
    }
}

/// How OpenMLS signs with it. MLS puts its own labels before what it signs (RFC 9420, section 5.1.2), which none of ours begins like.
impl Signer for DeviceKey {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// What seals on this device.
pub struct Device {
    /// That it is of its account.
    pub certificate: DeviceCertificate,
    /// Its key.
    pub key: DeviceKey,
}

impl Device {
    /// A device of an account, from now on.
    #[must_use]
    pub fn new(account: &AccountKey, key: DeviceKey, now: Timestamp) -> Self {
        Self { certificate: account.issue(&key, now), key }
    }

    /// As it stands in an MLS credential.
    pub(crate) fn encoded_certificate(&self) -> Vec<u8> {
        self.certificate.encode_to_vec()
    }
}

/// Evidence that a device is of an account: it comes from a certificate that was checked, and from nothing else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Verified {
    account: AccountId,
    account_key: [u8; 32],
    device_key: [u8; 32],
}

impl Verified {
    /// Whose device it is.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The account's public key.
    #[must_use]
    pub fn account_key(&self) -> &[u8; 32] {
        &self.account_key
    }

    /// The device's public key.
    #[must_use]
    pub fn device_key(&self) -> &[u8; 32] {
        &self.device_key
    }

    /// Whether the device signed these parts under the label.
    pub(crate) fn signed(&self, label: &[u8], parts: &[&[u8]], signature: &[u8]) -> bool {
        verify(&self.device_key, &signed_bytes(label, parts), signature)
    }
}

/// Says the role only.
impl std::fmt::Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("verified(…)")
    }
}

/// Why a certificate says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CertificateError {
    /// Not one at all.
    #[error("read a device certificate")]
    PeerMalformed,
    /// The account did not sign it.
    #[error("verify a device certificate's signature")]
    PeerForged,
    /// It is somebody's, but not the device's that shows it.
    #[error("find the device's own key in its certificate")]
    PeerOtherDevice,
}

/// The id of the account with that public key.
#[must_use]
pub fn account_id(public: &[u8; 32]) -> AccountId {
    AccountId(Sha256::new().chain_update(labels::ACCOUNT_ID).chain_update(public).finalize().into())
}

/// Checks a certificate.
pub fn verify_certificate(certificate: &DeviceCertificate) -> Result<Verified, CertificateError> {
    let account_key = key(&certificate.account_key)?;
    let device_key = key(&certificate.device_key)?;
    let signed = signed_bytes(labels::DEVICE_CERTIFICATE, &[&account_key, &device_key, &certificate.issued_at.to_be_bytes()]);
    if !verify(&account_key, &signed, &certificate.signature) {
        return Err(CertificateError::PeerForged);
    }
    Ok(Verified { account: account_id(&account_key), account_key, device_key })
}

/// Checks a certificate in its encoded form.
pub(crate) fn verify_encoded(certificate: &[u8]) -> Result<Verified, CertificateError> {
    if certificate.len() > CERTIFICATE_BYTES_MAX {
        return Err(CertificateError::PeerMalformed);
    }
    verify_certificate(&DeviceCertificate::decode(certificate).map_err(|_| CertificateError::PeerMalformed)?)
}

/// Two keys, a time and a signature with their protobuf heads are under 160 bytes.
const CERTIFICATE_BYTES_MAX: usize = 256;

fn generate(rng: &mut impl Rng) -> SigningKey {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let key = SigningKey::from_bytes(&seed);
    seed.zeroize();
    key
}

fn key(bytes: &[u8]) -> Result<[u8; 32], CertificateError> {
    bytes.try_into().map_err(|_| CertificateError::PeerMalformed)
}

/// Label and parts, each with its length before it.
fn signed_bytes(label: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in std::iter::once(&label).chain(parts) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Strict: no keys of small order, no second encoding of a signature.
fn verify(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(public), Ok(signature)) = (VerifyingKey::from_bytes(public), Signature::from_slice(signature)) else { return false };
    public.verify_strict(message, &signature).is_ok()
}
