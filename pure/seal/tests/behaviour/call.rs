//! Calls.

use sframe::CipherSuite;
use sframe::frame::{EncryptedFrameView, MediaFrameView, MonotonicCounter};
use sframe::key::{DecryptionKey, EncryptionKey};
use umweg_seal::call::{CallCommit, CallGroup, CallSecrets, ReceivedInCall};
use umweg_seal::sframe::{Context, MediaKeys, key_id};
use umweg_wire::proto::sealed::RosterNoteBody;
use umweg_wire::proto::v1::EntryKind::{Commit, Message};
use umweg_wire::{AccountId, CallId};

use crate::people::{Person, people};

const SECRET: [u8; 32] = [5; 32];

fn secrets() -> CallSecrets {
    CallSecrets::from_join_secret(&SECRET)
}

/// The service's part: the newest snapshot, and who is in the call.
struct Call<'p> {
    snapshot: Vec<u8>,
    present: Vec<&'p Person>,
}

impl<'p> Call<'p> {
    fn started_by(caller: &'p Person, invited: &[AccountId]) -> Self {
        let (mut group, commit) =
            CallGroup::create(&caller.store(), &caller.device, &secrets(), invited, &mut *caller.rng()).unwrap();
        assert!(matches!(group.handle(&caller.store(), &secrets(), &commit.commit, Commit), Ok(ReceivedInCall::Own)));
        group.merge_pending(&caller.store()).unwrap();
        Self { snapshot: commit.snapshot, present: vec![caller] }
    }

    fn joined_by(&mut self, who: &'p Person) {
        let commit = self.join_of(who);
        assert!(self.present.iter().filter(|one| one.id() != who.id()).all(|one| takes(one, &commit.commit)));
        assert!(matches!(group(who).handle(&who.store(), &secrets(), &commit.commit, Commit), Ok(ReceivedInCall::Own)));
        self.snapshot = commit.snapshot;
        self.present.retain(|one| one.id() != who.id());
        self.present.push(who);
    }

    fn join_of(&self, who: &Person) -> CallCommit {
        CallGroup::join(&who.store(), &who.device, &secrets(), &self.snapshot, &mut *who.rng()).unwrap().1
    }

    fn left_by(&mut self, who: &Person) {
        self.present.retain(|one| one.id() != who.id());
        let left = group(who).seal_left(&who.store(), &who.device, &secrets(), None, &mut *who.rng()).unwrap();
        let (first, others) = self.present.split_first().unwrap();
        let ReceivedInCall::Left { by, leaf, .. } = group(first).handle(&first.store(), &secrets(), &left, Message).unwrap() else {
            panic!("nobody left")
        };
        assert_eq!(by.account(), who.id());
        let commit = group(first).remove(&first.store(), &first.device, &secrets(), leaf, &mut *first.rng()).unwrap();
        group(first).merge_pending(&first.store()).unwrap();
        assert!(others.iter().all(|one| takes(one, &commit.commit)));
        self.snapshot = commit.snapshot;
    }

    fn agrees(&self) -> bool {
        let view = |one: &Person| {
            let group = group(one);
            let keys = group.media_keys(&one.store(), &secrets()).unwrap();
            (group.members(), group.invited(), group.code(&one.store()).unwrap(), keys.base_key, keys.epoch)
        };
        self.present.iter().all(|one| view(one) == view(self.present[0]))
    }
}

fn group(of: &Person) -> CallGroup {
    CallGroup::load(&of.store(), secrets().log_id()).unwrap().unwrap()
}

fn takes(who: &Person, commit: &[u8]) -> bool {
    let mut group = group(who);
    match group.handle(&who.store(), &secrets(), commit, Commit) {
        Ok(ReceivedInCall::Commit(staged)) => group.accept(&who.store(), staged).is_ok(),
        _ => false,
    }
}

fn keys(of: &Person) -> MediaKeys {
    group(of).media_keys(&of.store(), &secrets()).unwrap()
}

fn ids(people: &[&Person]) -> Vec<AccountId> {
    people.iter().map(|one| one.id()).collect()
}

#[test]
fn three_join_one_after_the_other_and_all_agree() {
    let [a, b, c, d] = people();
    let mut call = Call::started_by(&a, &ids(&[&b, &c, &d]));
    for one in [&b, &c, &d] {
        call.joined_by(one);
        assert!(call.agrees());
    }
    assert_eq!(group(&a).members().len(), 4);
}

#[test]
fn a_joiner_that_comes_too_late_takes_the_newer_state_and_joins_again() {
    let [a, b, c] = people();
    let mut call = Call::started_by(&a, &ids(&[&b, &c]));
    let stale = call.join_of(&c);
    call.joined_by(&b);
    assert!(!takes(&a, &stale.commit));
    call.joined_by(&c);
    assert!(call.agrees());
}

#[test]
fn who_left_opens_nothing_that_was_sealed_after() {
    let [a, b, c] = people();
    let mut call = Call::started_by(&a, &ids(&[&b, &c]));
    call.joined_by(&b);
    call.joined_by(&c);
    let before = seal_frame(&keys(&a), b"before");
    assert_eq!(open_frame(&keys(&b), &before).as_deref(), Some(&b"before"[..]));
    call.left_by(&b);
    assert!(call.agrees());
    let after = seal_frame(&keys(&a), b"after");
    assert_eq!(open_frame(&keys(&c), &after).as_deref(), Some(&b"after"[..]));
    assert_eq!(open_frame(&keys(&b), &after), None);
    let mut posing = keys(&b);
    posing.epoch = keys(&a).epoch;
    assert_eq!(open_frame(&posing, &after), None);
}

#[test]
fn who_left_comes_back() {
    let [a, b, c] = people();
    let mut call = Call::started_by(&a, &ids(&[&b, &c]));
    call.joined_by(&b);
    call.joined_by(&c);
    call.left_by(&b);
    call.joined_by(&b);
    assert!(call.agrees());
    assert_eq!(group(&a).members().len(), 3);
}

#[test]
fn who_vanished_comes_back_in_its_old_place() {
    let [a, b, c] = people();
    let mut call = Call::started_by(&a, &ids(&[&b, &c]));
    call.joined_by(&b);
    call.joined_by(&c);
    CallGroup::delete(&b.store(), secrets().log_id()).unwrap();
    call.joined_by(&b);
    assert!(call.agrees());
    assert_eq!(group(&a).members().len(), 3);
}

#[test]
fn the_caller_too_can_leave_and_come_back() {
    let [a, b, c] = people();
    let mut call = Call::started_by(&a, &ids(&[&b, &c]));
    call.joined_by(&b);
    call.joined_by(&c);
    call.left_by(&a);
    assert!(call.agrees());
    call.joined_by(&a);
    assert!(call.agrees());
}

#[test]
fn somebody_who_was_not_invited_is_let_in_by_nobody() {
    let [a, b, stranger] = people();
    let mut call = Call::started_by(&a, &ids(&[&b]));
    call.joined_by(&b);
    assert!(CallGroup::join(&stranger.store(), &stranger.device, &secrets(), &call.snapshot, &mut *stranger.rng()).is_err());
    assert!(CallGroup::load(&stranger.store(), secrets().log_id()).unwrap().is_none());
}

#[test]
fn somebody_who_is_invited_later_can_join() {
    let [a, b, c] = people();
    let mut call = Call::started_by(&a, &ids(&[&b]));
    call.joined_by(&b);
    let commit = group(&b).invite(&b.store(), &b.device, &secrets(), &[c.id()], &mut *b.rng()).unwrap();
    group(&b).merge_pending(&b.store()).unwrap();
    assert!(takes(&a, &commit.commit));
    call.snapshot = commit.snapshot;
    call.joined_by(&c);
    assert!(call.agrees());
    assert_eq!(group(&a).invited().len(), 3);
}

#[test]
fn a_note_says_who_is_in_to_the_invited_only() {
    let [a] = people();
    let note = RosterNoteBody { since: 7, video: true, muted: false, by_proxy: true, leaf: 3, ..RosterNoteBody::default() };
    let sealed = secrets().seal_note(&a.device, CallId([1; 16]), &note, &mut *a.rng());
    let (who, read) = secrets().open_note(&sealed, CallId([1; 16])).unwrap();
    assert!(who.account() == a.id() && read == note);
    assert!(secrets().open_note(&sealed, CallId([2; 16])).is_err());
    assert!(CallSecrets::from_join_secret(&[6; 32]).open_note(&sealed, CallId([1; 16])).is_err());
}

#[test]
fn the_service_does_not_see_who_joins() {
    let [a, b] = people();
    let call = Call::started_by(&a, &ids(&[&b]));
    let join = call.join_of(&b);
    for shown in [&join.commit, &join.snapshot, &call.snapshot] {
        for secret in [b.account.public(), b.device.key.public(), b.id().0, a.id().0] {
            assert!(!shown.windows(32).any(|window| window == secret));
        }
    }
}

/// With an implementation of RFC 9605 that is not ours.
fn seal_frame(keys: &MediaKeys, frame: &[u8]) -> Vec<u8> {
    let name = key_id(Context::Camera, keys.leaf, keys.epoch);
    let key = EncryptionKey::derive_from(CipherSuite::AesGcm128Sha256, name, keys.base_key).unwrap();
    MediaFrameView::try_new(&mut MonotonicCounter::default(), frame).unwrap().encrypt(&key).unwrap().as_ref().to_vec()
}

/// With the keys of somebody who takes any sender of its own epoch.
fn open_frame(keys: &MediaKeys, sealed: &[u8]) -> Option<Vec<u8>> {
    let frame = EncryptedFrameView::try_new(sealed).ok()?;
    let name = frame.header().key_id();
    if name & 0xFF != keys.epoch & 0xFF {
        return None;
    }
    let key = DecryptionKey::derive_from(CipherSuite::AesGcm128Sha256, name, keys.base_key).unwrap();
    frame.decrypt(&key).ok().map(|frame| frame.payload().to_vec())
}
