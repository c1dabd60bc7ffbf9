//! This device lost the keys of a conversation, or fell behind its epochs: it asks its fellow members to let it in again.
//!
//! Until the Welcome comes it follows the log's chain without reading. What was missed stays missed: a line says so.

use umweg_seal::group::{ResyncKey, seal_resync};
use umweg_seal::{Store, new_key_packages};
use umweg_wire::Seq;

use crate::account::Account;
use crate::chats::{self, Chat, Membership};
use crate::error::StoreError;
use crate::lines::{self, NewLine, What};
use crate::outbox::{self, Lane, Task};
use crate::step::Step;

/// Notes the loss and asks.
pub(crate) fn begin(step: &mut Step<'_>, chat: &Chat) -> Result<(), StoreError> {
    if chat.membership != Membership::Member {
        return Ok(());
    }
    tracing::warn!("the keys of a conversation are lost: asking to be let in again");
    chats::set_membership(step, chat.log, Membership::Resyncing)?;
    outbox::unseal_lane(step, Lane::Chat(chat.log))?;
    let line = NewLine { log: chat.log, seq: Some(chat.applied), id: None, author: None, time: step.now, what: What::Gap };
    lines::write(step, &line)?;
    ask(step, chat)
}

/// Asks, unless that is on its way. Also with every new connection: nobody may have been there to answer.
pub(crate) fn ask(step: &mut Step<'_>, chat: &Chat) -> Result<(), StoreError> {
    let lane = Lane::Resync(chat.log);
    if !outbox::is_waiting(step.db, lane)? {
        outbox::push(step, lane, &Task::Resync)?;
    }
    Ok(())
}

/// The request, with a fresh key package.
pub(crate) fn seal_request(step: &mut Step<'_>, store: &Store<'_>, chat: &Chat, me: &Account) -> Result<Vec<u8>, StoreError> {
    let package = new_key_packages(store, &me.device, 1, false)?.pop().unwrap_or_default();
    Ok(seal_resync(&me.device, &ResyncKey::new(chat.resync_key), chat.log, &package, Seq(chat.applied), step.rng))
}
