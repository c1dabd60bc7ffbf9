//! Sealed files: what the service keeps beside their bytes, which lie in an object store.
//!
//! 1. The head is announced; its bytes count against the service's quota from then on.
//! 2. The bytes are written under a place of their own, so that two uploads of one id cannot mix.
//! 3. Only then is the blob whole, and can be read. What never becomes whole is swept after `limits::BLOB_COMING`.

use umweg_wire::{BlobId, CapabilityHash, Timestamp};

use crate::request::{GetBlob, PutBlob};
use crate::{Failure, Refusal, Transaction};

/// Names one upload of a blob; together with its id it names an object of the object store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlobPlace(pub [u8; 16]);

impl BlobPlace {
    /// A new one.
    pub fn random(rng: &mut impl rand::Rng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

/// What is known of a blob.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlobHead {
    /// Who reads it.
    pub read_hash: CapabilityHash,
    /// Its length.
    pub bytes: u64,
    /// When it was announced.
    pub since: Timestamp,
    /// Where it lies.
    pub state: BlobState,
}

/// Whether it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlobState {
    /// Announced.
    Coming,
    /// There, at that place.
    Whole(BlobPlace),
}

/// Announces a blob. Who was interrupted may announce it again.
pub fn announce(tx: &mut dyn Transaction, request: &PutBlob, bytes_max: u64, now: Timestamp) -> Result<(), Failure> {
    let before = match tx.blob(request.blob)? {
        Some(head) if matches!(head.state, BlobState::Whole(_)) || head.read_hash != request.read_hash => {
            return Err(Refusal::Exists.into());
        }
        Some(head) => head.bytes,
        None => 0,
    };
    let bytes = tx.blobs_bytes()?.saturating_sub(before).saturating_add(request.bytes);
    if bytes > bytes_max {
        return Err(Refusal::Full("the service holds as many files as it may").into());
    }
    let head = BlobHead { read_hash: request.read_hash, bytes: request.bytes, since: now, state: BlobState::Coming };
    Ok(tx.put_blob(request.blob, &head)?)
}

/// Its bytes are all there and safe.
pub fn finish(tx: &mut dyn Transaction, request: &PutBlob, place: BlobPlace) -> Result<(), Failure> {
    let head = tx.blob(request.blob)?.ok_or(Refusal::NotFound)?;
    let same = head.state == BlobState::Coming && head.read_hash == request.read_hash && head.bytes == request.bytes;
    if !same {
        return Err(Refusal::Exists.into());
    }
    Ok(tx.put_blob(request.blob, &BlobHead { state: BlobState::Whole(place), ..head })?)
}

/// Where a whole blob lies, and how long it is.
pub fn find(tx: &mut dyn Transaction, request: &GetBlob) -> Result<(BlobPlace, u64), Failure> {
    let head = tx.blob(request.blob)?.ok_or(Refusal::Denied)?;
    match head.state {
        BlobState::Whole(place) if head.read_hash.admits(&request.capability) => {
            if request.offset > head.bytes {
                return Err(Refusal::Invalid("the offset lies beyond the file's end").into());
            }
            Ok((place, head.bytes))
        }
        BlobState::Whole(_) | BlobState::Coming => Err(Refusal::Denied.into()),
    }
}

/// Forgets a blob if it was not whole; its place then is nobody's.
pub fn give_up(tx: &mut dyn Transaction, blob: BlobId) -> Result<(), Failure> {
    match tx.blob(blob)? {
        Some(BlobHead { state: BlobState::Coming, .. }) => Ok(tx.drop_blob(blob)?),
        Some(_) | None => Ok(()),
    }
}

/// Whether nobody refers to that object, nor ever will: what is coming may still be finished.
pub fn is_stray(tx: &mut dyn Transaction, blob: BlobId, place: BlobPlace) -> Result<bool, Failure> {
    Ok(match tx.blob(blob)?.map(|head| head.state) {
        None => true,
        Some(BlobState::Coming) => false,
        Some(BlobState::Whole(whole)) => whole != place,
    })
}
