//! Groups: who comes, who goes, and that all agree.

use std::time::Duration;

use umweg_client::view::{Line, Standing};
use umweg_client::{Command, CommandError};

use crate::house::House;

/// Anna's group with everybody.
pub(crate) fn group(names: &[&'static str]) -> (House, umweg_wire::LogId) {
    let mut house = House::acquainted(names);
    let members = (1..names.len()).map(|who| house.account(who)).collect();
    house.order(0, Command::CreateGroup { name: "friends".into(), members });
    house.settle();
    let chat = house.group_of(0);
    (house, chat)
}

fn names(house: &House, who: usize, chat: umweg_wire::LogId) -> Vec<String> {
    let mut names: Vec<_> = house.chat(who, chat).members.into_iter().map(|member| member.name).collect();
    names.sort();
    names
}

#[test]
fn a_group_is_made_and_everybody_reads_everybody() {
    let (mut house, chat) = group(&["Anna", "Ben", "Cleo"]);
    for who in 0..3 {
        assert!(house.group_of(who) == chat);
        assert_eq!(names(&house, who, chat), ["Anna", "Ben", "Cleo"]);
        house.say(who, chat, &format!("from {who}"));
        house.settle();
    }
    for who in 0..3 {
        assert_eq!(house.texts(who, chat), ["from 0", "from 1", "from 2"]);
        assert_eq!(house.view(who).chats.iter().find(|row| row.group).unwrap().title, "friends");
    }
}

#[test]
fn of_two_changes_at_once_both_happen() {
    let (mut house, chat) = group(&["Anna", "Ben", "Cleo"]);
    house.disconnect(0);
    house.disconnect(1);
    house.order(0, Command::RenameGroup { chat, name: "enemies".into() });
    house.say(0, chat, "from Anna");
    let cleo = house.account(2);
    house.order(1, Command::RemoveMember { chat, account: cleo });
    house.say(1, chat, "from Ben");
    house.connect(0);
    house.connect(1);
    house.pass(Duration::from_secs(5));
    for who in 0..2 {
        assert_eq!(names(&house, who, chat), ["Anna", "Ben"]);
        assert_eq!(house.chat(who, chat).title, "enemies");
        let mut texts = house.texts(who, chat);
        texts.sort();
        assert_eq!(texts, ["from Anna", "from Ben"]);
    }
    assert_eq!(house.texts(0, chat), house.texts(1, chat));
}

#[test]
fn who_was_removed_reads_nothing_more_and_cannot_even_fetch() {
    let (mut house, chat) = group(&["Anna", "Ben", "Cleo"]);
    house.say(0, chat, "before");
    house.settle();
    let capability: Vec<u8> =
        house.database(2).query_row("SELECT capability FROM chat WHERE log = ?1", [chat.0], |row| row.get(0)).unwrap();
    assert!(house.service.admit(&chat.0, &capability, house.now).is_ok());
    let cleo = house.account(2);
    house.order(0, Command::RemoveMember { chat, account: cleo });
    house.say(0, chat, "after");
    house.settle();
    assert!(house.chat(2, chat).standing == Standing::Former);
    assert_eq!(house.texts(2, chat), ["before"]);
    assert_eq!(house.texts(1, chat), ["before", "after"]);
    assert!(house.service.admit(&chat.0, &capability, house.now).is_err());
    let refused = house.try_order(2, Command::SendText { chat, text: "still here?".into(), reply_to: None });
    assert_eq!(refused, Err(CommandError::NotAMember));
}

#[test]
fn who_leaves_is_taken_out_by_the_others() {
    let (mut house, chat) = group(&["Anna", "Ben", "Cleo"]);
    house.order(2, Command::LeaveGroup { chat });
    house.settle();
    assert!(house.chat(2, chat).standing == Standing::Former);
    assert_eq!(names(&house, 0, chat), ["Anna", "Ben"]);
    let lines = house.chat(1, chat).lines;
    assert_eq!(lines.iter().filter(|line| line.line == Line::Left).count(), 1);
    assert!(!lines.iter().any(|line| matches!(line.line, Line::Removed { .. })));
}

#[test]
fn a_leaver_is_taken_out_by_the_next_when_the_first_is_away() {
    let (mut house, chat) = group(&["Anna", "Ben", "Cleo"]);
    house.kill(0);
    house.order(2, Command::LeaveGroup { chat });
    house.pass(Duration::from_secs(30));
    assert_eq!(names(&house, 1, chat), ["Anna", "Ben"]);
    house.start(0);
    house.pass(Duration::from_secs(30));
    assert_eq!(names(&house, 0, chat), ["Anna", "Ben"]);
}

#[test]
fn somebody_added_later_reads_from_then_on_and_is_known_by_name() {
    let mut house = House::new(&["Anna", "Ben", "Cleo"]);
    house.befriend(0, 1);
    house.befriend(0, 2);
    let (ben, cleo) = (house.account(1), house.account(2));
    house.order(0, Command::CreateGroup { name: "friends".into(), members: vec![ben] });
    house.settle();
    let chat = house.group_of(0);
    house.say(0, chat, "early");
    house.order(0, Command::AddMembers { chat, members: vec![cleo] });
    house.say(0, chat, "late");
    house.settle();
    assert_eq!(house.texts(2, chat), ["late"]);
    assert_eq!(names(&house, 1, chat), ["Anna", "Ben", "Cleo"]);
    house.say(2, chat, "thanks");
    house.settle();
    assert_eq!(house.texts(1, chat), ["early", "late", "thanks"]);
}

#[test]
fn only_contacts_can_be_added() {
    let mut house = House::new(&["Anna", "Ben"]);
    let ben = house.account(1);
    assert_eq!(house.try_order(0, Command::CreateGroup { name: "x".into(), members: vec![ben] }), Err(CommandError::Unknown));
    let link = house.view(1).me.unwrap().link;
    house.order(0, Command::RequestContact { link, text: String::new() });
    let refused = house.try_order(0, Command::CreateGroup { name: "x".into(), members: vec![ben] });
    assert_eq!(refused, Err(CommandError::NotAContact { names: vec!["Ben".into()] }));
}

#[test]
fn who_was_removed_while_away_learns_it_and_who_stayed_follows_every_rotation() {
    let (mut house, chat) = group(&["Anna", "Ben", "Cleo", "Dora"]);
    house.kill(1);
    house.kill(2);
    for who in [2, 3] {
        let account = house.account_by_name(0, ["Anna", "Ben", "Cleo", "Dora"][who]);
        house.order(0, Command::RemoveMember { chat, account });
        house.say(0, chat, &format!("without {who}"));
        house.settle();
    }
    house.start(1);
    house.start(2);
    house.settle();
    assert!(house.chat(2, chat).standing == Standing::Former);
    assert_eq!(names(&house, 1, chat), ["Anna", "Ben"]);
    assert_eq!(house.texts(1, chat), ["without 2", "without 3"]);
    assert!(house.texts(2, chat).is_empty());
    house.say(1, chat, "still here");
    house.settle();
    assert_eq!(house.texts(0, chat).len(), 3);
}

#[test]
fn an_invitation_opened_after_a_rotation_still_leads_in() {
    let (mut house, chat) = group(&["Anna", "Ben", "Cleo"]);
    let (ben, cleo) = (house.account(1), house.account(2));
    house.order(0, Command::RemoveMember { chat, account: cleo });
    house.settle();
    house.kill(2);
    house.order(0, Command::AddMembers { chat, members: vec![cleo] });
    house.settle();
    house.order(0, Command::RemoveMember { chat, account: ben });
    house.say(0, chat, "welcome back");
    house.settle();
    house.start(2);
    house.settle();
    assert!(house.chat(2, chat).standing == Standing::Group);
    assert_eq!(house.texts(2, chat), ["welcome back"]);
    assert_eq!(names(&house, 2, chat), ["Anna", "Cleo"]);
}
