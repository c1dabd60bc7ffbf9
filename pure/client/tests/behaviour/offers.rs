//! A page's media that begins anew in a running call: after a reload, or when the seat was lost.

use umweg_client::{Command, Failure, Input};

use crate::calls::{call, is_in};

/// A page counts its frames from the start, and under one key no count may come twice.
#[test]
fn no_page_is_asked_for_another_offer_under_keys_that_were_used() {
    let (mut house, _, call) = call(&["Anna", "Ben"]);
    house.joins(1, call);
    for _ in 0..2 {
        let before = house.keys(1);
        house.devices[1].page.clear();
        house.order(1, Command::JoinCall { call, video: true });
        assert!(house.devices[1].page.is_empty(), "neither the old keys nor an offer before there are new ones");
        house.settle();
        assert!(house.keys(1).0 == before.0 + 1 && house.keys(1).1 != before.1 && house.keys(1) == house.keys(0));
        house.offers(1, call);
        assert!(is_in(&house, 1, call) && is_in(&house, 0, call));
        assert_eq!(house.present(0, call), ["Anna", "Ben"]);
    }
    let before = house.keys(1);
    house.input(1, Input::ParticipantLost { call, failure: Failure::NotFound });
    house.settle();
    assert!(house.keys(1) != before && house.keys(1) == house.keys(0), "the seat was lost: likewise");
}

#[test]
fn a_camera_that_is_asked_for_anew_is_not_called_refused_meanwhile() {
    let (mut house, _, call) = call(&["Anna", "Ben"]);
    house.door.cameras_full = true;
    house.joins(1, call);
    assert!(house.call(1, call).camera_refused && !house.call(1, call).camera);
    house.disconnect(1);
    house.input(1, Input::ParticipantLost { call, failure: Failure::NotFound });
    assert!(!house.call(1, call).camera_refused, "it waits for new keys");
    house.connect(1);
    house.settle();
    assert!(!house.call(1, call).camera_refused && house.call(1, call).camera, "the browser is asked");
    house.offers(1, call);
    assert!(house.call(1, call).camera_refused, "the service has said no again");
    house.door.cameras_full = false;
    house.input(1, Input::ParticipantLost { call, failure: Failure::NotFound });
    house.settle();
    house.offers(1, call);
    assert!(!house.call(1, call).camera_refused && house.call(1, call).camera);
}

#[test]
fn whose_seats_are_all_lost_come_back_under_one_new_key() {
    let (mut house, _, call) = call(&["Anna", "Ben", "Cleo"]);
    house.joins(1, call);
    house.joins(2, call);
    let before = house.keys(0).0;
    for who in 0..3 {
        house.devices[who].page.clear();
        house.input(who, Input::ParticipantLost { call, failure: Failure::NotFound });
    }
    house.settle();
    for who in 0..3 {
        house.offers(who, call);
        assert!(is_in(&house, who, call) && house.keys(who) == house.keys(0));
    }
    assert_eq!(house.keys(0).0, before + 1, "whoever was first has renewed them for all");
}
