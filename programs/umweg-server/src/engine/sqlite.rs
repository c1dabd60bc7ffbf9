//! `umweg_delivery::Engine` on one SQLite file.
//!
//! An entry's row id is its log's number and its own, `log << 32 | seq`: entries of a log lie side by side, reading them on is
//! one seek, and appending needs no second index for it. Heads that a transaction changes are written once, at its end.
//! WAL with `synchronous = FULL`: what was committed survives a power cut.

mod rows;
mod transaction;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use umweg_delivery::{Engine, StoreError, Transaction};
use umweg_wire::LogId;

use transaction::SqliteTransaction;

/// The schema's version, in `PRAGMA user_version`.
const VERSION: i64 = 1;

/// For another process that looks at the file, such as a backup.
const BUSY_TIME_MAX: Duration = Duration::from_secs(10);

/// Logs in a file.
pub struct SqliteEngine {
    connection: Connection,
    behavior: TransactionBehavior,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite's word for it.
    #[error("open the database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Written by a newer program.
    #[error("the database has version {0}, which is newer than this program: install the newer umweg-server again")]
    Newer(i64),
}

impl SqliteEngine {
    /// Opens the file for writing, and makes it if it is not there.
    pub fn open(file: &Path) -> Result<Self, OpenError> {
        let mut connection = Connection::open(file)?;
        configure(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        migrate(&mut connection)?;
        Ok(Self { connection, behavior: TransactionBehavior::Immediate })
    }

    /// Opens it a second time, for reading beside the writer.
    pub fn open_reader(file: &Path) -> Result<Self, OpenError> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        configure(&connection)?;
        Ok(Self { connection, behavior: TransactionBehavior::Deferred })
    }

    /// The database may grow to so many pages of 4 kB, and then is full.
    pub fn set_pages_max(&self, pages: u32) -> Result<(), StoreError> {
        self.connection.pragma_update(None, "max_page_count", pages).map_err(store_error)
    }
}

impl Engine for SqliteEngine {
    fn transaction<R>(
        &mut self,
        _touches: &[LogId],
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let sqlite = self.connection.transaction_with_behavior(self.behavior).map_err(store_error)?;
        let mut transaction = SqliteTransaction::new(sqlite);
        let result = work(&mut transaction)?;
        transaction.commit()?;
        Ok(result)
    }
}

fn configure(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(BUSY_TIME_MAX)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "cache_size", -(64 << 10))
}

fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        0 => transaction.execute_batch(include_str!("sqlite/schema-1.sql"))?,
        VERSION => {}
        newer => return Err(OpenError::Newer(newer)),
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

/// Full disks are everyday life; everything else is for the operator.
fn store_error(error: rusqlite::Error) -> StoreError {
    if error.sqlite_error_code() == Some(ErrorCode::DiskFull) { StoreError::Full } else { StoreError::Broken(error.to_string()) }
}
