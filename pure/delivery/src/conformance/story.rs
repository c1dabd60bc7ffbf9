//! Short words for the behaviours: logs, capabilities and requests that a test would otherwise spell out.

use std::time::Duration;

use umweg_wire::{BlobId, Capability, CapabilityHash, ClientId, Epoch, LogId, Seq, Timestamp};

use crate::append::{Appended, News};
use crate::engine::Room;
use crate::keep::Reading;
use crate::request::{Append, Create, GetBlob, PutBlob, Read, Show, Trim, What};
use crate::{Answer, Engine, LogKind, Operation, Refusal, apply};
use umweg_wire::proto::v1;

pub(super) const GROUP: LogId = LogId([1; 32]);
pub(super) const INBOX: LogId = LogId([2; 32]);
pub(super) const NOWHERE: LogId = LogId([3; 32]);
pub(super) const START: Timestamp = Timestamp(1_800_000_000_000);

/// An engine in which time passes when the test says so.
pub(super) struct Story<E> {
    pub(super) engine: E,
    pub(super) now: Timestamp,
    next_client_id: u64,
}

pub(super) fn member() -> Capability {
    Capability::new([10; 32])
}

pub(super) fn owner() -> Capability {
    Capability::new([20; 32])
}

pub(super) fn sender() -> Capability {
    Capability::new([30; 32])
}

pub(super) fn stranger() -> Capability {
    Capability::new([40; 32])
}

impl<E: Engine> Story<E> {
    /// With a group log and an inbox.
    pub(super) fn new(engine: E) -> Self {
        let mut story = Self { engine, now: START, next_client_id: 0 };
        let group = Create { log: GROUP, kind: LogKind::Group, read_hash: member().hash(), append_hash: member().hash() };
        let inbox = Create { log: INBOX, kind: LogKind::Inbox, read_hash: owner().hash(), append_hash: sender().hash() };
        story.does(Operation::Create(group));
        story.does(Operation::Create(inbox));
        story
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    pub(super) fn tries(&mut self, operation: Operation) -> Result<Answer, Refusal> {
        let mut answers = apply(&mut self.engine, &[&operation], self.now).expect("the engine works");
        answers.pop().expect("one operation has one answer")
    }

    pub(super) fn does(&mut self, operation: Operation) -> Answer {
        self.tries(operation).expect("the operation is allowed")
    }

    pub(super) fn client_id(&mut self) -> ClientId {
        self.next_client_id += 1;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next_client_id.to_be_bytes());
        ClientId(bytes)
    }

    pub(super) fn append(&mut self, epoch: u64, payload: &[u8], what: What) -> Append {
        let client_id = self.client_id();
        Append { log: GROUP, capability: member(), client_id, epoch: Epoch(epoch), after: Seq(0), payload: payload.to_vec(), what }
    }

    pub(super) fn letter(&mut self, payload: &[u8]) -> Append {
        let append = self.append(0, payload, What::Message);
        Append { log: INBOX, capability: sender(), ..append }
    }

    /// Appends, and it is accepted.
    pub(super) fn accepted(&mut self, append: &Append) -> (v1::Accepted, Option<News>) {
        match self.does(Operation::Append(append.clone())) {
            Answer::Appended(Appended::Accepted { accepted, news }) => (accepted, news),
            _ => panic!("the append was not accepted"),
        }
    }

    /// Appends, and it is stale.
    pub(super) fn stale(&mut self, append: &Append) -> v1::Stale {
        match self.does(Operation::Append(append.clone())) {
            Answer::Appended(Appended::Stale(stale)) => stale,
            _ => panic!("the append was not stale"),
        }
    }

    pub(super) fn message(&mut self, epoch: u64, payload: &[u8]) -> v1::Accepted {
        let append = self.append(epoch, payload, What::Message);
        self.accepted(&append).0
    }

    pub(super) fn commit(&mut self, epoch: u64, rotate_to: Option<CapabilityHash>) -> v1::Accepted {
        let append = self.append(epoch, b"commit", What::Commit { rotate_to, snapshot: None });
        self.accepted(&append).0
    }

    pub(super) fn read(&mut self, log: LogId, capability: Capability, after: u64) -> Result<Reading, Refusal> {
        let read = Read { log, capability, after: Seq(after) };
        self.tries(Operation::Read(read, Room::ANSWER)).map(|answer| match answer {
            Answer::Read(reading) => reading,
            _ => panic!("a reading was answered by something else"),
        })
    }

    /// The numbers of what can be read now.
    pub(super) fn numbers(&mut self, log: LogId, capability: Capability, after: u64) -> Vec<u64> {
        match self.read(log, capability, after).expect("it may be read") {
            Reading::Entries { entries, .. } => entries.iter().map(|entry| entry.seq).collect(),
            Reading::Gone => panic!("entries are gone"),
        }
    }

    pub(super) fn trim(&mut self, up_to: u64) -> Result<Answer, Refusal> {
        self.tries(Operation::Trim(Trim { log: INBOX, capability: owner(), up_to: Seq(up_to) }))
    }

    pub(super) fn show(&mut self, make: fn(Show) -> Operation, log: LogId, capability: Capability) -> Result<Answer, Refusal> {
        self.tries(make(Show { log, capability }))
    }
}

pub(super) fn blob(number: u8, bytes: u64) -> PutBlob {
    PutBlob { blob: BlobId([number; 32]), read_hash: member().hash(), bytes }
}

pub(super) fn get(number: u8, capability: Capability) -> Operation {
    Operation::FindBlob(GetBlob { blob: BlobId([number; 32]), capability, offset: 0 })
}
