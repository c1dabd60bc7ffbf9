//! Calls that end while somebody comes.

use std::time::Duration;

use umweg_client::Command;
use umweg_client::view::CallState;

use crate::calls::{call, has_ended, is_in};

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
    house.pass(Duration::from_secs(60)); // until who left is out of the keys, too
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
