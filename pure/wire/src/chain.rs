//! The hash chain of a log: two histories of one log cannot have the same end.
//!
//! The service computes it when it accepts an entry, every reader computes it again, and members carry the newest one they
//! saw inside their sealed messages. A service that withholds an entry or shows two histories is caught by the next message.

use sha2::{Digest, Sha256};

use crate::proto::v1::Entry;
use crate::{ChainHash, LogId};

/// Separates this use of SHA-256 from every other.
const LABEL: &[u8] = b"umweg log chain v1";

/// The chain hash before a log's first entry.
#[must_use]
pub fn genesis(log: LogId) -> ChainHash {
    ChainHash(Sha256::new().chain_update(LABEL).chain_update(log.0).finalize().into())
}

/// The chain hash at `entry`, from the one before; `entry.chain` is not read.
#[must_use]
pub fn next(before: ChainHash, entry: &Entry) -> ChainHash {
    let hash = Sha256::new()
        .chain_update(LABEL)
        .chain_update(before.0)
        .chain_update(entry.seq.to_be_bytes())
        .chain_update(entry.kind.to_be_bytes())
        .chain_update(entry.epoch.to_be_bytes())
        .chain_update(entry.time.to_be_bytes())
        .chain_update([u8::from(entry.rotates)])
        .chain_update(Sha256::digest(&entry.client_id))
        .chain_update(Sha256::digest(&entry.payload));
    ChainHash(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            seq: 1,
            kind: 1,
            epoch: 0,
            client_id: vec![3; 16],
            time: 5,
            payload: b"sealed".to_vec(),
            chain: vec![],
            rotates: false,
        }
    }

    #[test]
    fn every_field_of_an_entry_changes_the_hash() {
        let before = genesis(LogId([1; 32]));
        let changes: [fn(&mut Entry); 7] = [
            |e| e.seq += 1,
            |e| e.kind += 1,
            |e| e.epoch += 1,
            |e| e.client_id[0] ^= 1,
            |e| e.time += 1,
            |e| e.payload[0] ^= 1,
            |e| e.rotates = true,
        ];
        for change in changes {
            let mut other = entry();
            change(&mut other);
            assert_ne!(next(before, &other), next(before, &entry()));
        }
    }

    /// Frozen: stored by devices and services of every version.
    #[test]
    fn the_hash_is_what_it_always_was() {
        let hash = next(genesis(LogId([1; 32])), &entry());
        assert_eq!(data_encoding::HEXLOWER.encode(&hash.0), "ba84e550d7893ff06bf623fc10f0974b3415f285f208bdd431d1d3b115a7dc56");
    }
}
