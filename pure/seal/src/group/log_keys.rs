//! What opens a conversation's log: its capability, and the key of requests to be let in again.
//!
//! Both come from the exporter of the epoch that began with the group, or with the newest commit that removed somebody. A member
//! who was added later gets them with its invitation; from the next removal on it derives them like everybody.

use openmls::group::ExportSecretError;
use openmls::prelude::StagedCommit;
use openmls_traits::OpenMlsProvider as _;
use umweg_wire::Capability;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::Conversation;
use crate::labels;
use crate::store::{Store, StoreError};

const HALF: usize = 32;

/// Seals requests to be let in again.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ResyncKey([u8; HALF]);

impl ResyncKey {
    /// From an invitation, or the device's own encrypted database.
    #[must_use]
    pub fn new(bytes: [u8; HALF]) -> Self {
        Self(bytes)
    }

    /// For an invitation, or the device's own encrypted database.
    #[must_use]
    pub fn expose(&self) -> &[u8; HALF] {
        &self.0
    }
}

impl TryFrom<&[u8]> for ResyncKey {
    type Error = std::array::TryFromSliceError;
    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self)
    }
}

/// What opens a conversation's log.
#[derive(Clone, PartialEq, Eq)]
pub struct LogKeys {
    /// Reads and appends.
    pub capability: Capability,
    /// Seals requests to be let in again.
    pub resync_key: ResyncKey,
}

impl LogKeys {
    /// Of the epoch that a commit leads to.
    pub(super) fn after(commit: &StagedCommit, store: &Store<'_>) -> Result<Self, StoreError> {
        Self::split(commit.export_secret(store.crypto(), labels::LOG_KEYS, &[], 2 * HALF))
    }

    fn split(exported: Result<Vec<u8>, ExportSecretError>) -> Result<Self, StoreError> {
        let exported = Zeroizing::new(exported.map_err(StoreError::new)?);
        let half = |from: usize| {
            exported
                .get(from..from + HALF)
                .and_then(|half| half.try_into().ok())
                .ok_or_else(|| StoreError::new("an exporter gave too little"))
        };
        Ok(Self { capability: Capability::new(half(0)?), resync_key: ResyncKey::new(half(HALF)?) })
    }
}

impl Conversation {
    /// The log's keys of this epoch: to be taken after [`Self::create`], and after each merged commit that removed somebody.
    pub fn log_keys_of_epoch(&self, store: &Store<'_>) -> Result<LogKeys, StoreError> {
        LogKeys::split(self.group.export_secret(store.crypto(), labels::LOG_KEYS, &[], 2 * HALF))
    }
}
