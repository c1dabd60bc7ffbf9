//! A screen beside the camera: who sees that it is shown, and when it is not shown any more.

use umweg_client::{Command, Failure, Input};
use umweg_wire::CallId;

use crate::calls::call;
use crate::house::{House, Who};

fn shown(house: &House, who: Who, call: CallId) -> Vec<(String, bool, bool)> {
    house.call(who, call).present.into_iter().map(|row| (row.name, row.video, row.screen)).collect()
}

fn two() -> (House, CallId) {
    let (mut house, _, call) = call(&["Anna", "Ben"]);
    house.joins(1, call);
    (house, call)
}

fn shows(house: &mut House, who: Who, call: CallId, on: bool) {
    house.order(who, Command::Screen { call, on });
    house.settle();
}

#[test]
fn a_screen_is_shown_beside_the_camera_and_each_stops_alone() {
    let (mut house, call) = two();
    shows(&mut house, 0, call, true);
    for who in [0, 1] {
        assert_eq!(shown(&house, who, call), [("Anna".into(), true, true), ("Ben".into(), true, false)], "at {who}");
    }
    house.order(0, Command::Camera { call, on: false });
    house.settle();
    assert_eq!(shown(&house, 1, call)[0], ("Anna".into(), false, true));
    shows(&mut house, 0, call, false);
    assert_eq!(shown(&house, 1, call)[0], ("Anna".into(), false, false));
    assert!(!house.call(0, call).screen_refused);
}

#[test]
fn where_no_place_is_left_it_is_not_shown_and_the_person_is_told() {
    let (mut house, call) = two();
    house.door.screens_full = true;
    shows(&mut house, 0, call, true);
    assert!(!house.call(0, call).screen && house.call(0, call).screen_refused);
    assert!(!shown(&house, 1, call)[0].2);
    // It does not appear by itself as soon as there is room; asked for again it does.
    house.door.screens_full = false;
    house.settle();
    assert!(house.call(0, call).screen_refused);
    shows(&mut house, 0, call, true);
    assert!(house.call(0, call).screen && !house.call(0, call).screen_refused && shown(&house, 1, call)[0].2);
}

#[test]
fn it_outlives_a_lost_seat_and_a_break_of_the_road() {
    let (mut house, call) = two();
    shows(&mut house, 1, call, true);
    house.devices[1].page.clear();
    house.input(1, Input::ParticipantLost { call, failure: Failure::NotFound });
    house.settle();
    house.offers(1, call);
    assert!(shown(&house, 0, call).contains(&("Ben".into(), true, true)), "the new seat asks for a place anew");
    house.disconnect(1);
    house.order(1, Command::Screen { call, on: false });
    house.connect(1);
    house.settle();
    assert!(shown(&house, 0, call).contains(&("Ben".into(), true, false)), "what was switched meanwhile is told");
    assert_eq!(house.door.screens(), 0, "and its place is free");
}

#[test]
fn it_ends_with_the_page_that_showed_it() {
    let (mut house, call) = two();
    shows(&mut house, 1, call, true);
    house.joins(1, call);
    assert!(!house.call(1, call).screen);
    assert!(shown(&house, 0, call).contains(&("Ben".into(), true, false)));
}
