//! A service that lies, and a device that lost its keys.

use std::time::Duration;

use umweg_client::Input;
use umweg_client::view::{Line, Standing};
use umweg_wire::chain;
use umweg_wire::proto::v1::{self, watch_event::Event};
use umweg_wire::{ChainHash, LogId};

use crate::groups::group;
use crate::house::House;

/// What the log holds after an entry, as a member fetches it.
fn entries(house: &mut House, who: usize, chat: LogId, after: u64) -> Vec<v1::Entry> {
    let capability: Vec<u8> =
        house.database(who).query_row("SELECT capability FROM chat WHERE log = ?1", [chat.0], |row| row.get(0)).unwrap();
    let watcher = umweg_delivery::WatcherId(u64::MAX);
    let subscribe = vec![v1::Subscription { log_id: chat.to_vec(), capability, after }];
    house.service.handle_watch(watcher, &v1::WatchRequest { subscribe, unsubscribe: vec![] }, house.now).unwrap();
    let mut all = Vec::new();
    while let Some(event) = house.service.poll_event(watcher, house.now).unwrap() {
        if let Some(Event::Entries(entries)) = event.event {
            all.extend(entries.entries);
        }
    }
    house.service.handle_gone(watcher);
    all
}

fn place(house: &House, who: usize, chat: LogId) -> (u64, ChainHash) {
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, ChainHash(row.get(1)?)));
    house.database(who).query_row("SELECT applied, chain FROM chat WHERE log = ?1", [chat.0], row).unwrap()
}

fn show(house: &mut House, who: usize, chat: LogId, entries: Vec<v1::Entry>) {
    let event = Event::Entries(v1::Entries { log_id: chat.to_vec(), entries });
    house.input(who, Input::Watched(v1::WatchEvent { event: Some(event) }));
    house.settle();
}

#[test]
fn a_withheld_message_is_noticed_at_the_next_one() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    house.say(0, chat, "kept");
    house.settle();
    house.disconnect(1);
    house.say(0, chat, "withheld");
    house.settle();
    house.say(0, chat, "shown");
    house.settle();
    // The service leaves one out and makes the chain fit.
    let (applied, mut hash) = place(&house, 1, chat);
    let mut shown = entries(&mut house, 1, chat, applied);
    shown.remove(0);
    for (number, entry) in shown.iter_mut().enumerate() {
        entry.seq = applied + 1 + number as u64;
        hash = chain::next(hash, entry);
        entry.chain = hash.to_vec();
    }
    show(&mut house, 1, chat, shown);
    assert!(house.chat(1, chat).standing == Standing::HistoryForked);
    assert!(house.chat(1, chat).lines.iter().any(|line| line.line == Line::HistoryForked));
    assert_eq!(house.texts(1, chat), ["kept"]);
}

#[test]
fn a_chain_that_does_not_fit_is_noticed_at_once() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    house.disconnect(1);
    house.say(0, chat, "changed on the way");
    house.settle();
    let (applied, _) = place(&house, 1, chat);
    let mut shown = entries(&mut house, 1, chat, applied);
    shown[0].time += 1;
    show(&mut house, 1, chat, shown);
    assert!(house.chat(1, chat).standing == Standing::HistoryForked);
    assert!(house.texts(1, chat).is_empty());
}

#[test]
fn a_device_that_lost_its_keys_is_let_in_again_and_says_so() {
    let (mut house, chat) = group(&["Anna", "Ben", "Cleo"]);
    house.say(0, chat, "before");
    house.settle();
    house.kill(2);
    wipe_keys(&house, 2);
    house.say(0, chat, "lost");
    house.settle();
    house.start(2);
    house.pass(Duration::from_secs(2));
    house.say(1, chat, "after");
    house.settle();
    assert!(house.chat(2, chat).standing == Standing::Group);
    assert_eq!(house.texts(2, chat), ["before", "after"]);
    assert_eq!(house.chat(2, chat).lines.iter().filter(|line| line.line == Line::Gap).count(), 1);
    house.say(2, chat, "back again");
    house.settle();
    assert_eq!(house.texts(0, chat), ["before", "lost", "after", "back again"]);
    let lines = house.chat(0, chat).lines;
    assert!(!lines.iter().any(|line| matches!(line.line, Line::Added { .. } | Line::Removed { .. })), "nobody came or went");
}

#[test]
fn a_request_to_be_let_in_waits_for_somebody_who_is_there() {
    let mut house = House::acquainted(&["Anna", "Ben"]);
    let chat = house.chat_with(0, 1);
    house.say(0, chat, "hello");
    house.settle();
    house.kill(0);
    house.kill(1);
    wipe_keys(&house, 1);
    house.start(1);
    house.say(1, chat, "are you there?");
    house.pass(Duration::from_secs(60));
    assert!(house.chat(1, chat).standing == Standing::Resyncing);
    house.start(0);
    house.pass(Duration::from_secs(60));
    assert_eq!(house.texts(0, chat), ["hello", "are you there?"]);
}

fn wipe_keys(house: &House, who: usize) {
    let db = house.database(who);
    let mut query = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'openmls%'").unwrap();
    let tables: Vec<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(!tables.is_empty());
    for table in tables.iter().filter(|table| !table.contains("migration") && !table.contains("refinery")) {
        db.execute(&format!("DELETE FROM {table}"), []).unwrap();
    }
}
