//! Stories with names: each shows one promise. What people do at random is in `random.rs`.

use std::time::Duration;

use anyhow::{Context, Result};
use umweg_client::command::{Command, Look};
use umweg_client::view::{Absence, CallState, CallView, Line, Standing, View};
use umweg_wire::{CallId, LogId};
use umweg_world::oracle::lines;
use umweg_world::{Malice, Person, Temper, World};

const SOON: Duration = Duration::from_secs(120);

#[test]
fn who_was_asked_before_they_were_ever_online_hears_of_it_later() -> Result<()> {
    let mut world = World::new(1, Temper::CALM);
    let ada = world.join("Ada")?;
    let bo = world.join("Bo")?;
    world.go_away(bo);
    let link = view(&world, bo)?.me.context("an account")?.link;
    world.command(ada, Command::RequestContact { link, text: "hello".to_owned() })?;
    world.run_for(Duration::from_secs(600))?;
    world.come_back(bo);
    let day = Duration::from_secs(24 * 60 * 60);
    world.run_until(day, "the request arrives", |world| Ok(view(world, bo)?.requests.len() == 1))
}

#[test]
fn two_commits_at_once_both_happen_one_after_the_other() -> Result<()> {
    let (mut world, people, group) = three_in_a_group(2)?;
    for (person, name) in [(people[0], "one"), (people[1], "two")] {
        world.command(person.device, Command::RenameGroup { chat: group, name: name.to_owned() })?;
    }
    world.run_for(SOON)?;
    for person in &people {
        let renamed = lines(&world, *person, group)?.into_iter().filter(|line| matches!(line.line, Line::Renamed { .. })).count();
        assert_eq!(renamed, 2, "device {}", person.device);
    }
    umweg_world::oracle::same_history(&world, &people, group)?;
    umweg_world::oracle::same_name(&world, &people, group)
}

#[test]
fn a_service_that_withholds_a_message_is_caught_by_the_next_one() -> Result<()> {
    let (mut world, people, group) = three_in_a_group(3)?;
    world.turn(Malice::Withholds { device: people[2].device, log: group });
    say(&mut world, people[0], group, "the secret meeting is off")?;
    say(&mut world, people[1], group, "see you there")?;
    world.run_for(SOON)?;
    let shown = chat(&world, people[2], group)?;
    assert!(shown.standing == Standing::HistoryForked, "the lied-to device noticed nothing");
    assert!(chat(&world, people[0], group)?.standing == Standing::Group, "the others were told the truth");
    Ok(())
}

#[test]
fn a_device_that_lost_its_keys_is_let_in_again_and_shows_the_gap() -> Result<()> {
    let (mut world, people, group) = three_in_a_group(4)?;
    say(&mut world, people[0], group, "before")?;
    world.run_for(SOON)?;
    world.go_away(people[2].device);
    world.lose_keys(people[2].device)?;
    say(&mut world, people[0], group, "missed")?;
    world.run_for(SOON)?;
    world.come_back(people[2].device);
    world.run_until(SOON, "it is let in again", |world| {
        let shown = chat(world, people[2], group)?;
        Ok(shown.standing == Standing::Group && shown.lines.iter().any(|line| line.line == Line::Gap))
    })?;
    say(&mut world, people[1], group, "after")?;
    say(&mut world, people[2], group, "I am back")?;
    world.run_for(SOON)?;
    for person in &people {
        for text in ["before", "after", "I am back"] {
            assert!(reads(&world, *person, group, text)?, "device {} does not show “{text}”", person.device);
        }
    }
    assert!(!reads(&world, people[2], group, "missed")?, "what was sealed for lost keys cannot be read");
    Ok(())
}

#[test]
fn who_is_removed_reads_nothing_any_more() -> Result<()> {
    let (mut world, people, group) = three_in_a_group(5)?;
    world.command(people[0].device, Command::RemoveMember { chat: group, account: people[2].account })?;
    world.run_for(SOON)?;
    say(&mut world, people[1], group, "among us")?;
    world.run_for(SOON)?;
    assert!(reads(&world, people[0], group, "among us")?);
    assert!(!reads(&world, people[2], group, "among us")?);
    assert!(chat(&world, people[2], group)?.standing == Standing::Former);
    Ok(())
}

#[test]
fn a_call_can_be_ignored_and_joined_late_and_is_over_when_the_last_one_leaves() -> Result<()> {
    let (mut world, people, group) = three_in_a_group(6)?;
    let [ada, bo, cyrus] = [people[0], people[1], people[2]];
    world.command(ada.device, Command::StartCall { chat: group, video: true })?;
    for person in [bo, cyrus] {
        world.run_until(SOON, "it rings", |world| Ok(view(world, person.device)?.ringing.is_some()))?;
    }
    let call = view(&world, bo.device)?.ringing.context("it rings")?.call;
    world.command(bo.device, Command::JoinCall { call, video: true })?;
    world.command(cyrus.device, Command::IgnoreCall { call })?;
    world.run_until(SOON, "both are in", |world| Ok(panel(world, cyrus, call)?.present.len() == 2))?;
    assert!(view(&world, cyrus.device)?.ringing.is_none());
    let row = view(&world, cyrus.device)?.chats.into_iter().find(|row| row.id == group).context("the chat")?;
    assert!(row.call == Some(call), "the chat list shows the running call");
    let absent = panel(&world, cyrus, call)?.absent;
    assert!(absent.iter().map(|row| (row.account, row.answer)).eq([(cyrus.account, Absence::Invited)]));

    world.command(cyrus.device, Command::JoinCall { call, video: true })?;
    all_are_in(&mut world, call, &people)?;
    let code = panel(&world, ada, call)?.code;
    assert!(code.is_some() && people.iter().all(|person| panel(&world, *person, call).is_ok_and(|panel| panel.code == code)));

    world.command(bo.device, Command::LeaveCall { call })?;
    world.run_until(SOON, "the keys change", |world| {
        let shown = panel(world, ada, call)?;
        Ok(shown.present.len() == 2 && shown.code.is_some() && shown.code != code)
    })?;
    world.command(bo.device, Command::JoinCall { call, video: true })?;
    all_are_in(&mut world, call, &people)?;
    for person in &people {
        world.command(person.device, Command::LeaveCall { call })?;
        world.run_for(Duration::from_secs(5))?;
    }
    world.run_until(SOON, "it is over everywhere", |world| Ok(umweg_world::oracle::no_call_runs(world, &people).is_ok()))
}

#[test]
fn who_vanishes_from_a_call_keeps_the_seat_for_a_while_and_loses_it_then() -> Result<()> {
    let (mut world, people, group) = three_in_a_group(7)?;
    let [ada, bo] = [people[0], people[1]];
    world.command(ada.device, Command::StartCall { chat: group, video: false })?;
    world.run_until(SOON, "it rings", |world| Ok(view(world, bo.device)?.ringing.is_some()))?;
    let call = view(&world, bo.device)?.ringing.context("it rings")?.call;
    world.command(bo.device, Command::JoinCall { call, video: false })?;
    all_are_in(&mut world, call, &[ada, bo])?;
    world.go_away(bo.device);
    world.run_for(Duration::from_secs(30))?;
    assert_eq!(panel(&world, ada, call)?.present.len(), 2, "the seat is kept");
    world.run_until(SOON, "the seat is given up", |world| Ok(panel(world, ada, call)?.present.len() == 1))?;
    world.come_back(bo.device);
    world.run_for(Duration::from_secs(10))?;
    world.command(bo.device, Command::JoinCall { call, video: false })?;
    all_are_in(&mut world, call, &[ada, bo])
}

#[test]
fn who_was_not_invited_has_no_such_call() -> Result<()> {
    let (mut world, people, group) = three_in_a_group(8)?;
    let stranger = world.join("Dara")?;
    world.command(people[0].device, Command::StartCall { chat: group, video: false })?;
    world.run_until(SOON, "it rings", |world| Ok(view(world, people[1].device)?.ringing.is_some()))?;
    let call = view(&world, people[1].device)?.ringing.context("it rings")?.call;
    assert!(world.command(stranger, Command::JoinCall { call, video: false }).is_err());
    assert!(view(&world, stranger)?.calls.is_empty());
    Ok(())
}

fn three_in_a_group(seed: u64) -> Result<(World, Vec<Person>, LogId)> {
    let mut world = World::new(seed, Temper::CALM);
    let people = world.acquainted(3)?;
    let group = world.group(&people)?;
    Ok((world, people, group))
}

fn all_are_in(world: &mut World, call: CallId, people: &[Person]) -> Result<()> {
    world.run_until(SOON, "all are in the call", |world| {
        for person in people {
            let shown = panel(world, *person, call)?;
            if shown.present.len() != people.len() || !matches!(shown.state, CallState::In { .. }) {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

fn say(world: &mut World, person: Person, chat: LogId, text: &str) -> Result<()> {
    Ok(world.command(person.device, Command::SendText { chat, text: text.to_owned(), reply_to: None })?)
}

fn reads(world: &World, person: Person, chat: LogId, text: &str) -> Result<bool> {
    Ok(lines(world, person, chat)?.into_iter().any(|line| line.line == Line::Text { text: text.to_owned() }))
}

fn view(world: &World, device: usize) -> Result<View> {
    world.view(device, &Look::default())
}

fn chat(world: &World, person: Person, chat: LogId) -> Result<umweg_client::view::ChatView> {
    world.view(person.device, &Look { chat: Some(chat), ..Look::default() })?.chat.context("the conversation")
}

fn panel(world: &World, person: Person, call: CallId) -> Result<CallView> {
    world.view(person.device, &Look { call: Some(call), ..Look::default() })?.call.context("the call")
}
