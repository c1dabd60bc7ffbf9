//! Where logs are kept: SQLite, with one thread that commits for all.
//!
//! `sqlite` is the storage, `commit` the threads around it, `hub` who is told of what was committed.

pub mod commit;
pub mod hub;
pub mod sqlite;

pub use commit::Store;
pub use hub::Hub;
pub use sqlite::SqliteEngine;
