//! Invites: whom a volunteer lets in, each with a secret path and bounds of its own.
//!
//! * This file: what an invite is, and the file that holds them all. `umweg-proxy invite …` writes it; the running proxy notices.
//! * [`book`]: the running proxy's invites, with what goes through each.
//! * [`usage`]: the counts, as the running proxy writes them down for `invite list` and for its next start.

pub mod book;
pub mod usage;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use rand::Rng;
use serde::{Deserialize, Serialize};
use umweg_io::config::write_secret;
use umweg_wire::Timestamp;
use umweg_wire::limits::{INVITES_MAX, NAME_BYTES_MAX};

use crate::amount::Amount;
use crate::date::Date;

/// Random bytes in a secret path.
const SECRET_BYTES: usize = 18;
/// What the invite is called that is made at the first start.
pub const FIRST: &str = "first";

/// Who may come in, how often, and until when.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Invite {
    /// For the volunteer's eyes.
    pub name: String,
    /// The secret.
    pub path: String,
    /// Connections at once. One person has one, and another one or two in a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_max: Option<u32>,
    /// Bytes a second, of all its connections together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<Amount>,
    /// Bytes in a month, both directions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly: Option<Amount>,
    /// The last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
}

impl Invite {
    /// Without bounds.
    #[must_use]
    pub fn new(name: &str, rng: &mut impl Rng) -> Self {
        let mut secret = [0; SECRET_BYTES];
        rng.fill_bytes(&mut secret);
        let path = format!("/{}", BASE64URL_NOPAD.encode(&secret));
        Self { name: name.to_owned(), path, connections_max: None, bandwidth: None, monthly: None, expires: None }
    }

    /// Whether its last day is over.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|last| Date::of(now) > last)
    }

    fn is_whole(&self) -> bool {
        let path = self.path.strip_prefix('/').is_some_and(|secret| {
            (SECRET_BYTES..=128).contains(&secret.len())
                && secret.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        });
        path && is_name(&self.name)
    }
}

/// The invites of a data folder.
#[derive(Clone)]
pub struct Invites {
    folder: PathBuf,
}

/// Why the invites cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum InvitesError {
    /// A file.
    #[error("cannot read or write {0}: {1}. Is it the proxy's data folder (--data), and may this user write to it?")]
    File(PathBuf, io::Error),
    /// Its content.
    #[error("{0} is damaged: restore it, or delete it to begin with a new first invite. {1}")]
    Damaged(PathBuf, String),
    /// A second one of that name.
    #[error("there is an invite {0:?} already: revoke it first, or choose another name")]
    Taken(String),
    /// None of that name.
    #[error("there is no invite {0:?}: `umweg-proxy invite list` shows them")]
    Unknown(String),
    /// Not a name.
    #[error("the name of an invite is 1 to {NAME_BYTES_MAX} bytes, without line breaks")]
    Name,
    /// Too many.
    #[error("there are {INVITES_MAX} invites: revoke some first")]
    Many,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(default, rename = "invite")]
    invites: Vec<Invite>,
}

impl Invites {
    /// Those of that folder.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Makes the first one if there was never any.
    pub fn begin(&self, rng: &mut impl Rng) -> Result<(), InvitesError> {
        if self.file().exists() {
            return self.read().map(|_| ());
        }
        self.change(|invites| {
            if invites.is_empty() {
                invites.push(Invite::new(FIRST, rng));
            }
            Ok(())
        })
    }

    /// All of them, the oldest first.
    pub fn read(&self) -> Result<Vec<Invite>, InvitesError> {
        let file = self.file();
        let text = match std::fs::read_to_string(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|error| InvitesError::File(file.clone(), error))?,
        };
        // What is wrong is told without the line where it is: that has a secret.
        let damaged = |what: &str| InvitesError::Damaged(file.clone(), what.to_owned());
        let stored: Stored = toml::from_str(&text).map_err(|error| damaged(error.message()))?;
        match stored.invites.iter().find(|invite| !invite.is_whole()) {
            Some(invite) => Err(damaged(&format!("The invite {:?} is incomplete.", invite.name))),
            None => Ok(stored.invites),
        }
    }

    /// The one of that name.
    pub fn named(&self, name: &str) -> Result<Invite, InvitesError> {
        self.read()?.into_iter().find(|invite| invite.name == name).ok_or_else(|| InvitesError::Unknown(name.to_owned()))
    }

    /// One more.
    pub fn add(&self, invite: Invite) -> Result<(), InvitesError> {
        if !is_name(&invite.name) {
            return Err(InvitesError::Name);
        }
        self.change(|invites| {
            if invites.iter().any(|other| other.name == invite.name) {
                return Err(InvitesError::Taken(invite.name));
            }
            if invites.len() >= INVITES_MAX {
                return Err(InvitesError::Many);
            }
            invites.push(invite);
            Ok(())
        })
    }

    /// One less.
    pub fn revoke(&self, name: &str) -> Result<(), InvitesError> {
        self.change(|invites| {
            let before = invites.len();
            invites.retain(|invite| invite.name != name);
            if invites.len() < before { Ok(()) } else { Err(InvitesError::Unknown(name.to_owned())) }
        })
    }

    /// Reads, changes and writes, while nobody else does.
    fn change(&self, change: impl FnOnce(&mut Vec<Invite>) -> Result<(), InvitesError>) -> Result<(), InvitesError> {
        let lock = self.folder.join("invites.lock");
        let locked =
            File::create(&lock).and_then(|file| file.lock().map(|()| file)).map_err(|error| InvitesError::File(lock, error))?;
        let mut invites = self.read()?;
        change(&mut invites)?;
        let file = self.file();
        let text = toml::to_string(&Stored { invites }).map_err(|error| InvitesError::Damaged(file.clone(), error.to_string()))?;
        write_secret(&file, text.as_bytes()).map_err(|error| InvitesError::File(file, error))?;
        drop(locked);
        Ok(())
    }

    fn file(&self) -> PathBuf {
        self.folder.join("invites.toml")
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(invites: &Invites) -> Vec<String> {
        invites.read().unwrap().into_iter().map(|invite| invite.name).collect()
    }

    #[test]
    fn the_first_is_made_once_and_revoked_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let invites = Invites::of(folder.path());
        invites.begin(&mut rand::rng()).unwrap();
        let path = invites.named(FIRST).unwrap().path;
        invites.begin(&mut rand::rng()).unwrap();
        assert_eq!(invites.named(FIRST).unwrap().path, path);
        invites.revoke(FIRST).unwrap();
        invites.begin(&mut rand::rng()).unwrap();
        assert!(names(&invites).is_empty());
    }

    #[test]
    fn each_has_a_secret_of_its_own_and_its_bounds_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let invites = Invites::of(folder.path());
        let bounded = Invite {
            connections_max: Some(3),
            bandwidth: Some(Amount(1)),
            monthly: Some(Amount(2)),
            expires: Some("2027-01-31".parse().unwrap()),
            ..Invite::new("my sister, \"Ana\"", &mut rand::rng())
        };
        invites.add(bounded.clone()).unwrap();
        invites.add(Invite::new("two", &mut rand::rng())).unwrap();
        assert!(invites.named(&bounded.name).unwrap() == bounded);
        assert_ne!(invites.named("two").unwrap().path, bounded.path);
        invites.revoke("two").unwrap();
        assert_eq!(names(&invites), [bounded.name]);
    }

    #[test]
    fn the_file_is_for_this_user_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let invites = Invites::of(folder.path());
        invites.begin(&mut rand::rng()).unwrap();
        assert_eq!(std::fs::metadata(invites.file()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn two_who_change_them_at_once_both_do() {
        let folder = tempfile::tempdir().unwrap();
        let invites = Invites::of(folder.path());
        std::thread::scope(|scope| {
            for number in 0..8 {
                let invites = &invites;
                scope.spawn(move || invites.add(Invite::new(&number.to_string(), &mut rand::rng())).unwrap());
            }
        });
        assert_eq!(names(&invites).len(), 8);
    }

    #[test]
    fn mistakes_are_told_without_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let invites = Invites::of(folder.path());
        invites.begin(&mut rand::rng()).unwrap();
        assert!(matches!(invites.add(Invite::new(FIRST, &mut rand::rng())), Err(InvitesError::Taken(_))));
        assert!(matches!(invites.add(Invite::new("a\nb", &mut rand::rng())), Err(InvitesError::Name)));
        assert!(matches!(invites.revoke("nobody"), Err(InvitesError::Unknown(_))));
        let secret = invites.named(FIRST).unwrap().path;
        for damage in
            [format!("[[invite]]\nname = \"x\"\npath = \"{secret}"), format!("[[invite]]\nname = \"x\"\npath = \"{secret} \"")]
        {
            std::fs::write(invites.file(), damage).unwrap();
            let words = invites.read().err().unwrap().to_string();
            assert!(words.contains("is damaged") && !words.contains(&secret), "{words}");
        }
    }

    #[test]
    fn an_invite_ends_with_its_last_day() {
        let invite = Invite { expires: Some("2026-12-31".parse().unwrap()), ..Invite::new("x", &mut rand::rng()) };
        let midnight = Timestamp(1_798_761_600_000);
        assert!(!invite.has_expired(Timestamp(midnight.0 - 1)) && invite.has_expired(midnight));
    }
}
