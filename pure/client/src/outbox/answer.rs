//! What the service answered, and what it means for the job that asked.

use rusqlite::params;
use umweg_seal::inbox::open_key_package;
use umweg_wire::limits::{KEY_PACKAGES_LEFT, KEY_PACKAGES_LOW};
use umweg_wire::proto::v1;
use umweg_wire::{LogId, Timestamp};

use super::run::{leave_out, link_secret};
use super::{Bytes, Job, Lane, Task, finish, job, postpone, push_key_packages, save_task, stuck, try_for_weeks, unseal_lane};
use crate::calls;
use crate::chats;
use crate::conversation;
use crate::error::StoreError;
use crate::lines;
use crate::people;
use crate::port::{Answer, Failure, RequestId};
use crate::step::{Asked, Step};
use crate::sync;

/// Tries before somebody without key packages is left out of a group.
const TRIES_WITHOUT_KEY_PACKAGE_MAX: u32 = 6;

/// An answer, or none.
pub(crate) fn handle_answer(step: &mut Step<'_>, id: RequestId, result: Result<Answer, Failure>) -> Result<(), StoreError> {
    let Some(Asked::Job { job: number, client_id }) = step.live.asked.remove(&id) else { return Ok(()) };
    let Some(job) = job(step.db, number)? else { return Ok(()) };
    if client_id != job.client_id {
        return Ok(()); // an answer to a sealing that was thrown away
    }
    match result {
        Ok(Answer::Created) => created(step, &job),
        Ok(Answer::Appended(response)) => appended(step, &job, response),
        Ok(Answer::Trimmed) => finish(step, job.id),
        Ok(Answer::Snapshot(snapshot)) => calls::work::handle_snapshot(step, &job, &snapshot),
        Ok(Answer::Published(response)) => published(step, &job, response.left as usize),
        Ok(Answer::KeyPackage(response)) => took_key_package(step, &job, &response.key_package),
        Err(failure) => failed(step, &job, failure),
    }
}

fn created(step: &mut Step<'_>, job: &Job) -> Result<(), StoreError> {
    finish(step, job.id)?;
    match job.lane {
        Lane::Own => {
            step.db.execute("UPDATE account SET inbox_made = 1", [])?;
            sync::watch_inbox(step)
        }
        Lane::Chat(log) => {
            step.db.execute("UPDATE chat SET made = 1 WHERE log = ?1", [log.0])?;
            sync::watch_chat(step, log)
        }
        _ => Ok(()),
    }
}

fn published(step: &mut Step<'_>, job: &Job, left: usize) -> Result<(), StoreError> {
    finish(step, job.id)?;
    if left < KEY_PACKAGES_LOW {
        push_key_packages(step, KEY_PACKAGES_LEFT - left)?;
    }
    Ok(())
}

fn took_key_package(step: &mut Step<'_>, job: &Job, sealed: &[u8]) -> Result<(), StoreError> {
    let Task::Add { members, mut packages, opening } = job.task.clone() else { return Ok(()) };
    let Some(account) = members.iter().copied().find(|member| packages.iter().all(|(account, _)| account != member)) else {
        return Ok(());
    };
    let Some(card) = people::person(step.db, account)?.and_then(|person| person.card) else { return Ok(()) };
    match open_key_package(sealed, &link_secret(&card)?) {
        Ok(package) if package.identity().account() == account => {
            packages.push((account, Bytes(sealed.to_vec())));
            save_task(step, job.id, &Task::Add { members, packages, opening })
        }
        // Broken, or somebody else's: another may be better.
        _ => without_key_package(step, job),
    }
}

fn without_key_package(step: &mut Step<'_>, job: &Job) -> Result<(), StoreError> {
    if let (Task::Add { members, packages, .. }, Lane::Chat(log)) = (&job.task, job.lane)
        && job.tries >= TRIES_WITHOUT_KEY_PACKAGE_MAX
        && chats::chat(step.db, log)?.is_some_and(|chat| chat.peer.is_none())
        && let Some(account) = members.iter().find(|member| packages.iter().all(|(account, _)| account != *member))
    {
        leave_out(step, job, *account)?;
        return Ok(());
    }
    postpone(step, job)
}

fn failed(step: &mut Step<'_>, job: &Job, failure: Failure) -> Result<(), StoreError> {
    match (&job.task, failure) {
        (Task::OpenInbox | Task::CreateLog, Failure::Exists) => created(step, job),
        (_, failure) if matches!(job.lane, Lane::Chat(_)) && !is_about_key_packages(job, failure) => {
            stuck::handle_failure(step, job, failure)
        }
        (_, Failure::Unreachable) => postpone(step, job),
        // Their inbox is not made yet, or their link is no longer valid: nobody but time can tell.
        (Task::Deliver { .. }, Failure::Refused) => try_for_weeks(step, job),
        (Task::LeaveKeyPackages { .. }, Failure::Full | Failure::Invalid) => finish(step, job.id),
        (Task::TrimInbox { .. }, Failure::Refused | Failure::Invalid) => finish(step, job.id),
        (Task::Add { .. }, _) if is_about_key_packages(job, failure) => without_key_package(step, job),
        (_, failure) if matches!(job.lane, Lane::Call(_)) => calls::work::failed(step, job, failure),
        (_, failure) => {
            tracing::warn!(%failure, tries = job.tries, "the service did not take a request");
            postpone(step, job)
        }
    }
}

/// Somebody's inbox has none, which says nothing of the conversation.
fn is_about_key_packages(job: &Job, failure: Failure) -> bool {
    matches!((&job.task, failure), (Task::Add { .. }, Failure::NotFound | Failure::Refused)) && job.append.is_none()
}

fn appended(step: &mut Step<'_>, job: &Job, response: v1::AppendResponse) -> Result<(), StoreError> {
    match response.outcome {
        Some(v1::append_response::Outcome::Accepted(accepted)) => accepted_append(step, job, &accepted),
        Some(v1::append_response::Outcome::Stale(stale)) => match job.lane {
            Lane::Chat(log) | Lane::Resync(log) => stale_in_chat(step, job, log, &stale),
            Lane::Call(call) => calls::work::stale(step, job, call, &stale),
            Lane::Own | Lane::Inbox(_) => postpone(step, job),
        },
        None => postpone(step, job),
    }
}

fn accepted_append(step: &mut Step<'_>, job: &Job, accepted: &v1::Accepted) -> Result<(), StoreError> {
    if let Lane::Call(call) = job.lane {
        return calls::work::accepted(step, job, call, accepted);
    }
    if let Lane::Chat(log) | Lane::Resync(log) = job.lane
        && !sync::promise(step, log, accepted)?
    {
        return sync::set_forked(step, log, accepted.seq);
    }
    if is_commit(job) {
        // Its keys count once everything before it was applied: when it comes back.
        step.live.until_echo.insert(job.id);
        return Ok(());
    }
    if let (Lane::Chat(_) | Lane::Resync(_), Some(client_id)) = (job.lane, job.client_id) {
        step.db.prepare_cached("INSERT OR IGNORE INTO echo (client_id) VALUES (?1)")?.execute([client_id.0])?;
    }
    done(step, job, accepted.seq, Timestamp(accepted.time))
}

/// An own message came back before its answer.
pub(crate) fn accepted_echo(step: &mut Step<'_>, job: &Job, entry: &v1::Entry) -> Result<(), StoreError> {
    done(step, job, entry.seq, Timestamp(entry.time))
}

/// A message that the service holds on disk.
fn done(step: &mut Step<'_>, job: &Job, seq: u64, time: Timestamp) -> Result<(), StoreError> {
    finish(step, job.id)?;
    match (&job.task, job.lane) {
        (Task::Say { line: Some(line), .. }, _) => lines::place(step, *line, seq, time),
        (Task::Receipt { told: Some(told) }, Lane::Chat(log)) => {
            let sql = "UPDATE chat SET delivered_told = max(delivered_told, ?2), read_told = max(read_told, ?3) WHERE log = ?1";
            step.db.prepare_cached(sql)?.execute(params![log.0, told.delivered, told.read])?;
            Ok(())
        }
        (Task::Ring { call, account, .. }, _) => calls::invited::place_ring(step, *call, *account, seq),
        (Task::Leave, Lane::Chat(log)) => conversation::membership::left(step, log),
        _ => Ok(()),
    }
}

pub(crate) fn is_commit(job: &Job) -> bool {
    job.append.as_ref().is_some_and(|append| append.kind() == v1::EntryKind::Commit)
}

fn stale_in_chat(step: &mut Step<'_>, job: &Job, log: LogId, stale: &v1::Stale) -> Result<(), StoreError> {
    let before = chats::chat(step.db, log)?.map(|chat| chat.applied);
    // One of these may be a commit of others: then everything of this lane is sealed again.
    sync::apply_to_chat(step, log, &stale.entries)?;
    let after = chats::chat(step.db, log)?.map(|chat| chat.applied);
    unseal_lane(step, job.lane)?;
    if before == after { postpone(step, job) } else { Ok(()) }
}
