//! Calls that end while somebody comes, is away, or is slow to go.

use std::time::Duration;

use umweg_client::view::{Absence, CallState, StopReason};
use umweg_client::{Command, Failure, MediaEvent};

use crate::calls::{call, has_ended, is_in};
use crate::house::House;

#[test]
fn who_comes_in_the_moment_in_which_the_last_one_leaves_is_in_a_call_that_runs() {
    let (mut house, chat, call) = call(&["Anna", "Ben", "Cleo"]);
    house.order(0, Command::LeaveCall { call });
    house.order(1, Command::JoinCall { call, video: false });
    house.settle();
    house.offers(1, call);
    assert!(is_in(&house, 1, call));
    for who in [0, 2] {
        assert!(house.state(who, call) == CallState::Running, "device {who}");
        assert!(house.view(who).chats.iter().any(|row| row.id == chat && row.call == Some(call)));
    }
    house.joins(2, call);
    assert!(house.keys(1) == house.keys(2));
    for who in [1, 2] {
        house.order(who, Command::LeaveCall { call });
        house.settle();
    }
    assert!((0..3).all(|who| has_ended(&house, who, call)));
}

#[test]
fn where_no_connection_lasts_a_minute_a_call_that_is_empty_ends_all_the_same() {
    let (mut house, _, call) = call(&["Anna", "Ben"]);
    house.kill(0);
    house.seat_expires(0);
    for _ in 0..3 {
        assert!(!has_ended(&house, 1, call));
        house.pass(Duration::from_secs(30));
        house.disconnect(1);
        house.connect(1);
        house.settle();
    }
    assert!(has_ended(&house, 1, call));
}

#[test]
fn when_the_last_two_leave_and_the_service_is_slow_to_see_it_it_is_over_when_they_have_gone() {
    let (mut house, _, call) = call(&["Anna", "Ben", "Cleo"]);
    house.joins(1, call);
    house.door.leavers_stay = true;
    house.order(0, Command::LeaveCall { call });
    house.order(1, Command::LeaveCall { call });
    house.settle();
    assert!(!has_ended(&house, 2, call), "both are still to be seen");
    for who in [0, 1] {
        house.seat_expires(who);
    }
    house.settle();
    assert!((0..3).all(|who| has_ended(&house, who, call)));
}

#[test]
fn who_comes_in_while_the_last_ones_are_still_to_be_seen_is_in_a_call_that_runs_for_all() {
    let (mut house, _, call) = call(&["Anna", "Ben", "Cleo"]);
    house.joins(1, call);
    house.door.leavers_stay = true;
    house.order(0, Command::LeaveCall { call });
    house.order(1, Command::LeaveCall { call });
    house.settle();
    house.joins(2, call);
    for who in [0, 1] {
        house.seat_expires(who);
    }
    house.settle();
    assert!([0, 1].into_iter().all(|who| house.state(who, call) == CallState::Running));
    assert!([0, 1].into_iter().all(|who| house.present(who, call) == ["Cleo"]));
}

/// Anna and Ben are in a call, and Ben loses his connection for good, so that his seat is given away.
fn ben_is_lost(house: &mut House) {
    house.disconnect(1);
    house.pass(Duration::from_secs(60));
    house.seat_expires(1);
}

#[test]
fn who_was_away_while_the_others_left_and_comes_back_is_in_a_call_that_runs_for_all() {
    let (mut house, chat, call) = call(&["Anna", "Ben", "Cleo"]);
    house.joins(1, call);
    house.disconnect(1);
    house.order(0, Command::LeaveCall { call });
    ben_is_lost(&mut house);
    house.pass(Duration::from_secs(80));
    for who in [0, 2] {
        assert!(has_ended(&house, who, call), "nobody was there any more");
    }
    house.connect(1);
    house.pass(Duration::from_secs(5));
    house.offers(1, call);
    assert!(is_in(&house, 1, call));
    for who in [0, 2] {
        assert!(house.state(who, call) == CallState::Running, "device {who}");
        assert_eq!(house.present(who, call), ["Ben"]);
        assert!(house.view(who).ringing.is_none());
        assert!(house.view(who).chats.iter().any(|row| row.id == chat && row.call == Some(call)));
    }
    house.joins(2, call);
    assert!(house.keys(1) == house.keys(2));
}

#[test]
fn who_was_away_until_the_others_had_ended_the_call_is_told_that_it_is_over() {
    let (mut house, _, call) = call(&["Anna", "Ben", "Cleo"]);
    house.joins(1, call);
    ben_is_lost(&mut house);
    house.pass(Duration::from_secs(80));
    assert_eq!(house.present(0, call), ["Anna"], "he was taken out of the keys");
    house.order(0, Command::LeaveCall { call });
    house.settle();
    assert!(has_ended(&house, 2, call));
    house.connect(1);
    house.pass(Duration::from_secs(5));
    assert!((0..3).all(|who| has_ended(&house, who, call)));
    assert!(house.call(1, call).stopped == Some(StopReason::Over));
}

#[test]
fn who_was_away_for_long_is_in_again_while_the_others_go_on() {
    let (mut house, _, call) = call(&["Anna", "Ben"]);
    house.joins(1, call);
    ben_is_lost(&mut house);
    house.pass(Duration::from_secs(80));
    house.devices[1].page.clear();
    house.connect(1);
    house.pass(Duration::from_secs(5));
    house.offers(1, call);
    assert!((0..2).all(|who| house.present(who, call) == ["Anna", "Ben"]));
    assert!(house.keys(0) == house.keys(1));
}

#[test]
fn of_two_who_come_in_that_moment_one_says_to_all_that_it_runs() {
    let (mut house, _, call) = call(&["Anna", "Ben", "Cleo", "Dora"]);
    house.order(0, Command::LeaveCall { call });
    for who in [1, 2] {
        house.order(who, Command::JoinCall { call, video: false });
    }
    house.settle();
    for who in [1, 2] {
        house.offers(who, call);
    }
    assert!([1, 2].into_iter().all(|who| is_in(&house, who, call)));
    assert!([0, 3].into_iter().all(|who| house.state(who, call) == CallState::Running));
    assert!((0..4).all(|who| house.present(who, call) == ["Ben", "Cleo"]));
}

#[test]
fn who_is_alone_in_a_call_is_called_into_the_next_one() {
    let (mut house, _, call) = call(&["Anna", "Ben", "Cleo"]);
    let chat = house.group_of(0);
    house.disconnect(0);
    house.order(0, Command::LeaveCall { call });
    house.order(0, Command::StartCall { chat, video: false });
    house.joins(1, call);
    house.connect(0);
    house.settle();
    let next = house.call_of(0);
    house.offers(0, next);
    assert!((0..3).all(|who| has_ended(&house, who, call)));
    assert!(house.call(1, call).stopped == Some(StopReason::Over));
    assert!([1, 2].into_iter().all(|who| house.view(who).ringing.is_some_and(|ringing| ringing.call == next)));
    house.joins(1, next);
    assert_eq!(house.present(0, next), ["Anna", "Ben"]);
}

#[test]
fn an_entry_of_the_call_that_got_lost_inside_the_program_is_read_again() {
    let (mut house, _, call) = call(&["Anna", "Ben", "Cleo"]);
    house.devices[0].loses = 1;
    house.joins(1, call);
    house.joins(2, call);
    assert!(house.keys(0) == house.keys(2));
    assert_eq!(house.present(0, call), ["Anna", "Ben", "Cleo"]);
}

#[test]
fn who_came_and_went_before_the_service_showed_them_has_left_and_is_not_shown_as_rung() {
    let (mut house, _, call) = call(&["Anna", "Ben", "Cleo"]);
    house.order(1, Command::JoinCall { call, video: false });
    house.settle();
    house.order(1, Command::LeaveCall { call });
    house.settle();
    let absent = house.call(0, call).absent;
    let answers: Vec<_> = absent.iter().map(|row| (row.name.as_str(), row.answer)).collect();
    assert_eq!(answers, [("Ben", Absence::Left), ("Cleo", Absence::Ringing)]);
}

/// The new keys reach Anna while the service has not taken yet that she leaves: `Device::show` sees to it that her page does not.
#[test]
fn who_has_hung_up_hears_nothing_more_of_the_call_while_another_one_comes() {
    let (mut house, _, call) = call(&["Anna", "Ben", "Cleo"]);
    house.joins(1, call);
    house.devices[0].page.clear();
    house.devices[0].refused = Some(Failure::Unreachable);
    house.order(0, Command::LeaveCall { call });
    house.joins(2, call);
    house.devices[0].refused = None;
    house.pass(Duration::from_secs(5));
    assert!(matches!(house.devices[0].page[..], [MediaEvent::Stop { .. }]));
    assert!(house.keys(1) == house.keys(2));
    assert_eq!(house.present(0, call), ["Ben", "Cleo"]);
}
