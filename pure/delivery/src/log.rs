//! What the service keeps of one log besides its entries, and what a capability opens of it.

use std::time::Duration;

use umweg_wire::{Capability, CapabilityHash, ChainHash, Epoch, LogId, Seq, Timestamp, chain, limits};

/// How exactly the service knows when a log was last used: one write a day, not one for every use.
const USED_PRECISION: Duration = Duration::from_secs(24 * 60 * 60);

/// What a log is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogKind {
    /// Contact requests and Welcomes for one account. Its two capabilities differ: strangers append, the owner reads.
    Inbox,
    /// Commits and messages of one MLS group, under one capability.
    Group,
}

/// Everything that decisions about a log need, in one small row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogHead {
    /// What it is for.
    pub kind: LogKind,
    /// Who reads it.
    pub read_hash: CapabilityHash,
    /// Who appends to it.
    pub append_hash: CapabilityHash,
    /// Capabilities that were rotated away, the oldest first; at most `limits::OLD_CAPABILITIES_MAX`.
    pub old: Vec<OldCapability>,
    /// How many commits it has.
    pub epoch: Epoch,
    /// The newest entry.
    pub last: Seq,
    /// The chain hash there.
    pub chain: ChainHash,
    /// Entries up to here are gone: trimmed by the owner, or expired.
    pub gone: Seq,
    /// What the entries that are still there cost, by `entry_cost`.
    pub bytes: u64,
    /// When the newest entry was accepted, or the log was made. It never goes backward, whatever the clock does.
    pub time: Timestamp,
    /// When the oldest entry that is still there was accepted.
    pub oldest: Option<Timestamp>,
    /// When somebody last used it, to the day.
    pub used: Timestamp,
}

/// A capability of the past.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OldCapability {
    /// Its hash.
    pub hash: CapabilityHash,
    /// The commit that rotated it away: the last entry that it opens.
    pub until: Seq,
    /// The log's epoch after that commit.
    pub epoch: Epoch,
}

/// How far a capability opens a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Whatever is there and is to come.
    Whole,
    /// The past: what stands before and with the commit that rotated it away.
    Past(OldCapability),
}

impl LogHead {
    /// Of a log that was just made.
    #[must_use]
    pub fn new(log: LogId, kind: LogKind, read_hash: CapabilityHash, append_hash: CapabilityHash, now: Timestamp) -> Self {
        Self {
            kind,
            read_hash,
            append_hash,
            old: Vec::new(),
            epoch: Epoch(0),
            last: Seq(0),
            chain: chain::genesis(log),
            gone: Seq(0),
            bytes: 0,
            time: now,
            oldest: None,
            used: now,
        }
    }

    /// What this capability may read.
    #[must_use]
    pub fn reading(&self, shown: &Capability) -> Option<Access> {
        self.access(self.read_hash, shown)
    }

    /// Where this capability may append; `Access::Past` may only learn what it lacks.
    #[must_use]
    pub fn appending(&self, shown: &Capability) -> Option<Access> {
        self.access(self.append_hash, shown)
    }

    /// The newest entry that the access opens.
    #[must_use]
    pub fn end(&self, access: Access) -> Seq {
        match access {
            Access::Whole => self.last,
            Access::Past(old) => old.until,
        }
    }

    /// Whether an entry of that payload still fits.
    #[must_use]
    pub fn has_room_for(&self, payload: usize) -> bool {
        let bytes = self.bytes.saturating_add(entry_cost(payload));
        match self.kind {
            LogKind::Inbox => bytes <= limits::INBOX_BYTES_MAX && self.last.0 - self.gone.0 < limits::INBOX_ENTRIES_MAX,
            LogKind::Group => bytes <= limits::GROUP_BYTES_MAX,
        }
    }

    /// What `used` is to be if it is used now.
    pub(crate) fn used_at(&self, now: Timestamp) -> Timestamp {
        if now.since(self.used) < USED_PRECISION { self.used } else { now }
    }

    /// Replaces the capability; the one before opens the log up to its newest entry.
    pub(crate) fn rotate(&mut self, to: CapabilityHash) {
        self.old.push(OldCapability { hash: self.read_hash, until: self.last, epoch: self.epoch });
        let excess = self.old.len().saturating_sub(limits::OLD_CAPABILITIES_MAX);
        self.old.drain(..excess);
        (self.read_hash, self.append_hash) = (to, to);
    }

    fn access(&self, current: CapabilityHash, shown: &Capability) -> Option<Access> {
        if current.admits(shown) {
            return Some(Access::Whole);
        }
        // The newest first: a capability that came back is good for the later part.
        self.old.iter().rev().find(|old| old.hash.admits(shown)).map(|old| Access::Past(*old))
    }
}

/// What an entry counts against its log's quota: an empty one costs something too.
#[must_use]
pub fn entry_cost(payload: usize) -> u64 {
    payload as u64 + limits::ENTRY_HEAD_BYTES
}
