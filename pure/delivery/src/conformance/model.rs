//! Random operations on an engine and on the reference model side by side: every answer must be the same.
//!
//! Few ids and few capabilities, so that operations meet; batches of random size; time that jumps, also backward.

use std::collections::BTreeMap;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use umweg_wire::proto::v1;
use umweg_wire::{BlobId, Capability, ClientId, Epoch, LogId, Seq, Timestamp};

use super::story::START;
use crate::append::Appended;
use crate::blobs::BlobPlace;
use crate::engine::Room;
use crate::operation::BlobsMax;
use crate::request::{Append, Create, GetBlob, Publish, PutBlob, Read, Show, Trim, What};
use crate::{Answer, Engine, LogKind, MemoryEngine, Operation, Refusal, apply};

/// Batches of one game.
const BATCHES: usize = 150;

/// Plays one game.
pub(super) fn play<E: Engine>(mut engine: E, seed: u64) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut model = MemoryEngine::new();
    let (mut now, mut epochs) = (START, Epochs::default());
    for number in 0..BATCHES {
        now = later(now, &mut rng);
        let mut batch: Vec<Operation> = (0..rng.random_range(1..12)).map(|_| operation(&mut rng)).collect();
        epochs.guess(&mut batch, &mut rng);
        let batch: Vec<&Operation> = batch.iter().collect();
        let expected = apply(&mut model, &batch, now).expect("the model works");
        let got = apply(&mut engine, &batch, now).expect("the engine works");
        epochs.learn(&batch, &expected);
        assert!(got == expected, "seed {seed}: the engine and the model differ in batch {number}");
    }
}

/// The epochs that logs have reached: what is never in the right epoch would only ever be stale.
#[derive(Default)]
struct Epochs(BTreeMap<LogId, u64>);

impl Epochs {
    fn guess(&self, batch: &mut [Operation], rng: &mut impl Rng) {
        for operation in batch {
            if let Operation::Append(append) = operation {
                let reached = self.0.get(&append.log).copied().unwrap_or(0);
                append.epoch = Epoch(if rng.random_bool(0.8) { reached } else { rng.random_range(0..reached + 2) });
            }
        }
    }

    fn learn(&mut self, batch: &[&Operation], answers: &[Result<Answer, Refusal>]) {
        for (operation, answer) in batch.iter().zip(answers) {
            if let (Operation::Append(append), Ok(Answer::Appended(appended))) = (operation, answer) {
                let (Appended::Accepted { accepted: v1::Accepted { epoch, .. }, .. } | Appended::Stale(v1::Stale { epoch, .. })) =
                    appended;
                self.0.insert(append.log, *epoch);
            }
        }
    }
}

fn later(now: Timestamp, rng: &mut impl Rng) -> Timestamp {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    match rng.random_range(0..40) {
        0 => Timestamp(now.0 + 70 * DAY_MS),
        1 => Timestamp(now.0.saturating_sub(DAY_MS)),
        2 => Timestamp(now.0 + 401 * DAY_MS),
        _ => Timestamp(now.0 + rng.random_range(0..5_000)),
    }
}

fn operation(rng: &mut impl Rng) -> Operation {
    match rng.random_range(0..30) {
        0..=2 => Operation::Create(create(rng)),
        3..=16 => Operation::Append(append(rng)),
        17..=20 => Operation::Read(
            Read { log: log(rng), capability: capability(rng), after: seq(rng) },
            Room { entries: rng.random_range(1..8), bytes: rng.random_range(0..200) },
        ),
        21 => Operation::Trim(Trim { log: log(rng), capability: capability(rng), up_to: seq(rng) }),
        22 => Operation::Snapshot(show(rng)),
        23 => Operation::Admit(show(rng)),
        24 => Operation::Touch(show(rng)),
        25 => Operation::Publish(publish(rng)),
        26 => Operation::Take(show(rng)),
        27 => blob(rng),
        28 => Operation::FindBlob(GetBlob { blob: BlobId([rng.random_range(0..3); 32]), capability: capability(rng), offset: 0 }),
        _ => Operation::Sweep,
    }
}

fn create(rng: &mut impl Rng) -> Create {
    let (log, read_hash) = (log(rng), capability(rng).hash());
    // The kind follows from the id, so that most creations of one log agree.
    match log.0[0] % 2 {
        0 => Create { log, kind: LogKind::Inbox, read_hash, append_hash: capability(rng).hash() },
        _ => Create { log, kind: LogKind::Group, read_hash, append_hash: read_hash },
    }
}

fn append(rng: &mut impl Rng) -> Append {
    let what = match rng.random_range(0..12) {
        0..=6 => What::Message,
        7 => What::Resync,
        8 => What::Ephemeral,
        _ => What::Commit {
            rotate_to: rng.random_bool(0.3).then(|| capability(rng).hash()),
            snapshot: rng.random_bool(0.3).then(|| payload(rng)),
        },
    };
    Append {
        log: log(rng),
        capability: capability(rng),
        client_id: ClientId([rng.random_range(0..60); 16]),
        epoch: Epoch(0),
        after: seq(rng),
        payload: payload(rng),
        what,
    }
}

fn publish(rng: &mut impl Rng) -> Publish {
    Publish {
        log: log(rng),
        capability: capability(rng),
        key_packages: (0..rng.random_range(0..4)).map(|_| payload(rng)).collect(),
        last_resort: rng.random_bool(0.5).then(|| payload(rng)),
        replace: rng.random_bool(0.3),
    }
}

fn blob(rng: &mut impl Rng) -> Operation {
    let blob = BlobId([rng.random_range(0..3); 32]);
    let put = PutBlob { blob, read_hash: capability(rng).hash(), bytes: rng.random_range(1..60) };
    match rng.random_range(0..4) {
        0 => Operation::AnnounceBlob(put, BlobsMax(100)),
        1 => Operation::FinishBlob(put, BlobPlace([rng.random_range(0..4); 16])),
        2 => Operation::IsStray(blob, BlobPlace([rng.random_range(0..4); 16])),
        _ => Operation::GiveUpBlob(blob),
    }
}

fn show(rng: &mut impl Rng) -> Show {
    Show { log: log(rng), capability: capability(rng) }
}

fn log(rng: &mut impl Rng) -> LogId {
    LogId([rng.random_range(0..4); 32])
}

fn capability(rng: &mut impl Rng) -> Capability {
    Capability::new([rng.random_range(0..3); 32])
}

fn seq(rng: &mut impl Rng) -> Seq {
    Seq(if rng.random_bool(0.02) { u64::MAX } else { rng.random_range(0..30) })
}

fn payload(rng: &mut impl Rng) -> Vec<u8> {
    vec![rng.random_range(0..5); rng.random_range(1..80)]
}
