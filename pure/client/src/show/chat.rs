//! A conversation, as the pages show it.

use rusqlite::Connection;
use umweg_seal::safety_code;
use umweg_wire::limits::VIEW_MESSAGES_MAX;
use umweg_wire::{AccountId, LogId};

use super::call;
use crate::account::Account;
use crate::calls::rows;
use crate::chats::{self, Chat, MemberOf, Membership};
use crate::error::StoreError;
use crate::lines::{self, What, Written};
use crate::outbox::stuck::{self, Stuck, Why};
use crate::people;
use crate::step::Live;
use crate::view::{ChatLine, ChatView, Line, MemberRow, Preview, Progress, Quote, Standing};

pub(super) fn show(
    db: &Connection,
    live: &Live,
    me: &Account,
    log: LogId,
    before: Option<u64>,
) -> Result<Option<ChatView>, StoreError> {
    let Some(chat) = chats::chat(db, log)? else { return Ok(None) };
    let members = chats::members(db, log)?;
    let mut written = lines::page(db, log, before, VIEW_MESSAGES_MAX + 1)?;
    let older = written.len() > VIEW_MESSAGES_MAX;
    if older {
        written.remove(0);
    }
    let stuck = stuck::in_chat(db, log)?;
    let lines =
        written.iter().map(|line| show_line(db, live, me, &chat, (&members, stuck.as_ref()), line)).collect::<Result<_, _>>()?;
    Ok(Some(ChatView {
        id: log,
        title: chats::title(db, &chat)?,
        standing: standing(&chat),
        members: member_rows(db, me, &members)?,
        lines,
        older,
        typing: typing(db, live, log)?,
        safety_code: code(db, me, &chat)?,
    }))
}

fn standing(chat: &Chat) -> Standing {
    match (chat.membership, chat.peer) {
        (Membership::Member, Some(account)) => Standing::OneToOne { account },
        (Membership::Member, None) => Standing::Group,
        (Membership::Former, _) => Standing::Former,
        (Membership::Resyncing, _) => Standing::Resyncing,
        (Membership::Forked, _) => Standing::HistoryForked,
    }
}

fn member_rows(db: &Connection, me: &Account, members: &[MemberOf]) -> Result<Vec<MemberRow>, StoreError> {
    let row = |member: &MemberOf| {
        let verified = people::person(db, member.account)?.is_some_and(|person| person.verified);
        Ok(MemberRow { account: member.account, name: people::name_of(db, member.account)?, me: member.account == me.id, verified })
    };
    members.iter().map(row).collect()
}

fn code(db: &Connection, me: &Account, chat: &Chat) -> Result<Option<String>, StoreError> {
    let Some(peer) = chat.peer else { return Ok(None) };
    let card = people::person(db, peer)?.and_then(|person| person.card);
    Ok(card.and_then(|card| Some(safety_code(&me.account_key, &card.account_key.as_slice().try_into().ok()?))))
}

pub(super) fn typing(db: &Connection, live: &Live, log: LogId) -> Result<Vec<String>, StoreError> {
    let accounts = live.typing.keys().filter(|(where_, _)| *where_ == log).map(|(_, account)| *account);
    accounts.map(|account| people::name_of(db, account)).collect()
}

pub(super) fn preview(db: &Connection, live: &Live, me: &Account, line: &Written) -> Result<Preview, StoreError> {
    let from = line.author.map(|author| people::name_of(db, author)).transpose()?;
    Ok(Preview { from, line: say(db, live, me, &line.what)? })
}

fn show_line(
    db: &Connection,
    live: &Live,
    me: &Account,
    chat: &Chat,
    (members, stuck): (&[MemberOf], Option<&Stuck>),
    line: &Written,
) -> Result<ChatLine, StoreError> {
    let own_message = line.author.is_none() && line.id.is_some();
    Ok(ChatLine {
        id: line.id,
        seq: line.seq.unwrap_or_default(),
        from: line.author,
        from_name: line.author.map_or(Ok(me.name.clone()), |author| people::name_of(db, author))?,
        time: line.time,
        line: say(db, live, me, &line.what)?,
        progress: own_message.then(|| match line.seq {
            Some(seq) => progress(me, members, seq),
            None => waiting(stuck.and_then(|stuck| stuck.why(line.row))),
        }),
        reply_to: quote(db, me, chat, &line.what)?,
    })
}

/// How far an own message has come: as far as the slowest of the others who were there.
fn progress(me: &Account, members: &[MemberOf], seq: u64) -> Progress {
    let others: Vec<&MemberOf> = members.iter().filter(|member| member.account != me.id && member.joined < seq).collect();
    if others.is_empty() {
        Progress::Sent
    } else if others.iter().all(|member| member.read >= seq) {
        Progress::Read
    } else if others.iter().all(|member| member.delivered >= seq) {
        Progress::Delivered
    } else {
        Progress::Sent
    }
}

fn waiting(why: Option<Why>) -> Progress {
    match why {
        None => Progress::Waiting,
        Some(Why::NoRoom) => Progress::NoRoom,
        Some(Why::Refused) => Progress::Refused,
        Some(Why::Defect) => Progress::Failed,
    }
}

fn say(db: &Connection, live: &Live, me: &Account, what: &What) -> Result<Line, StoreError> {
    let names =
        |accounts: &[AccountId]| accounts.iter().map(|account| people::name_of(db, *account)).collect::<Result<Vec<_>, _>>();
    Ok(match what {
        What::Text { text, .. } => Line::Text { text: text.clone() },
        What::Created => Line::Created,
        What::Added { accounts } => Line::Added { names: names(accounts)? },
        What::Removed { accounts } => Line::Removed { names: names(accounts)? },
        What::Left => Line::Left,
        What::Renamed { name } => Line::Renamed { name: name.clone() },
        What::Call { call: id } => match rows::call(db, *id)? {
            Some(row) => Line::Call {
                call: *id,
                video: row.video,
                state: call::state(db, live, me, &row)?,
                with: call::with(db, me, &row)?,
                seconds: call::seconds(&row),
            },
            None => Line::Gap,
        },
        What::Gap => Line::Gap,
        What::Forked => Line::HistoryForked,
    })
}

fn quote(db: &Connection, me: &Account, chat: &Chat, what: &What) -> Result<Option<Quote>, StoreError> {
    let What::Text { reply_to: Some(id), .. } = what else { return Ok(None) };
    let Some(line) = lines::by_id(db, chat.log, *id)? else { return Ok(None) };
    let What::Text { text, .. } = line.what else { return Ok(None) };
    let from_name = line.author.map_or(Ok(me.name.clone()), |author| people::name_of(db, author))?;
    Ok(Some(Quote { id: *id, from_name, text }))
}
