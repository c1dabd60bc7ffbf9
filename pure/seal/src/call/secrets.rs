//! What a join secret opens. Whoever was invited got it, sealed, in a conversation; the service never sees it.

use prost::Message as _;
use rand::Rng;
use umweg_wire::limits::{ENTRY_BYTES_MAX, NOTE_BYTES_MAX, SNAPSHOT_BYTES_MAX};
use umweg_wire::proto::sealed::{RosterNote, RosterNoteBody};
use umweg_wire::{CallId, Capability, LogId};
use zeroize::Zeroizing;

use crate::envelope::{EnvelopeKey, expand};
use crate::identity::verify_encoded;
use crate::padding::{pad, unpad};
use crate::{CertificateError, Device, Verified, labels};

/// The keys of a call that do not depend on who is in it.
pub struct CallSecrets {
    join_secret: Zeroizing<[u8; 32]>,
    log_id: LogId,
    capability: Capability,
    entries: EnvelopeKey,
    snapshots: EnvelopeKey,
    notes: EnvelopeKey,
}

/// Why something of a call did not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// Larger than it may be.
    #[error("read something of a call that is too large")]
    PeerTooLarge,
    /// Not sealed under the call's join secret.
    #[error("open something of a call")]
    PeerSealed,
    /// Not what should be inside.
    #[error("read something of a call")]
    PeerMalformed,
    /// Its certificate says nothing.
    #[error(transparent)]
    PeerCertificate(#[from] CertificateError),
    /// Its sender did not write it, or wrote it for another call.
    #[error("verify something of a call")]
    PeerForged,
}

impl CallSecrets {
    /// All that a join secret gives.
    #[must_use]
    pub fn from_join_secret(join_secret: &[u8; 32]) -> Self {
        let key = |label| EnvelopeKey::derive(join_secret, label);
        Self {
            log_id: LogId(*expand(join_secret, labels::CALL_LOG)),
            capability: Capability::new(*expand(join_secret, labels::CALL_CAPABILITY)),
            entries: key(labels::CALL_ENTRY_KEY),
            snapshots: key(labels::CALL_SNAPSHOT_KEY),
            notes: key(labels::CALL_NOTE_KEY),
            join_secret: Zeroizing::new(*join_secret),
        }
    }

    /// The call's log.
    #[must_use]
    pub fn log_id(&self) -> LogId {
        self.log_id
    }

    /// What opens the log, and the door of the SFU.
    #[must_use]
    pub fn capability(&self) -> &Capability {
        &self.capability
    }

    /// Seals a participant's note for the roster; all notes have one length.
    pub fn seal_note(&self, device: &Device, call: CallId, note: &RosterNoteBody, rng: &mut impl Rng) -> Vec<u8> {
        let body = note.encode_to_vec();
        let signature = device.key.sign(labels::NOTE_SIGNATURE, &[&call.0, &body]).to_vec();
        let note = RosterNote { certificate: device.encoded_certificate(), body, signature };
        self.notes.seal(&pad(note.encode_to_vec()), &call.0, rng)
    }

    /// Opens and checks a participant's note.
    pub fn open_note(&self, sealed: &[u8], call: CallId) -> Result<(Verified, RosterNoteBody), OpenError> {
        let padded = open(&self.notes, sealed, &call.0, NOTE_BYTES_MAX)?;
        let note = unpad(&padded).and_then(|note| RosterNote::decode(note).ok()).ok_or(OpenError::PeerMalformed)?;
        let who = verify_encoded(&note.certificate)?;
        if !who.signed(labels::NOTE_SIGNATURE, &[&call.0, &note.body], &note.signature) {
            return Err(OpenError::PeerForged);
        }
        let body = RosterNoteBody::decode(note.body.as_slice()).map_err(|_| OpenError::PeerMalformed)?;
        Ok((who, body))
    }

    /// The layer around every entry: it hides from the service that somebody joins, and who.
    pub(super) fn seal_entry(&self, message: &[u8], rng: &mut impl Rng) -> Vec<u8> {
        self.entries.seal(message, &self.log_id.0, rng)
    }

    pub(super) fn open_entry(&self, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        open(&self.entries, sealed, &self.log_id.0, ENTRY_BYTES_MAX)
    }

    pub(super) fn seal_snapshot(&self, snapshot: &[u8], rng: &mut impl Rng) -> Vec<u8> {
        self.snapshots.seal(snapshot, &self.log_id.0, rng)
    }

    pub(super) fn open_snapshot(&self, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        open(&self.snapshots, sealed, &self.log_id.0, SNAPSHOT_BYTES_MAX)
    }

    pub(super) fn join_secret(&self) -> &[u8; 32] {
        &self.join_secret
    }
}

fn open(key: &EnvelopeKey, sealed: &[u8], bound: &[u8], bytes_max: usize) -> Result<Vec<u8>, OpenError> {
    if sealed.len() > bytes_max {
        return Err(OpenError::PeerTooLarge);
    }
    key.open(sealed, bound).ok_or(OpenError::PeerSealed)
}
