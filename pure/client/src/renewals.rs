//! Proxies that contacts give one another, and the fresh addresses of them.
//!
//! 1. Who shares a proxy sends its link as a message; it is noted with whom: contacts only, in a group too.
//! 2. Who takes it from a contact's message notes from whom, and which link it was.
//! 3. When the sharer puts another link in its place, and allows it, each of those contacts is told after `PROXY_RENEWAL_DELAY`, and
//!    not again before `PROXY_RENEWAL_GAP`: silently, in the conversation between the two, with the links that they were given.
//! 4. With them the link is replaced where it came from that very contact by one of those links, unless they have switched that off,
//!    or it happens too often. Nothing else is ever changed: nobody can give away, or take away, another's proxy.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use umweg_wire::limits::{
    PROXY_RENEWAL_DELAY, PROXY_RENEWAL_GAP, PROXY_RENEWALS_A_DAY_MAX, PROXY_SHARED_MAX, PROXY_SHARED_TWICE_MAX,
};
use umweg_wire::links::Linked;
use umweg_wire::proto::sealed::{ProxyRenewed, content::Body};
use umweg_wire::proto::v1::ProxyLink;
use umweg_wire::{AccountId, LogId, MessageId, Timestamp};

use crate::account;
use crate::chats::{self, Chat};
use crate::command::CommandError;
use crate::conversation::{sealing, wishes};
use crate::error::StoreError;
use crate::lines::{self, What};
use crate::outbox;
use crate::people::{self, Acquaintance};
use crate::proxies;
use crate::step::Step;
use crate::view::Renewals;

/// Sends a proxy's link as a message, and notes who has it now.
pub(crate) fn share(step: &mut Step<'_>, link: &str, chat: LogId) -> Result<(), CommandError> {
    let link = known(step, link)?;
    wishes::send_text(step, chat, &link, None)?;
    for member in chats::members(step.db, chat)? {
        if is_contact(step, member.account)? {
            note(step, &link, member.account)?;
        }
    }
    step.changed();
    Ok(())
}

fn note(step: &mut Step<'_>, link: &str, account: AccountId) -> Result<(), StoreError> {
    let sql = "SELECT count(DISTINCT account), count(*) FILTER (WHERE account = ?2) FROM shared WHERE proxy = ?1";
    let (people, before): (usize, usize) =
        step.db.query_row(sql, params![link, account.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if before < PROXY_SHARED_TWICE_MAX && (before > 0 || people < PROXY_SHARED_MAX) {
        let sql = "INSERT OR IGNORE INTO shared (proxy, account, origin, told) VALUES (?1, ?2, ?1, ?1)";
        step.db.execute(sql, params![link, account.0])?;
    }
    Ok(())
}

/// Adds the proxy that a message brought.
pub(crate) fn take(step: &mut Step<'_>, chat: LogId, message: MessageId, link: &str) -> Result<(), CommandError> {
    let line = lines::by_id(step.db, chat, message)?.ok_or(CommandError::Unknown)?;
    if !matches!(&line.what, What::Text { text, .. } if text.contains(link.trim())) {
        return Err(CommandError::Unknown);
    }
    let is_new = proxies::add(step, link)?;
    if let Some(giver) = line.author.filter(|_| is_new)
        && is_contact(step, giver)?
    {
        let sql = "UPDATE proxy SET giver = ?2, origin = ?3 WHERE link = ?1";
        step.db.execute(sql, params![known(step, link)?, giver.0, link.trim()])?;
    }
    Ok(())
}

/// The person puts another link in a proxy's place. Known already, the two become one.
pub(crate) fn renew(step: &mut Step<'_>, link: &str, fresh: &str) -> Result<(), CommandError> {
    let (link, fresh) = (known(step, link)?, proxies::parse(fresh)?.to_link());
    if link != fresh {
        forget_shares(step, &fresh)?;
        step.db.execute("DELETE FROM proxy WHERE link = ?1", [&fresh])?;
        replace(step, &link, &fresh)?;
    }
    Ok(())
}

/// Whether fresh addresses go to whom it was shared with.
pub(crate) fn give(step: &mut Step<'_>, link: &str, on: bool) -> Result<(), CommandError> {
    let link = known(step, link)?;
    step.db.execute("UPDATE proxy SET gives = ?2, gives_at = NULL WHERE link = ?1", params![link, on])?;
    schedule(step, &link)?;
    step.changed();
    Ok(())
}

/// Whether the giver's fresh addresses take its place.
pub(crate) fn accept(step: &mut Step<'_>, link: &str, on: bool) -> Result<(), CommandError> {
    let link = known(step, link)?;
    step.db.execute("UPDATE proxy SET takes = ?2 WHERE link = ?1", params![link, on])?;
    step.changed();
    Ok(())
}

/// It was removed: nobody is told of it any more.
pub(crate) fn forget_shares(step: &mut Step<'_>, link: &str) -> Result<(), StoreError> {
    step.db.execute("DELETE FROM shared WHERE proxy = ?1", [link])?;
    Ok(())
}

/// A contact says that a proxy of theirs has another address.
pub(crate) fn handle(step: &mut Step<'_>, chat: &Chat, from: AccountId, renewed: &ProxyRenewed) -> Result<(), StoreError> {
    let Ok(fresh) = ProxyLink::from_link(&renewed.link) else { return Ok(()) };
    let fresh = fresh.to_link();
    if chat.peer != Some(from) || !is_contact(step, from)? || proxies::is_known(step.db, &fresh)? {
        return Ok(());
    }
    for origin in renewed.was.iter().take(PROXY_SHARED_TWICE_MAX) {
        let sql = "SELECT link FROM proxy WHERE giver = ?1 AND origin = ?2 AND takes";
        let link: Option<String> = step.db.query_row(sql, params![from.0, origin], |row| row.get(0)).optional()?;
        if let Some(link) = link {
            return if counts(step, &link)? { replace(step, &link, &fresh) } else { Ok(()) };
        }
    }
    Ok(())
}

/// Whether the giver's fresh addresses are not too many of late.
fn counts(step: &mut Step<'_>, link: &str) -> Result<bool, StoreError> {
    let day = Duration::from_secs(24 * 60 * 60);
    let sql = "SELECT counted_from, counted FROM proxy WHERE link = ?1";
    let (from, counted): (u64, usize) = step.db.query_row(sql, [link], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (from, counted) = if step.now.since(Timestamp(from)) < day { (from, counted) } else { (step.now.0, 0) };
    if counted >= PROXY_RENEWALS_A_DAY_MAX {
        tracing::info!("a proxy's address changes too often: the newest is not taken");
        return Ok(false);
    }
    step.db.execute("UPDATE proxy SET counted_from = ?2, counted = ?3 WHERE link = ?1", params![link, from, counted + 1])?;
    Ok(true)
}

fn replace(step: &mut Step<'_>, link: &str, fresh: &str) -> Result<(), StoreError> {
    step.db.execute("UPDATE proxy SET link = ?2, renewed = ?3 WHERE link = ?1", params![link, fresh, step.now.0])?;
    step.db.execute("UPDATE shared SET proxy = ?2 WHERE proxy = ?1", [link, fresh])?;
    step.live.proxies_by_link.remove(link);
    schedule(step, fresh)?;
    proxies::tell_roads(step)
}

/// Sees to it that those who have an older link are told, if that is allowed.
fn schedule(step: &mut Step<'_>, link: &str) -> Result<(), StoreError> {
    let sql = "UPDATE proxy SET gives_at = max(?2, coalesce(gave_at + ?3, 0)) WHERE link = ?1 AND gives AND gives_at IS NULL
               AND EXISTS (SELECT 1 FROM shared WHERE proxy = ?1 AND told <> ?1)";
    let gap = u64::try_from(PROXY_RENEWAL_GAP.as_millis()).unwrap_or(u64::MAX);
    step.db.execute(sql, params![link, step.now.after(PROXY_RENEWAL_DELAY).0, gap])?;
    Ok(())
}

/// When somebody is to be told next.
pub(crate) fn next_due(db: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let due: Option<u64> = db.prepare_cached("SELECT min(gives_at) FROM proxy")?.query_row([], |row| row.get(0))?;
    Ok(due.map(Timestamp))
}

/// Tells of fresh addresses whose time has come.
pub(crate) fn handle_timeout(step: &mut Step<'_>) -> Result<(), StoreError> {
    let mut query = step.db.prepare_cached("UPDATE proxy SET gives_at = NULL, gave_at = ?1 WHERE gives_at <= ?1 RETURNING link")?;
    let links = query.query_map([step.now.0], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    links.iter().try_for_each(|link| tell(step, link))
}

fn tell(step: &mut Step<'_>, link: &str) -> Result<(), StoreError> {
    let sql = "SELECT account, origin FROM shared WHERE proxy = ?1
               AND account IN (SELECT account FROM shared WHERE proxy = ?1 AND told <> ?1) ORDER BY account, origin";
    let mut query = step.db.prepare_cached(sql)?;
    let rows = query.query_map([link], |row| Ok((AccountId(row.get(0)?), row.get(1)?)))?;
    let shared = rows.collect::<Result<Vec<(AccountId, String)>, _>>()?;
    for same in shared.chunk_by(|one, other| one.0 == other.0) {
        let account = same[0].0;
        let Some(chat) = people::chat_with(step.db, account)? else { continue };
        if !is_contact(step, account)? {
            continue;
        }
        step.db.execute("UPDATE shared SET told = ?1 WHERE proxy = ?1 AND account = ?2", params![link, account.0])?;
        let was = same.iter().map(|(_, origin)| origin.clone()).collect();
        let now = step.now;
        let content = sealing::new_content(step, now, Body::ProxyRenewed(ProxyRenewed { link: link.to_owned(), was }));
        outbox::say(step, chat, &content, None)?;
    }
    Ok(())
}

/// For the list of proxies.
pub(crate) fn show(db: &Connection, link: &str) -> Result<Renewals, StoreError> {
    let sql = "SELECT giver, takes, (SELECT count(DISTINCT account) FROM shared WHERE proxy = link), gives, renewed FROM proxy WHERE link = ?1";
    let (giver, renewals) = db.prepare_cached(sql)?.query_row([link], |row| {
        let renewed = row.get::<_, Option<u64>>(4)?.map(Timestamp);
        let renewals = Renewals { from: None, takes: row.get(1)?, shared: row.get(2)?, gives: row.get(3)?, renewed };
        Ok((row.get::<_, Option<[u8; 32]>>(0)?.map(AccountId), renewals))
    })?;
    let from = giver.map(|giver| people::name_of(db, giver)).transpose()?;
    Ok(Renewals { from, ..renewals })
}

fn known(step: &Step<'_>, link: &str) -> Result<String, CommandError> {
    let link = proxies::parse(link)?.to_link();
    if proxies::is_known(step.db, &link)? { Ok(link) } else { Err(CommandError::Unknown) }
}

fn is_contact(step: &Step<'_>, account: AccountId) -> Result<bool, StoreError> {
    let person = people::person(step.db, account)?;
    let me = account::my_id(step.db)?;
    Ok(me != Some(account) && person.is_some_and(|person| person.acquaintance == Acquaintance::Accepted && !person.blocked))
}
