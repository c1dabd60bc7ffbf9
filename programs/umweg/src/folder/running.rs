//! `run.json`: how a command finds the app that runs on the folder.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::pages::Secret;

const FILE: &str = "run.json";

/// Where an app listens.
#[derive(Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) port: u16,
    pub(crate) secret: Secret,
}

/// The file is there as long as this value.
pub(crate) struct Announced(PathBuf);

impl Running {
    /// The app that runs on the folder; `None`: none has said so (yet).
    pub(crate) fn find(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.join(FILE)).ok()?).ok()
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        // A file left behind harms nothing: the next app on the folder removes it before it takes its place.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What an app left behind that was killed.
pub(super) fn forget(folder: &Path) {
    let _ = std::fs::remove_file(folder.join(FILE));
}

pub(super) fn announce(folder: &Path, running: &Running) -> io::Result<Announced> {
    let path = folder.join(FILE);
    super::write_secret(&path, &serde_json::to_vec(running)?)?;
    Ok(Announced(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_app_is_found_until_it_stops() {
        let place = tempfile::tempdir().unwrap();
        assert!(Running::find(place.path()).is_none());
        let secret = Secret::random();
        let announced = announce(place.path(), &Running { port: 4_000, secret: secret.clone() }).unwrap();
        let found = Running::find(place.path()).unwrap();
        assert!(found.port == 4_000 && found.secret.expose() == secret.expose());
        drop(announced);
        assert!(Running::find(place.path()).is_none());
    }

    #[test]
    fn a_damaged_file_is_no_running_app() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join(FILE), "{\"port\":").unwrap();
        assert!(Running::find(place.path()).is_none());
    }
}
