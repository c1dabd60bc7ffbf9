//! What an append does to its log. The heart of the service:
//!
//! 1. Who shows neither the log's capability nor one that it had is refused.
//! 2. The same client id again: the same answer again, before anything else is looked at. So a repeated commit is not stale.
//! 3. A capability of the past gets to know what it opens that the sender lacks, and no more.
//! 4. A message or commit from another epoch than the log's is stale: answered with what the sender lacks. A resync is taken
//!    from any epoch that there was.
//! 5. What fits into the log's quota becomes its next entry, chained to the one before, at a time that never goes backward.
//! 6. A commit begins the next epoch; with it the snapshot is replaced and the capability rotated, in the same transaction.

use std::sync::Arc;

use umweg_wire::proto::v1;
use umweg_wire::{CapabilityHash, Epoch, LogId, Timestamp, chain};

use crate::engine::Room;
use crate::log::{Access, LogHead, LogKind, entry_cost};
use crate::request::{Append, What};
use crate::{Failure, Refusal, Transaction};

/// What came of an append.
#[derive(Clone, PartialEq)]
pub enum Appended {
    /// It is there. `news` is empty if it already was.
    Accepted { accepted: v1::Accepted, news: Option<News> },
    /// The sender lacks something.
    Stale(v1::Stale),
}

/// What the watchers of a log are to hear, once the transaction is committed.
#[derive(Clone, PartialEq)]
pub enum News {
    /// A new entry.
    Entry { log: LogId, entry: Arc<v1::Entry> },
    /// Something that is not stored.
    Ephemeral { log: LogId, epoch: Epoch, payload: Arc<[u8]> },
}

impl From<&Appended> for v1::AppendResponse {
    fn from(appended: &Appended) -> Self {
        use v1::append_response::Outcome;
        let outcome = match appended {
            Appended::Accepted { accepted, .. } => Outcome::Accepted(accepted.clone()),
            Appended::Stale(stale) => Outcome::Stale(stale.clone()),
        };
        Self { outcome: Some(outcome) }
    }
}

/// Decides and stores.
pub fn append(tx: &mut dyn Transaction, request: &Append, now: Timestamp) -> Result<Appended, Failure> {
    let head = tx.head(request.log)?.ok_or(Refusal::Denied)?;
    let access = head.appending(&request.capability).ok_or(Refusal::Denied)?;
    if !matches!(request.what, What::Ephemeral)
        && let Some(accepted) = tx.receipt(request.log, request.client_id)?
        && accepted.seq <= head.end(access).0
    {
        return Ok(Appended::Accepted { accepted, news: None });
    }
    match decide(&head, access, request, now)? {
        Decision::Accept(acceptance) => store(tx, request.log, *acceptance),
        Decision::Ephemeral => Ok(ephemeral(&head, request, now)),
        Decision::Stale(epoch) => stale(tx, &head, access, request, epoch).map(Appended::Stale),
    }
}

/// What is to be done with an append that is not a repetition.
enum Decision {
    Accept(Box<Acceptance>),
    Ephemeral,
    /// The epoch that the sender is to learn of.
    Stale(Epoch),
}

/// What an accepted append leaves in the store.
struct Acceptance {
    head: LogHead,
    entry: v1::Entry,
    accepted: v1::Accepted,
    snapshot: Option<v1::Snapshot>,
}

fn decide(head: &LogHead, access: Access, request: &Append, now: Timestamp) -> Result<Decision, Refusal> {
    if head.kind == LogKind::Inbox && !(matches!(request.what, What::Message) && request.epoch == Epoch(0)) {
        return Err(Refusal::Invalid("an inbox takes messages without an epoch"));
    }
    if let Access::Past(old) = access {
        return Ok(Decision::Stale(old.epoch));
    }
    let taken = match request.what {
        What::Resync => request.epoch <= head.epoch,
        What::Message | What::Commit { .. } | What::Ephemeral => request.epoch == head.epoch,
    };
    if !taken {
        return Ok(Decision::Stale(head.epoch));
    }
    if matches!(request.what, What::Ephemeral) {
        return Ok(Decision::Ephemeral);
    }
    if !head.has_room_for(request.payload.len()) {
        return Err(Refusal::Full("the log is full"));
    }
    if let What::Commit { rotate_to: Some(hash), .. } = &request.what
        && *hash == head.read_hash
    {
        return Err(Refusal::Invalid("the capability cannot be rotated to itself"));
    }
    Ok(Decision::Accept(Box::new(accept(head.clone(), request, now))))
}

fn accept(mut head: LogHead, request: &Append, now: Timestamp) -> Acceptance {
    let rotate_to = rotation(&request.what);
    let mut entry = v1::Entry {
        seq: head.last.next().0,
        kind: kind(&request.what).into(),
        epoch: request.epoch.0,
        client_id: request.client_id.to_vec(),
        time: now.max(head.time).0,
        payload: request.payload.clone(),
        chain: Vec::new(),
        rotates: rotate_to.is_some(),
    };
    head.chain = chain::next(head.chain, &entry);
    entry.chain = head.chain.to_vec();
    head.last = head.last.next();
    head.time = Timestamp(entry.time);
    head.used = head.used_at(now);
    head.oldest = head.oldest.or(Some(head.time));
    head.bytes = head.bytes.saturating_add(entry_cost(entry.payload.len()));
    if matches!(request.what, What::Commit { .. }) {
        head.epoch = Epoch(head.epoch.0 + 1);
    }
    if let Some(hash) = rotate_to {
        head.rotate(hash);
    }
    let accepted = v1::Accepted { seq: entry.seq, epoch: head.epoch.0, chain: entry.chain.clone(), time: entry.time };
    let snapshot = snapshot_of(&request.what, &accepted);
    Acceptance { head, entry, accepted, snapshot }
}

fn kind(what: &What) -> v1::EntryKind {
    match what {
        What::Message | What::Ephemeral => v1::EntryKind::Message,
        What::Commit { .. } => v1::EntryKind::Commit,
        What::Resync => v1::EntryKind::Resync,
    }
}

fn rotation(what: &What) -> Option<CapabilityHash> {
    if let What::Commit { rotate_to, .. } = what { *rotate_to } else { None }
}

fn snapshot_of(what: &What, at: &v1::Accepted) -> Option<v1::Snapshot> {
    let What::Commit { snapshot: Some(sealed), .. } = what else { return None };
    Some(v1::Snapshot { epoch: at.epoch, seq: at.seq, chain: at.chain.clone(), sealed: sealed.clone() })
}

fn store(tx: &mut dyn Transaction, log: LogId, acceptance: Acceptance) -> Result<Appended, Failure> {
    let Acceptance { head, entry, accepted, snapshot } = acceptance;
    tx.put_head(log, &head)?;
    tx.push(log, &entry, &accepted)?;
    if let Some(snapshot) = snapshot {
        tx.put_snapshot(log, &snapshot)?;
    }
    Ok(Appended::Accepted { accepted, news: Some(News::Entry { log, entry: Arc::new(entry) }) })
}

fn ephemeral(head: &LogHead, request: &Append, now: Timestamp) -> Appended {
    let accepted = v1::Accepted { seq: 0, epoch: head.epoch.0, chain: head.chain.to_vec(), time: now.max(head.time).0 };
    let news = News::Ephemeral { log: request.log, epoch: request.epoch, payload: request.payload.as_slice().into() };
    Appended::Accepted { accepted, news: Some(news) }
}

/// What the sender lacks. Who lacks what is gone is sent to watch, where it hears so.
fn stale(tx: &mut dyn Transaction, head: &LogHead, access: Access, request: &Append, epoch: Epoch) -> Result<v1::Stale, Failure> {
    let end = head.end(access);
    let missed = request.after < head.gone && head.gone.0 > 0 && request.after.0 > 0;
    if matches!(request.what, What::Ephemeral) || missed {
        return Ok(v1::Stale { epoch: epoch.0, entries: Vec::new(), more: true, snapshot: None });
    }
    let entries = tx.entries(request.log, request.after.max(head.gone), end, Room::ANSWER)?;
    let reached = entries.last().map_or(request.after.0, |entry| entry.seq);
    let snapshot = tx.snapshot(request.log)?.filter(|snapshot| snapshot.seq <= end.0);
    Ok(v1::Stale {
        epoch: epoch.0,
        more: reached < end.0,
        entries: entries.into_iter().map(Arc::unwrap_or_clone).collect(),
        snapshot,
    })
}
