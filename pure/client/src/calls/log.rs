//! The log of the call that this device takes part in, entry by entry, in order.

use umweg_seal::call::{CallGroup, ReceivedInCall, StagedInCall};
use umweg_seal::{HandleError, Store};
use umweg_wire::chain;
use umweg_wire::proto::v1::{Entry, EntryKind, closed::Reason};

use super::session::{self, Phase, Place, Session};
use super::{endings, seats, work};
use crate::error::StoreError;
use crate::outbox::{self, Lane, Task};
use crate::step::Step;
use crate::sync;
use crate::view::StopReason;

/// Applies entries, whichever way they came; those that are behind are passed over.
pub(crate) fn handle_entries(step: &mut Step<'_>, entries: &[Entry]) -> Result<(), StoreError> {
    for entry in entries {
        let Some(session) = step.live.session.clone() else { return Ok(()) };
        if session.phase == Phase::Joining {
            return Ok(());
        }
        if entry.seq > session.place.applied + 1 {
            follow(step, &session); // something in between was lost on its way in here
            return Ok(());
        }
        if entry.seq <= session.place.applied {
            continue;
        }
        let hash = chain::next(session.place.chain, entry);
        if hash.0[..] != entry.chain[..] || entry.epoch != session.place.log_epoch {
            tracing::error!("the service showed two histories of a call: leaving it");
            return session::over(step, StopReason::Failed);
        }
        let log_epoch = session.place.log_epoch + u64::from(entry.kind() == EntryKind::Commit);
        if let Some(session) = &mut step.live.session {
            session.place = Place { applied: entry.seq, log_epoch, chain: hash };
        }
        apply(step, &session, entry)?;
    }
    Ok(())
}

fn apply(step: &mut Step<'_>, session: &Session, entry: &Entry) -> Result<(), StoreError> {
    let secrets = session.secrets();
    let job = outbox::job_of_entry(step.db, &entry.client_id)?;
    let store = Store::new(step.db, step.rng);
    let Some(mut group) = CallGroup::load(&store, secrets.log_id())? else { return session::over(step, StopReason::Failed) };
    if let Some(job) = job {
        outbox::finish(step, job.id)?;
        if let Task::CallLeft = job.task {
            return session::has_left(step);
        }
        group.merge_pending(&store)?;
        outbox::unseal_lane(step, Lane::Call(session.call))?;
        session::handle_keys(step)?;
        return work::let_in(step, &job, session.call);
    }
    match group.handle(&store, &secrets, &entry.payload, entry.kind()) {
        Ok(ReceivedInCall::Left { leaf, .. }) => seats::handle_left(step, leaf),
        Ok(ReceivedInCall::Commit(staged)) => commit(step, session, &store, group, staged),
        Ok(ReceivedInCall::Own) => Ok(()),
        Err(HandleError::OursStore(error)) => Err(error.into()),
        Err(HandleError::OursRemoved | HandleError::OursBehind) => taken_out(step, session),
        Err(error) => {
            // Nobody else takes it either: a join of somebody who was not invited ends here.
            tracing::warn!(%error, "an entry of a call says nothing");
            if entry.kind() == EntryKind::Commit {
                if group.has_pending() {
                    group.clear_pending(&store)?;
                }
                outbox::unseal_lane(step, Lane::Call(session.call))?;
            }
            Ok(())
        }
    }
}

fn commit(
    step: &mut Step<'_>,
    session: &Session,
    store: &Store<'_>,
    mut group: CallGroup,
    staged: StagedInCall,
) -> Result<(), StoreError> {
    let removes_me = staged.change.removes_me;
    group.accept(store, staged)?;
    outbox::unseal_lane(step, Lane::Call(session.call))?;
    if removes_me {
        return taken_out(step, session);
    }
    session::handle_keys(step)
}

/// The others took this device for gone. Who was only away comes back, unless they have ended the call meanwhile.
fn taken_out(step: &mut Step<'_>, session: &Session) -> Result<(), StoreError> {
    let comes_back = matches!(
        session.phase,
        Phase::Lost { .. } | Phase::In { .. } | Phase::Entering | Phase::AwaitingOffer | Phase::Renewing | Phase::Waiting { .. }
    );
    if comes_back && session.denied_by.is_some() {
        return endings::end_here(step, session.call);
    }
    session::over(step, if comes_back { StopReason::Returning } else { StopReason::Left })?;
    if !comes_back {
        return Ok(());
    }
    let Some(call) = super::rows::call(step.db, session.call)? else { return Ok(()) };
    super::wishes::come_in(step, &call, session.showing.camera_wanted)?;
    if let Some(session) = &mut step.live.session {
        session.returning = true;
    }
    Ok(())
}

/// Watches the call's log from where this device stands.
pub(crate) fn follow(step: &mut Step<'_>, session: &Session) {
    let secrets = session.secrets();
    sync::subscribe(step, secrets.log_id(), secrets.capability().expose(), session.place.applied);
}

/// The service shows no more of it.
pub(crate) fn handle_closed(step: &mut Step<'_>, reason: Reason) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone() else { return Ok(()) };
    match reason {
        Reason::Slow | Reason::Rotated => {
            follow(step, &session);
            Ok(())
        }
        Reason::Trimmed | Reason::Refused | Reason::Unspecified => taken_out(step, &session),
    }
}
