//! Operations by the batch: what was waiting is done in one transaction, and answered after it.

use umweg_wire::proto::v1;
use umweg_wire::{BlobId, LogId, Timestamp};

use crate::append::{Appended, append};
use crate::blobs::{self, BlobPlace};
use crate::engine::Room;
use crate::keep::{self, Reading};
use crate::request::{Append, Create, GetBlob, Publish, PutBlob, Read, Show, Trim};
use crate::sweep::{Swept, sweep};
use crate::{Engine, Failure, Refusal, StoreError, Transaction, packages};

/// Something to be done in the store.
#[derive(Clone)]
pub enum Operation {
    Create(Create),
    Append(Append),
    Read(Read, Room),
    Trim(Trim),
    Snapshot(Show),
    Admit(Show),
    Touch(Show),
    Publish(Publish),
    Take(Show),
    AnnounceBlob(PutBlob, BlobsMax),
    FinishBlob(PutBlob, BlobPlace),
    GiveUpBlob(BlobId),
    FindBlob(GetBlob),
    /// Whether nobody refers to that object, nor ever will.
    IsStray(BlobId, BlobPlace),
    Sweep,
}

/// How many bytes of blobs the operator lets the service hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlobsMax(pub u64);

/// What came of it.
#[derive(Clone, PartialEq)]
pub enum Answer {
    /// There is nothing to say.
    Done,
    Appended(Appended),
    Read(Reading),
    Snapshot(v1::Snapshot),
    Published {
        left: usize,
    },
    KeyPackage(Vec<u8>),
    Stray(bool),
    Blob {
        place: BlobPlace,
        bytes: u64,
    },
    Swept(Swept),
}

impl Operation {
    /// The log that it is about.
    #[must_use]
    pub fn log(&self) -> Option<LogId> {
        match self {
            Self::Create(request) => Some(request.log),
            Self::Append(request) => Some(request.log),
            Self::Read(request, _) => Some(request.log),
            Self::Trim(request) => Some(request.log),
            Self::Snapshot(request) | Self::Admit(request) | Self::Touch(request) | Self::Take(request) => Some(request.log),
            Self::Publish(request) => Some(request.log),
            Self::AnnounceBlob(..)
            | Self::FinishBlob(..)
            | Self::GiveUpBlob(_)
            | Self::FindBlob(_)
            | Self::IsStray(..)
            | Self::Sweep => None,
        }
    }

    /// Whether it leaves everything as it is, so that it may be done beside other transactions.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        matches!(self, Self::Read(..) | Self::Snapshot(_) | Self::Admit(_) | Self::FindBlob(_) | Self::IsStray(..))
    }

    /// Does it. A refusal leaves the transaction as it was.
    pub fn apply(&self, tx: &mut dyn Transaction, now: Timestamp) -> Result<Answer, Failure> {
        match self {
            Self::Create(request) => keep::create(tx, request, now).map(done),
            Self::Append(request) => append(tx, request, now).map(Answer::Appended),
            Self::Read(request, room) => keep::read(tx, request, *room).map(Answer::Read),
            Self::Trim(request) => keep::trim(tx, request, now).map(done),
            Self::Snapshot(request) => keep::snapshot(tx, request).map(Answer::Snapshot),
            Self::Admit(request) => keep::admit(tx, request).map(done),
            Self::Touch(request) => keep::touch(tx, request, now).map(done),
            Self::Publish(request) => packages::publish(tx, request, now).map(|left| Answer::Published { left }),
            Self::Take(request) => packages::take(tx, request).map(Answer::KeyPackage),
            Self::AnnounceBlob(request, max) => blobs::announce(tx, request, max.0, now).map(done),
            Self::FinishBlob(request, place) => blobs::finish(tx, request, *place).map(done),
            Self::GiveUpBlob(blob) => blobs::give_up(tx, *blob).map(done),
            Self::FindBlob(request) => blobs::find(tx, request).map(|(place, bytes)| Answer::Blob { place, bytes }),
            Self::IsStray(blob, place) => blobs::is_stray(tx, *blob, *place).map(Answer::Stray),
            Self::Sweep => sweep(tx, now).map(Answer::Swept),
        }
    }
}

/// Does a batch in one transaction. An error means that nothing of it was stored.
pub fn apply(engine: &mut impl Engine, batch: &[&Operation], now: Timestamp) -> Result<Vec<Result<Answer, Refusal>>, StoreError> {
    let touches: Vec<LogId> = batch.iter().filter_map(|operation| operation.log()).collect();
    engine.transaction(&touches, &mut |tx| batch.iter().map(|operation| answer(operation, tx, now)).collect())
}

fn answer(operation: &Operation, tx: &mut dyn Transaction, now: Timestamp) -> Result<Result<Answer, Refusal>, StoreError> {
    match operation.apply(tx, now) {
        Ok(answer) => Ok(Ok(answer)),
        Err(Failure::Refused(refusal)) => Ok(Err(refusal)),
        Err(Failure::Store(error)) => Err(error),
    }
}

fn done((): ()) -> Answer {
    Answer::Done
}
