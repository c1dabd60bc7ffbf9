//! Conversations.

use umweg_seal::group::{CommitError, Conversation, JoinError, Received, open_resync, seal_resync};
use umweg_seal::{Refusal, new_key_packages};
use umweg_wire::limits::{MEMBERS_MAX, NAME_BYTES_MAX};
use umweg_wire::proto::sealed::{Transient, transient};
use umweg_wire::proto::v1::EntryKind::{Commit, Message};
use umweg_wire::{LogId, Seq};

use crate::people::{LOG, Person, Took, all_take, conversation_of, message, people};

#[test]
fn people_in_a_conversation_read_each_other() {
    let [a, b, c] = people();
    conversation_of(&[&a, &b, &c]);
    let hello = a.says("hello");
    assert_eq!(b.takes(&hello, Message), Took::Text(a.id(), "hello".into()));
    assert_eq!(c.takes(&hello, Message), Took::Text(a.id(), "hello".into()));
    let answer = c.says("hello to you");
    assert_eq!(a.hears(&answer), "hello to you");
    assert_eq!(b.hears(&answer), "hello to you");
}

#[test]
fn all_members_see_the_same_members_and_the_same_name() {
    let [a, b, c] = people();
    conversation_of(&[&a, &b, &c]);
    assert_eq!(a.conversation().members().len(), 3);
    assert!([&b, &c].iter().all(|one| one.conversation().members() == a.conversation().members()));
    let commit = b.conversation().rename(&b.store(), &b.device, "another name").unwrap();
    all_take(&b, &[&a, &c], &commit);
    assert!([&a, &b, &c].iter().all(|one| one.conversation().name() == "another name"));
}

#[test]
fn a_name_has_a_limit() {
    let [a] = people();
    conversation_of(&[&a, &Person::new(7)]);
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    assert!(matches!(a.conversation().rename(&a.store(), &a.device, &long), Err(CommitError::NameTooLong)));
}

#[test]
fn a_change_says_who_comes_who_goes_and_who_made_it() {
    let [a, b, c] = people();
    conversation_of(&[&a, &b]);
    let commit = b.conversation().add(&b.store(), &b.device, &[c.key_package()]).unwrap();
    let own = b.conversation().pending_change().unwrap();
    let Received::Commit(staged) = a.conversation().handle(&a.store(), &commit.commit, Commit).unwrap() else {
        panic!("no commit")
    };
    assert_eq!(staged.change, own);
    assert_eq!(staged.change.by.account(), b.id());
    assert_eq!(staged.change.added.iter().map(|one| one.account()).collect::<Vec<_>>(), [c.id()]);
    assert!(staged.change.removed.is_empty() && !staged.change.removes_me && staged.change.name.is_none());
}

#[test]
fn a_removal_rotates_the_logs_keys_for_those_who_stay() {
    let [a, b, c] = people();
    conversation_of(&[&a, &b, &c]);
    let before = a.conversation().log_keys_of_epoch(&a.store()).unwrap();
    let commit = a.conversation().remove(&a.store(), &a.device, &[c.id()]).unwrap();
    let promised = commit.keys_after.as_ref().unwrap();
    assert_eq!(a.takes(&commit.commit, Commit), Took::Own);
    assert_eq!(b.takes(&commit.commit, Commit), Took::Commit);
    for one in [&a, &b] {
        assert!(one.conversation().log_keys_of_epoch(&one.store()).unwrap() == *promised);
    }
    assert!(before != *promised);
}

#[test]
fn a_removed_member_that_was_offline_learns_it_and_reads_nothing_more() {
    let [a, b, c] = people();
    conversation_of(&[&a, &b, &c]);
    let commit = a.conversation().remove(&a.store(), &a.device, &[c.id()]).unwrap();
    all_take(&a, &[&b], &commit);
    let after = a.says("without c");
    assert_eq!(b.hears(&after), "without c");
    assert!(matches!(c.takes(&after, Message), Took::Nothing(_)));
    let Received::Commit(staged) = c.conversation().handle(&c.store(), &commit.commit, Commit).unwrap() else {
        panic!("no commit")
    };
    assert!(staged.change.removes_me);
    c.conversation().accept(&c.store(), staged).unwrap();
    assert!(!c.conversation().is_active());
    assert!(matches!(c.takes(&after, Message), Took::Nothing(_)));
    assert!(c.conversation().log_keys_of_epoch(&c.store()).is_err());
}

#[test]
fn who_loses_a_race_takes_the_winners_change_and_makes_its_own_again() {
    let [a, b, c] = people();
    conversation_of(&[&a, &b, &c]);
    let won = a.conversation().rename(&a.store(), &a.device, "from a").unwrap();
    b.conversation().rename(&b.store(), &b.device, "from b").unwrap();
    all_take(&a, &[&b, &c], &won);
    assert!(!b.conversation().has_pending());
    assert_eq!(b.conversation().name(), "from a");
    let again = b.conversation().rename(&b.store(), &b.device, "from b").unwrap();
    all_take(&b, &[&a, &c], &again);
    assert_eq!(c.conversation().name(), "from b");
}

#[test]
fn one_change_is_under_way_at_a_time() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    a.conversation().update(&a.store(), &a.device).unwrap();
    assert!(matches!(a.conversation().update(&a.store(), &a.device), Err(CommitError::Pending)));
    a.conversation().clear_pending(&a.store()).unwrap();
    let commit = a.conversation().update(&a.store(), &a.device).unwrap();
    all_take(&a, &[&b], &commit);
}

/// At-least-once delivery is safe if all four are "already done" (notes on messaging, pitfall 4).
#[test]
fn everything_may_come_twice() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    let hello = a.says("hello");
    assert_eq!(a.takes(&hello, Message), Took::Own);
    assert_eq!(b.hears(&hello), "hello");
    assert_eq!(b.takes(&hello, Message), Took::Nothing("read a message twice".into()));
    let commit = a.conversation().update(&a.store(), &a.device).unwrap();
    all_take(&a, &[&b], &commit);
    assert_eq!(a.takes(&commit.commit, Commit), Took::Own);
    assert_eq!(b.takes(&commit.commit, Commit), Took::Nothing("read a message of a past epoch".into()));
    assert_eq!(b.hears(&a.says("still together")), "still together");
}

#[test]
fn a_message_before_the_commit_it_needs_waits_and_opens_after_it() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    let commit = a.conversation().update(&a.store(), &a.device).unwrap();
    assert_eq!(a.takes(&commit.commit, Commit), Took::Own);
    let early = a.says("early");
    assert_eq!(b.takes(&early, Message), Took::Nothing("read a message of an epoch to come".into()));
    assert_eq!(b.takes(&commit.commit, Commit), Took::Commit);
    assert_eq!(b.hears(&early), "early");
}

#[test]
fn what_was_sealed_and_never_sent_does_not_hurt() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    for _ in 0..60 {
        a.says("lost");
    }
    assert_eq!(b.hears(&a.says("kept")), "kept");
}

#[test]
fn a_member_that_lost_its_state_is_let_in_again_in_one_commit() {
    let [a, b, c] = people();
    conversation_of(&[&a, &b, &c]);
    let keys = b.conversation().log_keys_of_epoch(&b.store()).unwrap();
    Conversation::delete(&b.store(), LOG).unwrap();
    assert!(Conversation::load(&b.store(), LOG).unwrap().is_none());

    let package = new_key_packages(&b.store(), &b.device, 1, false).unwrap().remove(0);
    let asked = seal_resync(&b.device, &keys.resync_key, LOG, &package, Seq(4), &mut *b.rng());
    let request = open_resync(&asked, &keys.resync_key, LOG).unwrap();
    assert_eq!((request.key_package.identity().account(), request.lost_after), (b.id(), Seq(4)));
    assert!(open_resync(&asked, &keys.resync_key, LogId([8; 32])).is_err());

    let commit = c.conversation().readmit(&c.store(), &c.device, &request.key_package).unwrap();
    assert!(commit.keys_after.is_some());
    all_take(&c, &[&a], &commit);
    Conversation::join(&b.store(), &b.device, commit.welcome.as_ref().unwrap()).unwrap();
    assert!([&a, &b].iter().all(|one| one.conversation().members() == c.conversation().members()));
    assert_eq!(a.conversation().members().len(), 3);
    assert_eq!(a.hears(&b.says("back")), "back");
    assert_eq!(b.hears(&c.says("welcome")), "welcome");
}

#[test]
fn an_entry_must_be_of_the_kind_it_claims() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    let hello = a.says("hello");
    let commit = a.conversation().update(&a.store(), &a.device).unwrap();
    assert!(matches!(b.takes(&hello, Commit), Took::Nothing(_)));
    assert!(matches!(b.takes(&commit.commit, Message), Took::Nothing(_)));
    assert_eq!(b.hears(&hello), "hello");
}

#[test]
fn a_welcome_does_not_replace_a_conversation() {
    let [a, b, stranger] = people();
    conversation_of(&[&a, &b]);
    let mut false_one = Conversation::create(&stranger.store(), &stranger.device, LOG, "the group").unwrap();
    let commit = false_one.add(&stranger.store(), &stranger.device, &[b.key_package()]).unwrap();
    let refused = Conversation::join(&b.store(), &b.device, commit.welcome.as_ref().unwrap());
    assert!(matches!(refused, Err(JoinError::AlreadyIn)));
    assert_eq!(b.hears(&a.says("still ours")), "still ours");
}

#[test]
fn a_key_package_serves_once_and_the_last_resort_again_and_again() {
    let [a, b] = people();
    let logs = [LogId([1; 32]), LogId([2; 32])];
    for (last_resort, second_works) in [(true, true), (false, false)] {
        let package = new_key_packages(&b.store(), &b.device, 1, last_resort).unwrap().remove(0);
        let sealed = umweg_seal::inbox::seal_key_package(&package, &b.link, &mut *b.rng());
        let joins = logs.map(|log| {
            let mut made = Conversation::create(&a.store(), &a.device, log, "").unwrap();
            let of = umweg_seal::inbox::open_key_package(&sealed, &b.link).unwrap();
            let commit = made.add(&a.store(), &a.device, &[of]).unwrap();
            let joined = Conversation::join(&b.store(), &b.device, commit.welcome.as_ref().unwrap()).is_ok();
            Conversation::delete(&a.store(), log).unwrap();
            Conversation::delete(&b.store(), log).unwrap();
            joined
        });
        assert_eq!(joins, [true, second_works]);
    }
}

#[test]
fn typing_is_seen_by_members_of_the_epoch_only() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    let typing = Transient { account_id: a.id().to_vec(), body: Some(transient::Body::Typing(true)) };
    let sealed = a.conversation().seal_transient(&a.store(), &typing, &mut *a.rng()).unwrap();
    assert!(b.conversation().open_transient(&b.store(), &sealed).unwrap() == typing);
    let commit = b.conversation().update(&b.store(), &b.device).unwrap();
    all_take(&b, &[&a], &commit);
    assert!(b.conversation().open_transient(&b.store(), &sealed).is_err());
}

#[test]
fn a_length_tells_little() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    let length = |text: &str| a.says(text).len();
    assert_eq!(length(""), length("a text of an ordinary length, of which there are many"));
    assert_eq!(length(&"x".repeat(905)), length(&"x".repeat(925)));
}

#[test]
fn what_is_rolled_back_never_was() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    let hello = a.says("hello");
    let transaction = b.db.unchecked_transaction().unwrap();
    assert_eq!(b.hears(&hello), "hello");
    b.conversation().update(&b.store(), &b.device).unwrap();
    transaction.rollback().unwrap();
    assert!(!b.conversation().has_pending());
    assert_eq!(b.hears(&hello), "hello");
}

#[test]
fn another_conversations_message_is_told_apart() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    let mut other = Conversation::create(&a.store(), &a.device, LogId([3; 32]), "").unwrap();
    let sealed = other.seal(&a.store(), &a.device, &message("elsewhere")).unwrap();
    assert_eq!(b.takes(&sealed, Message), Took::Nothing("read a message of another group".into()));
}

#[test]
fn nobody_removes_itself_or_who_is_not_there() {
    let [a, b, c] = people();
    conversation_of(&[&a, &b]);
    for who in [a.id(), c.id()] {
        assert!(matches!(a.conversation().remove(&a.store(), &a.device, &[who]), Err(CommitError::NotAMember)));
    }
}

#[test]
fn a_group_holds_as_many_as_it_may_and_no_more() {
    let people: Vec<_> = (0..=MEMBERS_MAX as u64).map(Person::new).collect();
    let (last, all) = people.split_last().unwrap();
    conversation_of(&all.iter().collect::<Vec<_>>());
    assert_eq!(all[MEMBERS_MAX - 1].conversation().members().len(), MEMBERS_MAX);
    let refused = all[1].conversation().add(&all[1].store(), &all[1].device, &[last.key_package()]);
    assert!(matches!(refused, Err(CommitError::Refused(Refusal::Full))));
    assert!(!all[1].conversation().has_pending());
    assert_eq!(all[2].hears(&all[1].says("enough")), "enough");
}

/// A change is checked against a state of the group; it must not be merged into another.
#[test]
fn a_change_that_waited_too_long_is_not_merged() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    let first = a.conversation().update(&a.store(), &a.device).unwrap();
    let transaction = b.db.unchecked_transaction().unwrap();
    let Received::Commit(waiting) = b.conversation().handle(&b.store(), &first.commit, Commit).unwrap() else {
        panic!("no commit")
    };
    transaction.rollback().unwrap();
    all_take(&a, &[&b], &first);
    assert!(b.conversation().accept(&b.store(), waiting).is_err());
    assert_eq!(b.hears(&a.says("still together")), "still together");
}

#[test]
fn a_commit_that_was_given_up_is_not_taken_for_the_pending_one() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    let given_up = a.conversation().rename(&a.store(), &a.device, "given up").unwrap();
    a.conversation().clear_pending(&a.store()).unwrap();
    let pending = a.conversation().rename(&a.store(), &a.device, "pending").unwrap();
    assert!(matches!(a.takes(&given_up.commit, Commit), Took::Nothing(_)));
    assert!(a.conversation().has_pending());
    all_take(&a, &[&b], &pending);
    assert_eq!(b.conversation().name(), "pending");
}
