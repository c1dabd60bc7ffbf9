//! What people do in a world, decided by its seed: they get to know one another, write, meet in groups and calls, lose their
//! connections and their batteries. At the end it is quiet, and the oracle looks.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use umweg_client::command::{Command, Look};
use umweg_client::view::{CallState, ContactStanding, View};
use umweg_wire::{AccountId, CallId, LogId};

use crate::block::{Block, FINDING_MAX};
use crate::network::Temper;
use crate::oracle::{self, Said};
use crate::world::World;

/// Long enough for anything that is under way.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where a road is open, a call's news and voices need no longer.
const SOON: Duration = Duration::from_secs(20);

/// Who vanished from a call keeps the seat for a minute; then it is empty for another one and a quarter, and is over.
const CALL_FORGOTTEN: Duration = Duration::from_secs(150);

/// One story: who is in it, how long it is.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// Devices, each with an account of its own.
    pub people: usize,
    /// Things that somebody does.
    pub steps: usize,
    pub temper: Temper,
    /// All but the first are behind a censor that changes its mind.
    pub blocked: bool,
}

impl Script {
    /// The story of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let temper = if seed.is_multiple_of(3) { Temper::CALM } else { Temper::ROUGH };
        Self { people: 3 + usize::from(seed.is_multiple_of(5)), steps: 40, temper, blocked: seed % 4 == 1 }
    }

    /// Lets it happen and looks at what is left. An error says what was found wrong; the caller adds the seed.
    pub fn play(self, seed: u64) -> Result<()> {
        let mut world = World::new(seed, Temper::CALM);
        let people = world.acquainted(self.people)?;
        let group = world.group(&people)?;
        world.set_temper(self.temper);
        let behind: Vec<_> = people.iter().skip(1).map(|person| person.device).collect();
        let block = self.blocked.then(|| Block::begin(&mut world, &behind)).transpose()?;
        let mut story = Story { world, people, group, block, said: Vec::new(), serial: 0 };
        for _ in 0..self.steps {
            story.step()?;
        }
        story.finish()
    }
}

/// Somebody in a world.
#[derive(Clone, Copy)]
pub struct Person {
    /// Its device.
    pub device: usize,
    pub account: AccountId,
}

impl World {
    /// Some people who all know one another.
    pub fn acquainted(&mut self, count: usize) -> Result<Vec<Person>> {
        const NAMES: [&str; 6] = ["Ada", "Bo", "Cyrus", "Dara", "Edda", "Farhad"];
        let mut people = Vec::new();
        for name in NAMES.into_iter().cycle().take(count) {
            let device = self.join(name)?;
            let account = self.view(device, &Look::default())?.me.context("an account was created")?.account;
            people.push(Person { device, account });
        }
        self.run_for(Duration::from_secs(5))?;
        for (number, &one) in people.iter().enumerate() {
            for &other in &people[number + 1..] {
                self.acquaint(one, other)?;
            }
        }
        Ok(people)
    }

    /// One asks, the other accepts; afterwards they have a conversation.
    pub fn acquaint(&mut self, one: Person, other: Person) -> Result<()> {
        let link = self.view(other.device, &Look::default())?.me.context("the other has an account")?.link;
        self.command(one.device, Command::RequestContact { link, text: "hello".to_owned() })?;
        self.run_until(PATIENCE, "a contact request arrives", |world| {
            Ok(world.view(other.device, &Look::default())?.requests.iter().any(|request| request.account == one.account))
        })?;
        self.command(other.device, Command::AcceptRequest { account: one.account })?;
        self.run_until(PATIENCE, "both have the conversation", |world| {
            Ok(world.chat_with(one, other)?.is_some() && world.chat_with(other, one)?.is_some())
        })
    }

    /// The one-to-one conversation that `one` has with `other`.
    pub fn chat_with(&self, one: Person, other: Person) -> Result<Option<LogId>> {
        let view = self.view(one.device, &Look::default())?;
        let row = view.contacts.iter().find(|row| row.account == other.account && row.standing == ContactStanding::Accepted);
        Ok(row.and_then(|row| row.chat))
    }

    /// A group of all, made by the first.
    pub fn group(&mut self, people: &[Person]) -> Result<LogId> {
        let (first, others) = people.split_first().context("a group has a maker")?;
        let members = others.iter().map(|person| person.account).collect();
        self.command(first.device, Command::CreateGroup { name: "All".to_owned(), members })?;
        self.run_until(PATIENCE, "everybody has the group", |world| {
            people
                .iter()
                .map(|person| Ok(group_in(&world.view(person.device, &Look::default())?).is_some()))
                .try_fold(true, |all, has: Result<bool>| Ok(all && has?))
        })?;
        group_in(&self.view(first.device, &Look::default())?).context("the maker has the group")
    }

    /// The network is like that from now on.
    pub fn set_temper(&mut self, temper: Temper) {
        self.temper = temper;
    }
}

fn group_in(view: &View) -> Option<LogId> {
    view.chats.iter().find(|row| row.group).map(|row| row.id)
}

/// The calls that run, as that person sees it.
fn running(world: &World, person: Person) -> Result<Vec<CallId>> {
    let calls = world.view(person.device, &Look::default())?.calls;
    Ok(calls.iter().filter(|call| !matches!(call.state, CallState::Ended { .. })).map(|call| call.id).collect())
}

fn is_in_a_call(world: &World, person: Person) -> Result<bool> {
    let calls = world.view(person.device, &Look::default())?.calls;
    Ok(calls.iter().any(|call| matches!(call.state, CallState::In { .. } | CallState::Joining)))
}

/// A story under way.
struct Story {
    world: World,
    people: Vec<Person>,
    group: LogId,
    block: Option<Block>,
    said: Vec<Said>,
    serial: usize,
}

impl Story {
    fn step(&mut self) -> Result<()> {
        let person = self.people[self.world.draw(self.people.len())];
        match self.world.draw(16) {
            0..=6 => self.write(person, None),
            7 | 8 => self.write_privately(person),
            9 => self.rename_at_once(),
            10 => self.world.crash(person.device),
            11 => {
                self.world.crash_service();
                Ok(())
            }
            12 => {
                self.world.go_away(person.device);
                Ok(())
            }
            13 => {
                self.world.come_back(person.device);
                Ok(())
            }
            _ => self.call(person),
        }?;
        if let Some(block) = &self.block
            && self.world.draw(4) == 0
        {
            block.change(&mut self.world, false);
        }
        let pause = self.world.draw(4_000);
        self.world.run_for(Duration::from_millis(u64::try_from(pause).unwrap_or(0)))
    }

    fn write(&mut self, person: Person, chat: Option<LogId>) -> Result<()> {
        self.serial += 1;
        let text = format!("{} says {}", self.world.devices[person.device].name, self.serial);
        let chat = chat.unwrap_or(self.group);
        self.world.command(person.device, Command::SendText { chat, text: text.clone(), reply_to: None })?;
        self.said.push(Said { by: person, chat, text });
        Ok(())
    }

    fn write_privately(&mut self, person: Person) -> Result<()> {
        let other = self.people[self.world.draw(self.people.len())];
        let chat = self.world.chat_with(person, other)?;
        if chat.is_some() { self.write(person, chat) } else { Ok(()) }
    }

    /// Two commits in one epoch: one wins, the other is made again.
    fn rename_at_once(&mut self) -> Result<()> {
        for number in 0..2 {
            let person = self.people[number];
            let name = format!("All, says {}", self.world.devices[person.device].name);
            self.world.command(person.device, Command::RenameGroup { chat: self.group, name })?;
        }
        Ok(())
    }

    /// Joins the call that runs, leaves the one that the person is in, or starts one.
    fn call(&mut self, person: Person) -> Result<()> {
        let view = self.world.view(person.device, &Look::default())?;
        let inside = view.calls.iter().find(|call| matches!(call.state, CallState::In { .. } | CallState::Joining));
        let running = view.calls.iter().find(|call| matches!(call.state, CallState::Running | CallState::Ringing));
        let wish = match (inside, running) {
            (Some(call), _) => Command::LeaveCall { call: call.id },
            (None, Some(call)) => Command::JoinCall { call: call.id, video: true },
            (None, None) => Command::StartCall { chat: self.group, video: true },
        };
        // Between looking and asking, the call may have ended.
        let _ = self.world.command(person.device, wish);
        Ok(())
    }

    /// The network is calm. All find the same calls, meet in one, leave it, and each says something that all must read: so their keys
    /// agree. What the censor did last it goes on doing, in every second story.
    fn finish(mut self) -> Result<()> {
        let away = Duration::from_millis(self.world.temper.away_ms_max);
        self.world.calm();
        self.world.run_for(away)?; // who lost the connection last comes back by then
        self.meet()?;
        if self.block.is_some() && self.world.draw(2) == 0 {
            self.world.censor(Vec::new());
        }
        self.part()?;
        for person in self.people.clone() {
            self.write(person, None)?;
            for &other in &self.people.clone() {
                if let Some(chat) = self.world.chat_with(person, other)? {
                    self.write(person, Some(chat))?;
                }
            }
        }
        self.world.run_for(if self.block.is_some() { FINDING_MAX } else { Duration::from_secs(60) })?;
        oracle::nothing_lost_or_doubled(&self.world, &self.people, &self.said)?;
        oracle::same_history(&self.world, &self.people, self.group)?;
        oracle::same_name(&self.world, &self.people, self.group)
    }

    /// All are in one call. Whatever the censor does from then on, as long as what carries calls is open somewhere, all hear all again.
    fn meet(&mut self) -> Result<()> {
        let people = self.people.clone();
        let changes = if self.block.is_some() { 4 } else { 1 };
        self.change_block();
        self.comes_to_hold(CALL_FORGOTTEN, "all find the same calls", |world| oracle::calls_agree(world, &people))?;
        let call = self.one_call()?;
        for person in &people {
            if !is_in_a_call(&self.world, *person)? {
                self.world.command(person.device, Command::JoinCall { call, video: false })?;
            }
        }
        for change in 0..changes {
            let what = format!("all hear all after change {change}");
            self.comes_to_hold(SOON, &what, |world| oracle::all_hear_all(world, &people, call))?;
            self.change_block();
            // Nobody counts as heard for what they said before.
            self.world.run_for(Duration::from_secs(5))?;
        }
        Ok(())
    }

    /// The call that runs, or a new one, when all have heard of it.
    fn one_call(&mut self) -> Result<CallId> {
        let first = self.people[0];
        if running(&self.world, first)?.is_empty() {
            self.world.command(first.device, Command::StartCall { chat: self.group, video: false })?;
        }
        let people = self.people.clone();
        self.comes_to_hold(SOON, "all have heard of one call", |world| {
            people.iter().try_for_each(|person| {
                let calls = running(world, *person)?.len();
                ensure!(calls == 1, "device {} shows {calls}", person.device);
                Ok(())
            })
        })?;
        running(&self.world, first)?.first().copied().context("a call that all have heard of")
    }

    /// All leave in the same moment: it is over.
    fn part(&mut self) -> Result<()> {
        let people = self.people.clone();
        for person in &people {
            for call in running(&self.world, *person)? {
                self.world.command(person.device, Command::LeaveCall { call })?;
            }
        }
        self.comes_to_hold(SOON, "the call is over everywhere", |world| oracle::no_call_runs(world, &people))
    }

    fn change_block(&mut self) {
        if let Some(block) = &self.block {
            block.change(&mut self.world, true);
        }
    }

    /// Within that time, and as long as finding a road takes.
    fn comes_to_hold(&mut self, within: Duration, what: &str, holds: impl Fn(&World) -> Result<()>) -> Result<()> {
        let finding = if self.block.is_some() { FINDING_MAX } else { Duration::ZERO };
        let late = self.world.run_until(finding + within, what, |world| Ok(holds(world).is_ok()));
        late.or_else(|late| holds(&self.world).context(late))
    }
}
