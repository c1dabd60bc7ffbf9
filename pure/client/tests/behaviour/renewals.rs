//! Fresh addresses of proxies: from contact to contact, silently, and never more than that.

use std::time::Duration;

use rusqlite::params;
use umweg_client::view::{ProxyRow, Renewals};
use umweg_client::{Command, CommandError};
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::ProxyLink;
use umweg_wire::{LogId, MessageId};

use crate::groups::group;
use crate::house::{House, Who};

const HOUR: Duration = Duration::from_secs(60 * 60);
const MINUTES: Duration = Duration::from_secs(120);

fn link(host: &str) -> String {
    let (path, name) = ("/x".to_owned(), "Lamp".to_owned());
    ProxyLink { host: host.to_owned(), path, name, tls_port: 443, ..Default::default() }.to_link()
}

/// Anna shares `host` with Ben, who takes it.
fn shared(host: &str) -> (House, LogId) {
    let mut house = House::acquainted(&["Anna", "Ben", "Cem"]);
    let chat = house.chat_with(0, 1);
    shares(&mut house, 0, host, chat);
    takes(&mut house, 1, host, chat);
    (house, chat)
}

fn shares(house: &mut House, who: Who, host: &str, chat: LogId) {
    house.order(who, Command::AddProxy { link: link(host) });
    house.order(who, Command::ShareProxy { link: link(host), chat });
    house.settle();
}

fn takes(house: &mut House, who: Who, host: &str, chat: LogId) {
    let message = brought(house, who, host, chat);
    house.order(who, Command::TakeProxy { link: link(host), chat, message });
}

fn brought(house: &House, who: Who, host: &str, chat: LogId) -> MessageId {
    let said = house.texts(who, chat).iter().position(|text| *text == link(host)).unwrap();
    let lines = house.chat(who, chat).lines;
    lines.iter().filter(|line| matches!(line.line, umweg_client::view::Line::Text { .. })).nth(said).unwrap().id.unwrap()
}

fn renews(house: &mut House, who: Who, from: &str, to: &str) {
    house.order(who, Command::RenewProxy { link: link(from), fresh: link(to) });
    house.pass(MINUTES);
}

fn gives(house: &mut House, who: Who, host: &str, on: bool) {
    house.order(who, Command::GiveRenewals { link: link(host), on });
}

fn hosts(house: &House, who: Who) -> Vec<String> {
    house.view(who).proxies.into_iter().map(|row| row.host.trim_end_matches(":443").to_owned()).collect()
}

fn only_row(house: &House, who: Who) -> ProxyRow {
    let mut rows = house.view(who).proxies;
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

/// What a hostile program would do: it says that `origin` of its own is `host` now.
fn claims(house: &mut House, who: Who, to: Who, host: &str, origin: &str) {
    let account = house.account(to);
    house.database(who).execute("UPDATE proxy SET gave_at = NULL", []).unwrap();
    house
        .database(who)
        .execute("INSERT OR REPLACE INTO shared VALUES (?1, ?2, ?3, ?3)", params![link(host), account.0, link(origin)])
        .unwrap();
    house.order(who, Command::AddProxy { link: link(host) });
    gives(house, who, host, true);
    house.pass(MINUTES);
}

#[test]
fn who_took_a_proxy_from_a_contact_gets_its_fresh_address_without_a_word() {
    let (mut house, chat) = shared("old");
    gives(&mut house, 0, "old", true);
    let before = (house.texts(1, chat), house.chat(1, chat).lines.len());
    renews(&mut house, 0, "old", "new");
    assert_eq!(hosts(&house, 1), ["new"]);
    assert_eq!((house.texts(1, chat), house.chat(1, chat).lines.len()), before, "no line tells of it");
    let row = only_row(&house, 1);
    assert!(row.renewals.from.as_deref() == Some("Anna") && row.renewals.renewed.is_some());
    house.kill(1);
    house.start(1);
    assert_eq!(hosts(&house, 1), ["new"]);
    assert_eq!(only_row(&house, 0).renewals.shared, 1);
}

#[test]
fn without_the_owners_leave_nobody_is_told_and_with_it_also_of_what_was_before() {
    let (mut house, _) = shared("old");
    renews(&mut house, 0, "old", "new");
    assert_eq!((hosts(&house, 0), hosts(&house, 1)), (vec!["new".to_owned()], vec!["old".to_owned()]));
    gives(&mut house, 0, "new", true);
    house.pass(MINUTES);
    assert_eq!(hosts(&house, 1), ["new"]);
    gives(&mut house, 0, "new", false);
    renews(&mut house, 0, "new", "newest");
    house.pass(2 * HOUR);
    assert_eq!(hosts(&house, 1), ["new"]);
}

#[test]
fn who_does_not_want_fresh_addresses_keeps_the_old_one() {
    let (mut house, _) = shared("old");
    gives(&mut house, 0, "old", true);
    house.order(1, Command::TakeRenewals { link: link("old"), on: false });
    renews(&mut house, 0, "old", "new");
    assert!(hosts(&house, 1) == ["old"] && !only_row(&house, 1).renewals.takes);
    house.order(1, Command::TakeRenewals { link: link("old"), on: true });
    house.pass(HOUR);
    renews(&mut house, 0, "new", "newest");
    assert_eq!(hosts(&house, 1), ["newest"], "one that was let go by does not end it");
}

#[test]
fn who_was_away_gets_the_newest() {
    let (mut house, _) = shared("old");
    gives(&mut house, 0, "old", true);
    house.disconnect(1);
    for (from, to) in [("old", "second"), ("second", "third"), ("third", "old"), ("old", "fourth")] {
        renews(&mut house, 0, from, to);
        house.pass(HOUR);
    }
    house.connect(1);
    house.settle();
    assert_eq!(hosts(&house, 1), ["fourth"]);
    renews(&mut house, 0, "fourth", "old");
    assert_eq!(hosts(&house, 1), ["old"], "also back to the one of the beginning");
}

#[test]
fn a_mistake_that_is_put_right_within_a_minute_reaches_nobody() {
    let (mut house, _) = shared("old");
    gives(&mut house, 0, "old", true);
    house.order(0, Command::RenewProxy { link: link("old"), fresh: link("nwe") });
    house.settle();
    house.order(0, Command::RenewProxy { link: link("nwe"), fresh: link("new") });
    house.settle();
    assert_eq!(hosts(&house, 1), ["old"]);
    house.pass(MINUTES);
    assert_eq!(hosts(&house, 1), ["new"]);
    assert_eq!(house.database(1).query_row("SELECT counted FROM proxy", [], |row| row.get(0)), Ok(1));
}

#[test]
fn contacts_in_a_group_get_it_and_pass_it_on_if_they_allow_it() {
    let (mut house, chat) = group(&["Anna", "Ben", "Cem"]);
    shares(&mut house, 0, "old", chat);
    takes(&mut house, 1, "old", chat);
    gives(&mut house, 0, "old", true);
    let on = house.chat_with(1, 2);
    house.order(1, Command::ShareProxy { link: link("old"), chat: on });
    house.settle();
    takes(&mut house, 2, "old", on);
    gives(&mut house, 1, "old", true);
    renews(&mut house, 0, "old", "new");
    house.pass(MINUTES);
    assert_eq!((hosts(&house, 1), hosts(&house, 2)), (vec!["new".to_owned()], vec!["new".to_owned()]));
    assert_eq!(only_row(&house, 2).renewals.from.as_deref(), Some("Ben"));
}

#[test]
fn a_contact_who_never_shared_it_changes_nothing() {
    let (mut house, _) = shared("old");
    house.order(1, Command::AddProxy { link: link("mine") });
    for origin in ["old", "mine"] {
        claims(&mut house, 2, 1, "evil", origin);
    }
    assert_eq!(hosts(&house, 1), ["old", "mine"]);
    claims(&mut house, 0, 1, "evil", "mine");
    assert_eq!(hosts(&house, 1), ["old", "mine"], "nor does who shared another one");
}

#[test]
fn what_is_no_link_or_known_already_changes_nothing() {
    let (mut house, _) = shared("old");
    house.order(1, Command::AddProxy { link: link("mine") });
    gives(&mut house, 0, "old", true);
    let database = house.database(0);
    for wrong in ["umweg://proxy/AAAA", "umweg://contact/AAAA", "", &link("mine")] {
        database.execute("UPDATE shared SET proxy = ?1", [wrong]).unwrap();
        database.execute("UPDATE proxy SET link = ?1, gives_at = ?2, gave_at = NULL", params![wrong, house.now.0 + 1]).unwrap();
        house.order(0, Command::AddProxy { link: link("another") }); // it learns of the timeout
        house.order(0, Command::RemoveProxy { link: link("another") });
        house.pass(MINUTES);
        assert_eq!(database.query_row("SELECT told FROM shared", [], |row| row.get(0)), Ok(wrong.to_owned()), "it was said");
        assert_eq!(hosts(&house, 1), ["old", "mine"]);
    }
}

#[test]
fn more_than_an_honest_owner_would_send_is_not_taken_before_the_next_day() {
    let (mut house, _) = shared("0");
    gives(&mut house, 0, "0", true);
    for number in 0..30 {
        house.database(0).execute("UPDATE proxy SET gave_at = NULL", []).unwrap();
        renews(&mut house, 0, &number.to_string(), &(number + 1).to_string());
    }
    assert_eq!(hosts(&house, 1), ["24"]);
    house.pass(24 * HOUR);
    renews(&mut house, 0, "30", "31");
    assert_eq!(hosts(&house, 1), ["31"]);
}

#[test]
fn with_somebody_blocked_nothing_is_exchanged_either_way() {
    let (mut house, _) = shared("old");
    gives(&mut house, 0, "old", true);
    let (anna, ben) = (house.account(0), house.account(1));
    house.order(1, Command::Block { account: anna, blocked: true });
    renews(&mut house, 0, "old", "new");
    assert_eq!(hosts(&house, 1), ["old"]);
    house.order(1, Command::Block { account: anna, blocked: false });
    house.order(0, Command::Block { account: ben, blocked: true });
    house.pass(HOUR);
    renews(&mut house, 0, "new", "newest");
    assert_eq!(hosts(&house, 1), ["old"]);
}

#[test]
fn a_proxy_that_was_removed_is_given_to_nobody_and_comes_back_to_nobody() {
    let (mut house, _) = shared("old");
    gives(&mut house, 0, "old", true);
    house.order(1, Command::RemoveProxy { link: link("old") });
    renews(&mut house, 0, "old", "new");
    assert_eq!(hosts(&house, 1), Vec::<String>::new());
    house.order(0, Command::RemoveProxy { link: link("new") });
    house.order(0, Command::AddProxy { link: link("new") });
    let nobody = Renewals { from: None, takes: true, shared: 0, gives: false, renewed: None };
    assert_eq!(only_row(&house, 0).renewals, nobody);
}

#[test]
fn a_proxy_is_from_whoever_wrote_the_message_and_a_message_without_it_brings_none() {
    let (mut house, chat) = shared("old");
    house.say(0, chat, "hello");
    house.settle();
    let message = brought(&house, 1, "old", chat);
    let another = Command::TakeProxy { link: link("evil"), chat, message };
    assert_eq!(house.try_order(1, another), Err(CommandError::Unknown));
    house.order(0, Command::RemoveProxy { link: link("old") });
    takes(&mut house, 0, "old", chat);
    assert_eq!(only_row(&house, 0).renewals.from, None, "one's own message is nobody's gift");
}

#[test]
fn two_proxies_that_become_one_are_one() {
    let mut house = House::new(&["Anna"]);
    for host in ["one", "two"] {
        house.order(0, Command::AddProxy { link: link(host) });
    }
    house.order(0, Command::RenewProxy { link: link("one"), fresh: link("two") });
    assert_eq!(hosts(&house, 0), ["two"]);
    let gone = Command::RenewProxy { link: link("one"), fresh: link("three") };
    assert_eq!(house.try_order(0, gone), Err(CommandError::Unknown));
    let wrong = Command::RenewProxy { link: link("two"), fresh: "two".to_owned() };
    assert!(matches!(house.try_order(0, wrong), Err(CommandError::WrongLink { .. })));
}
