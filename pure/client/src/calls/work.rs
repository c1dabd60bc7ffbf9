//! The tasks of a call at the service: opening it, joining it, saying that one leaves, taking leaves out, letting more people in, renewing keys.

use umweg_seal::call::{CallCommit, CallGroup, CommitError, JoinCallError, SealError};
use umweg_seal::{Refusal, Store};
use umweg_wire::proto::sealed::SeenChain;
use umweg_wire::proto::v1::{self, EntryKind, LogKind};
use umweg_wire::{CallId, ChainHash, ClientId};

use super::session::{self, Phase, Place, Session};
use super::{endings, invite, invited, log, rows};
use crate::account::{self, Account};
use crate::error::StoreError;
use crate::outbox::{self, Job, Lane, Started, Task};
use crate::port::{Failure, Request};
use crate::step::Step;
use crate::view::StopReason;

/// Starts a task. Without a session there is nothing to do.
pub(crate) fn start(step: &mut Step<'_>, job: Job, call: CallId) -> Result<Started, StoreError> {
    let Some(session) = step.live.session.clone().filter(|session| session.call == call) else { return Ok(Started::Done) };
    let secrets = session.secrets();
    let (log_id, capability) = (secrets.log_id().to_vec(), secrets.capability().expose().to_vec());
    match &job.task {
        Task::CreateCallLog => {
            let hash = secrets.capability().hash().to_vec();
            let request = v1::CreateLogRequest { log_id, kind: LogKind::Group.into(), read_hash: hash.clone(), append_hash: hash };
            Ok(outbox::request(step, &job, Request::CreateLog(request)))
        }
        Task::JoinCall => Ok(outbox::request(step, &job, Request::GetSnapshot(v1::GetSnapshotRequest { log_id, capability }))),
        Task::OpenCall => open(step, job, &session),
        Task::CallLeft => say_left(step, job, &session),
        // Somebody else's commit has renewed them meanwhile.
        Task::RenewCallKeys if session.phase != Phase::Renewing => Ok(Started::Done),
        Task::Evict { .. } | Task::InviteToCall { .. } | Task::RenewCallKeys => change(step, job, &session),
        _ => Ok(Started::Done),
    }
}

fn open(step: &mut Step<'_>, job: Job, session: &Session) -> Result<Started, StoreError> {
    let me = account::mine(step.db)?;
    let accounts = invited::accounts(step.db, session.call)?;
    let store = Store::new(step.db, step.rng);
    CallGroup::delete(&store, session.secrets().log_id())?;
    match CallGroup::create(&store, &me.device, &session.secrets(), &accounts, step.rng) {
        Ok((_, commit)) => append_commit(step, job, session, &session.place, commit),
        Err(CommitError::Store(error)) => Err(error.into()),
        Err(error) => give_up(step, &error, StopReason::Failed),
    }
}

fn give_up(step: &mut Step<'_>, error: &impl std::error::Error, reason: StopReason) -> Result<Started, StoreError> {
    tracing::warn!(%error, "a call cannot be taken part in");
    session::over(step, reason)?;
    Ok(Started::Done)
}

fn append_commit(
    step: &mut Step<'_>,
    job: Job,
    session: &Session,
    place: &Place,
    commit: CallCommit,
) -> Result<Started, StoreError> {
    let request = request(step, session, place, EntryKind::Commit, commit.commit, commit.snapshot);
    outbox::append(step, job, request, None)
}

fn request(
    step: &mut Step<'_>,
    session: &Session,
    place: &Place,
    kind: EntryKind,
    payload: Vec<u8>,
    snapshot: Vec<u8>,
) -> v1::AppendRequest {
    let secrets = session.secrets();
    v1::AppendRequest {
        log_id: secrets.log_id().to_vec(),
        capability: secrets.capability().expose().to_vec(),
        client_id: ClientId::random(step.rng).to_vec(),
        kind: kind.into(),
        epoch: place.log_epoch,
        after: place.applied,
        payload,
        snapshot,
        ..Default::default()
    }
}

/// The public state to join by came.
pub(crate) fn handle_snapshot(step: &mut Step<'_>, job: &Job, snapshot: &v1::Snapshot) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone().filter(|session| Lane::Call(session.call) == job.lane) else {
        return outbox::finish(step, job.id);
    };
    let Ok(chain) = ChainHash::try_from(&snapshot.chain) else { return outbox::postpone(step, job) };
    let me = account::mine(step.db)?;
    let store = Store::new(step.db, step.rng);
    match CallGroup::join(&store, &me.device, &session.secrets(), &snapshot.sealed, step.rng) {
        Ok((_, commit)) => {
            let place = Place { applied: snapshot.seq, log_epoch: snapshot.epoch, chain };
            append_commit(step, job.clone(), &session, &place, commit)?;
            Ok(())
        }
        Err(JoinCallError::OursStore(error)) => Err(error.into()),
        Err(error @ JoinCallError::PeerRefused(Refusal::Full)) => give_up(step, &error, StopReason::Full).map(drop),
        Err(error @ JoinCallError::PeerRefused(_)) => give_up(step, &error, StopReason::Refused).map(drop),
        Err(error) => give_up(step, &error, StopReason::Failed).map(drop),
    }
}

fn say_left(step: &mut Step<'_>, job: Job, session: &Session) -> Result<Started, StoreError> {
    let me = account::mine(step.db)?;
    let store = Store::new(step.db, step.rng);
    let Some(mut group) = CallGroup::load(&store, session.secrets().log_id())? else { return ended_quietly(step) };
    if group.has_pending() {
        group.clear_pending(&store)?;
    }
    let seen = SeenChain { seq: session.place.applied, hash: session.place.chain.to_vec() };
    match group.seal_left(&store, &me.device, &session.secrets(), Some(seen), step.rng) {
        Ok(payload) => {
            let request = request(step, session, &session.place, EntryKind::Message, payload, vec![]);
            outbox::append(step, job, request, None)
        }
        Err(SealError::Store(error)) => Err(error.into()),
        Err(_) => ended_quietly(step),
    }
}

/// Somebody has taken this leaf out already.
fn ended_quietly(step: &mut Step<'_>) -> Result<Started, StoreError> {
    session::over(step, StopReason::Left)?;
    Ok(Started::Done)
}

fn change(step: &mut Step<'_>, job: Job, session: &Session) -> Result<Started, StoreError> {
    let me = account::mine(step.db)?;
    let store = Store::new(step.db, step.rng);
    let Some(mut group) = CallGroup::load(&store, session.secrets().log_id())? else { return Ok(Started::Done) };
    if group.has_pending() {
        group.clear_pending(&store)?;
    }
    match commit(step, &job.task, session, &me, &store, &mut group) {
        Some(Ok(commit)) => append_commit(step, job, session, &session.place, commit),
        Some(Err(CommitError::Store(error))) => Err(error.into()),
        Some(Err(_)) | None => Ok(Started::Done),
    }
}

fn commit(
    step: &mut Step<'_>,
    task: &Task,
    session: &Session,
    me: &Account,
    store: &Store<'_>,
    group: &mut CallGroup,
) -> Option<Result<CallCommit, CommitError>> {
    let secrets = session.secrets();
    match task {
        Task::Evict { leaf, device } => {
            // The leaf may be somebody else's by now.
            let same =
                group.members().iter().any(|member| member.leaf == *leaf && member.identity.device_key()[..] == device.0[..]);
            same.then(|| group.remove(store, &me.device, &secrets, *leaf, step.rng))
        }
        Task::InviteToCall { accounts } => Some(group.invite(store, &me.device, &secrets, accounts, step.rng)),
        Task::RenewCallKeys => Some(group.update(store, &me.device, &secrets, step.rng)),
        _ => None,
    }
}

/// The service took an entry of ours.
pub(crate) fn accepted(step: &mut Step<'_>, job: &Job, call: CallId, accepted: &v1::Accepted) -> Result<(), StoreError> {
    let Ok(chain) = ChainHash::try_from(&accepted.chain) else { return outbox::postpone(step, job) };
    let place = Place { applied: accepted.seq, log_epoch: accepted.epoch, chain };
    match job.task {
        Task::OpenCall => opened(step, job, call, place),
        Task::JoinCall => {
            outbox::finish(step, job.id)?;
            session::let_in(step, place)
        }
        _ => {
            step.live.until_echo.insert(job.id);
            Ok(())
        }
    }
}

fn opened(step: &mut Step<'_>, job: &Job, call: CallId, place: Place) -> Result<(), StoreError> {
    outbox::finish(step, job.id)?;
    let (Some(session), Some(row)) = (step.live.session.clone(), rows::call(step.db, call)?) else { return Ok(()) };
    let store = Store::new(step.db, step.rng);
    if let Some(mut group) = CallGroup::load(&store, session.secrets().log_id())? {
        group.merge_pending(&store)?;
    }
    rows::set_opened(step, call)?;
    let row = rows::Call { opened: true, ..row };
    super::roster::watch(step, &row, true);
    // Only now can it be joined: only now the others hear of it.
    invite::send(step, &row, row.chat)?;
    endings::has_said_that_it_runs(step);
    session::let_in(step, place)
}

/// People were let in by the keys: now they are told, each where this account talks to them.
pub(crate) fn let_in(step: &mut Step<'_>, job: &Job, call: CallId) -> Result<(), StoreError> {
    let (Task::InviteToCall { accounts }, Some(row)) = (&job.task, rows::call(step.db, call)?) else { return Ok(()) };
    invited::add(step, call, accounts)?;
    for account in accounts {
        if let Some(chat) = crate::people::chat_with(step.db, *account)? {
            invite::send(step, &row, chat)?;
        }
    }
    Ok(())
}

/// The call's log is further than this device.
pub(crate) fn stale(step: &mut Step<'_>, job: &Job, call: CallId, stale: &v1::Stale) -> Result<(), StoreError> {
    if let Task::JoinCall = job.task {
        outbox::unseal_lane(step, Lane::Call(call))?;
        let again = outbox::job(step.db, job.id)?;
        return match (&stale.snapshot, again) {
            (Some(snapshot), Some(job)) => handle_snapshot(step, &job, snapshot),
            _ => Ok(()),
        };
    }
    let place = |step: &Step<'_>| step.live.session.as_ref().map(|session| session.place.applied);
    let before = place(step);
    log::handle_entries(step, &stale.entries)?;
    outbox::unseal_lane(step, Lane::Call(call))?;
    if before == place(step) { outbox::postpone(step, job) } else { Ok(()) }
}

/// It did not take it at all.
pub(crate) fn failed(step: &mut Step<'_>, job: &Job, failure: Failure) -> Result<(), StoreError> {
    match (&job.task, failure) {
        (Task::CreateCallLog, Failure::Exists) => outbox::finish(step, job.id),
        (Task::JoinCall, Failure::Refused) => {
            // Its log is gone.
            if let Lane::Call(id) = job.lane { endings::end_here(step, id) } else { Ok(()) }
        }
        _ => outbox::postpone(step, job),
    }
}
