//! Key packages: each is handed out once, the last-resort one again and again when no other is left.

use umweg_wire::{Timestamp, limits};

use crate::log::{Access, LogHead, LogKind};
use crate::request::{Publish, Show};
use crate::{Failure, Refusal, Transaction};

/// Leaves key packages with the owner's inbox. Answers with how many are there now, the last-resort one not counted.
pub fn publish(tx: &mut dyn Transaction, request: &Publish, now: Timestamp) -> Result<usize, Failure> {
    let head = inbox(tx, request.log, |head| head.reading(&request.capability))?;
    let kept = if request.replace { 0 } else { tx.key_packages(request.log)? };
    if kept + request.key_packages.len() > limits::KEY_PACKAGES_MAX {
        return Err(Refusal::Full("the inbox holds as many key packages as it may").into());
    }
    if request.replace {
        forget_but_last_resort(tx, request)?;
    }
    for sealed in &request.key_packages {
        tx.put_key_package(request.log, sealed)?;
    }
    if let Some(sealed) = &request.last_resort {
        tx.put_last_resort(request.log, sealed)?;
    }
    tx.put_head(request.log, &LogHead { used: head.used_at(now), ..head })?;
    Ok(tx.key_packages(request.log)?)
}

/// Takes one, for whoever may append to the inbox.
pub fn take(tx: &mut dyn Transaction, request: &Show) -> Result<Vec<u8>, Failure> {
    inbox(tx, request.log, |head| head.appending(&request.capability))?;
    if let Some(sealed) = tx.take_key_package(request.log)? {
        return Ok(sealed);
    }
    Ok(tx.last_resort(request.log)?.ok_or(Refusal::NotFound)?)
}

fn inbox(
    tx: &mut dyn Transaction,
    log: umweg_wire::LogId,
    access: impl Fn(&LogHead) -> Option<Access>,
) -> Result<LogHead, Failure> {
    let head = tx.head(log)?.ok_or(Refusal::Denied)?;
    if head.kind == LogKind::Inbox && access(&head).is_some() { Ok(head) } else { Err(Refusal::Denied.into()) }
}

/// `replace` without a new last-resort package keeps the one that is there: an inbox that had one is never without.
fn forget_but_last_resort(tx: &mut dyn Transaction, request: &Publish) -> Result<(), Failure> {
    let last_resort = tx.last_resort(request.log)?;
    tx.forget_key_packages(request.log)?;
    if let Some(sealed) = last_resort {
        tx.put_last_resort(request.log, &sealed)?;
    }
    Ok(())
}
