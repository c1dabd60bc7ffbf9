//! Writing to each other.

use std::time::Duration;

use umweg_client::view::{BitesUse, Progress, ProxyUse, RoadState};
use umweg_client::{Command, CommandError, Failure, Input};

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

fn shown(house: &House, chat: umweg_wire::LogId) -> Vec<(String, Progress)> {
    let lines = house.chat(0, chat).lines.into_iter().filter(|line| line.progress.is_some());
    house.texts(0, chat).into_iter().zip(lines.map(|line| line.progress.unwrap())).collect()
}

#[test]
fn what_the_service_does_not_take_is_shown_and_goes_out_when_it_does() {
    for (failure, sign) in
        [(Failure::Full, Progress::NoRoom), (Failure::Refused, Progress::Refused), (Failure::NotFound, Progress::Refused)]
    {
        let mut house = House::acquainted(&["Anna", "Ben"]);
        let chat = house.chat_with(0, 1);
        house.devices[0].refused = Some(failure);
        house.say(0, chat, "one");
        house.say(0, chat, "two");
        house.pass(Duration::from_secs(20));
        assert_eq!(progress(&house, 0, 0), Progress::Waiting, "many a refusal passes");
        house.pass(Duration::from_secs(20));
        assert_eq!(shown(&house, chat), [("one".to_owned(), sign), ("two".to_owned(), sign)]);
        house.disconnect(0);
        house.connect(0);
        house.settle();
        assert_eq!(progress(&house, 0, 0), sign, "with a new connection it is tried, and refused again");
        house.devices[0].refused = None;
        house.order(0, Command::TryAgain { chat });
        house.settle();
        assert_eq!(shown(&house, chat), [("one".to_owned(), Progress::Delivered), ("two".to_owned(), Progress::Delivered)]);
        assert_eq!(house.texts(1, chat), ["one", "two"], "in their order, and once");
    }
}

#[test]
fn a_refusal_outlives_the_program_and_is_gone_when_the_road_is() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    house.devices[0].refused = Some(Failure::Full);
    house.say(0, chat, "one");
    house.pass(Duration::from_secs(40));
    house.kill(0);
    house.start(0);
    assert_eq!(progress(&house, 0, 0), Progress::NoRoom);
    house.devices[0].refused = Some(Failure::Unreachable);
    house.pass(Duration::from_secs(120));
    assert_eq!(progress(&house, 0, 0), Progress::Waiting, "nobody knows what became of it");
}

#[test]
fn a_message_that_was_not_taken_is_taken_back_and_holds_nothing_up() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    let message = |house: &House, at: usize| house.chat(0, chat).lines[at].id.unwrap();
    house.devices[0].refused = Some(Failure::Invalid);
    house.say(0, chat, "odd");
    house.say(0, chat, "fine");
    house.pass(Duration::from_secs(40));
    assert_eq!(shown(&house, chat), [("odd".to_owned(), Progress::Failed), ("fine".to_owned(), Progress::Waiting)]);
    house.devices[0].refused = None;
    let odd = message(&house, 0);
    house.order(0, Command::TakeBack { chat, message: odd });
    house.settle();
    assert_eq!(house.texts(0, chat), ["fine"]);
    assert_eq!(house.texts(1, chat), ["fine"]);
    assert!(matches!(house.try_order(0, Command::TakeBack { chat, message: odd }), Err(CommandError::Unknown)));
    let sent = message(&house, 0);
    assert!(matches!(house.try_order(0, Command::TakeBack { chat, message: sent }), Err(CommandError::Unknown)));
}

#[test]
fn a_message_that_the_service_may_have_is_not_taken_back() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    house.say(0, chat, "under way");
    let message = house.chat(0, chat).lines[0].id.unwrap();
    assert!(matches!(house.try_order(0, Command::TakeBack { chat, message }), Err(CommandError::TooSoon)));
    house.disconnect(0);
    assert!(matches!(house.try_order(0, Command::TakeBack { chat, message }), Err(CommandError::TooSoon)));
    house.say(0, chat, "never asked");
    let message = house.chat(0, chat).lines[1].id.unwrap();
    house.order(0, Command::TakeBack { chat, message });
    assert_eq!(house.texts(0, chat), ["under way"]);
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
    let road = RoadState::Proxy { name: "a friend".into(), bites: false };
    house.input(0, Input::Road(road.clone()));
    assert!(house.view(0).road == road);
}

#[test]
fn when_the_road_goes_in_bites_is_chosen_without_an_account_and_remembered() {
    let mut house = House::new(&["Anna"]);
    assert_eq!((house.view(0).bites_use, house.view(0).freezes), (BitesUse::WhenFrozen, false));
    house.input(0, Input::Freezes(true));
    assert!(house.view(0).freezes);
    house.order(0, Command::UseBites { when: BitesUse::Always });
    assert_eq!(house.view(0).bites_use, BitesUse::Always);
    house.order(0, Command::UseProxies { when: ProxyUse::Never });
    assert_eq!((house.view(0).bites_use, house.view(0).proxy_use), (BitesUse::Always, ProxyUse::Never));
}

#[test]
fn a_new_name_reaches_everybody() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    house.order(0, Command::Rename { name: "Annabel".into() });
    house.settle();
    assert_eq!(house.view(1).chats[0].title, "Annabel");
}
