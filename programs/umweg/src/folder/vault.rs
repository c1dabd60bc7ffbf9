//! The database and what unlocks it.
//!
//! SQLCipher encrypts every page of the file. Its key is one of these:
//! - 32 random bytes, kept by the system's key ring: `keyring`. A stolen disk or backup stays closed, as far as the desktop's own
//!   password goes;
//! - 32 random bytes in the file `key`, for the owner's eyes only, where there is no key ring: protects backups of the database and
//!   a stolen copy of it, not a stolen computer whose disk is not encrypted;
//! - a passphrase, stretched by SQLCipher (PBKDF2-HMAC-SHA512, 256,000 rounds), which is stored nowhere.
//!
//! The file `key` is the one place that says which: it holds the key, or under which name the key ring has it, or is not there. It is
//! replaced whole, so a move from one to the other is done or not done, whenever the program is killed:
//!
//! 1. into the key ring: the key ring keeps the key and shows that it has it → the file is replaced by the name;
//! 2. out of it: the file is replaced by the key → the key ring forgets it.

use std::io;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use rand::TryRng;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use zeroize::{Zeroize, Zeroizing};

use super::keyring::{Fingerprint, KeyRing, KeyRingError};

/// What the database file is called.
const DATABASE: &str = "umweg.db";
const KEY: &str = "key";
const KEY_LEN: usize = 32;
/// How the file `key` begins when the key ring has the key. It is longer than a key in any case.
const IN_KEY_RING: &str = "in the system's key ring: ";

/// The key of a database, unless it is a passphrase.
pub(super) type FolderKey = Zeroizing<[u8; KEY_LEN]>;

/// Who keeps the database's key.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KeyFrom {
    /// Of a new folder: the system's key ring where one is open, else a key file
    Auto,
    /// The system's key ring; a key file is moved into it
    Keyring,
    /// A file beside the database that only you can read; a key in the key ring is moved into it
    File,
    /// Nobody: a passphrase that you type at every start, or UMWEG_PASSPHRASE
    Passphrase,
}

/// Where a passphrase comes from.
pub(crate) trait Passphrases {
    /// The one that is given without asking anybody.
    fn given(&mut self) -> Option<Zeroizing<String>>;
    /// For a new database.
    fn choose(&mut self) -> Result<Zeroizing<String>, VaultError>;
    /// For the one that is there.
    fn ask(&mut self) -> Result<Zeroizing<String>, VaultError>;
}

/// Why the database does not open. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    #[error("the file {} does not open the database: it is damaged, or belongs to another folder", .0.display())]
    WrongKey(PathBuf),
    #[error(transparent)]
    KeyRing(#[from] KeyRingError),
    #[error("a passphrase protects this folder, and stays: leave --key-from out")]
    StaysPassphrase,
    #[error("this folder has a key already: a passphrase can be chosen for a new folder only, so leave --key-from out")]
    StaysKey,
    #[error("a passphrase protects this folder: start in a terminal, or set UMWEG_PASSPHRASE")]
    NobodyToAsk,
    #[error("the two passphrases are not the same")]
    NotTheSame,
    #[error("the passphrase is empty")]
    Empty,
    #[error("the disk is full: make room, nothing was lost")]
    DiskFull,
    #[error("{} cannot be written: {}", .file.display(), super::advice(.error))]
    NotWritable { file: PathBuf, error: io::Error },
    #[error("the database is on a read-only disk, or not yours to write: choose another folder with --data")]
    ReadOnly,
    #[error("the system gives no random numbers")]
    NoRandomness,
    #[error("the database failed")]
    Store(#[source] rusqlite::Error),
}

/// A database that is still locked.
pub(crate) struct Vault<'a> {
    folder: &'a Path,
}

/// A database, and what opens it.
pub(crate) struct Unlocked {
    database: PathBuf,
    key: Key,
}

enum Key {
    Bytes(FolderKey),
    Passphrase(Zeroizing<String>),
}

/// What the file `key` says.
enum Kept {
    Nowhere,
    InFile(FolderKey),
    InKeyRing(Fingerprint),
}

impl<'a> Vault<'a> {
    pub(super) fn in_folder(folder: &'a Path) -> Self {
        Self { folder }
    }

    /// Finds what opens the database, and whether it does; makes a new database where there is none. A key is moved to where it is
    /// wished only after it has opened the database.
    pub(crate) async fn unlock(&self, from: KeyFrom, passphrases: &mut impl Passphrases) -> Result<Unlocked, VaultError> {
        let kept = self.kept()?;
        match (&kept, from, self.has_database()) {
            (Kept::Nowhere, KeyFrom::Keyring | KeyFrom::File, true) => Err(VaultError::StaysPassphrase),
            (Kept::InFile(_) | Kept::InKeyRing(_), KeyFrom::Passphrase, _) => Err(VaultError::StaysKey),
            (Kept::Nowhere, _, true) => self.open(Key::Passphrase(passphrases.ask()?)),
            (Kept::Nowhere, _, false) => self.open(self.new_key(from, passphrases).await?),
            (Kept::InFile(key), KeyFrom::Keyring, _) => {
                let unlocked = self.open(Key::Bytes(key.clone()))?;
                self.keep_in_ring(&KeyRing::open().await?, key).await?;
                Ok(unlocked)
            }
            (Kept::InFile(key), ..) => self.open(Key::Bytes(key.clone())),
            (Kept::InKeyRing(fingerprint), ..) => {
                let ring = KeyRing::open().await?;
                let key = ring.fetch(*fingerprint).await?;
                let unlocked = self.open(Key::Bytes(key.clone()))?;
                if from == KeyFrom::File {
                    self.write_key(&key[..])?;
                    // The move is done; what is left over is the person's to remove.
                    if let Err(error) = ring.forget(*fingerprint).await {
                        tracing::warn!(%error, "the system's key ring has the key still: remove it there");
                    }
                }
                Ok(unlocked)
            }
        }
    }

    fn open(&self, key: Key) -> Result<Unlocked, VaultError> {
        let database = self.folder.join(DATABASE);
        make_private(&database).map_err(|error| VaultError::NotWritable { file: database.clone(), error })?;
        let unlocked = Unlocked { database, key };
        match (unlocked.connect(), &unlocked.key) {
            (Ok(_), _) => Ok(unlocked),
            (Err(VaultError::WrongPassphrase), Key::Bytes(_)) => Err(VaultError::WrongKey(self.folder.join(KEY))),
            (Err(error), _) => Err(error),
        }
    }

    fn has_database(&self) -> bool {
        std::fs::metadata(self.folder.join(DATABASE)).is_ok_and(|database| database.len() > 0)
    }

    fn kept(&self) -> Result<Kept, VaultError> {
        let file = self.folder.join(KEY);
        let bytes = match std::fs::read(&file).map(Zeroizing::new) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::Nowhere),
            Err(error) => return Err(VaultError::NotWritable { file, error }),
        };
        if let Ok(key) = <[u8; KEY_LEN]>::try_from(bytes.as_slice()) {
            return Ok(Kept::InFile(Zeroizing::new(key)));
        }
        let name = str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().strip_prefix(IN_KEY_RING));
        name.and_then(Fingerprint::from_text).map(Kept::InKeyRing).ok_or(VaultError::WrongKey(file))
    }

    async fn new_key(&self, from: KeyFrom, passphrases: &mut impl Passphrases) -> Result<Key, VaultError> {
        let passphrase = match (from, passphrases.given()) {
            (KeyFrom::Auto | KeyFrom::Passphrase, Some(given)) => Some(given),
            (KeyFrom::Passphrase, None) => Some(passphrases.choose()?),
            _ => None,
        };
        if let Some(passphrase) = passphrase {
            return if passphrase.is_empty() { Err(VaultError::Empty) } else { Ok(Key::Passphrase(passphrase)) };
        }
        let mut key = FolderKey::default();
        rand::rngs::SysRng.try_fill_bytes(&mut key[..]).map_err(|_| VaultError::NoRandomness)?;
        match self.ring_for_a_new_key(from).await? {
            Some(ring) => self.keep_in_ring(&ring, &key).await?,
            None => self.write_key(&key[..])?,
        }
        Ok(Key::Bytes(key))
    }

    /// `None`: a file is to keep it. Nobody is asked to unlock or make a key ring unless they wished for one.
    async fn ring_for_a_new_key(&self, from: KeyFrom) -> Result<Option<KeyRing>, VaultError> {
        match from {
            KeyFrom::Keyring => Ok(Some(KeyRing::open().await?)),
            KeyFrom::Auto => match KeyRing::open().await {
                Ok(ring) if ring.is_open().await => Ok(Some(ring)),
                _ => Ok(None),
            },
            KeyFrom::File | KeyFrom::Passphrase => Ok(None),
        }
    }

    async fn keep_in_ring(&self, ring: &KeyRing, key: &FolderKey) -> Result<(), VaultError> {
        let fingerprint = ring.keep(key).await?;
        self.write_key(format!("{IN_KEY_RING}{}\n", fingerprint.to_text()).as_bytes())
    }

    fn write_key(&self, content: &[u8]) -> Result<(), VaultError> {
        let file = self.folder.join(KEY);
        super::write_secret(&file, content).map_err(|error| VaultError::NotWritable { file, error })
    }
}

impl Unlocked {
    /// A connection to the database.
    pub(crate) fn connect(&self) -> Result<Connection, VaultError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.database, flags).map_err(from_store)?;
        apply(&self.key, &connection).map_err(from_store)?;
        // The first read tells whether the key is right.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).map_err(from_store)?;
        Ok(connection)
    }
}

fn apply(key: &Key, connection: &Connection) -> rusqlite::Result<()> {
    let mut pragma = match key {
        Key::Bytes(key) => Zeroizing::new(format!("x'{}'", HEXLOWER.encode(&key[..]))),
        Key::Passphrase(passphrase) => passphrase.clone(),
    };
    let applied = connection.pragma_update(None, "key", pragma.as_str());
    pragma.zeroize();
    applied?;
    // What goes wrong is an error here; SQLCipher would write its own lines to standard error beside it. The key switches them on.
    connection.query_row("PRAGMA cipher_log_level = NONE", [], |_| Ok(())).optional().map(drop)
}

/// SQLite makes files that others may read; a file that is there keeps its mode.
fn make_private(database: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(database).map(drop)
}

/// What went wrong in the database, in words that say what to do.
pub(crate) fn from_store(error: rusqlite::Error) -> VaultError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => VaultError::WrongPassphrase,
        Some(ErrorCode::DiskFull) => VaultError::DiskFull,
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => VaultError::ReadOnly,
        _ => VaultError::Store(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers as a person would who was asked.
    struct Says(Option<&'static str>);

    impl Passphrases for Says {
        fn given(&mut self) -> Option<Zeroizing<String>> {
            self.0.map(|word| Zeroizing::new(word.to_owned()))
        }
        fn choose(&mut self) -> Result<Zeroizing<String>, VaultError> {
            self.ask()
        }
        fn ask(&mut self) -> Result<Zeroizing<String>, VaultError> {
            self.given().ok_or(VaultError::NobodyToAsk)
        }
    }

    fn unlock(place: &Path, says: Option<&'static str>) -> Result<Connection, VaultError> {
        // These are tests of the file and the passphrase; nothing of a test belongs in somebody's key ring: tests/keyring.rs brings one.
        unlock_from(if says.is_none() && !place.join(DATABASE).exists() { KeyFrom::File } else { KeyFrom::Auto }, place, says)
    }

    fn unlock_from(from: KeyFrom, place: &Path, says: Option<&'static str>) -> Result<Connection, VaultError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Vault::in_folder(place).unlock(from, &mut Says(says)))?.connect()
    }

    fn write_something(database: &Connection) {
        database.execute_batch("CREATE TABLE t (x TEXT); INSERT INTO t VALUES ('plain words')").unwrap();
    }

    #[test]
    fn a_key_file_opens_it_again_and_nothing_stands_readable_on_the_disk() {
        let place = tempfile::tempdir().unwrap();
        write_something(&unlock(place.path(), None).unwrap());
        let bytes = std::fs::read(place.path().join(DATABASE)).unwrap();
        assert!(!bytes.windows(11).any(|part| part == b"plain words") && !bytes.starts_with(b"SQLite format"));
        let again = unlock(place.path(), None).unwrap();
        assert_eq!(again.query_row("SELECT x FROM t", [], |row| row.get::<_, String>(0)).unwrap(), "plain words");
    }

    #[test]
    fn another_key_file_is_noticed() {
        let place = tempfile::tempdir().unwrap();
        write_something(&unlock(place.path(), None).unwrap());
        std::fs::write(place.path().join(KEY), [9; KEY_LEN]).unwrap();
        assert!(matches!(unlock(place.path(), None), Err(VaultError::WrongKey(_))));
        std::fs::write(place.path().join(KEY), [9; 5]).unwrap();
        assert!(matches!(unlock(place.path(), None), Err(VaultError::WrongKey(_))));
    }

    #[test]
    fn a_passphrase_opens_it_again_and_another_does_not() {
        let place = tempfile::tempdir().unwrap();
        write_something(&unlock(place.path(), Some("it's right")).unwrap());
        assert!(!place.path().join(KEY).exists());
        assert!(unlock(place.path(), Some("it's right")).is_ok());
        assert!(matches!(unlock(place.path(), Some("it's wrong")), Err(VaultError::WrongPassphrase)));
        assert!(matches!(unlock(place.path(), None), Err(VaultError::NobodyToAsk)));
    }

    #[test]
    fn an_empty_passphrase_protects_nothing_and_is_refused() {
        let place = tempfile::tempdir().unwrap();
        assert!(matches!(unlock(place.path(), Some("")), Err(VaultError::Empty)));
    }

    #[test]
    fn what_protects_a_folder_is_not_changed_by_a_wish_that_cannot_be_met() {
        let place = tempfile::tempdir().unwrap();
        write_something(&unlock(place.path(), Some("it's right")).unwrap());
        assert!(matches!(unlock_from(KeyFrom::File, place.path(), None), Err(VaultError::StaysPassphrase)));
        let place = tempfile::tempdir().unwrap();
        write_something(&unlock(place.path(), None).unwrap());
        assert!(matches!(unlock_from(KeyFrom::Passphrase, place.path(), Some("x")), Err(VaultError::StaysKey)));
        assert!(unlock(place.path(), None).is_ok());
    }
}
