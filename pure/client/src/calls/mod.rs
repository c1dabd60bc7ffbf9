//! Calls that run on like a conference: who was called may come, go and come back for as long as anybody is in.
//!
//! 1. The caller opens the call's log with a first commit, and then sends a `CallInvite` into the conversation. Everything about
//!    a call derives from the secret in it (`umweg_seal::call`).
//! 2. To join: take the snapshot, commit from outside, hand the keys to the page, let it make an offer, enter at the SFU.
//! 3. Who is in is what the keys say; the roster says whose media runs, and tells those who are not in. It is checked, not believed.
//! 4. Who leaves says so in the call's log; the lowest leaf takes its leaf out, others if it does not. Who vanishes keeps the seat
//!    for a while. The last one says in the conversation that it is over, and who stays says otherwise.
//! 5. A screen is shown beside the camera and has places of its own. It ends with the page that shows it.
//! 6. Taking part does not outlive the process: after a restart a call is running, and can be joined again.
//!
//! `rows`: calls as stored · `invited`: whom they were for · `invite`: what conversations say of them · `endings`: whether one is
//! over · `session`: taking part · `showing`: what others see of this device · `seats`: who holds the keys, and who is shown · `work`: its tasks at the service ·
//! `log`: its entries · `roster`: whose media runs · `wishes`: what the person wants.

pub(crate) mod endings;
pub(crate) mod invite;
pub(crate) mod invited;
pub(crate) mod log;
pub(crate) mod roster;
pub(crate) mod rows;
pub(crate) mod seats;
pub(crate) mod session;
pub(crate) mod showing;
pub(crate) mod wishes;
pub(crate) mod work;

use umweg_seal::Store;
use umweg_seal::call::CallGroup;
use umweg_wire::{LogId, Timestamp};

use crate::error::StoreError;
use crate::step::Step;

/// Whether a log is that of the call this device takes part in.
pub(crate) fn is_call_log(step: &Step<'_>, log: LogId) -> bool {
    step.live.session.as_ref().is_some_and(|session| session.secrets().log_id() == log)
}

/// The database was opened: nobody takes part in anything yet.
pub(crate) fn handle_opened(step: &mut Step<'_>) -> Result<(), StoreError> {
    for call in rows::running(step.db)? {
        let store = Store::new(step.db, step.rng);
        CallGroup::delete(&store, call.secrets().log_id())?;
        crate::outbox::clear_lane(step, crate::outbox::Lane::Call(call.id))?;
        if !call.opened {
            rows::forget(step, call.id)?; // nobody was told of it
        }
    }
    Ok(())
}

/// A new connection: rosters are watched again, and a seat that is still kept is taken again.
pub(crate) fn handle_connected(step: &mut Step<'_>) -> Result<(), StoreError> {
    roster::handle_connected(step);
    for call in rows::running(step.db)? {
        roster::watch(step, &call, true);
    }
    session::handle_connected(step)
}

pub(crate) fn handle_timeout(step: &mut Step<'_>) -> Result<(), StoreError> {
    invite::handle_timeout(step)?;
    roster::handle_timeout(step)?;
    showing::handle_timeout(step)?;
    seats::handle_timeout(step)?;
    session::handle_timeout(step)
}

pub(crate) fn next_due(step: &Step<'_>) -> Result<Option<Timestamp>, StoreError> {
    let due =
        [invite::next_due(step)?, roster::next_due(step), showing::next_due(step), seats::next_due(step), session::next_due(step)];
    Ok(due.into_iter().flatten().min())
}
