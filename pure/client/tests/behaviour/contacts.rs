//! Getting to know each other.

use umweg_client::view::ContactStanding;
use umweg_client::{Command, CommandError};

use crate::house::House;

#[test]
fn two_people_meet_by_link_and_read_the_same_safety_code() {
    let house = House::acquainted(&["Anna", "Ben"]);
    let (one, other) = (house.chat_with(0, 1), house.chat_with(1, 0));
    assert!(one == other);
    let code = house.chat(0, one).safety_code.unwrap();
    assert_eq!(Some(&code), house.chat(1, one).safety_code.as_ref());
    assert_eq!(code.split_whitespace().count(), 12);
}

#[test]
fn a_stranger_is_a_name_and_a_text_until_accepted() {
    let mut house = House::new(&["Anna", "Ben"]);
    let link = house.view(1).me.unwrap().link;
    house.order(0, Command::RequestContact { link, text: "it is me".into() });
    house.settle();
    let view = house.view(1);
    assert_eq!((view.requests[0].name.as_str(), view.requests[0].text.as_str()), ("Anna", "it is me"));
    assert!(view.chats.is_empty() && view.contacts.is_empty());
    assert!(house.view(0).contacts[0].standing == ContactStanding::Asked);
    let account = house.account(0);
    house.order(1, Command::DeclineRequest { account });
    house.settle();
    assert!(house.view(1).requests.is_empty() && house.view(0).chats.is_empty());
}

#[test]
fn two_who_ask_each_other_get_one_conversation() {
    let mut house = House::new(&["Anna", "Ben"]);
    let links: Vec<String> = (0..2).map(|who| house.view(who).me.unwrap().link).collect();
    house.disconnect(0);
    house.disconnect(1);
    house.order(0, Command::RequestContact { link: links[1].clone(), text: String::new() });
    house.order(1, Command::RequestContact { link: links[0].clone(), text: String::new() });
    house.connect(0);
    house.connect(1);
    house.settle();
    assert_eq!(house.view(0).chats.len(), 1);
    assert!(house.chat_with(0, 1) == house.chat_with(1, 0));
}

#[test]
fn a_request_made_offline_is_sent_later() {
    let mut house = House::new(&["Anna", "Ben"]);
    let link = house.view(1).me.unwrap().link;
    house.disconnect(0);
    house.order(0, Command::RequestContact { link, text: String::new() });
    house.settle();
    assert!(house.view(1).requests.is_empty());
    house.connect(0);
    house.settle();
    assert_eq!(house.view(1).requests.len(), 1);
}

#[test]
fn wrong_links_say_what_is_wrong() {
    let mut house = House::new(&["Anna", "Ben"]);
    let own = house.view(0).me.unwrap().link;
    let wrong =
        |house: &mut House, link: &str| house.try_order(0, Command::RequestContact { link: link.into(), text: String::new() });
    assert_eq!(wrong(&mut house, &own), Err(CommandError::OwnLink));
    assert!(matches!(wrong(&mut house, "hello"), Err(CommandError::WrongLink { .. })));
}

#[test]
fn key_packages_are_left_and_refilled_before_they_run_out() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let ben = house.account(1);
    assert_eq!(house.devices[1].key_packages, Some(20));
    for round in 0..15 {
        house.order(0, Command::CreateGroup { name: round.to_string(), members: vec![ben] });
        house.settle();
        assert!(house.devices[1].key_packages >= Some(10), "after {round} groups");
    }
    assert_eq!(house.view(1).chats.iter().filter(|chat| chat.group).count(), 15);
}

#[test]
fn a_blocked_person_reaches_nobody() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    let ben = house.account(1);
    house.order(0, Command::Block { account: ben, blocked: true });
    house.say(1, chat, "let me in");
    house.settle();
    assert!(house.texts(0, chat).is_empty());
}

#[test]
fn a_request_waits_for_an_inbox_that_is_not_made_yet() {
    let mut house = House::new(&["Anna"]);
    house.add("Ben");
    house.disconnect(1); // before anything of his reached the service
    let (link, ben) = (house.view(1).me.unwrap().link, house.account(1));
    house.order(0, Command::RequestContact { link, text: "hello".into() });
    house.pass(std::time::Duration::from_secs(24 * 60 * 60));
    assert!(house.view(0).contacts.iter().any(|row| row.account == ben && row.standing == ContactStanding::Asked));
    let waiting = |house: &House| -> bool {
        house.database(0).query_row("SELECT count(*) > 0 FROM job WHERE task LIKE '%Deliver%'", [], |row| row.get(0)).unwrap()
    };
    assert!(waiting(&house));
    house.pass(std::time::Duration::from_secs(31 * 24 * 60 * 60));
    assert!(!waiting(&house), "after some weeks it is given up");
}

#[test]
fn who_declined_and_asks_later_gets_the_conversation() {
    let mut house = House::new(&["Anna", "Ben"]);
    for (one, other) in [(0, 1), (1, 0)] {
        let link = house.view(other).me.unwrap().link;
        house.order(one, Command::RequestContact { link, text: String::new() });
        house.settle();
        if one == 0 {
            let account = house.account(0);
            house.order(1, Command::DeclineRequest { account });
            house.settle();
        }
    }
    house.settle();
    assert!(house.chat_with(0, 1) == house.chat_with(1, 0));
}

#[test]
fn of_two_conversations_with_one_person_both_choose_the_same() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let first = house.chat_with(0, 1);
    // Ben's device is shown Anna's request once more, as something new.
    let anna = house.account(0);
    let card: Vec<u8> =
        house.database(1).query_row("SELECT card FROM person WHERE account = ?1", [anna.0], |row| row.get(0)).unwrap();
    house
        .database(1)
        .execute(
            "INSERT INTO request (account, name, text, card, time) VALUES (?1, 'Anna', '', ?2, 0)",
            rusqlite::params![anna.0, card],
        )
        .unwrap();
    house.order(1, Command::AcceptRequest { account: anna });
    house.settle();
    let chosen = house.chat_with(0, 1);
    assert!(chosen == house.chat_with(1, 0) && chosen.0 <= first.0);
    for who in [0, 1] {
        assert_eq!(house.view(who).chats.len(), 1, "device {who} shows one");
    }
    house.say(0, chosen, "here");
    house.settle();
    assert_eq!(house.texts(1, chosen), ["here"]);
}
