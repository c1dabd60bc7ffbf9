//! Screens beside cameras: synthetic participants, virtual time, no sockets.
#![expect(clippy::unwrap_used, reason = "a test")]

mod house;

use std::time::Duration;

use umweg_sfu::synthetic::{Call, Profile, SCREEN};
use umweg_wire::limits::{CAMERAS_USUAL, SCREENS_MAX, VIDEO_SLOTS_MAX};

use house::{SECOND, call_of};

const SHARES: Profile = Profile { screen: true, video_slots: VIDEO_SLOTS_MAX, ..Profile::USUAL };
const VOICE_AND_SCREEN: Profile = Profile { films: false, ..SHARES };

#[test]
fn camera_and_screen_of_one_person_come_together_in_slots_that_say_which_is_which() {
    let mut call = call_of(&[1, 2, 3], SHARES);
    assert!(shows(&mut call, 1, true));
    call.pass(2 * SECOND);
    assert_eq!(seen(&mut call, 2), [(1, "camera"), (1, "screen"), (3, "camera")]);
    assert_eq!(seen(&mut call, 1), [(2, "camera"), (3, "camera")]);
    let number = call.number(1);
    let guest = call.guest(2);
    for (mid, newest) in guest.person.seen.iter().filter(|(_, newest)| newest.mark == 1) {
        let told = guest.slots.slots.iter().find(|slot| slot.mid == mid.to_string()).unwrap();
        assert_eq!((told.participant, told.screen), (number, newest.layer == SCREEN));
    }
    assert_eq!(roster(&call), [(true, true), (true, false), (true, false)]);
}

#[test]
fn a_screen_of_which_the_service_was_not_told_goes_to_nobody() {
    let mut call = call_of(&[1, 2], SHARES);
    call.pass(2 * SECOND);
    assert_eq!(seen(&mut call, 2), [(1, "camera")]);
}

#[test]
fn either_stops_alone() {
    let mut call = call_of(&[1, 2], SHARES);
    shows(&mut call, 1, true);
    call.pass(2 * SECOND);
    films(&mut call, 1, false);
    call.pass(SECOND);
    assert_eq!(seen(&mut call, 2), [(1, "screen")]);
    assert_eq!(roster(&call), [(false, true), (true, false)]);
    films(&mut call, 1, true);
    shows(&mut call, 1, false);
    call.pass(SECOND);
    assert_eq!(seen(&mut call, 2), [(1, "camera")]);
    assert_eq!(roster(&call), [(true, false), (true, false)]);
}

#[test]
fn a_screen_that_comes_takes_no_camera_from_its_slot() {
    let mut call = call_of(&[1, 2, 3], SHARES);
    call.pass(2 * SECOND);
    let before = call.guest(2).slots.slots.clone();
    shows(&mut call, 3, true);
    call.pass(SECOND);
    let after = call.guest(2).slots.slots.clone();
    assert!(before.iter().filter(|slot| slot.participant > 0).all(|slot| after.contains(slot)));
    assert_eq!(after.iter().filter(|slot| slot.screen).count(), 1);
}

#[test]
fn screens_have_places_of_their_own() {
    let marks: Vec<u32> = (1..=CAMERAS_USUAL as u32).collect();
    let mut call = call_of(&marks, SHARES);
    // All places with a camera are taken: a screen needs none of them, nor does its owner need a camera.
    let ninth = call.enter(9, VOICE_AND_SCREEN).unwrap();
    call.pass(SECOND);
    assert!(shows(&mut call, 9, true) && shows(&mut call, 1, true));
    assert!(!shows(&mut call, 2, true), "more than {SCREENS_MAX} screens");
    assert!(shows(&mut call, 1, true), "who shows already may go on");
    assert!(!call.sfu.handle_camera(ninth.ticket, true, call.now), "the places for cameras are as many as before");
    call.pass(4 * SECOND);
    let at_3 = seen(&mut call, 3);
    assert_eq!(at_3.iter().filter(|(_, what)| *what == "screen").map(|(mark, _)| *mark).collect::<Vec<_>>(), [1, 9]);
    assert_eq!(at_3.len(), CAMERAS_USUAL - 1 + SCREENS_MAX, "all cameras and all screens: {at_3:?}");
    shows(&mut call, 1, false);
    assert!(shows(&mut call, 2, true), "a place that is given up is free");
}

#[test]
fn who_leaves_gives_the_screens_place_up() {
    let mut call = call_of(&[1, 2, 3], SHARES);
    assert!(shows(&mut call, 1, true) && shows(&mut call, 2, true) && !shows(&mut call, 3, true));
    call.leave(1, false);
    assert!(shows(&mut call, 3, true));
}

#[test]
fn where_slots_or_bandwidth_are_few_the_screen_stands_before_cameras() {
    // A camera costs as much as the screen.
    let sharp = Profile { layers: 1, frame_bytes: Some(3_000), ..SHARES };
    let mut call = call_of(&[1, 2, 3], sharp);
    call.enter(4, Profile { video_slots: 1, ..sharp }).unwrap();
    shows(&mut call, 3, true);
    call.pass(2 * SECOND);
    assert_eq!(seen(&mut call, 4), [(3, "screen")]);
    // Beside voices and the screen there is no room for a camera, nor could the estimate err so far.
    call.guest(1).link = umweg_sfu::synthetic::Link { delay: Duration::from_millis(20), rate: Some(750_000), cut: false };
    call.pass(20 * SECOND);
    let voices = call.guest(1).person.heard.clone();
    assert_eq!(seen(&mut call, 1), [(3, "screen")]);
    assert_eq!(call.guest(1).voices_since(&voices), [2, 3, 4], "sound always comes");
}

#[test]
fn who_chooses_a_person_chooses_camera_and_screen_and_who_chooses_nobody_neither() {
    let mut call = call_of(&[1, 2, 3], SHARES);
    shows(&mut call, 1, true);
    call.pass(2 * SECOND);
    let (ticket, first, third) = (call.guest(2).entered.ticket, call.number(1), call.number(3));
    for (chosen, expected) in
        [(vec![first], vec![(1, "camera"), (1, "screen")]), (vec![third], vec![(3, "camera")]), (vec![0], Vec::new())]
    {
        // However small the pictures: letters would be none.
        call.sfu.handle_choose(ticket, chosen, 180, call.now);
        call.pass(2 * SECOND);
        assert_eq!(seen(&mut call, 2), expected);
    }
}

#[test]
fn a_screen_is_asked_for_its_own_key_frames() {
    let mut call = call_of(&[1], Profile { films: false, ..SHARES });
    shows(&mut call, 1, true);
    call.pass(5 * SECOND);
    let before = call.guest(1).person.key_frames_asked;
    call.enter(2, SHARES).unwrap();
    call.pass(SECOND);
    assert!(call.guest(1).person.key_frames_asked > before);
    assert!(call.guest(2).person.seen.values().any(|newest| newest.layer == SCREEN && newest.pictures > 0 && newest.stumbles == 0));
}

/// Tells the service that somebody's screen goes on or off.
fn shows(call: &mut Call, mark: u32, on: bool) -> bool {
    let ticket = call.guest(mark).entered.ticket;
    let on = call.sfu.handle_screen(ticket, on, call.now);
    call.poll();
    on
}

fn films(call: &mut Call, mark: u32, on: bool) -> bool {
    let ticket = call.guest(mark).entered.ticket;
    let on = call.sfu.handle_camera(ticket, on, call.now);
    call.poll();
    on
}

/// Whose videos arrive in the next half second, by mark.
fn seen(call: &mut Call, mark: u32) -> Vec<(u32, &'static str)> {
    let earlier = call.guest(mark).person.seen.clone();
    call.pass(SECOND / 2);
    let videos = call.guest(mark).videos_since(&earlier);
    videos.into_iter().map(|(from, layer)| (from, if layer == SCREEN { "screen" } else { "camera" })).collect()
}

/// Whether each films, and whether each shows the screen.
fn roster(call: &Call) -> Vec<(bool, bool)> {
    call.roster.present.iter().map(|present| (present.camera, present.screen)).collect()
}
