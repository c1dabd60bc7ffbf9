//! Stories of a service that lies about the order of things, which is all that it decides. Where it shows different people different
//! histories, the next thing that one of them writes gives it away, and be it a receipt; from then on nobody there is misled further.

use std::time::Duration;

use anyhow::{Context, Result};
use umweg_client::command::{Command, Look};
use umweg_client::view::{ChatView, Line, Progress, Standing};
use umweg_wire::LogId;
use umweg_world::oracle::{self, lines};
use umweg_world::{Malice, Person, Temper, World};

const SOON: Duration = Duration::from_secs(120);

#[test]
fn a_service_that_withholds_a_message_is_caught_by_the_next_one() -> Result<()> {
    let mut story = Story::begin(3)?;
    story.world.turn(Malice::Withholds { device: story.cyrus.device }, story.group);
    story.says(story.ada, "the secret meeting is off")?;
    assert_eq!(story.times_shown(story.cyrus, "the secret meeting is off")?, 0);
    assert!(story.caught(story.cyrus)?, "the receipt of the others shows it");
    for person in [story.ada, story.bo] {
        assert!(!story.caught(person)?, "device {} was told the truth", person.device);
    }
    Ok(())
}

#[test]
fn a_service_that_shows_somebody_another_order_is_caught_by_the_answer() -> Result<()> {
    let mut story = Story::begin(4)?;
    story.world.turn(Malice::Swaps { device: story.cyrus.device }, story.group);
    story.write_at_once(&[(story.ada, "do we attack?"), (story.bo, "no")])?;
    story.is_caught()
}

#[test]
fn a_service_that_shows_somebody_a_message_again_is_caught_by_the_answer_and_it_stands_there_once() -> Result<()> {
    let mut story = Story::begin(5)?;
    story.world.turn(Malice::Repeats { device: story.cyrus.device }, story.group);
    story.says(story.ada, "pay ten")?;
    assert_eq!(story.times_shown(story.cyrus, "pay ten")?, 1);
    story.is_caught()
}

#[test]
fn a_service_that_changes_a_message_on_its_way_is_caught_by_the_answer_and_the_change_is_not_shown() -> Result<()> {
    let mut story = Story::begin(6)?;
    let before = story.texts(story.cyrus)?;
    story.world.turn(Malice::Mangles { device: story.cyrus.device }, story.group);
    story.says(story.ada, "we meet at nine")?;
    assert!(story.texts(story.cyrus)? == before);
    story.is_caught()
}

#[test]
fn a_message_that_the_service_puts_there_twice_is_shown_once_and_all_goes_on() -> Result<()> {
    let mut story = Story::begin(7)?;
    story.world.turn(Malice::Doubles, story.group);
    story.says(story.ada, "pay ten")?;
    story.says(story.bo, "done")?;
    for person in story.people() {
        assert_eq!(story.times_shown(person, "pay ten")?, 1, "device {}", person.device);
        assert_eq!(story.times_shown(person, "done")?, 1, "device {}", person.device);
    }
    oracle::same_history(&story.world, &story.people(), story.group)
}

#[test]
fn a_message_that_the_service_took_and_threw_away_is_missed_by_its_author() -> Result<()> {
    let mut story = Story::begin(8)?;
    story.world.turn(Malice::Drops, story.group);
    story.says(story.ada, "help")?;
    let progress = |story: &Story| -> Result<_> {
        let line = lines(&story.world, story.ada, story.group)?.into_iter().find(|line| is_text(&line.line, "help"));
        Ok(line.context("its author keeps it")?.progress)
    };
    assert!(progress(&story)? < Some(Progress::Delivered), "nobody has it");
    story.says(story.bo, "is all well?")?;
    assert!(story.caught(story.ada)?, "another message stands where hers should");
    Ok(())
}

#[test]
fn a_service_that_comes_back_without_what_it_took_is_caught() -> Result<()> {
    let mut story = Story::begin(9)?;
    story.says(story.ada, "before")?;
    story.world.back_up_service();
    story.says(story.bo, "lost by the service")?;
    story.world.restore_service();
    story.world.run_for(SOON)?;
    story.says(story.ada, "after")?;
    for person in story.people() {
        assert!(story.caught(person)?, "device {}", person.device);
        assert_eq!(story.times_shown(person, "lost by the service")?, 1, "device {} keeps what it has", person.device);
    }
    Ok(())
}

/// Three people in a group.
struct Story {
    world: World,
    ada: Person,
    bo: Person,
    cyrus: Person,
    group: LogId,
}

impl Story {
    fn begin(seed: u64) -> Result<Self> {
        let mut world = World::new(seed, Temper::CALM);
        let people = world.acquainted(3)?;
        let group = world.group(&people)?;
        Ok(Self { world, ada: people[0], bo: people[1], cyrus: people[2], group })
    }

    fn people(&self) -> [Person; 3] {
        [self.ada, self.bo, self.cyrus]
    }

    /// Somebody writes, and whoever is shown it has time to see it.
    fn says(&mut self, who: Person, text: &str) -> Result<()> {
        self.write_at_once(&[(who, text)])
    }

    /// All of them write at once.
    fn write_at_once(&mut self, texts: &[(Person, &str)]) -> Result<()> {
        for (who, text) in texts {
            self.world.command(who.device, Command::SendText { chat: self.group, text: (*text).to_owned(), reply_to: None })?;
        }
        self.world.run_for(SOON)
    }

    fn chat(&self, who: Person) -> Result<ChatView> {
        let look = Look { chat: Some(self.group), ..Look::default() };
        self.world.view(who.device, &look)?.chat.context("the conversation")
    }

    fn caught(&self, who: Person) -> Result<bool> {
        Ok(self.chat(who)?.standing == Standing::HistoryForked)
    }

    /// Whoever was lied to, or reads what those write who were: receipts are enough.
    fn is_caught(&self) -> Result<()> {
        let mut caught = false;
        for person in self.people() {
            caught |= self.caught(person)?;
        }
        assert!(caught, "nobody noticed anything");
        Ok(())
    }

    fn texts(&self, who: Person) -> Result<Vec<Line>> {
        let lines = lines(&self.world, who, self.group)?.into_iter().map(|line| line.line);
        Ok(lines.filter(|line| matches!(line, Line::Text { .. })).collect())
    }

    fn times_shown(&self, who: Person, text: &str) -> Result<usize> {
        Ok(self.texts(who)?.iter().filter(|line| is_text(line, text)).count())
    }
}

fn is_text(line: &Line, text: &str) -> bool {
    matches!(line, Line::Text { text: shown } if shown == text)
}
