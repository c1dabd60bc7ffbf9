//! Calls that run on: ring, ignore, join late, leave, come back, end.

use std::time::Duration;

use umweg_client::view::{Absence, CallState, Line, StopReason};
use umweg_client::{Command, CommandError, Failure, Input, MediaEvent};
use umweg_wire::proto::v1;
use umweg_wire::{CallId, LogId};

use crate::groups::group;
use crate::house::{House, Who};

/// Anna has started a video call in the group, and is in.
pub(crate) fn call(names: &[&'static str]) -> (House, LogId, CallId) {
    let (mut house, chat) = group(names);
    let call = house.begins(0, chat, true);
    (house, chat, call)
}

/// Anna and Ben are in a call of their own. Both know a third, who is not.
fn call_of_two(third: &'static str) -> (House, CallId) {
    let mut house = House::acquainted(&["Anna", "Ben", third]);
    let chat = house.chat_with(0, 1);
    let call = house.begins(0, chat, false);
    house.joins(1, call);
    (house, call)
}

pub(crate) fn is_in(house: &House, who: Who, call: CallId) -> bool {
    matches!(house.state(who, call), CallState::In { .. })
}

pub(crate) fn has_ended(house: &House, who: Who, call: CallId) -> bool {
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
    let call = house.begins(0, chat, false);
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
fn who_leaves_and_keeps_the_seat_loses_it_with_the_keys() {
    let (mut house, _, call) = call(&["Anna", "Ben", "Cleo"]);
    house.joins(1, call);
    house.joins(2, call);
    house.door.leavers_stay = true;
    house.order(1, Command::LeaveCall { call });
    house.settle();
    assert!(house.door.entered_by(1).is_empty() && !house.door.entered_by(2).is_empty());
    assert_eq!((house.present(0, call), house.keys(0) == house.keys(2)), (vec!["Anna".to_owned(), "Cleo".to_owned()], true));
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
    let (mut house, call) = call_of_two("Cleo");
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
    let (mut house, call) = call_of_two("Dora");
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

#[test]
fn two_who_call_at_the_same_moment_are_in_one_call() {
    let (mut house, chat) = group(&["Anna", "Ben", "Cleo"]);
    for who in [0, 1] {
        house.order(who, Command::StartCall { chat, video: false });
    }
    house.settle();
    let call = house.call_of(2);
    for who in 0..3 {
        let calls: Vec<_> = house.view(who).calls.iter().map(|row| row.id).collect();
        assert!(calls == [call], "device {who} knows one call");
        let lines = house.chat(who, chat).lines.into_iter().filter(|line| matches!(line.line, Line::Call { .. })).count();
        assert_eq!(lines, 1, "device {who} shows one line");
    }
    house.offers(0, call);
    house.offers(1, call);
    assert_eq!(house.present(2, call), ["Anna", "Ben"]);
    assert!(house.keys(0) == house.keys(1));
}

#[test]
fn a_call_that_the_caller_gives_up_stops_ringing_and_was_missed() {
    let (mut house, _, call) = call(&["Anna", "Ben"]);
    assert!(house.view(1).ringing.is_some());
    house.order(0, Command::LeaveCall { call });
    house.settle();
    assert!(house.view(1).ringing.is_none());
    assert!(matches!(house.state(1, call), CallState::Ended { missed: true, .. }));
    assert!(matches!(house.state(0, call), CallState::Ended { missed: false, .. }));
}

#[test]
fn the_list_says_who_was_in_and_how_long() {
    let (mut house, chat, call) = call(&["Anna", "Ben", "Cleo"]);
    house.joins(1, call);
    house.pass(Duration::from_secs(120));
    house.order(0, Command::LeaveCall { call });
    house.order(1, Command::LeaveCall { call });
    house.settle();
    let row = house.view(0).calls.remove(0);
    assert!(row.outgoing && row.with == ["Ben"] && row.seconds.is_some_and(|seconds| (120..130).contains(&seconds)));
    let row = house.view(2).calls.remove(0);
    assert!(!row.outgoing && row.with == ["Anna", "Ben"] && matches!(row.state, CallState::Ended { missed: true, .. }));
    let told = house.chat(2, chat).lines.into_iter().find_map(|line| match line.line {
        Line::Call { state: CallState::Ended { .. }, with, seconds, .. } => Some((with, seconds)),
        _ => None,
    });
    assert!(told.is_some_and(|(with, seconds)| with == ["Anna", "Ben"] && seconds.is_some()));
}

fn absence(house: &House, who: Who, call: CallId, name: &str) -> Option<Absence> {
    house.call(who, call).absent.into_iter().find(|row| row.name == name).map(|row| row.answer)
}

#[test]
fn who_has_not_come_is_rung_again_but_not_all_the_time() {
    let (mut house, _, call) = call(&["Anna", "Ben"]);
    let ben = house.account(1);
    assert_eq!(absence(&house, 0, call, "Ben"), Some(Absence::Ringing));
    assert_eq!(house.try_order(0, Command::RingAgain { call, account: ben }), Err(CommandError::TooSoon));
    house.pass(Duration::from_secs(70));
    assert!(house.view(1).ringing.is_none());
    assert_eq!(absence(&house, 0, call, "Ben"), Some(Absence::Missed));
    house.order(0, Command::RingAgain { call, account: ben });
    house.settle();
    assert!(house.view(1).ringing.is_some_and(|ringing| ringing.call == call));
    assert_eq!(absence(&house, 0, call, "Ben"), Some(Absence::Ringing));
    assert_eq!(house.try_order(0, Command::RingAgain { call, account: ben }), Err(CommandError::TooSoon));
    for _ in 0..4 {
        house.pass(Duration::from_secs(70));
        house.order(0, Command::RingAgain { call, account: ben });
    }
    house.pass(Duration::from_secs(70));
    assert_eq!(house.try_order(0, Command::RingAgain { call, account: ben }), Err(CommandError::TooSoon));
}

#[test]
fn a_device_that_is_off_is_shown_as_called_and_not_as_ringing() {
    let (mut house, chat) = group(&["Anna", "Ben"]);
    house.kill(1);
    let call = house.begins(0, chat, false);
    assert_eq!(absence(&house, 0, call, "Ben"), Some(Absence::Invited));
    house.pass(Duration::from_secs(90));
    house.start(1);
    house.settle();
    assert!(house.view(1).ringing.is_none());
    assert_eq!(absence(&house, 0, call, "Ben"), Some(Absence::Missed));
}

#[test]
fn somebody_known_from_a_group_only_rings_nobody() {
    let mut house = House::new(&["Anna", "Ben", "Cleo"]);
    house.befriend(0, 1);
    house.befriend(0, 2);
    let members = vec![house.account(1), house.account(2)];
    house.order(0, Command::CreateGroup { name: "friends".into(), members });
    house.settle();
    let chat = house.group_of(1);
    house.order(1, Command::StartCall { chat, video: false });
    house.settle();
    let call = house.call_of(1);
    assert!(house.view(0).ringing.is_some(), "they are acquainted");
    assert!(house.view(2).ringing.is_none() && house.state(2, call) == CallState::Running);
}

#[test]
fn anyone_in_the_call_can_add_people() {
    let (mut house, call) = call_of_two("Cleo");
    let cleo = house.account(2);
    house.order(1, Command::AddToCall { call, members: vec![cleo] });
    house.settle();
    assert_eq!(house.view(2).ringing.unwrap().from_name, "Ben");
    assert_eq!(house.call(0, call).title, "Ben, Cleo");
    // Whoever leaves last, she hears that it is over at once.
    house.order(1, Command::LeaveCall { call });
    house.settle();
    house.order(0, Command::LeaveCall { call });
    house.settle();
    assert!(has_ended(&house, 2, call));
}

#[test]
fn a_call_with_one_person_left_ends_after_an_hour_and_not_before() {
    let (mut house, _, call) = call(&["Anna", "Ben"]);
    house.joins(1, call);
    house.order(1, Command::LeaveCall { call });
    house.pass(Duration::from_secs(59 * 60));
    assert!(is_in(&house, 0, call));
    house.pass(Duration::from_secs(2 * 60));
    assert!(has_ended(&house, 0, call) && has_ended(&house, 1, call));
    assert_eq!(house.call(0, call).stopped, Some(StopReason::Alone));
}

#[test]
fn who_does_not_get_in_is_told_why() {
    let (mut house, _, call) = call(&["Anna", "Ben"]);
    house.order(1, Command::JoinCall { call, video: false });
    house.settle();
    house.devices[1].page.clear();
    let entering = "a full service";
    let now = house.now;
    house.devices[1].client.as_mut().unwrap().handle_command(Command::Offer { call, sdp: entering.into() }, now).unwrap();
    house.input(1, Input::ParticipantLost { call, failure: Failure::Full });
    house.settle();
    assert!(house.devices[1].page.iter().any(|event| matches!(event, MediaEvent::Stop { reason: StopReason::Full, .. })));
    assert_eq!(house.call(1, call).stopped, Some(StopReason::Full));
    house.order(1, Command::JoinCall { call, video: false });
    assert_eq!(house.call(1, call).stopped, None);
}

#[test]
fn a_hand_and_a_reaction_are_seen_by_all_and_the_reaction_goes_by_itself() {
    let (mut house, _, call) = call(&["Anna", "Ben", "Cleo"]);
    house.joins(1, call);
    let ben = |house: &House, who: Who| house.call(who, call).present.into_iter().find(|row| row.name == "Ben").unwrap();
    house.order(1, Command::RaiseHand { call, raised: true });
    house.order(1, Command::React { call, reaction: "👍".into() });
    assert_eq!(house.try_order(1, Command::React { call, reaction: "👍".into() }), Err(CommandError::TooSoon));
    house.settle();
    for who in 0..3 {
        let row = ben(&house, who);
        assert!(row.hand.is_some() && row.reaction.as_deref() == Some("👍"), "device {who}");
    }
    house.pass(Duration::from_secs(6));
    for who in 0..3 {
        let row = ben(&house, who);
        assert!(row.hand.is_some() && row.reaction.is_none(), "device {who}");
    }
    house.order(1, Command::RaiseHand { call, raised: false });
    house.settle();
    assert!(ben(&house, 0).hand.is_none());
}

#[test]
fn a_commit_that_nobody_takes_stops_nobody() {
    let (mut house, _, call) = call(&["Anna", "Ben", "Cleo"]);
    house.joins(1, call);
    let before = house.keys(0);
    let secret: [u8; 32] = house.database(0).query_row("SELECT join_secret FROM call", [], |row| row.get(0)).unwrap();
    let secrets = umweg_seal::call::CallSecrets::from_join_secret(&secret);
    let (log_id, capability) = (secrets.log_id().to_vec(), secrets.capability().expose().to_vec());
    let snapshot = v1::GetSnapshotRequest { log_id: log_id.clone(), capability: capability.clone() };
    let snapshot = house.service.snapshot(&snapshot, house.now).unwrap();
    // Who was not invited has stolen the secret, and commits as well as they can.
    let intrusion = v1::AppendRequest {
        log_id,
        capability,
        client_id: vec![7; 16],
        kind: v1::EntryKind::Commit.into(),
        epoch: snapshot.epoch,
        after: snapshot.seq,
        payload: vec![7; 900],
        snapshot: snapshot.sealed,
        ..Default::default()
    };
    house.service.append(intrusion, house.now).unwrap();
    house.settle();
    assert!(house.keys(0) == before && house.keys(1) == before, "nobody changed theirs");
    house.order(1, Command::LeaveCall { call });
    house.settle();
    assert!(house.keys(0) != before, "the next change is taken");
    assert_eq!(house.present(0, call), ["Anna"]);
}
