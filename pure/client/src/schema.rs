//! The device's tables. Migrations only ever get longer; each runs once, in the transaction that records it.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::OpenError;

/// One step of the schema each, oldest first. Never change one that was released.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001_first.sql"),
    include_str!("schema/0002_calls.sql"),
    include_str!("schema/0003_stuck.sql"),
    include_str!("schema/0004_renewals.sql"),
];

/// Brings the tables up to date.
pub(crate) fn migrate(conn: &mut Connection) -> Result<(), OpenError> {
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "secure_delete", "ON")?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS umweg_schema (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL) STRICT",
    )?;
    tx.execute("INSERT OR IGNORE INTO umweg_schema VALUES (1, 0)", [])?;
    let found: u32 = tx.query_row("SELECT version FROM umweg_schema", [], |row| row.get(0))?;
    let known = u32::try_from(MIGRATIONS.len()).expect("there are few migrations");
    if found > known {
        return Err(OpenError::TooNew { found, known });
    }
    for migration in MIGRATIONS.iter().skip(found as usize) {
        tx.execute_batch(migration)?;
    }
    tx.execute("UPDATE umweg_schema SET version = ?1", [known])?;
    tx.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_a_later_version_is_refused_untouched() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn).unwrap();
        conn.execute("UPDATE umweg_schema SET version = 900", []).unwrap();
        assert!(matches!(migrate(&mut conn), Err(OpenError::TooNew { found: 900, .. })));
    }

    #[test]
    fn migrating_twice_changes_nothing() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn).unwrap();
        migrate(&mut conn).unwrap();
    }
}
