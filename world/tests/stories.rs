//! Stories with names: each shows one promise. What people do at random is in `random.rs`.

use std::time::Duration;

use anyhow::{Context, Result};
use umweg_client::command::{Command, Look};
use umweg_client::view::{Absence, CallState, CallView, Line, PresentRow, PresentWarning, Standing, View};
use umweg_wire::{CallId, LogId};
use umweg_world::oracle::lines;
use umweg_world::{Person, RosterLie, Temper, World};

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
fn a_call_and_a_message_right_after_the_making_of_a_group_reach_everybody_in_it() -> Result<()> {
    let mut world = World::new(9, Temper::ROUGH);
    let people = world.acquainted(3)?;
    let members = people[1..].iter().map(|person| person.account).collect();
    world.command(people[0].device, Command::CreateGroup { name: "Now".to_owned(), members })?;
    let group = view(&world, people[0].device)?.chats.into_iter().find(|row| row.group).context("it is there at once")?.id;
    world.command(people[0].device, Command::StartCall { chat: group, video: true })?;
    say(&mut world, people[0], group, "join me")?;
    for person in &people[1..] {
        world.run_until(SOON, "the call is shown", |world| Ok(view(world, person.device)?.calls.len() == 1))?;
        world.run_until(SOON, "the message is there", |world| reads(world, *person, group, "join me"))?;
    }
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

#[test]
fn two_who_call_at_the_same_moment_are_in_one_call_whatever_the_network() -> Result<()> {
    for seed in 20..26 {
        let (mut world, people, group) = three_in_a_group(seed)?;
        for person in &people[..2] {
            world.command(person.device, Command::StartCall { chat: group, video: false })?;
        }
        world.run_until(SOON, "all know one call", |world| {
            let mut calls = Vec::new();
            for person in &people {
                calls.push(view(world, person.device)?.calls.iter().map(|row| row.id).collect::<Vec<_>>());
            }
            Ok(calls[0].len() == 1 && calls.iter().all(|known| *known == calls[0]))
        })?;
        let call = view(&world, people[2].device)?.calls[0].id;
        all_are_in(&mut world, call, &people[..2])?;
    }
    Ok(())
}

#[test]
fn after_a_restart_of_the_sfu_everybody_is_back_in_three_seconds_without_a_click() -> Result<()> {
    let (mut world, people, call) = all_in_a_call(9)?;
    world.restart_sfu();
    world.run_for(Duration::from_millis(100))?;
    assert!(!seated(&world, people[0], call)?, "the seats are gone");
    world.run_until(Duration::from_secs(3), "all are seated again", |world| {
        people.iter().try_fold(true, |all, person| Ok(all && seated(world, *person, call)?))
    })
}

/// Whether the panel shows everybody's media.
fn seated(world: &World, person: Person, call: CallId) -> Result<bool> {
    let shown = panel(world, person, call)?;
    let inside = matches!(shown.state, CallState::In { .. });
    Ok(inside && shown.present.len() == 3 && shown.present.iter().all(|row| row.participant.is_some()))
}

#[test]
fn a_road_lost_for_less_than_a_minute_costs_no_seat() -> Result<()> {
    let (mut world, people, call) = all_in_a_call(10)?;
    let seats = |world: &World| -> Result<Vec<_>> {
        Ok(panel(world, people[0], call)?.present.iter().map(|row| (row.account, row.participant, row.leaf)).collect())
    };
    let (before, code) = (seats(&world)?, panel(&world, people[0], call)?.code);
    world.go_away(people[1].device);
    world.run_for(Duration::from_secs(45))?;
    world.come_back(people[1].device);
    world.run_for(Duration::from_secs(60))?;
    assert!(seats(&world)? == before, "the same seats, and none twice");
    assert!(panel(&world, people[0], call)?.code == code, "the same keys");
    assert!(seated(&world, people[1], call)?);
    Ok(())
}

#[test]
fn who_waits_for_a_camera_gets_the_next_free_place() -> Result<()> {
    let (mut world, people, group) = three_in_a_group(11)?;
    world.allow_cameras(2);
    let call = call_of_all(&mut world, &people, group)?;
    let late = people[2];
    let shown = panel(&world, late, call)?;
    assert!(shown.camera_refused && !shown.camera, "it is told why the camera is off");
    world.command(people[0].device, Command::Camera { call, on: false })?;
    world.run_until(SOON, "the place is taken", |world| {
        let shown = panel(world, late, call)?;
        Ok(shown.camera && !shown.camera_refused)
    })?;
    world.command(people[0].device, Command::Camera { call, on: true })?;
    world.run_for(Duration::from_secs(10))?;
    assert!(panel(&world, people[0], call)?.camera_refused);
    Ok(())
}

#[test]
fn an_sfu_that_shows_somebody_without_keys_is_seen_through() -> Result<()> {
    let (mut world, people, call) = all_in_a_call(12)?;
    world.turn_sfu(RosterLie::ShowsAStranger, call);
    world.run_until(SOON, "people are warned", |world| Ok(panel(world, people[0], call)?.ghosts.len() == 1))?;
    let shown = panel(&world, people[0], call)?;
    assert!(shown.present.len() == 3, "a note that nobody signed puts nobody into the call");
    assert!(shown.ghosts[0].account.is_none());
    Ok(())
}

#[test]
fn an_sfu_that_keeps_the_seat_of_who_left_is_seen_through() -> Result<()> {
    let (mut world, people, call) = all_in_a_call(13)?;
    world.turn_sfu(RosterLie::ShowsWhoLeft { device: people[1].device }, call);
    world.command(people[1].device, Command::LeaveCall { call })?;
    world.run_until(SOON, "people are warned", |world| Ok(panel(world, people[0], call)?.ghosts.len() == 1))?;
    let shown = panel(&world, people[0], call)?;
    assert!(shown.present.len() == 2 && shown.ghosts[0].account == Some(people[1].account));
    Ok(())
}

#[test]
fn an_sfu_that_hides_a_listener_is_seen_through() -> Result<()> {
    let (mut world, people, call) = all_in_a_call(14)?;
    world.turn_sfu(RosterLie::Hides { device: people[1].device }, call);
    world.run_for(Duration::from_secs(5))?;
    let row = |world: &World| -> Result<PresentRow> {
        panel(world, people[0], call)?
            .present
            .into_iter()
            .find(|row| row.account == people[1].account)
            .context("they hold the keys")
    };
    assert!(row(&world)?.warning.is_none(), "it may be a matter of seconds");
    world.run_for(Duration::from_secs(10))?;
    assert!(row(&world)?.warning == Some(PresentWarning::NotShown));
    Ok(())
}

fn all_in_a_call(seed: u64) -> Result<(World, Vec<Person>, CallId)> {
    let (mut world, people, group) = three_in_a_group(seed)?;
    let call = call_of_all(&mut world, &people, group)?;
    Ok((world, people, call))
}

/// The first calls, the others come one after the other.
fn call_of_all(world: &mut World, people: &[Person], group: LogId) -> Result<CallId> {
    world.command(people[0].device, Command::StartCall { chat: group, video: true })?;
    world.run_until(SOON, "it rings", |world| Ok(view(world, people[1].device)?.ringing.is_some()))?;
    let call = view(world, people[1].device)?.ringing.context("it rings")?.call;
    for (number, person) in people.iter().enumerate().skip(1) {
        world.run_until(SOON, "it is heard of", |world| Ok(!view(world, person.device)?.calls.is_empty()))?;
        world.command(person.device, Command::JoinCall { call, video: true })?;
        all_are_in(world, call, &people[..=number])?;
    }
    world.run_for(Duration::from_secs(2))?;
    Ok(call)
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
