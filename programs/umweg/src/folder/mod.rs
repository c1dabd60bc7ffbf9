//! The folder that holds everything of one account on one computer, and the lock that keeps a second app out.
//!
//! | file | what it is |
//! |---|---|
//! | `umweg.db` | the database, encrypted by SQLCipher: `vault` |
//! | `key` | its key, or where the system's key ring has it; there is none where a passphrase protects it: `vault` |
//! | `lock` | locked by the app that runs, so the system frees it whatever the app dies of |
//! | `run.json` | where the running app listens, and the secret for it |
//!
//! The folder and every file in it are the owner's alone.

mod keyring;
mod running;
mod settings;
mod vault;

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub(crate) use running::Running;
pub(crate) use settings::Settings;
pub(crate) use vault::{KeyFrom, Passphrases, Vault, VaultError, from_store};

/// Why the folder cannot be used. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("another umweg runs on {}: use that one, stop it, or choose another folder with --data", .0.display())]
    InUse(PathBuf),
    #[error("the folder {} cannot be written: {}", folder.display(), advice(error))]
    NotWritable { folder: PathBuf, error: io::Error },
}

/// The folder, with its lock held.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens it, makes it if needed, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        let not_writable = |error| FolderError::NotWritable { folder: path.to_owned(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(not_writable)?;
        let lock = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(not_writable)?;
        match lock.try_lock() {
            Ok(()) => {
                running::forget(path);
                Ok(Self { path: path.to_owned(), _lock: lock })
            }
            Err(TryLockError::WouldBlock) => Err(FolderError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(not_writable(error)),
        }
    }

    /// The database in it.
    pub(crate) fn vault(&self) -> Vault<'_> {
        Vault::in_folder(&self.path)
    }

    /// Tells commands where this app listens, until the answer is dropped.
    pub(crate) fn announce(&self, running: &Running) -> Result<running::Announced, FolderError> {
        running::announce(&self.path, running).map_err(|error| FolderError::NotWritable { folder: self.path.clone(), error })
    }
}

/// Where a person's folder is by default: `$XDG_DATA_HOME/umweg` or `~/.local/share/umweg`.
pub(crate) fn default_path() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share"))).map(|data| data.join("umweg"))
}

/// What to do about an error of the file system.
pub(crate) fn advice(error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full: make room",
        io::ErrorKind::ReadOnlyFilesystem => "it is on a read-only disk: choose another with --data",
        io::ErrorKind::PermissionDenied => "it is not yours to write: choose another with --data",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "something in its path is a file: choose another with --data"
        }
        _ => return error.to_string(),
    };
    advice.to_owned()
}

/// Writes a file for the owner's eyes only: whole or not at all, also when the power fails.
fn write_secret(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&unfinished)?;
    io::Write::write_all(&mut file, content)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_second_app_on_the_folder_is_refused_until_the_first_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let first = Folder::open(place.path()).unwrap();
        let refused = Folder::open(place.path()).err().unwrap().to_string();
        assert!(refused.contains("another umweg runs on"), "{refused}");
        drop(first);
        assert!(Folder::open(place.path()).is_ok());
    }

    #[test]
    fn a_new_folder_is_the_owners_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("new/folder");
        let _folder = Folder::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(std::fs::metadata(path.join("lock")).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_where_the_folder_should_be_is_said() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        std::fs::write(&path, "").unwrap();
        let refused = Folder::open(&path.join("inside")).err().unwrap().to_string();
        assert!(refused.contains("something in its path is a file"), "{refused}");
    }

    #[test]
    fn a_secret_file_is_replaced_whole_and_unreadable_for_others() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("key");
        write_secret(&path, b"first").unwrap();
        write_secret(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
