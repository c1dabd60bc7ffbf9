//! The running proxy's invites: who is let in, what goes through, and who is cut.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;
use umweg_io::clock;
use umweg_io::metered::Meter;
use umweg_road::pace::Pace;
use umweg_road::upgrade::{Request, Upgrade};
use umweg_wire::Timestamp;

use super::usage::{self, Counts, Usage};
use super::{Invite, Invites, InvitesError};
use crate::date::Date;

/// How often the invites' file is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How often the counts are written, if they have changed.
const WRITE: Duration = Duration::from_secs(2);

/// All of them.
pub struct Book {
    invites: Invites,
    folder: PathBuf,
    open: RwLock<Vec<Arc<Open>>>,
    changed: AtomicBool,
}

/// One of them, as it is used.
struct Open {
    invite: Invite,
    counts: Arc<Mutex<Counts>>,
    pace: Option<Mutex<Pace>>,
    cut: CancellationToken,
}

/// Why an invite opens nothing at the moment.
enum Refused {
    Full,
    Spent,
    Expired,
}

/// Somebody who was let in. Counted until dropped.
pub struct Admitted {
    open: Arc<Open>,
    book: Arc<Book>,
}

/// An invite and its counts, for people to read.
pub struct Line {
    /// The invite.
    pub invite: Invite,
    /// Its counts, of this month.
    pub counts: Counts,
}

impl Book {
    /// The invites of that folder.
    pub fn open(folder: &Path) -> Result<Arc<Self>, InvitesError> {
        let invites = Invites::of(folder);
        let book = Self { invites, folder: folder.to_owned(), open: RwLock::default(), changed: AtomicBool::new(false) };
        let before = usage::read(folder);
        book.replace(book.invites.read()?, &before);
        Ok(Arc::new(book))
    }

    /// Lets in who has the secret of an invite that is not used up. Takes the same time whichever invite it is, or none.
    #[must_use]
    pub fn admit<'r>(self: &Arc<Self>, request: &'r Request, now: Timestamp) -> Option<(Admitted, &'r Upgrade)> {
        let mut found = None;
        for open in self.read().iter() {
            if let Some(upgrade) = request.upgrade_for(&open.invite.path) {
                found = Some((Arc::clone(open), upgrade));
            }
        }
        let (open, upgrade) = found?;
        if let Err(refused) = open.enter(now) {
            match refused {
                Refused::Full => metrics::counter!("umweg_proxy_invite_full").increment(1),
                Refused::Spent => metrics::counter!("umweg_proxy_invite_spent").increment(1),
                Refused::Expired => metrics::counter!("umweg_proxy_invite_expired").increment(1),
            }
            return None;
        }
        self.changed.store(true, Ordering::Relaxed);
        Some((Admitted { open, book: Arc::clone(self) }, upgrade))
    }

    /// All of them, the oldest first.
    #[must_use]
    pub fn lines(&self, now: Timestamp) -> Vec<Line> {
        let line = |open: &Arc<Open>| Line { invite: open.invite.clone(), counts: this_month(*lock(&open.counts), now) };
        self.read().iter().map(line).collect()
    }

    /// The secret path of the first that there is.
    #[must_use]
    pub fn oldest_path(&self) -> Option<String> {
        self.read().first().map(|open| open.invite.path.clone())
    }

    /// Notices what `umweg-proxy invite` changes, and writes the counts down. It ends only with its task.
    pub async fn keep(self: Arc<Self>) {
        // At first it looks in any case: the file may have changed since it was opened.
        let (mut seen, mut wrong) = (None, None);
        let (mut looking, mut writing) = (tokio::time::interval(LOOK), tokio::time::interval(WRITE));
        loop {
            tokio::select! {
                _ = looking.tick() => {
                    let stamp = self.stamp();
                    if stamp != seen {
                        seen = stamp;
                        self.look_again(&mut wrong);
                    }
                }
                _ = writing.tick() => self.write_down(),
            }
        }
    }

    /// Writes the counts down if they have changed.
    pub fn write_down(&self) {
        if self.changed.swap(false, Ordering::Relaxed) {
            let usage: Usage = self.read().iter().map(|open| (open.invite.path.clone(), *lock(&open.counts))).collect();
            if let Err(error) = usage::write(&self.folder, &usage) {
                tracing::warn!(%error, "the invites' counts cannot be written");
            }
        }
    }

    /// A file that is wrong changes nothing: who was let in stays, and nobody is let in who was not.
    fn look_again(&self, wrong: &mut Option<String>) {
        match self.invites.read() {
            Ok(invites) => {
                self.replace(invites, &Usage::new());
                *wrong = None;
            }
            Err(error) => {
                let words = error.to_string();
                if wrong.as_ref() != Some(&words) {
                    tracing::warn!(%error, "the invites stay as they were");
                }
                *wrong = Some(words);
            }
        }
    }

    fn replace(&self, invites: Vec<Invite>, before: &Usage) {
        let mut current = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let kept = |invite: &Invite| current.iter().find(|open| open.invite.path == invite.path);
        let new: Vec<_> = invites.into_iter().map(|invite| Arc::new(Open::new(kept(&invite), invite, before))).collect();
        for old in current.iter().filter(|old| !new.iter().any(|open| open.invite.path == old.invite.path)) {
            old.cut.cancel();
        }
        *current = new;
        drop(current);
        self.changed.store(true, Ordering::Relaxed);
    }

    /// What changes when the file does: it is never written in place.
    fn stamp(&self) -> Option<(SystemTime, u64, u64)> {
        use std::os::unix::fs::MetadataExt;
        let known = std::fs::metadata(self.invites.file()).ok()?;
        Some((known.modified().ok()?, known.ino(), known.len()))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Vec<Arc<Open>>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// All invites of a data folder, with the counts that the running proxy wrote down.
    pub fn written_down(folder: &Path) -> Result<Vec<Self>, InvitesError> {
        let (usage, now) = (usage::read(folder), clock::now());
        let counts = |invite: &Invite| this_month(usage.get(&invite.path).copied().unwrap_or_default(), now);
        Ok(Invites::of(folder).read()?.into_iter().map(|invite| Self { counts: counts(&invite), invite }).collect())
    }
}

impl Open {
    fn new(before: Option<&Arc<Self>>, invite: Invite, usage: &Usage) -> Self {
        let pace = invite.bandwidth.map(|bytes| Mutex::new(Pace::new(bytes.0)));
        match before {
            Some(before) => Self { counts: Arc::clone(&before.counts), cut: before.cut.clone(), invite, pace },
            None => {
                // Who was connected to a proxy that ended is not any more.
                let counts = Counts { open: 0, ..usage.get(&invite.path).copied().unwrap_or_default() };
                Self { counts: Arc::new(Mutex::new(counts)), cut: CancellationToken::new(), invite, pace }
            }
        }
    }

    fn enter(&self, now: Timestamp) -> Result<(), Refused> {
        let mut counts = lock(&self.counts);
        if self.invite.has_expired(now) {
            return Err(Refused::Expired);
        }
        if self.is_spent(&counts, now) {
            return Err(Refused::Spent);
        }
        if self.invite.connections_max.is_some_and(|most| counts.open >= most) {
            return Err(Refused::Full);
        }
        counts.open += 1;
        counts.tunnels += 1;
        Ok(())
    }

    fn is_spent(&self, counts: &Counts, now: Timestamp) -> bool {
        self.invite.monthly.is_some_and(|most| counts.bytes_in(Date::of(now).month()) >= most.0)
    }
}

impl Admitted {
    /// Whether bytes must be counted one by one, because there is a bound on them.
    #[must_use]
    pub fn is_metered(&self) -> bool {
        self.open.invite.bandwidth.is_some() || self.open.invite.monthly.is_some()
    }

    /// For counting them one by one.
    #[must_use]
    pub fn meter(self: &Arc<Self>) -> impl Meter + use<> {
        PerInvite(Arc::clone(self))
    }

    /// Counts bytes afterwards.
    pub fn count(&self, bytes: u64) {
        lock(&self.open.counts).add(bytes, Date::of(clock::now()).month());
        self.book.changed.store(true, Ordering::Relaxed);
    }

    /// Waits until the invite is revoked.
    pub async fn cut(&self) {
        self.open.cut.cancelled().await;
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = lock(&self.open.counts);
        counts.open = counts.open.saturating_sub(1);
        self.book.changed.store(true, Ordering::Relaxed);
    }
}

struct PerInvite(Arc<Admitted>);

impl Meter for PerInvite {
    fn count(&mut self, bytes: usize) -> Option<Duration> {
        let now = clock::now();
        self.0.count(bytes as u64);
        let open = &self.0.open;
        if open.is_spent(&lock(&open.counts), now) || open.invite.has_expired(now) {
            return None;
        }
        let Some(pace) = &open.pace else { return Some(Duration::ZERO) };
        let mut pace = lock(pace);
        pace.take(bytes as u64, now);
        Some(pace.wait(now))
    }
}

fn this_month(counts: Counts, now: Timestamp) -> Counts {
    let month = Date::of(now).month();
    Counts { bytes: counts.bytes_in(month), month, ..counts }
}

/// Counts are whole after every step: one that panicked left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use umweg_road::upgrade::read_request;

    use super::*;
    use crate::amount::Amount;

    const NOW: Timestamp = Timestamp(1_798_675_200_000);

    fn book(change: impl FnOnce(&mut Invite)) -> (tempfile::TempDir, Arc<Book>, Invite) {
        let folder = tempfile::tempdir().unwrap();
        let mut invite = Invite::new("x", &mut rand::rng());
        change(&mut invite);
        Invites::of(folder.path()).add(invite.clone()).unwrap();
        let book = Book::open(folder.path()).unwrap();
        (folder, book, invite)
    }

    fn request(path: &str) -> Request {
        let head = Upgrade::new(vec![7; 100], &mut rand::rng()).to_request("h", path);
        read_request(&head).unwrap().unwrap().0
    }

    fn lets_in(book: &Arc<Book>, path: &str) -> Option<Admitted> {
        book.admit(&request(path), NOW).map(|(admitted, _)| admitted)
    }

    #[test]
    fn an_invite_lets_in_so_many_at_once() {
        let (_folder, book, invite) = book(|invite| invite.connections_max = Some(2));
        let both = [lets_in(&book, &invite.path).unwrap(), lets_in(&book, &invite.path).unwrap()];
        assert!(lets_in(&book, &invite.path).is_none());
        drop(both);
        assert!(lets_in(&book, &invite.path).is_some());
        assert!(lets_in(&book, "/guess").is_none());
        assert_eq!(book.lines(NOW)[0].counts.tunnels, 3);
    }

    #[test]
    fn an_invite_ends_on_its_day() {
        let (_folder, book, invite) = book(|invite| invite.expires = Some("2026-12-30".parse().unwrap()));
        assert!(lets_in(&book, &invite.path).is_none());
    }

    #[test]
    fn a_months_volume_is_used_up_and_stays_so_after_a_restart() {
        let (folder, book, invite) = book(|invite| invite.monthly = Some(Amount(1_000)));
        let admitted = Arc::new(lets_in(&book, &invite.path).unwrap());
        lock(&admitted.open.counts).add(1_000, Date::of(NOW).month());
        book.changed.store(true, Ordering::Relaxed);
        assert!(lets_in(&book, &invite.path).is_none());
        book.write_down();
        let again = Book::open(folder.path()).unwrap();
        assert!(lets_in(&again, &invite.path).is_none());
        assert_eq!(again.lines(NOW)[0].counts, Counts { open: 0, tunnels: 1, bytes: 1_000, month: Date::of(NOW).month() });
        let next_month = Timestamp(NOW.0 + 2 * 86_400_000);
        assert!(again.admit(&request(&invite.path), next_month).is_some());
    }

    #[test]
    fn a_meter_stops_at_the_months_volume() {
        let (_folder, book, invite) = book(|invite| invite.monthly = Some(Amount(1_000)));
        let mut meter = Arc::new(lets_in(&book, &invite.path).unwrap()).meter();
        assert_eq!(meter.count(999), Some(Duration::ZERO));
        assert_eq!(meter.count(1), None);
    }

    #[tokio::test]
    async fn a_revoked_invite_is_cut_and_the_others_are_not() {
        let (folder, book, invite) = book(|_| {});
        let invites = Invites::of(folder.path());
        let keeping = tokio::spawn(Arc::clone(&book).keep());
        let first = lets_in(&book, &invite.path).unwrap();
        let other = Invite::new("y", &mut rand::rng());
        invites.add(other.clone()).unwrap();
        let second = loop {
            match lets_in(&book, &other.path) {
                Some(admitted) => break admitted,
                None => tokio::time::sleep(LOOK).await,
            }
        };
        invites.revoke("x").unwrap();
        first.cut().await;
        assert!(!second.open.cut.is_cancelled() && lets_in(&book, &invite.path).is_none());
        keeping.abort();
    }

    #[tokio::test]
    async fn a_damaged_file_changes_nothing() {
        let (folder, book, invite) = book(|_| {});
        std::fs::write(folder.path().join("invites.toml"), "[[").unwrap();
        book.look_again(&mut None);
        assert!(lets_in(&book, &invite.path).is_some());
    }
}
