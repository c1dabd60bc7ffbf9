//! Calls as people have them: synthetic participants, virtual time, no sockets.
#![expect(clippy::unwrap_used, reason = "a test")]

mod house;

use std::collections::BTreeSet;
use std::time::Duration;

use umweg_sfu::synthetic::{Call, Profile};
use umweg_sfu::{Capacity, EnterError, Reason, Sfu};
use umweg_wire::datagram::Flow;
use umweg_wire::limits::{AUDIO_SLOTS_MAX, CAMERAS_USUAL, MEDIA_AWAITED, PARTICIPANTS_USUAL, SEAT_KEPT};
use umweg_wire::{LogId, Ticket};

use house::{SECOND, call_of, start};

const VOICE_ONLY: Profile = Profile { films: false, ..Profile::USUAL };
const REDUNDANT: Profile = Profile { redundant: true, ..VOICE_ONLY };

#[test]
fn three_people_hear_and_see_each_other() {
    let mut call = call_of(&[1, 2, 3], Profile::default());
    call.pass(3 * SECOND);
    for mark in [1, 2, 3] {
        assert_hears_and_sees(&mut call, mark, &others(&[1, 2, 3], mark));
    }
}

#[test]
fn the_packets_of_a_picture_leave_together() {
    let mut call = call_of(&[1, 2, 3], Profile { frame_bytes: Some(3_000), ..Profile::USUAL });
    call.pass(3 * SECOND);
    let waits = (0..1_000).filter(|_| {
        call.pass(Duration::from_millis(1));
        call.sfu.poll_timeout().unwrap() < call.now + Duration::from_micros(10)
    });
    let waits = waits.count();
    assert!(waits < 10, "{waits} times of a thousand a packet waits that may leave");
    let (datagrams, calls) = call.left;
    assert!(calls * 3 < datagrams * 2, "{datagrams} datagrams took {calls} calls of the kernel");
}

#[test]
fn slots_say_whose_media_they_carry() {
    let mut call = call_of(&[11, 22, 33], Profile::default());
    call.pass(3 * SECOND);
    let numbers: Vec<_> = [11, 22, 33].map(|mark| (mark, call.number(mark))).into();
    let guest = call.guest(11);
    for (mid, mark) in guest
        .person
        .heard
        .iter()
        .map(|(mid, heard)| (mid, heard.mark))
        .chain(guest.person.seen.iter().map(|(mid, seen)| (mid, seen.mark)))
    {
        let told = guest.slots.slots.iter().find(|slot| slot.mid == mid.to_string()).unwrap().participant;
        assert!(numbers.contains(&(mark, told)), "slot {mid} carries {mark}, and the service says {told}");
    }
}

#[test]
fn who_comes_late_hears_and_sees_the_others_within_a_second() {
    let mut call = call_of(&[1, 2], Profile::default());
    call.pass(20 * SECOND);
    call.enter(3, Profile::default()).unwrap();
    call.pass(SECOND);
    assert_hears_and_sees(&mut call, 3, &[1, 2]);
    assert_hears_and_sees(&mut call, 1, &[2, 3]);
}

#[test]
fn voice_with_the_frames_before_goes_whole_to_who_takes_it_and_alone_to_who_does_not() {
    let mut call = call_of(&[1, 2], REDUNDANT);
    call.enter(3, VOICE_ONLY).unwrap();
    call.pass(3 * SECOND);
    let heard = |call: &mut Call, mark| -> Vec<_> {
        call.guest(mark).person.heard.values().map(|heard| (heard.mark, heard.packets > 100, heard.redundant > 0)).collect()
    };
    assert_eq!(BTreeSet::from_iter(heard(&mut call, 1)), BTreeSet::from([(2, true, true), (3, true, false)]));
    assert_eq!(BTreeSet::from_iter(heard(&mut call, 3)), BTreeSet::from([(1, true, false), (2, true, false)]));
}

#[test]
fn where_little_gets_through_voice_comes_once() {
    let mut call = call_of(&[1], REDUNDANT);
    call.enter(2, Profile { redundant: true, ..Profile::default() }).unwrap();
    call.guest(1).link.rate = Some(130_000);
    call.pass(20 * SECOND);
    let before = call.guest(1).person.heard.clone();
    call.pass(2 * SECOND);
    for (mid, heard) in &call.guest(1).person.heard {
        assert!(heard.packets > before[mid].packets + 50, "the voice goes on");
        assert_eq!(heard.redundant, before[mid].redundant, "and comes once");
    }
}

#[test]
fn nobody_gets_the_own_media_back() {
    let mut call = call_of(&[1], Profile::default());
    call.pass(3 * SECOND);
    assert!(call.guest(1).person.heard.is_empty());
    assert!(call.guest(1).person.seen.is_empty());
}

#[test]
fn who_left_receives_nothing_more_and_is_not_heard_any_more() {
    assert_is_cut(|call| call.leave(2, true), Reason::Left);
}

#[test]
fn who_has_no_keys_any_more_receives_nothing_from_the_moment_that_another_says_so() {
    assert_is_cut(|call| call.dismiss(1, 2), Reason::Dismissed);
}

/// The second of three.
fn assert_is_cut(cut: impl FnOnce(&mut Call), reason: Reason) {
    let mut call = call_of(&[1, 2, 3], Profile::default());
    call.pass(3 * SECOND);
    cut(&mut call);
    // What was on its way may still arrive.
    call.pass(SECOND / 10);
    let (heard_by_2, heard_by_1) = (call.guest(2).person.heard.clone(), call.guest(1).person.heard.clone());
    let (seen_by_2, seen_by_1) = (call.guest(2).person.seen.clone(), call.guest(1).person.seen.clone());
    call.pass(3 * SECOND);
    assert_eq!(call.guest(2).voices_since(&heard_by_2), Vec::<u32>::new());
    assert_eq!(call.guest(2).videos_since(&seen_by_2), []);
    assert_eq!(call.guest(1).voices_since(&heard_by_1), [3]);
    assert_eq!(marks(&call.guest(1).videos_since(&seen_by_1)), [3]);
    assert_eq!(call.roster.present.len(), 2);
    assert_eq!(call.gone.iter().map(|(_, reason)| *reason).collect::<Vec<_>>(), [reason]);
}

#[test]
fn the_last_one_who_leaves_ends_the_call() {
    let mut call = call_of(&[1, 2], Profile::default());
    call.pass(SECOND);
    assert_eq!(call.sfu.size(), (1, 2));
    call.leave(1, false);
    call.leave(2, false);
    assert_eq!(call.sfu.size(), (0, 0));
    assert!(call.roster.present.is_empty());
}

#[test]
fn the_ninth_with_a_camera_joins_with_voice() {
    let marks: Vec<u32> = (1..=9).collect();
    let mut call = call_of(&marks[..8], Profile::default());
    let ninth = call.enter(9, Profile::default()).unwrap();
    assert!(!ninth.camera);
    call.pass(4 * SECOND);
    assert_eq!(marks_heard(&mut call, 9), marks[..8]);
    assert_eq!(marks_heard(&mut call, 1), marks[1..]);
    assert!(!marks_seen(&mut call, 1).contains(&9));
    assert_eq!(call.roster.present.iter().filter(|present| present.camera).count(), CAMERAS_USUAL);
    // One gives the place up, and the ninth may take it.
    let (first, ninth) = (call.guest(1).entered.ticket, ninth.ticket);
    assert!(!call.sfu.handle_camera(ninth, true, call.now));
    assert!(!call.sfu.handle_camera(first, false, call.now));
    assert!(call.sfu.handle_camera(ninth, true, call.now));
    call.pass(2 * SECOND);
    assert!(marks_seen(&mut call, 2).contains(&9));
}

#[test]
fn of_32_voices_the_loudest_come_through() {
    let mut call = Call::new(start());
    for mark in 1..=PARTICIPANTS_USUAL as u32 {
        let level = if mark % 8 == 0 { -15 } else { -70 };
        call.enter(mark, Profile { level: Some(level), ..VOICE_ONLY }).unwrap();
    }
    assert!(matches!(call.enter(99, VOICE_ONLY), Err(EnterError::CallFull)));
    call.pass(4 * SECOND);
    let earlier = call.guest(1).person.heard.clone();
    call.pass(SECOND);
    let voices = call.guest(1).voices_since(&earlier);
    assert_eq!(voices.len(), 8);
    for loud in [8, 16, 24, 32] {
        assert!(voices.contains(&loud), "{loud} is not among {voices:?}");
    }
    // Somebody quiet begins to speak.
    call.guest(3).person.profile.level = Some(-5);
    call.pass(SECOND);
    let earlier = call.guest(1).person.heard.clone();
    call.pass(SECOND);
    assert!(call.guest(1).voices_since(&earlier).contains(&3));
}

#[test]
fn a_service_that_may_not_learn_who_is_loud_takes_no_more_than_can_all_be_heard() {
    let mut call = Call::new(start());
    call.sfu = Sfu::with_capacity(Capacity { learns_loudness: false, ..Capacity::default() });
    let marks: Vec<u32> = (1..=AUDIO_SLOTS_MAX as u32 + 1).collect();
    for mark in &marks {
        call.enter(*mark, VOICE_ONLY).unwrap();
        let answer = &call.guest(*mark).entered.answer;
        assert!(answer.contains("m=audio") && !answer.contains("ssrc-audio-level"));
    }
    assert!(matches!(call.enter(99, VOICE_ONLY), Err(EnterError::CallFull)));
    call.pass(2 * SECOND);
    assert_eq!(marks_heard(&mut call, 1), marks[1..]);
}

#[test]
fn who_speaks_among_many_does_not_move_between_slots() {
    let mut call = Call::new(start());
    for mark in 1..=12 {
        call.enter(mark, Profile { level: Some(-40), ..VOICE_ONLY }).unwrap();
    }
    call.pass(3 * SECOND);
    let before = call.guest(1).slots.clone();
    // Everybody's voice goes a little up and down.
    for round in 0..20 {
        for mark in 1..=12 {
            call.guest(mark).person.profile.level = Some(if (mark + round) % 2 == 0 { -38 } else { -42 });
        }
        call.pass(SECOND / 4);
    }
    assert!(call.guest(1).slots == before, "the slots changed");
}

#[test]
fn chosen_videos_alone_are_sent() {
    let mut call = call_of(&[1, 2, 3, 4], Profile { video_slots: 2, ..Profile::default() });
    call.pass(2 * SECOND);
    let (ticket, chosen) = (call.guest(1).entered.ticket, call.number(4));
    call.sfu.handle_choose(ticket, vec![chosen], 0, call.now);
    call.pass(SECOND);
    let earlier = call.guest(1).person.seen.clone();
    call.pass(SECOND);
    assert_eq!(marks(&call.guest(1).videos_since(&earlier)), [4]);
    assert_eq!(stumbles(&mut call, 1), 0);
}

#[test]
fn a_small_picture_is_enough_for_who_asks_for_one() {
    let mut call = call_of(&[1, 2], Profile::default());
    call.guest(1).link.rate = None;
    call.pass(8 * SECOND);
    assert_eq!(layer_seen(&mut call, 1), 2);
    let ticket = call.guest(1).entered.ticket;
    call.sfu.handle_choose(ticket, Vec::new(), 400, call.now);
    call.pass(2 * SECOND);
    assert_eq!(layer_seen(&mut call, 1), 1);
    call.sfu.handle_choose(ticket, Vec::new(), 200, call.now);
    call.pass(2 * SECOND);
    assert_eq!(layer_seen(&mut call, 1), 0);
    assert_eq!(stumbles(&mut call, 1), 0);
}

#[test]
fn a_camera_without_layers_is_seen_too() {
    let mut call = call_of(&[1, 2], Profile { layers: 1, ..Profile::default() });
    call.pass(3 * SECOND);
    assert_hears_and_sees(&mut call, 1, &[2]);
}

#[test]
fn less_bandwidth_gives_a_lower_layer_and_unbroken_voice() {
    let mut call = call_of(&[1, 2], Profile::default());
    call.guest(1).link.delay = Duration::from_millis(20);
    call.pass(5 * SECOND);
    assert_eq!(layer_seen(&mut call, 1), 2);
    call.guest(1).link.rate = Some(400_000);
    call.pass(10 * SECOND);
    let before = voice_packets(&mut call, 1);
    call.pass(5 * SECOND);
    let heard = voice_packets(&mut call, 1) - before;
    assert_eq!(layer_seen(&mut call, 1), 0);
    assert!(heard >= 240, "only {heard} of 250 voice packets came");
    // The road is free again.
    call.guest(1).link.rate = None;
    call.pass(30 * SECOND);
    assert_eq!(layer_seen(&mut call, 1), 2);
}

#[test]
fn a_road_change_in_mid_call_is_nothing_that_ice_notices() {
    let mut call = call_of(&[1, 2], Profile::default());
    call.pass(3 * SECOND);
    // The road dies, and five seconds later another carries the same flow.
    call.guest(1).link.cut = true;
    call.pass(5 * SECOND);
    call.guest(1).link = umweg_sfu::synthetic::Link { delay: Duration::from_millis(60), ..Default::default() };
    let (heard, seen) = (call.guest(1).person.heard.clone(), call.guest(1).person.seen.clone());
    call.pass(SECOND);
    assert_eq!(call.guest(1).voices_since(&heard), [2]);
    assert_eq!(marks(&call.guest(1).videos_since(&seen)), [2]);
    assert_eq!(call.guest(1).person.disconnections, 0);
}

#[test]
fn the_browser_may_go_on_from_another_of_its_addresses() {
    let mut call = call_of(&[1, 2], Profile::default());
    call.pass(3 * SECOND);
    call.guest(1).change_flow(5);
    call.pass(5 * SECOND);
    let heard = call.guest(1).person.heard.clone();
    call.pass(SECOND);
    assert_eq!(call.guest(1).voices_since(&heard), [2]);
}

#[test]
fn garbage_harms_nobody() {
    let mut call = call_of(&[1, 2], Profile::default());
    call.pass(2 * SECOND);
    let ticket = call.guest(1).entered.ticket;
    let mut noise = 1u32;
    for length in (0..1_400).chain(0..1_400) {
        let mut datagram: Vec<u8> = (0..length).map(|_| next(&mut noise)).collect();
        if let Some(first) = datagram.first_mut() {
            // STUN, DTLS, RTP and RTCP in turn: RFC 7983.
            *first = [0, 20, 22, 0x80, 0x81, 0x90][length % 6];
        }
        call.sfu.handle_datagram(ticket, Flow::new((length % 32) as u8).unwrap(), &datagram, call.now);
        call.poll();
    }
    let heard = call.guest(2).person.heard.clone();
    call.pass(SECOND);
    assert_eq!(call.guest(2).voices_since(&heard), [1]);
}

#[test]
fn what_comes_under_an_unknown_ticket_changes_nothing() {
    let mut call = call_of(&[1], Profile::default());
    call.sfu.handle_datagram(Ticket([9; 16]), Flow::new(0).unwrap(), &[0; 100], call.now);
    assert_eq!(call.sfu.size(), (1, 1));
    assert!(call.sfu.poll_output(call.now).is_none());
}

#[test]
fn a_copy_of_a_datagram_is_forwarded_once() {
    let mut call = call_of(&[1, 2], VOICE_ONLY);
    let before = voice_packets(&mut call, 2);
    call.guest(1).copies = true;
    call.pass(5 * SECOND);
    let heard = voice_packets(&mut call, 2) - before;
    assert!((245..=255).contains(&heard), "{heard} packets in five seconds");
}

#[test]
fn an_offer_that_makes_no_sense_opens_no_call() {
    let mut call = Call::new(start());
    let mut rng = <rand_chacha::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(1);
    for offer in ["", "v=0", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", &"m=audio\n".repeat(40), &"a".repeat(100_000)] {
        let refused = call.sfu.handle_enter(LogId([1; 32]), offer, Vec::new(), true, &mut rng, call.now);
        assert!(matches!(refused, Err(EnterError::Offer(_))));
    }
    assert_eq!(call.sfu.size(), (0, 0));
}

#[test]
fn who_vanishes_keeps_the_seat_for_a_while_and_then_loses_it() {
    let mut call = call_of(&[1, 2], Profile::default());
    call.pass(2 * SECOND);
    let (log, ticket) = (call.log, call.guest(1).entered.ticket);
    call.guest(1).link.cut = true;
    call.pass(SEAT_KEPT - SECOND);
    assert_eq!(call.sfu.handle_resume(log, ticket), Ok(1));
    assert_eq!(call.roster.present.len(), 2);
    call.pass(30 * SECOND);
    assert!(call.sfu.handle_resume(log, ticket).is_err());
    assert_eq!(call.gone.iter().map(|(_, reason)| *reason).collect::<Vec<_>>(), [Reason::Vanished]);
    assert_eq!(call.roster.present.len(), 1);
}

#[test]
fn who_comes_back_in_time_goes_on_as_before() {
    let mut call = call_of(&[1, 2], Profile::default());
    call.pass(2 * SECOND);
    call.guest(1).link.cut = true;
    call.pass(18 * SECOND);
    call.guest(1).link.cut = false;
    call.pass(5 * SECOND);
    let heard = call.guest(2).person.heard.clone();
    call.pass(2 * SEAT_KEPT);
    assert_eq!(call.guest(2).voices_since(&heard), [1]);
    assert!(call.gone.is_empty());
}

#[test]
fn a_ticket_is_worth_nothing_from_the_moment_of_leaving() {
    let mut call = call_of(&[1, 2], Profile::default());
    let (log, ticket) = (call.log, call.guest(1).entered.ticket);
    call.sfu.handle_leave(ticket, call.now);
    assert!(!call.sfu.knows(ticket));
    assert!(call.sfu.handle_resume(log, ticket).is_err());
}

#[test]
fn a_seat_is_not_taken_with_a_ticket_of_another_call() {
    let mut call = call_of(&[1], Profile::default());
    let ticket = call.guest(1).entered.ticket;
    assert!(call.sfu.handle_resume(LogId([8; 32]), ticket).is_err());
}

#[test]
fn who_enters_and_never_sends_is_in_no_roster_and_goes() {
    let mut call = call_of(&[1], Profile::default());
    call.enter(2, Profile::default()).unwrap();
    call.guest(2).link.cut = true;
    call.pass(MEDIA_AWAITED - SECOND);
    assert_eq!(call.roster.present.iter().map(|present| present.participant).collect::<Vec<_>>(), [1]);
    assert_eq!(call.sfu.size(), (1, 2));
    call.pass(2 * SECOND);
    assert_eq!(call.sfu.size(), (1, 1));
    assert_eq!(call.gone.iter().map(|(_, reason)| *reason).collect::<Vec<_>>(), [Reason::NeverCame]);
}

#[test]
fn the_roster_carries_the_notes() {
    let mut call = call_of(&[1, 2], VOICE_ONLY);
    call.pass(SECOND);
    assert_eq!(
        call.roster.present.iter().map(|present| present.note.clone()).collect::<Vec<_>>(),
        [1u32, 2].map(|mark| mark.to_be_bytes().to_vec())
    );
    let ticket = call.guest(2).entered.ticket;
    call.sfu.handle_note(ticket, b"another".to_vec()).unwrap();
    call.poll();
    assert_eq!(call.roster.present[1].note, b"another");
    assert!(call.sfu.handle_note(ticket, vec![0; 10_000]).is_err());
}

#[test]
fn a_receiver_that_cannot_decode_does_not_drown_the_sender_in_requests() {
    let mut call = call_of(&[1, 2], Profile::default());
    call.pass(5 * SECOND);
    let before = call.guest(2).person.key_frames_asked;
    for _ in 0..300 {
        call.guest(1).person.ask_for_key_frames();
        call.pass(SECOND / 10);
    }
    let asked = call.guest(2).person.key_frames_asked - before;
    assert!((1..=10).contains(&asked), "{asked} requests in 30 seconds");
}

fn others(marks: &[u32], mark: u32) -> Vec<u32> {
    marks.iter().copied().filter(|other| *other != mark).collect()
}

fn assert_hears_and_sees(call: &mut Call, mark: u32, others: &[u32]) {
    assert_eq!(marks_heard(call, mark), others, "{mark} hears");
    assert_eq!(marks_seen(call, mark), others, "{mark} sees");
    assert_eq!(stumbles(call, mark), 0, "{mark}'s decoders stumble");
}

fn marks_heard(call: &mut Call, mark: u32) -> Vec<u32> {
    call.guest(mark).person.heard.values().map(|heard| heard.mark).collect::<BTreeSet<_>>().into_iter().collect()
}

fn marks_seen(call: &mut Call, mark: u32) -> Vec<u32> {
    call.guest(mark).person.seen.values().map(|seen| seen.mark).collect::<BTreeSet<_>>().into_iter().collect()
}

fn voice_packets(call: &mut Call, mark: u32) -> u64 {
    call.guest(mark).person.heard.values().map(|heard| heard.packets).sum()
}

fn marks(videos: &[(u32, u8)]) -> Vec<u32> {
    videos.iter().map(|(mark, _)| *mark).collect()
}

fn stumbles(call: &mut Call, mark: u32) -> u64 {
    call.guest(mark).person.seen.values().map(|seen| seen.stumbles).sum()
}

/// The only layer that arrives in the next half second.
fn layer_seen(call: &mut Call, mark: u32) -> u8 {
    let earlier = call.guest(mark).person.seen.clone();
    call.pass(SECOND / 2);
    let videos = call.guest(mark).videos_since(&earlier);
    assert_eq!(videos.len(), 1, "one video arrives");
    videos[0].1
}

/// Noise that is the same in each run.
fn next(state: &mut u32) -> u8 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (*state >> 24) as u8
}
