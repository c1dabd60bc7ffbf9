//! The data folder: its lock, the service's key, and where things lie in it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;
use umweg_io::session::StaticKey;
use zeroize::Zeroizing;

/// The folder of a running service.
pub struct DataFolder {
    folder: PathBuf,
    _lock: File,
    /// Vanishes with the service.
    _temporary: Option<TempDir>,
}

/// Why a folder cannot be used. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made, or nothing can be written into it.
    #[error("cannot write to the folder {0}: {1}. Create it, give it to this user (chown), or choose another with --data")]
    Unwritable(PathBuf, io::Error),
    /// Two services on one database would undo each other.
    #[error("the folder {0} is in use by another umweg-server: stop that one, or choose another folder with --data")]
    InUse(PathBuf),
    /// The service's key cannot be read.
    #[error("cannot read the service's key {0}: {1}. It must belong to this user")]
    UnreadableKey(PathBuf, io::Error),
    /// Others may read the service's key.
    #[error("the service's key {0} can be read by others: they could pose as this service. Run `chmod 600` on it")]
    OpenKey(PathBuf),
    /// The service's key is not one.
    #[error(
        "{0} is not a service's key: restore it from a backup. (Without it a new one is made, and every link given out is void)"
    )]
    DamagedKey(PathBuf),
}

impl DataFolder {
    /// Takes a folder, and makes it if it is not there; without one, a temporary one.
    pub fn open(folder: Option<&Path>) -> Result<Self, FolderError> {
        let temporary = match folder {
            Some(_) => None,
            None => Some(TempDir::new().map_err(|error| FolderError::Unwritable(std::env::temp_dir(), error))?),
        };
        let folder = folder.or(temporary.as_ref().map(TempDir::path)).unwrap_or(Path::new(".")).to_owned();
        make(&folder)?;
        let lock = lock(&folder)?;
        Ok(Self { folder, _lock: lock, _temporary: temporary })
    }

    /// The database's file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder.join("logs.sqlite")
    }

    /// The folder of the sealed files.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.folder.join("files")
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The service's key, made at first.
    pub fn static_key(&self) -> Result<StaticKey, FolderError> {
        Self::key_in(&self.folder)
    }

    /// The key of the service whose folder that is, or will be. The service may be running.
    pub fn key_in(folder: &Path) -> Result<StaticKey, FolderError> {
        make(folder)?;
        let file = folder.join("static.key");
        let make = || StaticKey::random(&mut rand::rng()).to_bytes().to_vec();
        let bytes = umweg_io::config::load_or_make_secret(&file, make);
        let bytes = Zeroizing::new(bytes.map_err(|error| FolderError::UnreadableKey(file.clone(), error))?);
        let mode = std::fs::metadata(&file).map_err(|error| FolderError::UnreadableKey(file.clone(), error))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(FolderError::OpenKey(file));
        }
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| FolderError::DamagedKey(file))?;
        Ok(StaticKey::from_bytes(bytes))
    }
}

fn make(folder: &Path) -> Result<(), FolderError> {
    for made in [folder, &folder.join("files")] {
        let unwritable = |error| FolderError::Unwritable(folder.to_owned(), error);
        DirBuilder::new().recursive(true).mode(0o700).create(made).map_err(unwritable)?;
    }
    Ok(())
}

fn lock(folder: &Path) -> Result<File, FolderError> {
    let unwritable = |error| FolderError::Unwritable(folder.to_owned(), error);
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(folder.join("lock")).map_err(unwritable)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(error) if error == rustix::io::Errno::WOULDBLOCK => Err(FolderError::InUse(folder.to_owned())),
        Err(error) => Err(unwritable(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_for_this_user() {
        let place = tempfile::tempdir().unwrap();
        let made = *DataFolder::open(Some(place.path())).unwrap().static_key().unwrap().public();
        let again = DataFolder::open(Some(place.path())).unwrap();
        assert!(made == *again.static_key().unwrap().public());
        let file = place.path().join("static.key");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(again.static_key(), Err(FolderError::OpenKey(_))));
    }

    #[test]
    fn a_damaged_key_is_not_replaced() {
        let place = tempfile::tempdir().unwrap();
        umweg_io::config::write_secret(&place.path().join("static.key"), b"too short").unwrap();
        assert!(matches!(DataFolder::open(Some(place.path())).unwrap().static_key(), Err(FolderError::DamagedKey(_))));
    }

    #[test]
    fn two_services_do_not_share_a_folder() {
        let place = tempfile::tempdir().unwrap();
        let first = DataFolder::open(Some(place.path())).unwrap();
        assert!(matches!(DataFolder::open(Some(place.path())), Err(FolderError::InUse(_))));
        drop(first);
        assert!(DataFolder::open(Some(place.path())).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("file"), b"").unwrap();
        let error = DataFolder::open(Some(&place.path().join("file/folder"))).err().unwrap();
        assert!(error.to_string().contains("file/folder") && error.to_string().contains("--data"));
    }
}
