//! The own inbox: what people who share no conversation with this account can send. Its entries are read once and trimmed.

use umweg_seal::inbox::open_entry;
use umweg_wire::proto::sealed::inbox_body::Body;
use umweg_wire::proto::v1::Entry;

use crate::account;
use crate::conversation::invitation;
use crate::error::StoreError;
use crate::outbox;
use crate::people;
use crate::step::Step;

/// Reads entries in order. Trimmed or expired ones leave gaps, which are passed over.
pub(crate) fn handle_entries(step: &mut Step<'_>, entries: &[Entry]) -> Result<(), StoreError> {
    for entry in entries {
        let me = account::mine(step.db)?;
        if entry.seq <= me.inbox_applied {
            continue;
        }
        step.db.execute("UPDATE account SET inbox_applied = ?1", [entry.seq])?;
        match open_entry(&entry.payload, &me.inbox_key, &me.link_secret, me.id) {
            Ok((from, body)) => match body.body {
                Some(Body::Request(request)) => people::handle_request(step, &from, &request)?,
                Some(Body::Invitation(invitation)) => invitation::handle(step, &from, &invitation)?,
                None => {}
            },
            Err(error) => tracing::debug!(%error, "an inbox entry says nothing"),
        }
    }
    if let Some(last) = entries.last() {
        outbox::push_trim(step, last.seq)?;
    }
    Ok(())
}
