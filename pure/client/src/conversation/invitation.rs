//! Into a conversation: what an inviter sends to an inbox, and what the invited makes of it.

use prost::Message;
use umweg_seal::group::{Conversation, JoinError};
use umweg_seal::{Store, Verified};
use umweg_wire::limits::{CONVERSATIONS_MAX, MEMBERS_MAX, NAME_BYTES_MAX};
use umweg_wire::proto::sealed::{InboxBody, Invitation, inbox_body};
use umweg_wire::proto::v1::Entry;
use umweg_wire::{AccountId, Capability, ChainHash, LogId};

use crate::account::{self, Account};
use crate::chats::{self, Beginning, Chat, Membership};
use crate::error::StoreError;
use crate::lines::{self, NewLine, What};
use crate::outbox::{self, Bytes, Lane, Task};
use crate::people::{self, Acquaintance};
use crate::step::Step;
use crate::sync;

/// Tells somebody how to come in, after the commit that added them.
pub(crate) fn send(step: &mut Step<'_>, log: LogId, entry: &Entry, to: AccountId, welcome: &[u8]) -> Result<(), StoreError> {
    let Some(chat) = chats::chat(step.db, log)? else { return Ok(()) };
    let me = account::mine(step.db)?;
    let mut members = Vec::new();
    for member in chats::members(step.db, log)? {
        members.extend(people::person(step.db, member.account)?.and_then(|person| person.card));
    }
    let invitation = Invitation {
        log_id: log.to_vec(),
        welcome: welcome.to_vec(),
        seq: entry.seq,
        log_epoch: chat.log_epoch,
        chain: chat.chain.to_vec(),
        one_to_one: chat.peer.is_some(),
        members,
        card: Some(me.card(step.service)),
        capability: chat.capability.expose().to_vec(),
        resync_key: chat.resync_key.to_vec(),
        name: chat.title,
    };
    let body = InboxBody { body: Some(inbox_body::Body::Invitation(invitation)) };
    outbox::push(step, Lane::Inbox(to), &Task::Deliver { to, body: Bytes(body.encode_to_vec()) })?;
    Ok(())
}

/// An invitation, read strictly.
struct Invited {
    log: LogId,
    chain: ChainHash,
    capability: Capability,
    resync_key: [u8; 32],
}

impl Invited {
    fn of(invitation: &Invitation) -> Option<Self> {
        if invitation.members.len() > MEMBERS_MAX || invitation.name.len() > NAME_BYTES_MAX {
            return None;
        }
        Some(Self {
            log: LogId::try_from(&invitation.log_id).ok()?,
            chain: ChainHash::try_from(&invitation.chain).ok()?,
            capability: Capability::try_from(invitation.capability.as_slice()).ok()?,
            resync_key: invitation.resync_key.as_slice().try_into().ok()?,
        })
    }
}

/// An invitation came to the inbox. Strangers invite nobody.
pub(crate) fn handle(step: &mut Step<'_>, from: &Verified, invitation: &Invitation) -> Result<(), StoreError> {
    let Some(invited) = Invited::of(invitation) else { return Ok(()) };
    let known = chats::chat(step.db, invited.log)?;
    if !is_welcome(step, from, invitation, known.as_ref(), invited.log)? {
        return Ok(());
    }
    let again = known.as_ref().is_some_and(|chat| chat.membership == Membership::Resyncing);
    if again
        && let Some(here) = chats::chain_at(step.db, invited.log, invitation.seq)?
        && here != invited.chain
    {
        return sync::set_forked(step, invited.log, invitation.seq);
    }
    let me = account::mine(step.db)?;
    let store = Store::new(step.db, step.rng);
    if known.is_some() {
        Conversation::delete(&store, invited.log)?;
    }
    match Conversation::join(&store, &me.device, &invitation.welcome) {
        Ok(group) if is_as_said(&group, &me, from, invitation, &invited) => {
            come_in(step, from, invitation, &invited, &group, again)
        }
        Ok(group) => {
            Conversation::delete(&store, group.log())?;
            Ok(())
        }
        Err(JoinError::OursStore(error)) => Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, "an invitation leads nowhere");
            Ok(())
        }
    }
}

fn is_welcome(
    step: &Step<'_>,
    from: &Verified,
    invitation: &Invitation,
    known: Option<&Chat>,
    log: LogId,
) -> Result<bool, StoreError> {
    let person = people::person(step.db, from.account())?;
    if person.as_ref().is_some_and(|person| person.blocked) {
        return Ok(false);
    }
    let acquainted = match person.map(|person| person.acquaintance) {
        Some(Acquaintance::Accepted) => true,
        Some(Acquaintance::Asked) => invitation.one_to_one,
        _ => false,
    };
    Ok(match known.map(|chat| chat.membership) {
        Some(Membership::Resyncing) => chats::is_member(step.db, log, from.account())?,
        Some(Membership::Former) => acquainted,
        Some(Membership::Member | Membership::Forked) => false,
        None => acquainted && chats::count(step.db)? < CONVERSATIONS_MAX,
    })
}

/// Whether the keys are those of the conversation that the invitation speaks of.
fn is_as_said(group: &Conversation, me: &Account, from: &Verified, invitation: &Invitation, invited: &Invited) -> bool {
    let members: Vec<AccountId> = group.members().iter().map(|member| member.identity.account()).collect();
    let between_two = members.len() == 2 && members.contains(&me.id);
    group.log() == invited.log && members.contains(&from.account()) && (!invitation.one_to_one || between_two)
}

fn come_in(
    step: &mut Step<'_>,
    from: &Verified,
    invitation: &Invitation,
    invited: &Invited,
    group: &Conversation,
    again: bool,
) -> Result<(), StoreError> {
    for card in &invitation.members {
        people::learn(step, card, Acquaintance::Known)?;
    }
    if let Some(card) = invitation.card.as_ref().filter(|card| people::whose(card) == Some(from.account())) {
        people::learn(step, card, if invitation.one_to_one { Acquaintance::Accepted } else { Acquaintance::Known })?;
    }
    if invitation.one_to_one {
        step.db.execute("DELETE FROM request WHERE account = ?1", [from.account().0])?;
    }
    let name = group.name();
    chats::begin(
        step,
        &Beginning {
            log: invited.log,
            peer: invitation.one_to_one.then(|| from.account()),
            title: &name,
            capability: &invited.capability,
            resync_key: &invited.resync_key,
            applied: invitation.seq,
            log_epoch: invitation.log_epoch,
            chain: invited.chain,
            made: true,
        },
    )?;
    let members: Vec<_> = group.members().iter().map(|member| (member.identity.account(), member.leaf)).collect();
    chats::set_members(step, invited.log, &members, invitation.seq)?;
    outbox::push_key_packages(step, 0)?; // one is used up: are there enough?
    if !invitation.one_to_one && !again {
        let me = account::mine(step.db)?.id;
        let what = What::Added { accounts: vec![me] };
        let line =
            NewLine { log: invited.log, seq: Some(invitation.seq), id: None, author: Some(from.account()), time: step.now, what };
        lines::write(step, &line)?;
        outbox::push_profile(step, invited.log)?;
    }
    if again {
        outbox::clear_lane(step, Lane::Resync(invited.log))?;
    }
    sync::watch_chat(step, invited.log)
}
