//! From a task of the outbox to an entry for the log, sealed for the epoch of the moment.

use prost::Message;
use umweg_seal::Store;
use umweg_seal::group::{CommitError, Conversation, PendingCommit, SealError};
use umweg_seal::inbox::open_key_package;
use umweg_wire::limits::RINGING;
use umweg_wire::proto::sealed::{Content, Leaving, Profile, Receipt, SeenChain, content};
use umweg_wire::proto::v1::EntryKind;
use umweg_wire::{AccountId, CapabilityHash, MessageId, Timestamp};

use super::{duties, resync};
use crate::account::{self, Account};
use crate::chats::Chat;
use crate::error::StoreError;
use crate::outbox::{Bytes, Task};
use crate::people;
use crate::step::Step;

/// An entry, ready for the log.
pub(crate) struct Sealed {
    pub(crate) kind: EntryKind,
    pub(crate) payload: Vec<u8>,
    pub(crate) rotate_to: Option<CapabilityHash>,
    pub(crate) welcome: Option<Vec<u8>>,
}

/// What came of it.
pub(crate) enum Sealing {
    Sealed(Sealed),
    /// There is nothing to say (any more).
    Nothing,
    /// This device must be let in again first.
    LostKeys,
}

/// Seals what a task asks for.
pub(crate) fn seal(step: &mut Step<'_>, chat: &Chat, task: &Task) -> Result<Sealing, StoreError> {
    let me = account::mine(step.db)?;
    let store = Store::new(step.db, step.rng);
    if let Task::Resync = task {
        return Ok(Sealing::Sealed(message(EntryKind::Resync, resync::seal_request(step, &store, chat, &me)?)));
    }
    let Some(mut group) = Conversation::load(&store, chat.log)? else {
        resync::begin(step, chat)?;
        return Ok(Sealing::LostKeys);
    };
    if group.has_pending() {
        group.clear_pending(&store)?; // of a sealing that was thrown away
    }
    if let Some(content) = content_of(step, chat, task, &me)? {
        return match group.seal(&store, &me.device, &content) {
            Ok(payload) => Ok(Sealing::Sealed(message(EntryKind::Message, payload))),
            Err(SealError::Store(error)) => Err(error.into()),
            Err(error @ (SealError::TooLarge | SealError::Removed)) => {
                tracing::error!(%error, "a message could not be sealed");
                Ok(Sealing::Nothing)
            }
        };
    }
    match commit_of(step, chat, task, &me, &store, &mut group)? {
        Some(Ok(pending)) => Ok(Sealing::Sealed(Sealed {
            kind: EntryKind::Commit,
            payload: pending.commit,
            rotate_to: pending.keys_after.map(|keys| keys.capability.hash()),
            welcome: pending.welcome,
        })),
        Some(Err(CommitError::Store(error))) => Err(error.into()),
        Some(Err(error)) => {
            tracing::info!(%error, "a change of a conversation has nothing to change");
            Ok(Sealing::Nothing)
        }
        None => Ok(Sealing::Nothing),
    }
}

fn message(kind: EntryKind, payload: Vec<u8>) -> Sealed {
    Sealed { kind, payload, rotate_to: None, welcome: None }
}

/// What a task says, if it is a message. The newest entry seen goes with it, so that two histories are noticed.
fn content_of(step: &mut Step<'_>, chat: &Chat, task: &Task, me: &Account) -> Result<Option<Content>, StoreError> {
    let body = match task {
        Task::Say { content, .. } => {
            let said = Content::decode(content.0.as_slice())?;
            return Ok(Some(Content { seen: seen(chat), ..said }));
        }
        Task::Ring { content, .. } => {
            let said = Content::decode(content.0.as_slice())?;
            let late = Timestamp(said.sent_at).after(RINGING) <= step.now;
            return Ok((!late).then(|| Content { seen: seen(chat), ..said }));
        }
        Task::Receipt { .. } if chat.delivered <= chat.delivered_told && chat.read <= chat.read_told => return Ok(None),
        Task::Receipt { .. } => content::Body::Receipt(Receipt { delivered: chat.delivered.max(chat.read), read: chat.read }),
        Task::Profile => content::Body::Profile(Profile { name: me.name.clone(), card: Some(me.card(step.service)) }),
        Task::Leave => content::Body::Leaving(Leaving {}),
        _ => return Ok(None),
    };
    let now = step.now;
    Ok(Some(Content { seen: seen(chat), ..new_content(step, now, body) }))
}

fn seen(chat: &Chat) -> Option<SeenChain> {
    Some(SeenChain { seq: chat.applied, hash: chat.chain.to_vec() })
}

/// A message with a name of its own.
pub(crate) fn new_content(step: &mut Step<'_>, sent_at: Timestamp, body: content::Body) -> Content {
    Content { id: MessageId::random(step.rng).to_vec(), sent_at: sent_at.0, seen: None, body: Some(body) }
}

type Committing = Option<Result<PendingCommit, CommitError>>;

fn commit_of(
    step: &mut Step<'_>,
    chat: &Chat,
    task: &Task,
    me: &Account,
    store: &Store<'_>,
    group: &mut Conversation,
) -> Result<Committing, StoreError> {
    Ok(match task {
        Task::Add { packages, opening, .. } => add(step, store, group, me, packages, *opening)?,
        Task::Remove { members } => Some(group.remove(store, &me.device, members)),
        Task::Rename { name } => Some(group.rename(store, &me.device, name)),
        Task::TakeOut { account } if duties::stands(step.db, chat.log, *account)? => {
            Some(group.remove(store, &me.device, &[*account]))
        }
        Task::Readmit { account } => {
            duties::key_package(step.db, chat.log, *account)?.map(|package| group.readmit(store, &me.device, &package))
        }
        _ => None,
    })
}

fn add(
    step: &mut Step<'_>,
    store: &Store<'_>,
    group: &mut Conversation,
    me: &Account,
    packages: &[(AccountId, Bytes)],
    opening: bool,
) -> Result<Committing, StoreError> {
    let present: Vec<_> = group.members().iter().map(|member| member.identity.account()).collect();
    let mut who = Vec::new();
    for (account, sealed) in packages.iter().filter(|(account, _)| !present.contains(account)) {
        let card = people::person(step.db, *account)?.and_then(|person| person.card);
        let Some(secret) = card.map(|card| crate::outbox::link_secret(&card)).transpose()? else { continue };
        who.extend(open_key_package(&sealed.0, &secret));
    }
    Ok(match (who.is_empty(), opening) {
        (false, _) => Some(group.add(store, &me.device, &who)),
        (true, true) => Some(group.update(store, &me.device)), // nobody could be reached: a group of one
        (true, false) => None,
    })
}
