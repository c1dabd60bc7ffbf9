//! Key packages (RFC 9420, section 10): what a device leaves with its inbox so that it can be added while it is offline.

use openmls::prelude::{KeyPackage, KeyPackageBuilder, MlsMessageBodyIn, MlsMessageOut, ProtocolVersion};
use openmls_rust_crypto::RustCrypto;
use umweg_wire::limits::KEY_PACKAGE_BYTES_MAX;

use crate::labels::SUITE_CONVERSATION;
use crate::mls::{capabilities, check_key_package, credential, decode, encode, lifetime};
use crate::store::{Store, StoreError};
use crate::{Device, Refusal, Verified};

/// A key package that was checked, and whose it is.
pub struct KeyPackageOf {
    pub(crate) package: KeyPackage,
    pub(crate) identity: Verified,
}

impl KeyPackageOf {
    /// Whose it is.
    #[must_use]
    pub fn identity(&self) -> &Verified {
        &self.identity
    }
}

/// Why a key package is of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyPackageError {
    /// Larger than one may be.
    #[error("read a key package that is too large")]
    PeerTooLarge,
    /// Not a key package, or one that RFC 9420 forbids.
    #[error("verify a key package")]
    PeerInvalid,
    /// Not one as ours are.
    #[error("accept a key package")]
    PeerRefused(#[from] Refusal),
}

/// Makes key packages, each for one use, or for any number if it is the last resort. The private halves go into the store.
pub fn new_key_packages(store: &Store<'_>, device: &Device, count: usize, last_resort: bool) -> Result<Vec<Vec<u8>>, StoreError> {
    (0..count).map(|_| new_key_package(store, device, last_resort)).collect()
}

/// Checks a key package.
pub fn validate_key_package(bytes: &[u8]) -> Result<KeyPackageOf, KeyPackageError> {
    if bytes.len() > KEY_PACKAGE_BYTES_MAX {
        return Err(KeyPackageError::PeerTooLarge);
    }
    let Some(MlsMessageBodyIn::KeyPackage(package)) = decode(bytes) else { return Err(KeyPackageError::PeerInvalid) };
    let package = package.validate(&RustCrypto::default(), ProtocolVersion::Mls10).map_err(|_| KeyPackageError::PeerInvalid)?;
    if package.ciphersuite() != SUITE_CONVERSATION {
        return Err(Refusal::Leaf.into());
    }
    let identity = check_key_package(&package)?;
    Ok(KeyPackageOf { package, identity })
}

fn new_key_package(store: &Store<'_>, device: &Device, last_resort: bool) -> Result<Vec<u8>, StoreError> {
    let builder = KeyPackageBuilder::new().leaf_node_capabilities(capabilities()).key_package_lifetime(lifetime());
    let builder = if last_resort { builder.mark_as_last_resort() } else { builder };
    let bundle = builder.build(SUITE_CONVERSATION, store, &device.key, credential(device)).map_err(StoreError::new)?;
    encode(&MlsMessageOut::from(bundle.into_key_package()))
}
