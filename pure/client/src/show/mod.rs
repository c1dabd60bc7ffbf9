//! From the tables to what the pages show: one whole value, always in the same order.

mod call;
mod chat;

use rusqlite::Connection;
use umweg_wire::Timestamp;

use crate::account;
use crate::calls::rows;
use crate::chats::{self, Membership};
use crate::command::Look;
use crate::error::StoreError;
use crate::lines;
use crate::people::{self, Acquaintance};
use crate::proxies;
use crate::step::Live;
use crate::view::{ChatRow, ContactRow, ContactStanding, Me, RequestRow, View};

/// Everything that one page shows.
pub(crate) fn view(db: &Connection, live: &Live, service: [u8; 8], look: &Look, now: Timestamp) -> Result<View, StoreError> {
    let me = account::load(db)?;
    let mut view = View {
        me: me.as_ref().map(|me| Me { account: me.id, name: me.name.clone(), link: me.link(service) }),
        road: live.road.clone(),
        chats: vec![],
        chat: None,
        requests: vec![],
        contacts: vec![],
        calls: vec![],
        call: None,
        ringing: None,
        proxies: proxies::show(db, live)?,
        proxy_use: proxies::usage(db)?,
        bites_use: proxies::bites(db)?,
        freezes: live.freezes,
    };
    let Some(me) = me else { return Ok(view) };
    view.chats = chat_rows(db, live, &me)?;
    view.chat = look.chat.map(|log| chat::show(db, live, &me, log, look.before)).transpose()?.flatten();
    view.requests = requests(db)?;
    view.contacts = contacts(db)?;
    view.calls = rows::recent(db)?.iter().map(|row| call::row(db, live, &me, row)).collect::<Result<_, _>>()?;
    let shown = live.session.as_ref().map(|session| session.call).or(look.call);
    view.call = shown.map(|id| call::show(db, live, &me, id, now)).transpose()?.flatten();
    view.ringing = call::ringing(db, live, &me, now)?;
    Ok(view)
}

fn chat_rows(db: &Connection, live: &Live, me: &account::Account) -> Result<Vec<ChatRow>, StoreError> {
    let mut rows = Vec::new();
    for chat in chats::all(db)? {
        if is_superseded(db, &chat)? {
            continue;
        }
        let newest = lines::newest(db, chat.log)?;
        let preview = newest.map(|line| chat::preview(db, live, me, &line)).transpose()?;
        let running = if chat.membership == Membership::Former { vec![] } else { rows::running_in(db, chat.log)? };
        rows.push(ChatRow {
            id: chat.log,
            title: chats::title(db, &chat)?,
            group: chat.peer.is_none(),
            preview,
            time: chat.touched,
            unread: lines::unread(db, chat.log, chat.read)?,
            typing: chat::typing(db, live, chat.log)?,
            call: running.iter().find(|call| call.opened).map(|call| call.id),
        });
    }
    Ok(rows)
}

/// Of two conversations with one person, the one that both did not choose, unless something was said in it.
fn is_superseded(db: &Connection, chat: &chats::Chat) -> Result<bool, StoreError> {
    let Some(peer) = chat.peer else { return Ok(false) };
    Ok(people::chat_with(db, peer)?.is_some_and(|chosen| chosen != chat.log) && !lines::has_text(db, chat.log)?)
}

fn requests(db: &Connection) -> Result<Vec<RequestRow>, StoreError> {
    let mut query = db.prepare_cached("SELECT account, name, text, time FROM request ORDER BY time DESC, account")?;
    let rows = query.query_map([], |row| {
        Ok(RequestRow {
            account: umweg_wire::AccountId(row.get(0)?),
            name: row.get(1)?,
            text: row.get(2)?,
            time: Timestamp(row.get(3)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn contacts(db: &Connection) -> Result<Vec<ContactRow>, StoreError> {
    let mut rows = Vec::new();
    for person in people::all(db)? {
        let standing = match (person.blocked, person.acquaintance) {
            (true, _) => ContactStanding::Blocked,
            (false, Acquaintance::Accepted) => ContactStanding::Accepted,
            (false, Acquaintance::Asked) => ContactStanding::Asked,
            (false, Acquaintance::Known) => continue,
        };
        let chat = people::chat_with(db, person.account)?;
        rows.push(ContactRow { account: person.account, name: person.name, verified: person.verified, standing, chat });
    }
    Ok(rows)
}
