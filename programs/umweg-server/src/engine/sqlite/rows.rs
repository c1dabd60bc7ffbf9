//! Rows to values and back. A row that cannot be one of ours is an error, not a guess.

use rusqlite::{Error, Row, types::Type};
use umweg_delivery::blobs::{BlobHead, BlobPlace, BlobState};
use umweg_delivery::log::OldCapability;
use umweg_delivery::{LogHead, LogKind};
use umweg_wire::proto::v1;
use umweg_wire::{CapabilityHash, ChainHash, Epoch, LogId, Seq, Timestamp};

/// An old capability's length in the `old` column.
const OLD_BYTES: usize = 32 + 8 + 8;

/// What `head` reads.
pub(super) const SELECT_HEAD: &str =
    "SELECT no, kind, read_hash, append_hash, old, epoch, last, chain, gone, bytes, time, oldest, used FROM log WHERE id = ?1";

/// What `entry` reads.
pub(super) const SELECT_ENTRIES: &str = "SELECT place & 0xffffffff, kind, epoch, time, rotates, client_id, chain, payload FROM entry \
     WHERE place > ?1 AND place <= ?2 AND payload IS NOT NULL ORDER BY place";

pub(super) fn head(row: &Row<'_>) -> Result<(i64, LogHead), Error> {
    let head = LogHead {
        kind: kind(row.get(1)?)?,
        read_hash: CapabilityHash(row.get(2)?),
        append_hash: CapabilityHash(row.get(3)?),
        old: old(row.get_ref(4)?.as_blob()?)?,
        epoch: Epoch(row.get(5)?),
        last: Seq(row.get(6)?),
        chain: ChainHash(row.get(7)?),
        gone: Seq(row.get(8)?),
        bytes: row.get(9)?,
        time: Timestamp(row.get(10)?),
        oldest: row.get::<_, Option<u64>>(11)?.map(Timestamp),
        used: Timestamp(row.get(12)?),
    };
    Ok((row.get(0)?, head))
}

pub(super) fn entry(row: &Row<'_>) -> Result<v1::Entry, Error> {
    Ok(v1::Entry {
        seq: row.get(0)?,
        kind: row.get(1)?,
        epoch: row.get(2)?,
        time: row.get(3)?,
        rotates: row.get(4)?,
        client_id: row.get(5)?,
        chain: row.get(6)?,
        payload: row.get(7)?,
    })
}

pub(super) fn snapshot(row: &Row<'_>) -> Result<v1::Snapshot, Error> {
    Ok(v1::Snapshot { epoch: row.get(0)?, seq: row.get(1)?, chain: row.get(2)?, sealed: row.get(3)? })
}

pub(super) fn receipt(row: &Row<'_>) -> Result<v1::Accepted, Error> {
    Ok(v1::Accepted { seq: row.get(0)?, epoch: row.get(1)?, chain: row.get(2)?, time: row.get(3)? })
}

pub(super) fn blob(row: &Row<'_>) -> Result<BlobHead, Error> {
    let place: Option<[u8; 16]> = row.get(3)?;
    Ok(BlobHead {
        read_hash: CapabilityHash(row.get(0)?),
        bytes: row.get(1)?,
        since: Timestamp(row.get(2)?),
        state: place.map_or(BlobState::Coming, |place| BlobState::Whole(BlobPlace(place))),
    })
}

pub(super) fn log_id(row: &Row<'_>) -> Result<LogId, Error> {
    Ok(LogId(row.get(0)?))
}

pub(super) fn kind_number(kind: LogKind) -> i64 {
    match kind {
        LogKind::Inbox => 1,
        LogKind::Group => 2,
    }
}

pub(super) fn old_bytes(old: &[OldCapability]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(old.len() * OLD_BYTES);
    for capability in old {
        bytes.extend_from_slice(&capability.hash.0);
        bytes.extend_from_slice(&capability.until.0.to_be_bytes());
        bytes.extend_from_slice(&capability.epoch.0.to_be_bytes());
    }
    bytes
}

fn kind(number: i64) -> Result<LogKind, Error> {
    match number {
        1 => Ok(LogKind::Inbox),
        2 => Ok(LogKind::Group),
        _ => Err(damaged("a log's kind")),
    }
}

fn old(bytes: &[u8]) -> Result<Vec<OldCapability>, Error> {
    let (capabilities, rest) = bytes.as_chunks::<OLD_BYTES>();
    if !rest.is_empty() {
        return Err(damaged("a log's old capabilities"));
    }
    capabilities.iter().map(|bytes| old_capability(bytes).ok_or_else(|| damaged("a log's old capabilities"))).collect()
}

fn old_capability(bytes: &[u8; OLD_BYTES]) -> Option<OldCapability> {
    let (hash, rest) = bytes.split_first_chunk::<32>()?;
    let (until, rest) = rest.split_first_chunk::<8>()?;
    let epoch = rest.first_chunk::<8>()?;
    Some(OldCapability {
        hash: CapabilityHash(*hash),
        until: Seq(u64::from_be_bytes(*until)),
        epoch: Epoch(u64::from_be_bytes(*epoch)),
    })
}

fn damaged(what: &str) -> Error {
    Error::FromSqlConversionFailure(0, Type::Blob, format!("{what} is damaged").into())
}
