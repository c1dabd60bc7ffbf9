//! What must hold once it is quiet.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use umweg_client::command::Look;
use umweg_client::view::{CallState, ChatLine, Line, Progress, Standing};
use umweg_wire::{AccountId, CallId, LogId};

use crate::people::Person;
use crate::world::World;

/// A text that an app took: from then on it may not be lost.
pub struct Said {
    pub by: Person,
    pub chat: LogId,
    pub text: String,
}

/// Every text that was taken stands exactly once with everybody in its conversation, and was delivered.
pub fn nothing_lost_or_doubled(world: &World, people: &[Person], said: &[Said]) -> Result<()> {
    for person in people {
        let mut counts: BTreeMap<(LogId, String), usize> = BTreeMap::new();
        for row in world.view(person.device, &Look::default())?.chats {
            for line in lines(world, *person, row.id)? {
                if let Line::Text { text } = line.line {
                    *counts.entry((row.id, text)).or_default() += 1;
                }
            }
        }
        for Said { by, chat, text } in said {
            let is_in = world.view(person.device, &Look::default())?.chats.iter().any(|row| row.id == *chat);
            let count = counts.remove(&(*chat, text.clone())).unwrap_or(0);
            ensure!(!is_in || count == 1, "device {} shows “{text}” {count} times", person.device);
            ensure!(is_in || by.device != person.device, "device {} has lost a conversation", person.device);
        }
        ensure!(counts.is_empty(), "device {} shows texts that nobody wrote: {:?}", person.device, counts.keys().next());
    }
    for Said { by, chat, text } in said {
        let line = lines(world, *by, *chat)?.into_iter().find(|line| line.line == Line::Text { text: text.clone() });
        let progress = line.and_then(|line| line.progress);
        ensure!(progress >= Some(Progress::Delivered), "“{text}” is not marked as delivered with its author");
    }
    Ok(())
}

/// All members show the same lines in the same order, without gaps, and can write.
pub fn same_history(world: &World, people: &[Person], chat: LogId) -> Result<()> {
    let mut first: Option<Vec<(u64, Line)>> = None;
    for person in people {
        let look = Look { chat: Some(chat), ..Look::default() };
        let standing = world.view(person.device, &look)?.chat.map(|chat| chat.standing);
        ensure!(standing == Some(Standing::Group), "device {} is not an ordinary member any more", person.device);
        let lines = lines(world, *person, chat)?;
        ensure!(
            !lines.iter().any(|line| matches!(line.line, Line::Gap | Line::HistoryForked)),
            "device {} shows a gap",
            person.device
        );
        // What happened before somebody was in, they do not have.
        let told = |line: ChatLine| matches!(line.line, Line::Text { .. } | Line::Renamed { .. }).then_some((line.seq, line.line));
        let history: Vec<_> = lines.into_iter().filter_map(told).collect();
        ensure!(history.is_sorted_by_key(|(seq, _)| *seq), "device {} shows lines out of order", person.device);
        match &first {
            None => first = Some(history),
            Some(first) => {
                ensure!(*first == history, "device {} shows another history than device {}", person.device, people[0].device);
            }
        }
    }
    Ok(())
}

/// All agree on the group's name: it stands in the MLS group context, so they agree on the epoch.
pub fn same_name(world: &World, people: &[Person], chat: LogId) -> Result<()> {
    let mut names = Vec::new();
    for person in people {
        let view = world.view(person.device, &Look::default())?;
        names.extend(view.chats.into_iter().filter(|row| row.id == chat).map(|row| row.title));
    }
    names.dedup();
    ensure!(names.len() == 1, "the group has several names: {names:?}");
    Ok(())
}

/// After the last one left, a call is over everywhere.
pub fn no_call_runs(world: &World, people: &[Person]) -> Result<()> {
    for person in people {
        for call in world.view(person.device, &Look::default())?.calls {
            ensure!(matches!(call.state, CallState::Ended { .. }), "on device {} a call does not end", person.device);
        }
    }
    Ok(())
}

/// All see the same calls running, at most one, and the same people in it; nobody is on the way in for ever.
pub fn calls_agree(world: &World, people: &[Person]) -> Result<()> {
    let mut first: Option<Option<(CallId, BTreeSet<AccountId>)>> = None;
    for person in people {
        let rows = world.view(person.device, &Look::default())?.calls;
        let running: Vec<_> = rows.iter().filter(|row| !matches!(row.state, CallState::Ended { .. })).map(|row| row.id).collect();
        ensure!(running.len() <= 1, "device {} shows {} calls", person.device, running.len());
        let mut seen = None;
        if let Some(call) = running.first() {
            let shown =
                world.view(person.device, &Look { call: Some(*call), ..Look::default() })?.call.context("a call that is listed")?;
            ensure!(!shown.present.is_empty(), "device {} shows a call that nobody is in", person.device);
            ensure!(shown.ghosts.is_empty(), "device {} shows a ghost", person.device);
            ensure!(shown.state != CallState::Joining, "device {} is still joining", person.device);
            seen = Some((*call, shown.present.iter().map(|row| row.account).collect()));
        }
        let others = first.get_or_insert_with(|| seen.clone()) != &seen;
        ensure!(!others, "device {} shows another call than device {}, or others in it", person.device, people[0].device);
    }
    Ok(())
}

/// Everybody in the call hears everybody else, sees all of them once, and nobody besides.
pub fn all_hear_all(world: &World, people: &[Person], call: CallId) -> Result<()> {
    for listener in people {
        for speaker in people.iter().filter(|speaker| speaker.device != listener.device) {
            let hears = world.hears(listener.device, speaker.device);
            ensure!(hears, "device {} does not hear device {}", listener.device, speaker.device);
        }
        let look = Look { call: Some(call), ..Look::default() };
        let shown = world.view(listener.device, &look)?.call.context("a call that somebody is in")?;
        ensure!(matches!(shown.state, CallState::In { .. }), "device {} is not in the call", listener.device);
        ensure!(shown.ghosts.is_empty(), "device {} shows a ghost", listener.device);
        let present: Vec<_> = shown.present.iter().map(|row| row.account).collect();
        let once = |person: &Person| present.iter().filter(|account| **account == person.account).count() == 1;
        ensure!(people.iter().all(once) && present.len() == people.len(), "device {} shows others", listener.device);
    }
    Ok(())
}

/// All lines of a conversation, oldest first.
pub fn lines(world: &World, person: Person, chat: LogId) -> Result<Vec<ChatLine>> {
    let mut all: Vec<ChatLine> = Vec::new();
    let mut before = None;
    loop {
        let view = world.view(person.device, &Look { chat: Some(chat), before, call: None })?;
        let Some(page) = view.chat else { break };
        let older = page.older;
        let mut lines = page.lines;
        before = lines.first().map(|line| line.seq);
        lines.append(&mut all);
        all = lines;
        if !older || before.is_none() {
            break;
        }
    }
    Ok(all)
}
