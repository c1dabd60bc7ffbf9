//! What an engine together with the rules does, as sentences.

use umweg_wire::proto::v1;
use umweg_wire::{Capability, LogId, Seq, Timestamp, chain, limits};

use super::story::{GROUP, INBOX, NOWHERE, START, Story, blob, get, member, owner, sender, stranger};
use crate::append::News;
use crate::blobs::BlobPlace;
use crate::engine::Room;
use crate::keep::{Reading, Then};
use crate::operation::BlobsMax;
use crate::request::{Append, Create, Publish, Read, Show, Trim, What};
use crate::{Answer, Engine, LogKind, Operation, Refusal, StoreError, apply};

/// A behaviour and its name.
type Behaviour<E> = (&'static str, fn(E));

macro_rules! behaviours {
    ($($name:ident),* $(,)?) => {
        /// All of them.
        pub(super) fn all<E: Engine>() -> Vec<Behaviour<E>> {
            vec![$((stringify!($name), $name::<E>)),*]
        }
    };
}

behaviours![
    making_a_log_again_is_no_error_but_another_one_is,
    entries_are_numbered_chained_and_never_go_back_in_time,
    the_same_client_id_gets_the_same_answer,
    a_repeated_commit_is_not_stale,
    one_commit_wins_in_every_epoch,
    a_stale_answer_holds_what_the_sender_lacks,
    a_stale_answer_says_when_there_is_more,
    a_resync_is_taken_in_any_epoch,
    who_was_removed_reads_up_to_its_removal,
    who_was_removed_appends_nothing,
    a_snapshot_stands_with_its_commit,
    what_is_ephemeral_is_checked_and_not_stored,
    nobody_without_the_capability_learns_anything,
    an_inbox_has_two_sides,
    an_inbox_is_full_at_its_limit_and_trimming_makes_room,
    a_trimmed_entry_is_not_taken_twice,
    who_lacks_what_is_gone_hears_so,
    a_reading_ends_where_there_is_no_room,
    a_key_package_is_handed_out_once_and_the_last_resort_again,
    key_packages_have_a_limit_and_are_replaced,
    a_blob_is_there_when_it_is_whole,
    blobs_have_a_quota,
    what_is_old_is_swept,
    a_failed_transaction_leaves_nothing,
    a_batch_sees_its_own_writes,
];

fn making_a_log_again_is_no_error_but_another_one_is<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    let create = Create { log: GROUP, kind: LogKind::Group, read_hash: member().hash(), append_hash: member().hash() };
    assert!(story.tries(Operation::Create(create.clone())) == Ok(Answer::Done));
    let other = Create { read_hash: stranger().hash(), append_hash: stranger().hash(), ..create.clone() };
    assert!(story.tries(Operation::Create(other)) == Err(Refusal::Exists));
    story.commit(0, Some(stranger().hash()));
    assert!(story.tries(Operation::Create(create)) == Ok(Answer::Done), "also after a rotation");
}

fn entries_are_numbered_chained_and_never_go_back_in_time<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    story.message(0, b"one");
    story.now = Timestamp(START.0 - 5_000);
    story.message(0, b"two");
    story.commit(0, None);
    let Ok(Reading::Entries { entries, then }) = story.read(GROUP, member(), 0) else { panic!("it can be read") };
    assert_eq!(then, Then::Live(Seq(3)));
    let (mut hash, mut time) = (chain::genesis(GROUP), 0);
    for (number, entry) in (1..).zip(&entries) {
        hash = chain::next(hash, entry);
        assert!(entry.seq == number && entry.chain == hash.to_vec() && entry.time >= time);
        time = entry.time;
    }
    assert_eq!(entries.iter().map(|entry| entry.payload.as_slice()).collect::<Vec<_>>(), [&b"one"[..], b"two", b"commit"]);
}

fn the_same_client_id_gets_the_same_answer<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    let append = story.append(0, b"once", What::Message);
    let (first, news) = story.accepted(&append);
    assert!(matches!(news, Some(News::Entry { .. })));
    story.message(0, b"between");
    assert!(story.accepted(&append) == (first, None));
    assert_eq!(story.numbers(GROUP, member(), 0), [1, 2]);
}

fn a_repeated_commit_is_not_stale<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    let commit = story.append(0, b"commit", What::Commit { rotate_to: Some(stranger().hash()), snapshot: None });
    let (first, _) = story.accepted(&commit);
    assert_eq!(first.epoch, 1);
    assert!(story.accepted(&commit) == (first, None), "though its epoch is over, and its capability too");
}

fn one_commit_wins_in_every_epoch<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    assert_eq!(story.commit(0, None).epoch, 1);
    let loser = story.append(0, b"too late", What::Commit { rotate_to: None, snapshot: None });
    assert_eq!(story.stale(&loser).epoch, 1);
    let future = story.append(7, b"too early", What::Message);
    assert_eq!(story.stale(&future).epoch, 1);
    assert_eq!(story.commit(1, None).epoch, 2);
}

fn a_stale_answer_holds_what_the_sender_lacks<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    story.message(0, b"known");
    story.commit(0, None);
    story.message(1, b"news");
    let late = story.append(0, b"late", What::Message);
    let stale = story.stale(&Append { after: Seq(1), ..late });
    assert!(!stale.more && stale.snapshot.is_none());
    assert_eq!(stale.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [2, 3]);
}

fn a_stale_answer_says_when_there_is_more<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    story.commit(0, None);
    for _ in 0..limits::ENTRIES_PER_ANSWER_MAX {
        story.message(1, b"news");
    }
    let late = story.append(0, b"late", What::Message);
    let stale = story.stale(&late);
    assert!(stale.more && stale.entries.len() == limits::ENTRIES_PER_ANSWER_MAX);
    let rest = story.stale(&Append { after: Seq(stale.entries.len() as u64), ..late });
    assert!(!rest.more && rest.entries.len() == 1);
}

fn a_resync_is_taken_in_any_epoch<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    story.commit(0, None);
    story.commit(1, None);
    let resync = story.append(1, b"let me in", What::Resync);
    let (accepted, _) = story.accepted(&resync);
    assert!(accepted.seq == 3 && accepted.epoch == 2);
    let future = story.append(u64::MAX, b"from nowhere", What::Resync);
    assert_eq!(story.stale(&future).epoch, 2, "but not in one that never was");
}

fn who_was_removed_reads_up_to_its_removal<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    let new = Capability::new([11; 32]);
    story.message(0, b"for all");
    story.commit(0, Some(new.hash()));
    let append = story.append(1, b"for those who stayed", What::Message);
    story.accepted(&Append { capability: new.clone(), ..append });
    let Ok(Reading::Entries { entries, then }) = story.read(GROUP, member(), 0) else { panic!("the past stays open") };
    assert!(entries.len() == 2 && entries[1].rotates && then == Then::Rotated);
    assert_eq!(story.numbers(GROUP, new, 2), [3]);
    assert!(story.numbers(GROUP, member(), 2).is_empty());
}

fn who_was_removed_appends_nothing<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    let new = Capability::new([11; 32]);
    story.commit(0, Some(new.hash()));
    let secret = story.append(1, b"after", What::Commit { rotate_to: None, snapshot: Some(b"state".to_vec()) });
    story.accepted(&Append { capability: new.clone(), ..secret });
    for what in [What::Message, What::Resync, What::Ephemeral, What::Commit { rotate_to: None, snapshot: None }] {
        let append = story.append(2, b"I am still here", what);
        let stale = story.stale(&append);
        assert!(stale.epoch == 1 && stale.snapshot.is_none() && stale.entries.iter().all(|entry| entry.seq == 1));
    }
    assert_eq!(story.numbers(GROUP, new, 0), [1, 2]);
}

fn a_snapshot_stands_with_its_commit<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    assert!(story.show(Operation::Snapshot, GROUP, member()) == Err(Refusal::NotFound));
    let commit = story.append(0, b"commit", What::Commit { rotate_to: None, snapshot: Some(b"state".to_vec()) });
    let (at, _) = story.accepted(&commit);
    let snapshot = v1::Snapshot { epoch: 1, seq: at.seq, chain: at.chain, sealed: b"state".to_vec() };
    assert!(story.show(Operation::Snapshot, GROUP, member()) == Ok(Answer::Snapshot(snapshot.clone())));
    story.commit(1, None);
    assert!(
        story.show(Operation::Snapshot, GROUP, member()) == Ok(Answer::Snapshot(snapshot.clone())),
        "until there is a newer one"
    );
    let late = story.append(0, b"late", What::Message);
    assert!(story.stale(&late).snapshot == Some(snapshot));
}

fn what_is_ephemeral_is_checked_and_not_stored<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    let append = story.append(0, b"typing", What::Ephemeral);
    let (accepted, news) = story.accepted(&append);
    assert!(accepted.seq == 0 && matches!(news, Some(News::Ephemeral { .. })));
    assert!(story.numbers(GROUP, member(), 0).is_empty());
    let forged = Append { capability: stranger(), ..append.clone() };
    assert!(story.tries(Operation::Append(forged)) == Err(Refusal::Denied));
    story.commit(0, None);
    assert!(story.stale(&append).entries.is_empty());
}

fn nobody_without_the_capability_learns_anything<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    story.message(0, b"secret");
    for log in [GROUP, INBOX, NOWHERE] {
        let append = story.append(0, b"hello", What::Message);
        assert!(story.tries(Operation::Append(Append { log, capability: stranger(), ..append })) == Err(Refusal::Denied));
        assert!(story.read(log, stranger(), 0) == Err(Refusal::Denied));
        assert!(story.tries(Operation::Trim(Trim { log, capability: stranger(), up_to: Seq(1) })) == Err(Refusal::Denied));
        for ask in [Operation::Snapshot, Operation::Admit, Operation::Take] {
            assert!(story.show(ask, log, stranger()) == Err(Refusal::Denied));
        }
    }
}

fn an_inbox_has_two_sides<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    let letter = story.letter(b"hello");
    story.accepted(&letter);
    assert!(story.read(INBOX, sender(), 0) == Err(Refusal::Denied), "a sender reads nothing");
    assert_eq!(story.numbers(INBOX, owner(), 0), [1]);
    let own = Append { capability: owner(), client_id: story.client_id(), ..letter.clone() };
    assert!(story.tries(Operation::Append(own)) == Err(Refusal::Denied), "the owner appends nothing");
    let trim = Trim { log: INBOX, capability: sender(), up_to: Seq(1) };
    assert!(story.tries(Operation::Trim(trim)) == Err(Refusal::Denied));
    let commit = Append { client_id: story.client_id(), what: What::Commit { rotate_to: None, snapshot: None }, ..letter };
    assert!(matches!(story.tries(Operation::Append(commit)), Err(Refusal::Invalid(_))));
    assert!(story.show(Operation::Admit, INBOX, owner()) == Err(Refusal::Denied), "it is no call");
}

fn an_inbox_is_full_at_its_limit_and_trimming_makes_room<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    let large = vec![1; limits::ENTRY_BYTES_MAX];
    let mut accepted = 0;
    loop {
        let letter = story.letter(&large);
        match story.tries(Operation::Append(letter)) {
            Ok(_) => accepted += 1,
            Err(refusal) => break assert!(matches!(refusal, Refusal::Full(_))),
        }
    }
    assert_eq!(accepted, limits::INBOX_BYTES_MAX / (limits::ENTRY_BYTES_MAX as u64 + limits::ENTRY_HEAD_BYTES));
    assert!(story.trim(1).is_ok());
    let letter = story.letter(&large);
    story.accepted(&letter);
    let letter = story.letter(&large);
    assert!(matches!(story.tries(Operation::Append(letter)), Err(Refusal::Full(_))));
}

fn a_trimmed_entry_is_not_taken_twice<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    let letter = story.letter(b"once");
    let (first, _) = story.accepted(&letter);
    assert!(story.trim(1).is_ok());
    assert!(story.accepted(&letter) == (first, None));
    assert!(story.numbers(INBOX, owner(), 1).is_empty());
}

fn who_lacks_what_is_gone_hears_so<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    for _ in 0..4 {
        let letter = story.letter(b"letter");
        story.accepted(&letter);
    }
    assert!(story.trim(2).is_ok() && story.trim(1).is_ok(), "an older trim changes nothing");
    assert!(story.read(INBOX, owner(), 1) == Ok(Reading::Gone));
    assert_eq!(story.numbers(INBOX, owner(), 0), [3, 4], "from the beginning is from what is there");
    assert_eq!(story.numbers(INBOX, owner(), 2), [3, 4]);
    assert!(story.trim(u64::MAX).is_ok());
    assert!(story.numbers(INBOX, owner(), u64::MAX).is_empty());
    let letter = story.letter(b"letter");
    assert_eq!(story.accepted(&letter).0.seq, 5, "numbers go on");
}

fn a_reading_ends_where_there_is_no_room<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    for payload in [&[1; 10][..], &[2; 10], &[3; 100], &[4; 10]] {
        story.message(0, payload);
    }
    let mut part =
        |after, room| match story.does(Operation::Read(Read { log: GROUP, capability: member(), after: Seq(after) }, room)) {
            Answer::Read(Reading::Entries { entries, then }) => (entries.len(), then),
            _ => panic!("it can be read"),
        };
    assert_eq!(part(0, Room { entries: 10, bytes: 25 }), (2, Then::More));
    assert_eq!(part(2, Room { entries: 10, bytes: 25 }), (1, Then::More), "one at least, however large");
    assert_eq!(part(0, Room { entries: 3, bytes: 1_000 }), (3, Then::More));
    assert_eq!(part(3, Room { entries: 3, bytes: 1_000 }), (1, Then::Live(Seq(4))));
}

fn a_key_package_is_handed_out_once_and_the_last_resort_again<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    assert!(story.show(Operation::Take, INBOX, sender()) == Err(Refusal::NotFound));
    let publish = publish(&[b"a", b"b", b"a"], Some(b"last"));
    assert!(story.does(Operation::Publish(publish.clone())) == Answer::Published { left: 2 }, "the very same counts once");
    let forged = Publish { capability: sender(), ..publish };
    assert!(story.tries(Operation::Publish(forged)) == Err(Refusal::Denied));
    let mut take = || match story.show(Operation::Take, INBOX, sender()) {
        Ok(Answer::KeyPackage(sealed)) => sealed,
        _ => panic!("there is one"),
    };
    assert_eq!([take(), take(), take(), take()], [b"a".to_vec(), b"b".to_vec(), b"last".to_vec(), b"last".to_vec()]);
}

fn key_packages_have_a_limit_and_are_replaced<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    let many: Vec<Vec<u8>> = (0..limits::KEY_PACKAGES_MAX).map(|n| vec![n as u8; 9]).collect();
    let full = Publish { key_packages: many, ..publish(&[], Some(b"last")) };
    assert!(story.does(Operation::Publish(full)) == Answer::Published { left: limits::KEY_PACKAGES_MAX });
    assert!(matches!(story.tries(Operation::Publish(publish(&[b"more"], None))), Err(Refusal::Full(_))));
    let replace = Publish { replace: true, ..publish(&[b"new"], None) };
    assert!(story.does(Operation::Publish(replace)) == Answer::Published { left: 1 });
    assert!(story.show(Operation::Take, INBOX, sender()) == Ok(Answer::KeyPackage(b"new".to_vec())));
    assert!(story.show(Operation::Take, INBOX, sender()) == Ok(Answer::KeyPackage(b"last".to_vec())), "the last resort stays");
}

fn publish(key_packages: &[&[u8]], last_resort: Option<&[u8]>) -> Publish {
    let key_packages = key_packages.iter().map(|sealed| sealed.to_vec()).collect();
    Publish { log: INBOX, capability: owner(), key_packages, last_resort: last_resort.map(<[u8]>::to_vec), replace: false }
}

fn a_blob_is_there_when_it_is_whole<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    let (put, max, place) = (blob(1, 100), BlobsMax(1_000), BlobPlace([7; 16]));
    story.does(Operation::AnnounceBlob(put.clone(), max));
    assert!(story.tries(get(1, member())) == Err(Refusal::Denied), "it has not come");
    story.does(Operation::AnnounceBlob(put.clone(), max));
    story.does(Operation::FinishBlob(put.clone(), place));
    assert!(story.tries(get(1, member())) == Ok(Answer::Blob { place, bytes: 100 }));
    assert!(story.tries(get(1, stranger())) == Err(Refusal::Denied));
    assert!(story.tries(get(2, member())) == Err(Refusal::Denied));
    assert!(story.tries(Operation::AnnounceBlob(put.clone(), max)) == Err(Refusal::Exists));
    assert!(story.tries(Operation::FinishBlob(put, BlobPlace([8; 16]))) == Err(Refusal::Exists), "the first upload stays");
}

fn blobs_have_a_quota<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    let max = BlobsMax(1_000);
    story.does(Operation::AnnounceBlob(blob(1, 600), max));
    assert!(matches!(story.tries(Operation::AnnounceBlob(blob(2, 500), max)), Err(Refusal::Full(_))));
    story.does(Operation::AnnounceBlob(blob(1, 700), max));
    story.does(Operation::GiveUpBlob(blob(1, 0).blob));
    story.does(Operation::AnnounceBlob(blob(2, 1_000), max));
}

fn what_is_old_is_swept<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    story.message(0, b"old");
    story.does(Operation::AnnounceBlob(blob(1, 10), BlobsMax(100)));
    story.does(Operation::FinishBlob(blob(1, 10), BlobPlace([7; 16])));
    story.wait(limits::ENTRY_KEPT / 2);
    story.message(0, b"newer");
    story.does(Operation::AnnounceBlob(blob(2, 10), BlobsMax(100)));
    assert!(story.does(Operation::Sweep) == Answer::Swept(Default::default()), "nothing is old yet");
    story.wait(limits::ENTRY_KEPT / 2 + std::time::Duration::from_secs(1));
    let Answer::Swept(swept) = story.does(Operation::Sweep) else { panic!("a sweep was answered by something else") };
    assert!(swept.dropped.is_empty() && swept.blobs == [(blob(1, 0).blob, BlobPlace([7; 16]))]);
    assert_eq!(story.numbers(GROUP, member(), 0), [2]);
    assert!(story.tries(get(1, member())) == Err(Refusal::Denied));
    assert!(story.tries(Operation::FinishBlob(blob(2, 10), BlobPlace([9; 16]))) == Err(Refusal::NotFound), "it never came");
    story.wait(limits::LOG_KEPT);
    story.show(Operation::Touch, INBOX, owner()).expect("the owner is there");
    let Answer::Swept(swept) = story.does(Operation::Sweep) else { panic!("a sweep was answered by something else") };
    assert!(swept.dropped == [GROUP], "nobody has used it");
    assert!(story.read(GROUP, member(), 0) == Err(Refusal::Denied));
    assert!(story.numbers(INBOX, owner(), 0).is_empty());
}

fn a_failed_transaction_leaves_nothing<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    let append = story.append(0, b"never", What::Message);
    let operation = Operation::Append(append);
    let failed: Result<(), StoreError> = story.engine.transaction(&[GROUP], &mut |tx| {
        operation.apply(tx, START).expect("the append itself works");
        Err(StoreError::Full)
    });
    assert_eq!(failed, Err(StoreError::Full));
    assert!(story.numbers(GROUP, member(), 0).is_empty());
    assert_eq!(story.message(0, b"first").seq, 1);
}

fn a_batch_sees_its_own_writes<E: Engine>(engine: E) {
    let mut story = Story::new(engine);
    let log = LogId([9; 32]);
    let create = Create { log, kind: LogKind::Group, read_hash: member().hash(), append_hash: member().hash() };
    let one = story.append(0, b"one", What::Commit { rotate_to: None, snapshot: None });
    let two = story.append(0, b"two", What::Message);
    let batch = [
        Operation::Create(create),
        Operation::Append(Append { log, ..one.clone() }),
        Operation::Append(Append { log, ..one }),
        Operation::Append(Append { log, ..two }),
        Operation::Admit(Show { log, capability: member() }),
    ];
    let answers = apply(&mut story.engine, &batch.each_ref(), story.now).expect("the engine works");
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(story.numbers(log, member(), 0), [1], "the commit is there once, and made the message stale");
}
