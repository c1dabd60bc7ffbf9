//! Doing what stands first in each lane.

use rusqlite::params;
use umweg_seal::inbox::{LinkSecret, seal_entry, seal_key_package};
use umweg_seal::{Store, new_key_packages};
use umweg_wire::limits::KEY_PACKAGES_LEFT;
use umweg_wire::proto::sealed::{ContactCard, InboxBody};
use umweg_wire::proto::v1::{self, EntryKind, LogKind};
use umweg_wire::{AccountId, ClientId, LogId};

use prost::Message;

use super::{Job, Lane, Task, Told, finish, heads, save_append};
use crate::account;
use crate::calls;
use crate::chats::{self, Membership};
use crate::conversation::sealing::{self, Sealed, Sealing};
use crate::error::StoreError;
use crate::people;
use crate::port::Request;
use crate::step::{Asked, Step};

/// What came of starting a job.
pub(crate) enum Started {
    /// The service was asked.
    Asked,
    /// There was nothing to ask; the next of its lane may start.
    Done,
    /// Something else must happen first.
    Blocked,
}

/// Starts whatever can be started. Every step ends with it.
pub(crate) fn pump(step: &mut Step<'_>) -> Result<(), StoreError> {
    if !step.live.connected {
        return Ok(());
    }
    loop {
        let mut again = false;
        for job in heads(step.db)? {
            if job.not_before > step.now || step.live.is_busy(job.id) {
                continue;
            }
            if let Started::Done = start(step, job.clone())? {
                finish(step, job.id)?;
                again = true;
            }
        }
        if !again {
            return Ok(());
        }
    }
}

fn start(step: &mut Step<'_>, job: Job) -> Result<Started, StoreError> {
    if let Some(append) = job.append.clone() {
        return Ok(ask_append(step, &job, append));
    }
    match job.lane {
        Lane::Own => start_own(step, &job),
        Lane::Inbox(account) => start_delivery(step, job, account),
        Lane::Chat(log) | Lane::Resync(log) => start_in_chat(step, job, log),
        Lane::Call(call) => calls::work::start(step, job, call),
    }
}

fn ask(step: &mut Step<'_>, job: &Job, request: Request) -> Started {
    step.ask(request, Asked::Job { job: job.id, client_id: None });
    Started::Asked
}

fn ask_append(step: &mut Step<'_>, job: &Job, append: v1::AppendRequest) -> Started {
    step.ask(Request::Append(append), Asked::Job { job: job.id, client_id: job.client_id });
    Started::Asked
}

/// Seals once, writes it down, asks.
pub(crate) fn append(
    step: &mut Step<'_>,
    mut job: Job,
    append: v1::AppendRequest,
    welcome: Option<Vec<u8>>,
) -> Result<Started, StoreError> {
    save_append(step, &mut job, append.clone(), welcome)?;
    Ok(ask_append(step, &job, append))
}

/// Asks for something that is no append.
pub(crate) fn request(step: &mut Step<'_>, job: &Job, request: Request) -> Started {
    ask(step, job, request)
}

fn start_own(step: &mut Step<'_>, job: &Job) -> Result<Started, StoreError> {
    let me = account::mine(step.db)?;
    let (log_id, capability) = (me.inbox.to_vec(), me.owner.expose().to_vec());
    let request = match &job.task {
        Task::OpenInbox => Request::CreateLog(v1::CreateLogRequest {
            log_id,
            kind: LogKind::Inbox.into(),
            read_hash: me.owner.hash().to_vec(),
            append_hash: me.link_secret.sender_capability().hash().to_vec(),
        }),
        Task::LeaveKeyPackages { count, last_resort } => {
            // New ones at every try: one that was handed out twice would fail its second Welcome.
            let packages = fresh_key_packages(step, &me, (*count).min(KEY_PACKAGES_LEFT), false)?;
            let spare = if *last_resort { fresh_key_packages(step, &me, 1, true)?.pop() } else { None };
            Request::PublishKeyPackages(v1::PublishKeyPackagesRequest {
                log_id,
                capability,
                key_packages: packages,
                last_resort: spare.unwrap_or_default(),
                replace: false,
            })
        }
        Task::TrimInbox { up_to } => Request::Trim(v1::TrimRequest { log_id, capability, up_to: *up_to }),
        _ => return Ok(Started::Done),
    };
    Ok(ask(step, job, request))
}

fn fresh_key_packages(
    step: &mut Step<'_>,
    me: &account::Account,
    count: usize,
    last_resort: bool,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let store = Store::new(step.db, step.rng);
    let packages = new_key_packages(&store, &me.device, count, last_resort)?;
    Ok(packages.iter().map(|package| seal_key_package(package, &me.link_secret, step.rng)).collect())
}

fn start_delivery(step: &mut Step<'_>, job: Job, account: AccountId) -> Result<Started, StoreError> {
    let Task::Deliver { body, .. } = &job.task else { return Ok(Started::Done) };
    let me = account::mine(step.db)?;
    let Some(card) = people::person(step.db, account)?.and_then(|person| person.card) else { return Ok(Started::Done) };
    let body = InboxBody::decode(body.0.as_slice())?;
    let Ok(payload) = seal_entry(&me.device, &card, &body, step.rng) else { return Ok(Started::Done) };
    let request = v1::AppendRequest {
        log_id: card.inbox.clone(),
        capability: link_secret(&card)?.sender_capability().expose().to_vec(),
        client_id: ClientId::random(step.rng).to_vec(),
        kind: EntryKind::Message.into(),
        payload,
        ..Default::default()
    };
    append(step, job, request, None)
}

pub(crate) fn link_secret(card: &ContactCard) -> Result<LinkSecret, StoreError> {
    let secret = card.link_secret.as_slice().try_into().map_err(|_| StoreError::Corrupt("a contact card"))?;
    Ok(LinkSecret::new(secret))
}

fn start_in_chat(step: &mut Step<'_>, job: Job, log: LogId) -> Result<Started, StoreError> {
    let Some(chat) = chats::chat(step.db, log)? else { return Ok(Started::Done) };
    match (chat.membership, job.lane) {
        (Membership::Member, Lane::Chat(_)) | (Membership::Resyncing, Lane::Resync(_)) => {}
        (Membership::Member, _) | (Membership::Former, _) => return Ok(Started::Done),
        (Membership::Resyncing | Membership::Forked, _) => return Ok(Started::Blocked),
    }
    if let Task::CreateLog = job.task {
        let hash = chat.capability.hash().to_vec();
        let request =
            v1::CreateLogRequest { log_id: log.to_vec(), kind: LogKind::Group.into(), read_hash: hash.clone(), append_hash: hash };
        return Ok(ask(step, &job, Request::CreateLog(request)));
    }
    if let Task::Add { members, packages, .. } = &job.task
        && let Some(missing) = members.iter().find(|member| packages.iter().all(|(account, _)| account != *member))
    {
        return take_key_package(step, &job, *missing);
    }
    match sealing::seal(step, &chat, &job.task)? {
        Sealing::Sealed(sealed) => {
            if let Task::Receipt { .. } = job.task {
                let told = Some(Told { delivered: chat.delivered, read: chat.read });
                super::save_task(step, job.id, &Task::Receipt { told })?;
            }
            let request = request_of(step, &chat, &sealed);
            append(step, job, request, sealed.welcome)
        }
        Sealing::Nothing => Ok(Started::Done),
        Sealing::LostKeys => Ok(Started::Blocked),
    }
}

fn request_of(step: &mut Step<'_>, chat: &chats::Chat, sealed: &Sealed) -> v1::AppendRequest {
    v1::AppendRequest {
        log_id: chat.log.to_vec(),
        capability: chat.capability.expose().to_vec(),
        client_id: ClientId::random(step.rng).to_vec(),
        kind: sealed.kind.into(),
        epoch: chat.log_epoch,
        after: chat.applied,
        payload: sealed.payload.clone(),
        rotate_to: sealed.rotate_to.map(|hash| hash.to_vec()).unwrap_or_default(),
        snapshot: vec![],
        ephemeral: false,
    }
}

fn take_key_package(step: &mut Step<'_>, job: &Job, account: AccountId) -> Result<Started, StoreError> {
    let Some(card) = people::person(step.db, account)?.and_then(|person| person.card) else {
        return leave_out(step, job, account);
    };
    let capability = link_secret(&card)?.sender_capability().expose().to_vec();
    Ok(ask(step, job, Request::TakeKeyPackage(v1::TakeKeyPackageRequest { log_id: card.inbox, capability })))
}

/// Somebody who cannot be reached is not added; the others are.
pub(crate) fn leave_out(step: &mut Step<'_>, job: &Job, account: AccountId) -> Result<Started, StoreError> {
    let Task::Add { mut members, mut packages, opening } = job.task.clone() else { return Ok(Started::Done) };
    members.retain(|member| *member != account);
    packages.retain(|(member, _)| *member != account);
    if members.is_empty() && !opening {
        return Ok(Started::Done);
    }
    super::save_task(step, job.id, &Task::Add { members, packages, opening })?;
    step.db.execute("UPDATE job SET not_before = ?2 WHERE id = ?1", params![job.id, step.now.0])?;
    Ok(Started::Blocked)
}
