//! The system's key ring: the Secret Service of the desktop (GNOME Keyring, KWallet, KeePassXC) on the session's D-Bus.
//!
//! It keeps a folder's key under the key's own fingerprint. So keeping it twice changes nothing, a key of another folder is never
//! replaced, and what comes back can be checked. The key travels under a Diffie-Hellman session, and as text: KWallet keeps nothing
//! else. Every question has a time limit; only unlocking, where a person types, has a long one.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use data_encoding::HEXLOWER;
use secret_service::{EncryptionType, Error, SecretService};
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use umweg_wire::limits::{KEYRING_ANSWER_TIME_MAX, KEYRING_UNLOCK_TIME_MAX};
use zeroize::Zeroizing;

use super::vault::FolderKey;

const LABEL: &str = "Umweg: the key of a folder";
const CONTENT_TYPE: &str = "text/plain";
const FINGERPRINT_LABEL: &[u8] = b"umweg 1 folder key fingerprint";
const FINGERPRINT_LEN: usize = 16;

/// Why the key ring does not give or take the key. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyRingError {
    #[error(
        "the system's key ring does not answer: start where your desktop session runs, and its key ring with it. A folder that is \
         new can have a key file instead: --key-from file"
    )]
    NotThere,
    #[error("the system's key ring stays locked: unlock it and start again")]
    Locked,
    #[error(
        "the system's key ring has no place to keep keys: make a key ring (in GNOME: Passwords and Keys), or choose --key-from file"
    )]
    NoPlace,
    #[error(
        "the system's key ring no longer has this folder's key: bring the key ring back from a backup, since nothing else opens the \
         folder; or choose another folder with --data"
    )]
    Gone,
    #[error("the system's key ring gave something that is not this folder's key: bring the key ring back from a backup")]
    Damaged,
    #[error("the system's key ring failed")]
    Failed(#[source] Error),
}

/// Under which name the key ring has a key: a part of its hash, which tells nothing of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; FINGERPRINT_LEN]);

impl Fingerprint {
    pub(super) fn of(key: &FolderKey) -> Self {
        let hash = Sha256::new().chain_update(FINGERPRINT_LABEL).chain_update(&key[..]).finalize();
        Self(*hash.first_chunk().expect("a hash is longer"))
    }

    pub(super) fn to_text(self) -> String {
        HEXLOWER.encode(&self.0)
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

/// The key ring of the session in which this program runs.
pub(super) struct KeyRing(SecretService<'static>);

impl KeyRing {
    pub(super) async fn open() -> Result<Self, KeyRingError> {
        match timeout(KEYRING_ANSWER_TIME_MAX, SecretService::connect(EncryptionType::Dh)).await {
            Ok(Ok(service)) => Ok(Self(service)),
            Ok(Err(error)) => {
                tracing::debug!(%error, "no key ring");
                Err(KeyRingError::NotThere)
            }
            Err(_) => Err(KeyRingError::NotThere),
        }
    }

    /// Whether it keeps a key without asking anybody: there is a place for keys, and it is open.
    pub(super) async fn is_open(&self) -> bool {
        let is_locked = async { self.0.get_default_collection().await?.is_locked().await };
        matches!(answer(KEYRING_ANSWER_TIME_MAX, is_locked).await, Ok(false))
    }

    /// Keeps the key, and makes sure that it is there.
    pub(super) async fn keep(&self, key: &FolderKey) -> Result<Fingerprint, KeyRingError> {
        let fingerprint = Fingerprint::of(key);
        let place = match answer(KEYRING_ANSWER_TIME_MAX, self.0.get_default_collection()).await {
            Err(KeyRingError::Gone) => return Err(KeyRingError::NoPlace),
            place => place?,
        };
        answer(KEYRING_UNLOCK_TIME_MAX, async { if place.is_locked().await? { place.unlock().await } else { Ok(()) } }).await?;
        let (name, secret) = (fingerprint.to_text(), Zeroizing::new(HEXLOWER.encode(&key[..])));
        let created = place.create_item(LABEL, attributes(&name), secret.as_bytes(), true, CONTENT_TYPE);
        answer(KEYRING_ANSWER_TIME_MAX, created).await?;
        self.fetch(fingerprint).await.map(|_| fingerprint)
    }

    /// The key of that name; where it is locked, the person is asked by the desktop.
    pub(super) async fn fetch(&self, fingerprint: Fingerprint) -> Result<FolderKey, KeyRingError> {
        let name = fingerprint.to_text();
        let found = answer(KEYRING_ANSWER_TIME_MAX, self.0.search_items(attributes(&name))).await?;
        let item = found.unlocked.first().or(found.locked.first()).ok_or(KeyRingError::Gone)?;
        if found.unlocked.is_empty() {
            answer(KEYRING_UNLOCK_TIME_MAX, item.unlock()).await?;
        }
        let secret = Zeroizing::new(answer(KEYRING_ANSWER_TIME_MAX, item.get_secret()).await?);
        let key = decode(&secret).ok_or(KeyRingError::Damaged)?;
        if Fingerprint::of(&key) == fingerprint { Ok(key) } else { Err(KeyRingError::Damaged) }
    }

    /// Forgets the key of that name.
    pub(super) async fn forget(&self, fingerprint: Fingerprint) -> Result<(), KeyRingError> {
        let name = fingerprint.to_text();
        let found = answer(KEYRING_ANSWER_TIME_MAX, self.0.search_items(attributes(&name))).await?;
        for item in &found.unlocked {
            answer(KEYRING_ANSWER_TIME_MAX, item.delete()).await?;
        }
        Ok(())
    }
}

fn attributes(name: &str) -> HashMap<&str, &str> {
    HashMap::from([("application", "umweg"), ("folder-key", name)])
}

fn decode(secret: &[u8]) -> Option<FolderKey> {
    let mut key = FolderKey::default();
    let is_whole = HEXLOWER.decode_len(secret.len()) == Ok(key.len()) && HEXLOWER.decode_mut(secret, &mut key[..]).is_ok();
    is_whole.then_some(key)
}

async fn answer<T>(within: Duration, question: impl Future<Output = Result<T, Error>>) -> Result<T, KeyRingError> {
    match timeout(within, question).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Error::Locked | Error::Prompt)) => Err(KeyRingError::Locked),
        Ok(Err(Error::NoResult)) => Err(KeyRingError::Gone),
        Ok(Err(error)) => Err(KeyRingError::Failed(error)),
        Err(_) if within == KEYRING_UNLOCK_TIME_MAX => Err(KeyRingError::Locked),
        Err(_) => Err(KeyRingError::NotThere),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_key_ring_keeps_is_read_back_whole_or_not_at_all() {
        let key = FolderKey::new([7; 32]);
        assert!(decode(HEXLOWER.encode(&key[..]).as_bytes()).is_some_and(|read| read == key));
        for damaged in [&b""[..], &[b'0'; 62], &[b'0'; 66], &[b'x'; 64], &[0xff; 64]] {
            assert!(decode(damaged).is_none());
        }
    }

    #[test]
    fn a_fingerprint_is_one_keys_own_and_survives_being_written_down() {
        let (one, other) = (Fingerprint::of(&FolderKey::new([1; 32])), Fingerprint::of(&FolderKey::new([2; 32])));
        assert!(one != other);
        assert!(Fingerprint::from_text(&one.to_text()) == Some(one));
        assert!(Fingerprint::from_text("").is_none() && Fingerprint::from_text(&one.to_text()[2..]).is_none());
    }
}
