//! From an entry's payload to what it says.

use openmls::framing::errors::{MessageDecryptionError, SecretTreeError};
use openmls::prelude::tls_codec::{DeserializeBytes as _, Serialize};
use openmls::prelude::{
    ContentType, GroupId, MlsGroup, MlsGroupStateError, MlsMessageBodyIn, MlsMessageIn, ProcessMessageError,
    ProcessedMessageContent, ProtocolMessage, Sender, StagedCommit, ValidationError,
};
use umweg_wire::LogId;
use umweg_wire::limits::ENTRY_BYTES_MAX;
use umweg_wire::proto::v1::EntryKind;

use super::leaf::{Member, member_at};
use super::policy::{Change, Policy, examine};
use crate::padding::{pad, unpad};
use crate::store::{Store, StoreError};
use crate::{CertificateError, Device, Refusal};

/// Why an entry was not taken. All but `Ours…` are skipped: every other member does the same.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// Larger than an entry may be.
    #[error("read an entry that is too large")]
    PeerTooLarge,
    /// Not a message of the kind that its entry claims.
    #[error("read an entry that is not a message of ours")]
    PeerMalformed,
    /// Of another group.
    #[error("read a message of another group")]
    PeerOtherGroup,
    /// Of an epoch that is over. A duplicate of a commit that was taken is one, too.
    #[error("read a message of a past epoch")]
    PeerPast,
    /// Of an epoch that this device has not come to: it missed a commit, and must ask to be let in again.
    #[error("read a message of an epoch to come")]
    OursBehind,
    /// It was read before.
    #[error("read a message twice")]
    Seen,
    /// Its signature, tag or seal is wrong.
    #[error("verify a message")]
    PeerInvalid,
    /// It breaks the rules of the group.
    #[error("accept a change of the group")]
    PeerRefused(#[from] Refusal),
    /// This device was removed.
    #[error("read in a group that this device is no longer in")]
    OursRemoved,
    /// The database failed.
    #[error(transparent)]
    OursStore(#[from] StoreError),
}

impl From<CertificateError> for HandleError {
    fn from(error: CertificateError) -> Self {
        Self::PeerRefused(error.into())
    }
}

/// Why something could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It would be larger than an entry may be.
    #[error("seal something so large")]
    TooLarge,
    /// This device is no longer in the group.
    #[error("seal for a group that this device is no longer in")]
    Removed,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an entry says.
pub(crate) enum Handled {
    Application { from: Member, plain: Vec<u8> },
    Commit(Change, Box<StagedCommit>),
    Own,
}

/// Reads an entry.
pub(crate) fn handle(
    group: &mut MlsGroup,
    store: &Store<'_>,
    policy: &Policy,
    payload: &[u8],
    kind: EntryKind,
) -> Result<Handled, HandleError> {
    if payload.len() > ENTRY_BYTES_MAX {
        return Err(HandleError::PeerTooLarge);
    }
    if kind == EntryKind::Commit && store.is_own_commit(group.group_id().as_slice(), payload)? {
        return Ok(Handled::Own);
    }
    let message = parse(payload, kind)?;
    check_place(group, &message)?;
    let processed = group.process_message(store, message).map_err(process_error)?;
    let sender = processed.sender().clone();
    match (processed.into_content(), &sender) {
        (ProcessedMessageContent::ApplicationMessage(message), Sender::Member(leaf)) => {
            let plain = unpad(&message.into_bytes()).ok_or(HandleError::PeerMalformed)?.to_vec();
            Ok(Handled::Application { from: member_at(group, *leaf)?, plain })
        }
        (ProcessedMessageContent::StagedCommitMessage(commit), _) => {
            Ok(Handled::Commit(examine(policy, group, &sender, &commit)?, commit))
        }
        // Our own commits are known by their hash: a commit that only claims to be ours is somebody's forgery.
        (ProcessedMessageContent::OwnPrivateMessage, _) if kind == EntryKind::Message => Ok(Handled::Own),
        _ => Err(HandleError::PeerInvalid),
    }
}

/// Seals bytes as an application message.
pub(crate) fn seal(group: &mut MlsGroup, store: &Store<'_>, device: &Device, plain: Vec<u8>) -> Result<Vec<u8>, SealError> {
    if !group.is_active() {
        return Err(SealError::Removed);
    }
    let message = group.create_message(store, &device.key, &pad(plain)).map_err(StoreError::new)?;
    let sealed = encode(&message)?;
    if sealed.len() > ENTRY_BYTES_MAX { Err(SealError::TooLarge) } else { Ok(sealed) }
}

/// The MLS group of a log.
pub(crate) fn group_id(log: LogId) -> GroupId {
    GroupId::from_slice(&log.0)
}

/// A message as bytes.
pub(crate) fn encode(message: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    message.tls_serialize_detached().map_err(StoreError::new)
}

/// An MLS message from bytes that somebody sent.
pub(crate) fn decode(bytes: &[u8]) -> Option<MlsMessageBodyIn> {
    MlsMessageIn::tls_deserialize_exact_bytes(bytes).ok().map(MlsMessageIn::extract)
}

/// Whose fault it was that OpenMLS refused.
fn process_error(error: ProcessMessageError<rusqlite::Error>) -> HandleError {
    match error {
        ProcessMessageError::StorageError(error) => StoreError::new(error).into(),
        ProcessMessageError::GroupStateError(MlsGroupStateError::UseAfterEviction) => HandleError::OursRemoved,
        ProcessMessageError::ValidationError(ValidationError::UnableToDecrypt(MessageDecryptionError::SecretTreeError(
            SecretTreeError::SecretReuseError | SecretTreeError::TooDistantInThePast,
        ))) => HandleError::Seen,
        error => {
            tracing::debug!(%error, "a message was refused");
            HandleError::PeerInvalid
        }
    }
}

fn parse(payload: &[u8], kind: EntryKind) -> Result<ProtocolMessage, HandleError> {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(payload).map_err(|_| HandleError::PeerMalformed)?;
    let message = message.try_into_protocol_message().map_err(|_| HandleError::PeerMalformed)?;
    match (kind, message.content_type()) {
        (EntryKind::Message, ContentType::Application) | (EntryKind::Commit, ContentType::Commit) => Ok(message),
        _ => Err(HandleError::PeerMalformed),
    }
}

fn check_place(group: &MlsGroup, message: &ProtocolMessage) -> Result<(), HandleError> {
    if !group.is_active() {
        return Err(HandleError::OursRemoved);
    }
    if message.group_id() != group.group_id() {
        return Err(HandleError::PeerOtherGroup);
    }
    match message.epoch().cmp(&group.epoch()) {
        std::cmp::Ordering::Less => Err(HandleError::PeerPast),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(HandleError::OursBehind),
    }
}
