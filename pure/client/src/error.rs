//! What can go wrong inside the client, and whose fault it is.

use crate::command::CommandError;

/// The device's own store failed, or our code misused it. Nothing of the input was done; it may be given again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite: the disk is full, the file is damaged or locked.
    #[error("use the device's database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Something stored is not what this version writes.
    #[error("read back what was stored: {0}")]
    Corrupt(&'static str),
    /// A defect of ours in the use of keys and groups.
    #[error("use the stored keys: {0}")]
    Seal(String),
}

/// Why a client could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database was written by a later version of the app.
    #[error("open a database of version {found}: this app knows versions up to {known}")]
    TooNew {
        /// The version of the file.
        found: u32,
        /// The newest that this app writes.
        known: u32,
    },
    /// The tables of keys and groups could not be brought up to date.
    #[error("prepare the tables of keys and groups: {0}")]
    Seal(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(_: serde_json::Error) -> Self {
        Self::Corrupt("a stored value")
    }
}

impl From<prost::DecodeError> for StoreError {
    fn from(_: prost::DecodeError) -> Self {
        Self::Corrupt("a stored message")
    }
}

impl From<umweg_wire::MalformedId> for StoreError {
    fn from(_: umweg_wire::MalformedId) -> Self {
        Self::Corrupt("a stored id")
    }
}

/// A failed store, as the person reads it.
impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        if let StoreError::Sqlite(rusqlite::Error::SqliteFailure(failure, _)) = &error
            && failure.code == rusqlite::ErrorCode::DiskFull
        {
            return Self::DiskFull;
        }
        tracing::error!(%error, "a wish could not be written down");
        Self::Ours
    }
}

impl From<rusqlite::Error> for CommandError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<umweg_seal::StoreError> for StoreError {
    fn from(error: umweg_seal::StoreError) -> Self {
        Self::Seal(std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string))
    }
}
