//! The SQLite engine against the suite that every engine passes, and against a full disk.

use std::sync::Arc;

use umweg_delivery::append::Appended;
use umweg_delivery::request::{Append, Create, Read, What};
use umweg_delivery::{Answer, Failure, LogKind, Operation, StoreError, conformance};
use umweg_delivery::{engine::Room, keep::Reading};
use umweg_server::engine::{SqliteEngine, commit};
use umweg_wire::{Capability, ClientId, Epoch, LogId, Seq};

const LOG: LogId = LogId([1; 32]);

fn member() -> Capability {
    Capability::new([2; 32])
}

#[test]
fn the_sqlite_engine_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = 0;
    conformance::run(&mut || {
        files += 1;
        SqliteEngine::open(&folder.path().join(format!("{files}.sqlite"))).unwrap()
    });
}

#[test]
fn a_newer_database_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logs.sqlite");
    drop(SqliteEngine::open(&file).unwrap());
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteEngine::open(&file).err().unwrap().to_string();
    assert!(error.contains("newer"), "{error}");
}

/// What was acknowledged before and beside the full disk is there afterwards; what was refused is not; small things go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logs.sqlite");
    let engine = SqliteEngine::open(&file).unwrap();
    engine.set_pages_max(300).unwrap();
    let (store, hub, threads) = commit::start(engine, &file, umweg_io::clock::now).unwrap();
    let hash = member().hash();
    store.run(Operation::Create(Create { log: LOG, kind: LogKind::Group, read_hash: hash, append_hash: hash })).await.unwrap();

    let store = Arc::new(store);
    let attempts = (0..64u8).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { (number, store.run(Operation::Append(append(number, 40_000))).await) })
    });
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            (number, Ok(Answer::Appended(Appended::Accepted { .. }))) => acknowledged.push(number),
            (number, Err(Failure::Store(StoreError::Full))) => refused.push(number),
            _ => panic!("it is accepted, or the disk is full"),
        }
    }
    assert!(!acknowledged.is_empty() && !refused.is_empty(), "{} accepted, {} refused", acknowledged.len(), refused.len());

    drop((Arc::into_inner(store).unwrap(), hub));
    threads.join();
    let (store, hub, threads) = commit::start(SqliteEngine::open(&file).unwrap(), &file, umweg_io::clock::now).unwrap();
    let mut kept = stored(&store).await;
    kept.sort_unstable();
    acknowledged.sort_unstable();
    assert_eq!(kept, acknowledged);
    for number in refused {
        let answer = store.run(Operation::Append(append(number, 40_000))).await;
        assert!(matches!(answer, Ok(Answer::Appended(Appended::Accepted { news: Some(_), .. }))), "with room it is taken");
    }
    drop((store, hub));
    threads.join();
}

fn append(number: u8, bytes: usize) -> Append {
    Append {
        log: LOG,
        capability: member(),
        client_id: ClientId([number; 16]),
        epoch: Epoch(0),
        after: Seq(0),
        payload: vec![number; bytes],
        what: What::Message,
    }
}

async fn stored(store: &commit::Store) -> Vec<u8> {
    let (mut numbers, mut after) = (Vec::new(), Seq(0));
    loop {
        let read = Read { log: LOG, capability: member(), after };
        let Answer::Read(Reading::Entries { entries, .. }) =
            store.run(Operation::Read(read, Room::ANSWER)).await.expect("it may be read")
        else {
            panic!("it can be read")
        };
        let Some(last) = entries.last() else { return numbers };
        after = Seq(last.seq);
        numbers.extend(entries.iter().map(|entry| entry.payload[0]));
    }
}
