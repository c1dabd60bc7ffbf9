//! The database and what unlocks it.
//!
//! SQLCipher encrypts every page of the file. Its key is, as the person chooses when the folder is new:
//! - 32 random bytes in the file `key`, for the owner's eyes only: protects backups of the database and a stolen copy of it,
//!   not a stolen computer whose disk is not encrypted;
//! - a passphrase, stretched by SQLCipher (PBKDF2-HMAC-SHA512, 256,000 rounds), which is stored nowhere.

use std::io;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use rand::TryRng;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use zeroize::{Zeroize, Zeroizing};

/// What the database file is called.
const DATABASE: &str = "umweg.db";
const KEY: &str = "key";
const KEY_LEN: usize = 32;

/// Where a passphrase comes from.
pub(crate) trait Passphrases {
    /// For a new database; `None`: a key file is to protect it.
    fn choose(&mut self) -> Result<Option<Zeroizing<String>>, VaultError>;
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
    File(Zeroizing<[u8; KEY_LEN]>),
    Passphrase(Zeroizing<String>),
}

impl<'a> Vault<'a> {
    pub(super) fn in_folder(folder: &'a Path) -> Self {
        Self { folder }
    }

    /// Finds what opens the database, and whether it does; makes a new database where there is none.
    pub(crate) fn unlock(&self, passphrases: &mut impl Passphrases) -> Result<Unlocked, VaultError> {
        let key = self.key(passphrases)?;
        let database = self.folder.join(DATABASE);
        make_private(&database).map_err(|error| VaultError::NotWritable { file: database.clone(), error })?;
        let unlocked = Unlocked { database, key };
        match (unlocked.connect(), &unlocked.key) {
            (Ok(_), _) => Ok(unlocked),
            (Err(VaultError::WrongPassphrase), Key::File(_)) => Err(VaultError::WrongKey(self.folder.join(KEY))),
            (Err(error), _) => Err(error),
        }
    }

    fn key(&self, passphrases: &mut impl Passphrases) -> Result<Key, VaultError> {
        let file = self.folder.join(KEY);
        let database_is_there = std::fs::metadata(self.folder.join(DATABASE)).is_ok_and(|database| database.len() > 0);
        match std::fs::read(&file).map(Zeroizing::new) {
            Ok(bytes) => {
                let key = <[u8; KEY_LEN]>::try_from(bytes.as_slice()).map_err(|_| VaultError::WrongKey(file))?;
                return Ok(Key::File(Zeroizing::new(key)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(VaultError::NotWritable { file, error }),
        }
        if database_is_there {
            return passphrases.ask().map(Key::Passphrase);
        }
        if let Some(passphrase) = passphrases.choose()? {
            return if passphrase.is_empty() { Err(VaultError::Empty) } else { Ok(Key::Passphrase(passphrase)) };
        }
        let mut key = Zeroizing::new([0; KEY_LEN]);
        rand::rngs::SysRng.try_fill_bytes(&mut key[..]).map_err(|_| VaultError::NoRandomness)?;
        super::write_secret(&file, &key[..]).map_err(|error| VaultError::NotWritable { file, error })?;
        Ok(Key::File(key))
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
        Key::File(key) => Zeroizing::new(format!("x'{}'", HEXLOWER.encode(&key[..]))),
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
        fn choose(&mut self) -> Result<Option<Zeroizing<String>>, VaultError> {
            Ok(self.0.map(|word| Zeroizing::new(word.to_owned())))
        }
        fn ask(&mut self) -> Result<Zeroizing<String>, VaultError> {
            self.choose()?.ok_or(VaultError::NobodyToAsk)
        }
    }

    fn unlock(place: &Path, says: Option<&'static str>) -> Result<Connection, VaultError> {
        Vault::in_folder(place).unlock(&mut Says(says))?.connect()
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
}
