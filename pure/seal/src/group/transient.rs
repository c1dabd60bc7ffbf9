//! Ephemeral entries: sealed under a key of the epoch, outside of MLS framing, because the log never stores them and the sender's
//! ratchet must not run ahead for them. Any member could say that another one types; nothing more hangs on it.

use openmls_traits::OpenMlsProvider as _;
use prost::Message as _;
use rand::Rng;
use umweg_wire::limits::EPHEMERAL_BYTES_MAX;
use umweg_wire::proto::sealed::Transient;
use zeroize::Zeroizing;

use super::Conversation;
use crate::envelope::EnvelopeKey;
use crate::labels;
use crate::padding::{pad, unpad};
use crate::store::{Store, StoreError};

/// Why an ephemeral entry was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TransientError {
    /// Too large, of another epoch, or not sealed by a member.
    #[error("open an ephemeral entry")]
    PeerInvalid,
    /// No key: this device was removed, or its database failed.
    #[error(transparent)]
    Ours(#[from] StoreError),
}

impl Conversation {
    /// Seals an ephemeral entry for the current epoch.
    pub fn seal_transient(&self, store: &Store<'_>, transient: &Transient, rng: &mut impl Rng) -> Result<Vec<u8>, StoreError> {
        Ok(self.transient_key(store)?.seal(&pad(transient.encode_to_vec()), self.group.group_id().as_slice(), rng))
    }

    /// Opens one.
    pub fn open_transient(&self, store: &Store<'_>, sealed: &[u8]) -> Result<Transient, TransientError> {
        if sealed.len() > EPHEMERAL_BYTES_MAX {
            return Err(TransientError::PeerInvalid);
        }
        let padded =
            self.transient_key(store)?.open(sealed, self.group.group_id().as_slice()).ok_or(TransientError::PeerInvalid)?;
        let plain = unpad(&padded).ok_or(TransientError::PeerInvalid)?;
        Transient::decode(plain).map_err(|_| TransientError::PeerInvalid)
    }

    fn transient_key(&self, store: &Store<'_>) -> Result<EnvelopeKey, StoreError> {
        let exported = self.group.export_secret(store.crypto(), labels::TRANSIENT_KEY, &[], 32).map_err(StoreError::new)?;
        let exported = Zeroizing::new(exported);
        let key = exported.as_slice().try_into().map_err(|_| StoreError::new("an exporter gave too little"))?;
        Ok(EnvelopeKey::new(Zeroizing::new(key)))
    }
}
