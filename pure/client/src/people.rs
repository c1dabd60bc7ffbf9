//! People: who was asked, who was accepted, who asks. A stranger is a name and a text until accepted, nothing more.

use prost::Message;
use rusqlite::{Connection, OptionalExtension, Row, params};
use umweg_seal::{Verified, account_id};
use umweg_wire::limits::{NAME_BYTES_MAX, REQUEST_TEXT_BYTES_MAX, REQUESTS_MAX};
use umweg_wire::links::{Kind, Linked, WrongLink};
use umweg_wire::proto::sealed::{ContactCard, ContactRequest, InboxBody, inbox_body};
use umweg_wire::{AccountId, LogId};

use crate::account;
use crate::chats;
use crate::command::CommandError;
use crate::conversation::membership;
use crate::error::StoreError;
use crate::outbox::{self, Lane, Task};
use crate::port::Output;
use crate::step::Step;

/// How well this account knows somebody.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acquaintance {
    /// From a group only.
    Known = 0,
    /// This account asked.
    Asked = 1,
    /// Both want it.
    Accepted = 2,
}

/// Somebody.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) account: AccountId,
    pub(crate) name: String,
    pub(crate) card: Option<ContactCard>,
    pub(crate) acquaintance: Acquaintance,
    pub(crate) blocked: bool,
    pub(crate) verified: bool,
}

const COLUMNS: &str = "account, name, card, standing, blocked, verified";

fn read(row: &Row<'_>) -> rusqlite::Result<Person> {
    let card: Option<Vec<u8>> = row.get(2)?;
    Ok(Person {
        account: AccountId(row.get(0)?),
        name: row.get(1)?,
        card: card.and_then(|bytes| ContactCard::decode(bytes.as_slice()).ok()),
        acquaintance: match row.get::<_, i64>(3)? {
            2 => Acquaintance::Accepted,
            1 => Acquaintance::Asked,
            _ => Acquaintance::Known,
        },
        blocked: row.get(4)?,
        verified: row.get(5)?,
    })
}

pub(crate) fn person(db: &Connection, account: AccountId) -> Result<Option<Person>, StoreError> {
    Ok(db.prepare_cached(&format!("SELECT {COLUMNS} FROM person WHERE account = ?1"))?.query_row([account.0], read).optional()?)
}

/// Everybody, by name.
pub(crate) fn all(db: &Connection) -> Result<Vec<Person>, StoreError> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM person ORDER BY name COLLATE NOCASE, account"))?;
    Ok(query.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// What to call somebody.
pub(crate) fn name_of(db: &Connection, account: AccountId) -> Result<String, StoreError> {
    let sql = "SELECT name FROM account WHERE id = ?1 UNION ALL SELECT name FROM person WHERE account = ?1";
    let name: Option<String> = db.prepare_cached(sql)?.query_row([account.0], |row| row.get(0)).optional()?;
    Ok(name.filter(|name| !name.is_empty()).unwrap_or_else(|| "?".to_owned()))
}

/// Notes who somebody is; an acquaintance only grows. What they call themself, and how they are reached, may change.
pub(crate) fn learn(step: &mut Step<'_>, card: &ContactCard, acquaintance: Acquaintance) -> Result<(), StoreError> {
    let Some(account) = whose(card) else { return Ok(()) };
    if account::my_id(step.db)? == Some(account) {
        return Ok(());
    }
    step.db
        .prepare_cached(
            "INSERT INTO person (account, name, card, standing) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (account) DO UPDATE SET name = excluded.name, card = excluded.card, standing = max(standing, excluded.standing)",
        )?
        .execute(params![account.0, card.name, card.encode_to_vec(), acquaintance as i64])?;
    step.changed();
    Ok(())
}

/// Notes a member whose card has not come yet.
pub(crate) fn meet(step: &mut Step<'_>, account: AccountId) -> Result<(), StoreError> {
    if account::my_id(step.db)? != Some(account) {
        step.db
            .prepare_cached("INSERT OR IGNORE INTO person (account, name, standing) VALUES (?1, '', 0)")?
            .execute([account.0])?;
    }
    Ok(())
}

/// Whose card this is, if it is whole.
pub(crate) fn whose(card: &ContactCard) -> Option<AccountId> {
    let key: [u8; 32] = card.account_key.as_slice().try_into().ok()?;
    card.is_whole().then(|| account_id(&key))
}

/// A person pasted a contact link.
pub(crate) fn request(step: &mut Step<'_>, link: &str, text: &str) -> Result<(), CommandError> {
    let me = account::mine(step.db)?;
    let card = ContactCard::from_link(link).map_err(|wrong| CommandError::WrongLink { wrong })?;
    if card.service != step.service {
        return Err(CommandError::OtherService);
    }
    if text.len() > REQUEST_TEXT_BYTES_MAX {
        return Err(CommandError::TooLong { max: REQUEST_TEXT_BYTES_MAX as u64 });
    }
    let account = whose(&card).ok_or(CommandError::WrongLink { wrong: WrongLink::Damaged { wanted: Kind::Contact } })?;
    if account == me.id {
        return Err(CommandError::OwnLink);
    }
    if pending_card(step.db, account)?.is_some() {
        return accept(step, account);
    }
    let known = person(step.db, account)?.map_or(Acquaintance::Known, |person| person.acquaintance);
    learn(step, &card, Acquaintance::Asked)?;
    step.db.execute("UPDATE person SET blocked = 0 WHERE account = ?1", [account.0])?;
    // Asked again, it is sent again: the first may have been declined.
    if known == Acquaintance::Accepted { Ok(()) } else { Ok(deliver_request(step, &me, account, text)?) }
}

fn deliver_request(step: &mut Step<'_>, me: &account::Account, to: AccountId, text: &str) -> Result<(), StoreError> {
    if outbox::is_waiting(step.db, Lane::Inbox(to))? {
        return outbox::hurry_lane(step, Lane::Inbox(to));
    }
    let body = ContactRequest { card: Some(me.card(step.service)), text: text.to_owned() };
    let body = InboxBody { body: Some(inbox_body::Body::Request(body)) };
    outbox::push(step, Lane::Inbox(to), &Task::Deliver { to, body: body.encode_to_vec().into() })?;
    Ok(())
}

/// Somebody's request came.
pub(crate) fn handle_request(step: &mut Step<'_>, from: &Verified, request: &ContactRequest) -> Result<(), StoreError> {
    let me = account::mine(step.db)?;
    let Some(card) = request.card.as_ref().filter(|card| whose(card) == Some(from.account())) else { return Ok(()) };
    if card.service != step.service
        || card.name.trim().is_empty()
        || request.text.len() > REQUEST_TEXT_BYTES_MAX
        || from.account() == me.id
    {
        return Ok(());
    }
    let known = person(step.db, from.account())?;
    if known.as_ref().is_some_and(|person| person.blocked) {
        return Ok(());
    }
    match known.map(|person| person.acquaintance) {
        // Both asked: one of them makes the conversation, and both know which.
        Some(Acquaintance::Asked) => {
            learn(step, card, Acquaintance::Accepted)?;
            if me.id < from.account() {
                membership::open_one_to_one(step, from.account())?;
            } else if chat_with(step.db, from.account())?.is_none() {
                // It is theirs to make, and they may have declined what this account asked before they asked.
                deliver_request(step, &me, from.account(), "")?;
            }
        }
        Some(Acquaintance::Accepted) => learn(step, card, Acquaintance::Accepted)?,
        Some(Acquaintance::Known) | None => keep(step, from.account(), card, &request.text)?,
    }
    Ok(())
}

/// Keeps a stranger's request; the oldest gives way.
fn keep(step: &mut Step<'_>, account: AccountId, card: &ContactCard, text: &str) -> Result<(), StoreError> {
    step.db.execute(
        "INSERT OR REPLACE INTO request (account, name, text, card, time) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![account.0, card.name, text, card.encode_to_vec(), step.now.0],
    )?;
    let max = i64::try_from(REQUESTS_MAX).unwrap_or(i64::MAX);
    step.db.execute(
        "DELETE FROM request WHERE account NOT IN (SELECT account FROM request ORDER BY time DESC, account LIMIT ?1)",
        [max],
    )?;
    step.output(Output::Notify { title: clipped(&card.name), text: clipped(text) });
    step.changed();
    Ok(())
}

/// A person said yes.
pub(crate) fn accept(step: &mut Step<'_>, account: AccountId) -> Result<(), CommandError> {
    let card = pending_card(step.db, account)?.ok_or(CommandError::Unknown)?;
    learn(step, &card, Acquaintance::Accepted)?;
    step.db.execute("DELETE FROM request WHERE account = ?1", [account.0])?;
    membership::open_one_to_one(step, account)?;
    step.changed();
    Ok(())
}

/// A person said no; the other does not learn it.
pub(crate) fn decline(step: &mut Step<'_>, account: AccountId) -> Result<(), CommandError> {
    let gone = step.db.execute("DELETE FROM request WHERE account = ?1", [account.0])?;
    step.changed();
    if gone == 0 { Err(CommandError::Unknown) } else { Ok(()) }
}

pub(crate) fn verify(step: &mut Step<'_>, account: AccountId, verified: bool) -> Result<(), CommandError> {
    set(step, "UPDATE person SET verified = ?2 WHERE account = ?1", account, verified)
}

pub(crate) fn block(step: &mut Step<'_>, account: AccountId, blocked: bool) -> Result<(), CommandError> {
    step.db.execute("DELETE FROM request WHERE account = ?1", [account.0])?;
    set(step, "UPDATE person SET blocked = ?2 WHERE account = ?1", account, blocked)
}

fn set(step: &mut Step<'_>, sql: &str, account: AccountId, value: bool) -> Result<(), CommandError> {
    let changed = step.db.execute(sql, params![account.0, value])?;
    step.changed();
    if changed == 0 { Err(CommandError::Unknown) } else { Ok(()) }
}

fn pending_card(db: &Connection, account: AccountId) -> Result<Option<ContactCard>, StoreError> {
    let bytes: Option<Vec<u8>> =
        db.query_row("SELECT card FROM request WHERE account = ?1", [account.0], |row| row.get(0)).optional()?;
    bytes.map(|bytes| Ok(ContactCard::decode(bytes.as_slice())?)).transpose()
}

/// Those of `accounts` with whom there is no accepted acquaintance yet.
pub(crate) fn require_contacts(db: &Connection, accounts: &[AccountId]) -> Result<(), CommandError> {
    let mut names = Vec::new();
    for &account in accounts {
        match person(db, account)? {
            Some(person) if person.acquaintance == Acquaintance::Accepted && !person.blocked => {}
            Some(person) => names.push(person.name),
            None => return Err(CommandError::Unknown),
        }
    }
    if names.is_empty() { Ok(()) } else { Err(CommandError::NotAContact { names }) }
}

/// The conversation with one person: where two came to exist, both choose the one with the smaller id.
pub(crate) fn chat_with(db: &Connection, account: AccountId) -> Result<Option<LogId>, StoreError> {
    let sql = "SELECT log FROM chat WHERE peer = ?1 AND standing <> ?2 ORDER BY log LIMIT 1";
    let log: Option<[u8; 32]> =
        db.prepare_cached(sql)?.query_row(params![account.0, chats::Membership::Former as i64], |row| row.get(0)).optional()?;
    Ok(log.map(LogId))
}

/// A text that others chose, cut to what a notification shows.
pub(crate) fn clipped(text: &str) -> String {
    text.chars().take(NAME_BYTES_MAX).collect()
}
