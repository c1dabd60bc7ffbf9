//! Killed anywhere: nothing is lost, nothing is doubled.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use umweg_client::Command;
use umweg_client::view::Progress;

use crate::groups::group;
use crate::house::House;

/// Kills Anna's program instead of giving it the answer to its `n`th request; the service has done what it asked.
fn kill_at(house: &mut House, n: usize) {
    house.devices[0].breaks_after = Some(n);
}

fn revive(house: &mut House) {
    house.devices[0].breaks_after = None;
    if house.devices[0].client.is_none() {
        house.start(0);
    }
}

#[test]
fn a_group_is_made_whichever_answer_never_came() {
    for n in 0..14 {
        let mut house = House::acquainted(&["Anna", "Ben", "Cleo"]);
        let members = vec![house.account(1), house.account(2)];
        kill_at(&mut house, n);
        house.order(0, Command::CreateGroup { name: "friends".into(), members });
        house.settle();
        revive(&mut house);
        house.pass(Duration::from_secs(5));
        let chat = house.group_of(0);
        assert!((0..3).all(|who| house.view(who).chats.iter().filter(|row| row.group).count() == 1), "killed at {n}");
        assert!(house.group_of(1) == chat && house.group_of(2) == chat, "killed at {n}");
        house.say(2, chat, "we are here");
        house.settle();
        assert_eq!(house.texts(0, chat), ["we are here"], "killed at {n}");
        assert_eq!(house.texts(1, chat), ["we are here"], "killed at {n}");
    }
}

#[test]
fn a_message_whose_answer_never_came_is_there_once() {
    for n in 0..4 {
        let mut house = House::acquainted(&["Anna", "Ben"]);
        let chat = house.chat_with(0, 1);
        kill_at(&mut house, n);
        for text in ["one", "two", "three"] {
            house.say(0, chat, text);
        }
        house.settle();
        revive(&mut house);
        house.settle();
        assert_eq!(house.texts(1, chat), ["one", "two", "three"], "killed at {n}");
        assert!(house.chat(0, chat).lines.iter().all(|line| line.progress >= Some(Progress::Delivered)), "killed at {n}");
    }
}

#[test]
fn people_meet_whichever_answer_never_came() {
    for n in 0..8 {
        let mut house = House::new(&["Anna", "Ben"]);
        let link = house.view(0).me.unwrap().link;
        house.order(1, Command::RequestContact { link, text: String::new() });
        house.settle();
        let ben = house.account(1);
        kill_at(&mut house, n);
        house.order(0, Command::AcceptRequest { account: ben });
        house.settle();
        revive(&mut house);
        house.settle();
        let chat = house.chat_with(0, 1);
        house.say(1, chat, "hello");
        house.settle();
        assert_eq!(house.texts(0, chat), ["hello"], "killed at {n}");
    }
}

/// Kills before a request leaves are as good as kills before its answer comes; this mixes both, at any moment.
#[test]
fn killed_at_random_moments_everybody_reads_the_same_and_nothing_twice() {
    let (mut house, chat) = group(&["Anna", "Ben", "Cleo"]);
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let mut said = Vec::new();
    for round in 0..60 {
        let who = rng.random_range(0..3);
        if house.devices[who].client.is_some() {
            let text = format!("{round}");
            house.say(who, chat, &text);
            said.push(text);
        }
        let unlucky = rng.random_range(0..3);
        match rng.random_range(0..4) {
            0 => house.kill(unlucky),
            1 => house.devices[unlucky].breaks_after = Some(rng.random_range(0..3)),
            2 if house.devices[unlucky].client.is_none() => house.start(unlucky),
            _ => {}
        }
        if rng.random_bool(0.5) {
            house.settle();
        }
    }
    for who in 0..3 {
        house.devices[who].breaks_after = None;
        if house.devices[who].client.is_none() {
            house.start(who);
        }
    }
    house.pass(Duration::from_secs(30));
    let read = house.texts(0, chat);
    assert_eq!(house.texts(1, chat), read);
    assert_eq!(house.texts(2, chat), read);
    let mut sorted: Vec<String> = read;
    sorted.sort();
    said.sort();
    assert_eq!(sorted, said);
    assert!(house.chat(0, chat).lines.iter().all(|line| line.progress.is_none_or(|progress| progress == Progress::Delivered)));
}

#[test]
fn a_new_start_with_the_old_seed_draws_other_numbers() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    for round in 0..3 {
        house.say(0, chat, &round.to_string());
        house.settle();
        house.kill(0);
        house.start(0);
    }
    house.settle();
    assert_eq!(house.texts(1, chat), ["0", "1", "2"]);
}
