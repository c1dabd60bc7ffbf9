//! Calls that run on: ring, ignore, join late, leave, come back, end.

use std::time::Duration;

use umweg_client::view::{Absence, CallState};
use umweg_client::{Command, CommandError, Failure, Input, MediaEvent};
use umweg_wire::{CallId, LogId};

use crate::groups::group;
use crate::house::{House, Who};

/// Anna has started a video call in the group, and is in.
fn call(names: &[&'static str]) -> (House, LogId, CallId) {
    let (mut house, chat) = group(names);
    house.order(0, Command::StartCall { chat, video: true });
    house.settle();
    let call = house.call_of(0);
    house.offers(0, call);
    (house, chat, call)
}

fn is_in(house: &House, who: Who, call: CallId) -> bool {
    matches!(house.state(who, call), CallState::In { .. })
}

fn has_ended(house: &House, who: Who, call: CallId) -> bool {
    matches!(house.state(who, call), CallState::Ended { .. })
}

#[test]
fn a_call_rings_at_everybody_who_was_called() {
    let (house, chat, call) = call(&["Anna", "Ben", "Cleo"]);
    assert!(is_in(&house, 0, call));
    for who in [1, 2] {
        let ringing = house.view(who).ringing.unwrap();
        assert_eq!((ringing.from_name.as_str(), ringing.title.as_str(), ringing.video), ("Anna", "friends", true));
        assert!(house.view(who).chats.iter().find(|row| row.id == chat).unwrap().call == Some(call));
    }
    assert!(house.view(0).ringing.is_none());
}

#[test]
fn after_ignore_it_runs_on_and_can_be_joined_late() {
    let (mut house, chat, call) = call(&["Anna", "Ben", "Cleo"]);
    house.joins(1, call);
    house.order(2, Command::IgnoreCall { call });
    house.pass(Duration::from_secs(300));
    assert!(house.state(2, call) == CallState::Running && house.view(2).ringing.is_none());
    assert!(house.view(2).chats.iter().find(|row| row.id == chat).unwrap().call == Some(call));
    assert_eq!(house.present(2, call), ["Anna", "Ben"]);
    assert!(
        house.call(0, call).absent.iter().map(|row| (row.name.as_str(), row.answer)).collect::<Vec<_>>()
            == [("Cleo", Absence::Missed)]
    );
    house.joins(2, call);
    for who in 0..3 {
        assert!(is_in(&house, who, call));
        assert_eq!(house.present(who, call), ["Anna", "Ben", "Cleo"]);
        assert!(house.keys(who) == house.keys(0), "all share the newest keys");
        assert!(house.call(who, call).code == house.call(0, call).code);
        assert!(house.call(who, call).present.iter().all(|row| row.participant.is_some()));
    }
}

#[test]
fn who_leaves_gets_no_later_keys_and_comes_back_as_often_as_wanted() {
    let (mut house, _, call) = call(&["Anna", "Ben", "Cleo"]);
    house.joins(1, call);
    house.joins(2, call);
    for _ in 0..3 {
        let before = house.keys(1);
        assert!(before == house.keys(0));
        house.order(1, Command::LeaveCall { call });
        house.settle();
        assert!(house.state(1, call) == CallState::Running);
        assert!(house.keys(1) == before && house.keys(0) != before && house.keys(0) == house.keys(2));
        assert_eq!(house.present(0, call), ["Anna", "Cleo"]);
        assert!(house.call(0, call).absent[0].answer == Absence::Left);
        assert!(matches!(house.devices[1].page.last(), Some(MediaEvent::Stop { .. })));
        house.joins(1, call);
        assert!(house.keys(1) == house.keys(0) && house.keys(1) != before);
        assert_eq!(house.present(0, call), ["Anna", "Ben", "Cleo"]);
    }
}

#[test]
fn when_the_last_one_leaves_it_is_over_everywhere() {
    let (mut house, chat, call) = call(&["Anna", "Ben", "Cleo"]);
    house.joins(1, call);
    house.order(0, Command::LeaveCall { call });
    house.settle();
    assert!(!has_ended(&house, 2, call));
    house.order(1, Command::LeaveCall { call });
    house.settle();
    for who in 0..3 {
        assert!(has_ended(&house, who, call), "device {who}");
        assert!(house.view(who).chats.iter().find(|row| row.id == chat).unwrap().call.is_none());
    }
    assert!(house.state(2, call) == CallState::Ended { ended: house_end(&house, 2, call), missed: true });
    assert_eq!(house.try_order(2, Command::JoinCall { call, video: false }), Err(CommandError::CallOver));
}

fn house_end(house: &House, who: Who, call: CallId) -> umweg_wire::Timestamp {
    match house.state(who, call) {
        CallState::Ended { ended, .. } => ended,
        _ => panic!("it runs"),
    }
}

#[test]
fn a_device_that_was_off_while_it_rang_finds_it_running() {
    let (mut house, chat) = group(&["Anna", "Ben"]);
    house.kill(1);
    house.order(0, Command::StartCall { chat, video: false });
    house.settle();
    let call = house.call_of(0);
    house.offers(0, call);
    house.pass(Duration::from_secs(90));
    house.start(1);
    house.settle();
    assert!(house.view(1).ringing.is_none());
    assert!(house.state(1, call) == CallState::Running);
    house.joins(1, call);
    assert!(house.keys(0) == house.keys(1));
}

#[test]
fn who_declines_is_shown_so_and_may_still_come() {
    let (mut house, _, call) = call(&["Anna", "Ben"]);
    house.order(1, Command::DeclineCall { call });
    house.settle();
    assert!(house.call(0, call).absent[0].answer == Absence::Declined);
    house.joins(1, call);
    assert_eq!(house.present(0, call), ["Anna", "Ben"]);
}

#[test]
fn who_vanishes_keeps_the_seat_for_a_minute_and_then_loses_the_keys() {
    let (mut house, _, call) = call(&["Anna", "Ben", "Cleo"]);
    house.joins(1, call);
    house.joins(2, call);
    let before = house.keys(0);
    house.seat_expires(2);
    house.kill(2);
    house.pass(Duration::from_secs(50));
    assert!(house.keys(0) == before);
    house.pass(Duration::from_secs(20));
    assert!(house.keys(0) != before && house.keys(0) == house.keys(1));
    assert_eq!(house.present(0, call), ["Anna", "Ben"]);
    house.start(2);
    house.settle();
    assert!(house.state(2, call) == CallState::Running);
    house.joins(2, call);
    assert!(house.keys(2) == house.keys(0));
}

#[test]
fn a_short_break_of_the_road_costs_nobody_the_call() {
    let (mut house, _, call) = call(&["Anna", "Ben"]);
    house.joins(1, call);
    let offers = |house: &House| house.devices[1].page.iter().filter(|event| matches!(event, MediaEvent::MakeOffer { .. })).count();
    let before = (house.keys(1), offers(&house));
    house.disconnect(1);
    house.pass(Duration::from_secs(10));
    assert!(is_in(&house, 1, call));
    house.connect(1);
    house.settle();
    assert!(is_in(&house, 1, call) && (house.keys(1), offers(&house)) == before, "the seat was taken again, without a new offer");
    house.input(1, Input::ParticipantLost { call, failure: Failure::NotFound });
    house.settle();
    assert_eq!(offers(&house), before.1 + 1);
    house.offers(1, call);
    assert!(is_in(&house, 1, call));
}

#[test]
fn a_roster_that_stays_empty_ends_the_call() {
    let (mut house, _, call) = call(&["Anna", "Ben"]);
    house.seat_expires(0);
    house.kill(0);
    house.pass(Duration::from_secs(30));
    assert!(!has_ended(&house, 1, call));
    house.pass(Duration::from_secs(60));
    assert!(has_ended(&house, 1, call));
}

#[test]
fn from_a_conversation_of_two_people_are_added() {
    let mut house = House::acquainted(&["Anna", "Ben", "Cleo"]);
    let chat = house.chat_with(0, 1);
    house.order(0, Command::StartCall { chat, video: false });
    house.settle();
    let call = house.call_of(0);
    house.offers(0, call);
    house.joins(1, call);
    assert!(house.view(2).calls.is_empty());
    let cleo = house.account(2);
    house.order(0, Command::AddToCall { call, members: vec![cleo] });
    house.settle();
    assert_eq!(house.view(2).ringing.unwrap().title, "Anna, Ben");
    assert_eq!(house.call(0, call).title, "Ben, Cleo");
    house.joins(2, call);
    assert_eq!(house.present(1, call), ["Anna", "Ben", "Cleo"]);
    assert!(house.keys(2) == house.keys(1));
}

#[test]
fn who_was_not_invited_is_let_in_by_nobody() {
    let mut house = House::acquainted(&["Anna", "Ben", "Dora"]);
    let chat = house.chat_with(0, 1);
    house.order(0, Command::StartCall { chat, video: false });
    house.settle();
    let call = house.call_of(0);
    house.offers(0, call);
    house.joins(1, call);
    let before = house.keys(0);
    // Dora knows the id, and even stole the whole row of the call.
    assert_eq!(house.try_order(2, Command::JoinCall { call, video: false }), Err(CommandError::Unknown));
    house.kill(2);
    {
        let db = house.database(2);
        let from = house.database(1);
        let row = |row: &rusqlite::Row<'_>| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?, row.get::<_, Vec<u8>>(3)?))
        };
        let stolen = from.query_row("SELECT call, join_secret, chat, caller FROM call", [], row).unwrap();
        db.execute(
            "INSERT INTO call (call, join_secret, chat, caller, video, started, opened) VALUES (?1, ?2, ?3, ?4, 0, 0, 1)",
            stolen,
        )
        .unwrap();
    }
    house.start(2);
    house.devices[2].page.clear();
    house.order(2, Command::JoinCall { call, video: false });
    house.settle();
    assert!(!is_in(&house, 2, call));
    assert!(!house.devices[2].page.iter().any(|event| matches!(event, MediaEvent::Keys { .. })), "she has no keys");
    assert!(house.keys(0) == before, "nobody changed theirs");
    assert_eq!(house.present(0, call), ["Anna", "Ben"]);
}

#[test]
fn one_call_at_a_time_and_a_second_start_joins_the_first() {
    let (mut house, chat, call) = call(&["Anna", "Ben", "Cleo"]);
    let other = house.chat_with(0, 1);
    assert_eq!(house.try_order(0, Command::StartCall { chat: other, video: false }), Err(CommandError::AlreadyInACall));
    house.order(1, Command::StartCall { chat, video: false });
    house.settle();
    assert_eq!(house.view(1).calls.len(), 1);
    house.offers(1, call);
    assert_eq!(house.present(0, call), ["Anna", "Ben"]);
}

#[test]
fn muting_is_seen_by_the_others() {
    let (mut house, _, call) = call(&["Anna", "Ben"]);
    house.joins(1, call);
    house.order(1, Command::Mute { call, muted: true });
    house.settle();
    assert!(house.call(0, call).present.iter().any(|row| row.name == "Ben" && row.muted));
}

#[test]
fn a_page_loaded_anew_gets_the_keys_and_is_asked_for_a_new_offer() {
    let (mut house, _, call) = call(&["Anna", "Ben"]);
    house.joins(1, call);
    let before = house.keys(1);
    house.joins(1, call);
    assert!(is_in(&house, 1, call) && house.keys(1) == before);
    assert_eq!(house.present(0, call), ["Anna", "Ben"]);
}

#[test]
fn a_new_call_can_follow_the_one_that_ended() {
    let (mut house, chat, first) = call(&["Anna", "Ben"]);
    house.order(0, Command::LeaveCall { call: first });
    house.settle();
    assert!(has_ended(&house, 1, first));
    house.devices[1].page.clear();
    house.order(1, Command::StartCall { chat, video: false });
    house.settle();
    let second = house.call_of(1);
    assert!(second != first);
    house.offers(1, second);
    assert_eq!(house.view(0).ringing.unwrap().from_name, "Ben");
}

#[test]
fn a_call_whose_program_died_before_anybody_heard_of_it_never_was() {
    let (mut house, chat) = group(&["Anna", "Ben"]);
    house.disconnect(0);
    house.order(0, Command::StartCall { chat, video: false });
    house.settle();
    house.kill(0);
    house.start(0);
    house.settle();
    assert!(house.view(0).calls.is_empty() && house.view(1).calls.is_empty());
}
