//! Writing to each other.

use std::time::Duration;

use umweg_client::view::{Progress, RoadState};
use umweg_client::{Command, Input};

use crate::groups::group;
use crate::house::{House, Who};

fn progress(house: &House, who: Who, text: usize) -> Progress {
    let chat = house.chat_with(0, 1);
    house.chat(who, chat).lines[text].progress.unwrap()
}

#[test]
fn messages_arrive_in_order_with_one_of_two_stopped_half_of_the_time() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    let mut said = Vec::new();
    for round in 0..20 {
        house.kill(1);
        house.say(0, chat, &format!("a{round}"));
        house.settle();
        house.start(1);
        house.say(1, chat, &format!("b{round}"));
        house.settle();
        said.extend([format!("a{round}"), format!("b{round}")]);
    }
    assert_eq!(house.texts(0, chat), said);
    assert_eq!(house.texts(1, chat), said);
}

#[test]
fn a_message_is_waiting_then_sent_then_delivered_then_read() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    house.kill(1);
    house.disconnect(0);
    house.say(0, chat, "hello");
    house.settle();
    assert_eq!(progress(&house, 0, 0), Progress::Waiting);
    house.connect(0);
    house.settle();
    assert_eq!(progress(&house, 0, 0), Progress::Sent);
    house.start(1);
    house.settle();
    assert_eq!(progress(&house, 0, 0), Progress::Delivered);
    assert_eq!(house.view(1).chats[0].unread, 1);
    let seq = house.chat(1, chat).lines[0].seq;
    house.order(1, Command::MarkRead { chat, seq });
    house.settle();
    assert_eq!(progress(&house, 0, 0), Progress::Read);
    assert_eq!(house.view(1).chats[0].unread, 0);
}

#[test]
fn receipts_are_not_answered() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    house.say(0, chat, "hello");
    house.settle();
    house.say(1, chat, "hi");
    house.pass(Duration::from_secs(60));
    assert!(
        house.devices.iter().all(|device| device.client.as_ref().unwrap().poll_timeout().is_none()),
        "something goes on and on"
    );
    assert_eq!(house.texts(0, chat), ["hello", "hi"]);
}

#[test]
fn a_receipt_that_met_a_change_of_keys_is_given_again() {
    let (mut house, chat) = group(&["Anna", "Ben"]);
    house.say(0, chat, "hello");
    house.pass(Duration::from_millis(100));
    house.now = house.now.after(Duration::from_secs(1));
    let now = house.now;
    house.devices[1].client.as_mut().unwrap().handle_timeout(now).unwrap(); // sealed, and on its way
    house.disconnect(1);
    house.order(0, Command::RenameGroup { chat, name: "other keys".into() });
    house.settle();
    let shown = |house: &House| house.chat(0, chat).lines.iter().find_map(|line| line.progress);
    assert_eq!(shown(&house), Some(Progress::Sent));
    house.connect(1);
    house.settle();
    assert_eq!(shown(&house), Some(Progress::Delivered));
}

#[test]
fn what_was_lost_between_the_road_and_the_device_is_fetched_again() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    house.devices[1].loses = 1;
    house.say(0, chat, "lost on the way in");
    house.settle();
    assert!(house.texts(1, chat).is_empty());
    house.say(0, chat, "and then");
    house.settle();
    assert_eq!(house.texts(1, chat), ["lost on the way in", "and then"]);
}

#[test]
fn many_messages_written_offline_keep_their_order() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    house.disconnect(0);
    let said: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    for text in &said {
        house.say(0, chat, text);
    }
    assert_eq!(house.texts(0, chat), said);
    house.connect(0);
    house.settle();
    assert_eq!(house.texts(1, chat), said);
}

#[test]
fn typing_shows_and_goes_away() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    house.order(0, Command::Typing { chat });
    house.settle();
    assert_eq!(house.view(1).chats[0].typing, ["Anna"]);
    house.pass(Duration::from_secs(10));
    assert!(house.view(1).chats[0].typing.is_empty());
}

#[test]
fn an_answer_quotes_what_it_answers() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    house.say(0, chat, "shall we?");
    house.settle();
    let id = house.chat(1, chat).lines[0].id;
    house.order(1, Command::SendText { chat, text: "yes".into(), reply_to: id });
    house.settle();
    let quote = house.chat(0, chat).lines[1].reply_to.clone().unwrap();
    assert_eq!((quote.from_name.as_str(), quote.text.as_str()), ("Anna", "shall we?"));
}

#[test]
fn the_road_of_the_moment_is_shown() {
    let mut house = House::new(&["Anna"]);
    house.input(0, Input::Road(RoadState::Proxy { name: "a friend".into() }));
    assert!(house.view(0).road == RoadState::Proxy { name: "a friend".into() });
}

#[test]
fn a_new_name_reaches_everybody() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    house.order(0, Command::Rename { name: "Annabel".into() });
    house.settle();
    assert_eq!(house.view(1).chats[0].title, "Annabel");
}
