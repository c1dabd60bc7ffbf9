//! One transaction on the file: every method of `umweg_delivery::Transaction` is one or two statements.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Params, Row, params};
use umweg_delivery::blobs::{BlobHead, BlobState};
use umweg_delivery::engine::Room;
use umweg_delivery::{LogHead, StoreError, Transaction};
use umweg_wire::proto::v1;
use umweg_wire::{BlobId, ClientId, LogId, Seq, Timestamp, limits};

use super::{rows, store_error};

/// Sequence numbers are the lower half of an entry's place.
const SEQ_MAX: u64 = u32::MAX as u64;

pub(super) struct SqliteTransaction<'c> {
    sqlite: rusqlite::Transaction<'c>,
    /// Heads that were read or changed; `None`: there is no such log.
    heads: BTreeMap<LogId, Option<CachedHead>>,
}

struct CachedHead {
    no: i64,
    stored: LogHead,
    now: LogHead,
}

impl<'c> SqliteTransaction<'c> {
    pub(super) fn new(sqlite: rusqlite::Transaction<'c>) -> Self {
        Self { sqlite, heads: BTreeMap::new() }
    }

    pub(super) fn commit(mut self) -> Result<(), StoreError> {
        self.write_heads()?;
        self.sqlite.commit().map_err(store_error)
    }

    fn write_heads(&mut self) -> Result<(), StoreError> {
        for cached in self.heads.values_mut().flatten() {
            cached.write(&self.sqlite)?;
            cached.stored = cached.now.clone();
        }
        Ok(())
    }

    fn cached(&mut self, log: LogId) -> Result<Option<&mut CachedHead>, StoreError> {
        if !self.heads.contains_key(&log) {
            let found = self.one(rows::SELECT_HEAD, [log.0], rows::head)?;
            self.heads.insert(log, found.map(|(no, head)| CachedHead { no, stored: head.clone(), now: head }));
        }
        Ok(self.heads.get_mut(&log).and_then(Option::as_mut))
    }

    /// The log's number in this file.
    fn number(&mut self, log: LogId) -> Result<Option<i64>, StoreError> {
        Ok(self.cached(log)?.map(|cached| cached.no))
    }

    fn number_of_existing(&mut self, log: LogId) -> Result<i64, StoreError> {
        self.number(log)?.ok_or_else(|| StoreError::Broken("there is no such log".to_owned()))
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.sqlite.prepare_cached(sql).map_err(store_error)?;
        statement.query_row(params, read).optional().map_err(store_error)
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.sqlite.prepare_cached(sql).map_err(store_error)?;
        let rows = statement.query_map(params, read).map_err(store_error)?;
        rows.collect::<Result<_, _>>().map_err(store_error)
    }

    fn execute(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        execute(&self.sqlite, sql, params)
    }
}

impl CachedHead {
    /// Writes what has changed. The usual case leaves the indexed columns alone.
    fn write(&self, sqlite: &rusqlite::Connection) -> Result<(), StoreError> {
        let (stored, now) = (&self.stored, &self.now);
        if stored == now {
            return Ok(());
        }
        execute(
            sqlite,
            "UPDATE log SET epoch = ?2, last = ?3, chain = ?4, gone = ?5, bytes = ?6, time = ?7 WHERE no = ?1",
            params![self.no, now.epoch.0, now.last.0, now.chain.0, now.gone.0, now.bytes, now.time.0],
        )?;
        if (stored.read_hash, stored.append_hash, &stored.old) != (now.read_hash, now.append_hash, &now.old) {
            let old = rows::old_bytes(&now.old);
            let sql = "UPDATE log SET read_hash = ?2, append_hash = ?3, old = ?4 WHERE no = ?1";
            execute(sqlite, sql, params![self.no, now.read_hash.0, now.append_hash.0, old])?;
        }
        if (stored.oldest, stored.used) != (now.oldest, now.used) {
            let sql = "UPDATE log SET oldest = ?2, used = ?3 WHERE no = ?1";
            execute(sqlite, sql, params![self.no, now.oldest.map(|time| time.0), now.used.0])?;
        }
        Ok(())
    }
}

impl Transaction for SqliteTransaction<'_> {
    fn head(&mut self, log: LogId) -> Result<Option<LogHead>, StoreError> {
        Ok(self.cached(log)?.map(|cached| cached.now.clone()))
    }

    fn put_head(&mut self, log: LogId, head: &LogHead) -> Result<(), StoreError> {
        if let Some(cached) = self.cached(log)? {
            cached.now = head.clone();
            return Ok(());
        }
        self.execute(
            "INSERT INTO log (id, kind, read_hash, append_hash, old, epoch, last, chain, gone, bytes, time, oldest, used) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            params![
                log.0,
                rows::kind_number(head.kind),
                head.read_hash.0,
                head.append_hash.0,
                rows::old_bytes(&head.old),
                head.epoch.0,
                head.last.0,
                head.chain.0,
                head.gone.0,
                head.bytes,
                head.time.0,
                head.oldest.map(|time| time.0),
                head.used.0
            ],
        )?;
        let no = self.sqlite.last_insert_rowid();
        self.heads.insert(log, Some(CachedHead { no, stored: head.clone(), now: head.clone() }));
        Ok(())
    }

    fn drop_log(&mut self, log: LogId) -> Result<(), StoreError> {
        let Some(no) = self.number(log)? else { return Ok(()) };
        let (first, last) = (place(no, Seq(0)), place(no, Seq(SEQ_MAX)));
        self.execute("DELETE FROM entry WHERE place BETWEEN ?1 AND ?2", [first, last])?;
        self.execute("DELETE FROM snapshot WHERE log = ?1", [no])?;
        self.execute("DELETE FROM key_package WHERE log = ?1", [no])?;
        self.execute("DELETE FROM log WHERE no = ?1", [no])?;
        self.heads.insert(log, None);
        Ok(())
    }

    fn push(&mut self, log: LogId, entry: &v1::Entry, receipt: &v1::Accepted) -> Result<(), StoreError> {
        let no = self.number_of_existing(log)?;
        if entry.seq >= SEQ_MAX {
            return Err(StoreError::Full);
        }
        self.execute(
            "INSERT INTO entry (place, kind, epoch, epoch_after, time, rotates, client_id, chain, payload) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                place(no, Seq(entry.seq)),
                entry.kind,
                entry.epoch,
                receipt.epoch,
                entry.time,
                entry.rotates,
                entry.client_id,
                entry.chain,
                entry.payload
            ],
        )?;
        Ok(())
    }

    fn receipt(&mut self, log: LogId, client_id: ClientId) -> Result<Option<v1::Accepted>, StoreError> {
        let Some(no) = self.number(log)? else { return Ok(None) };
        let sql = "SELECT place & 0xffffffff, epoch_after, chain, time FROM entry WHERE place >> 32 = ?1 AND client_id = ?2";
        self.one(sql, params![no, client_id.0], rows::receipt)
    }

    fn entries(&mut self, log: LogId, after: Seq, up_to: Seq, mut room: Room) -> Result<Vec<Arc<v1::Entry>>, StoreError> {
        let Some(no) = self.number(log)? else { return Ok(Vec::new()) };
        let mut statement = self.sqlite.prepare_cached(rows::SELECT_ENTRIES).map_err(store_error)?;
        let mut rows = statement.query([place(no, after), place(no, up_to)]).map_err(store_error)?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next().map_err(store_error)? {
            let entry = rows::entry(row).map_err(store_error)?;
            if !room.admit(entry.payload.len(), entries.is_empty()) {
                break;
            }
            entries.push(Arc::new(entry));
        }
        Ok(entries)
    }

    fn time_after(&mut self, log: LogId, seq: Seq) -> Result<Option<Timestamp>, StoreError> {
        let Some(no) = self.number(log)? else { return Ok(None) };
        let sql = "SELECT time FROM entry WHERE place > ?1 AND place <= ?2 AND payload IS NOT NULL ORDER BY place LIMIT 1";
        Ok(self.one(sql, [place(no, seq), place(no, Seq(SEQ_MAX))], |row| row.get(0))?.map(Timestamp))
    }

    fn newest_before(&mut self, log: LogId, time: Timestamp) -> Result<Option<Seq>, StoreError> {
        let Some(no) = self.number(log)? else { return Ok(None) };
        let sql = "SELECT max(place) & 0xffffffff FROM entry WHERE place BETWEEN ?1 AND ?2 AND time < ?3 AND payload IS NOT NULL";
        let newest = self.one(sql, params![place(no, Seq(0)), place(no, Seq(SEQ_MAX)), time.0], |row| row.get(0))?;
        Ok(newest.flatten().map(Seq))
    }

    fn forget_entries(&mut self, log: LogId, up_to: Seq) -> Result<u64, StoreError> {
        let no = self.number_of_existing(log)?;
        let range = [place(no, Seq(0)), place(no, up_to)];
        let sql = "SELECT coalesce(sum(length(payload)), 0) + count(payload) * ?3 FROM entry WHERE place BETWEEN ?1 AND ?2";
        let bytes = self.one(sql, params![range[0], range[1], limits::ENTRY_HEAD_BYTES], |row| row.get(0))?;
        self.execute("UPDATE entry SET payload = NULL WHERE place BETWEEN ?1 AND ?2 AND payload IS NOT NULL", range)?;
        Ok(bytes.unwrap_or(0))
    }

    fn forget_receipts(&mut self, log: LogId, up_to: Seq) -> Result<(), StoreError> {
        let no = self.number_of_existing(log)?;
        self.execute("DELETE FROM entry WHERE place BETWEEN ?1 AND ?2", [place(no, Seq(0)), place(no, up_to)])?;
        Ok(())
    }

    fn snapshot(&mut self, log: LogId) -> Result<Option<v1::Snapshot>, StoreError> {
        let Some(no) = self.number(log)? else { return Ok(None) };
        self.one("SELECT epoch, seq, chain, sealed FROM snapshot WHERE log = ?1", [no], rows::snapshot)
    }

    fn put_snapshot(&mut self, log: LogId, snapshot: &v1::Snapshot) -> Result<(), StoreError> {
        let no = self.number_of_existing(log)?;
        let sql = "INSERT OR REPLACE INTO snapshot (log, epoch, seq, chain, sealed) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.execute(sql, params![no, snapshot.epoch, snapshot.seq, snapshot.chain, snapshot.sealed])?;
        Ok(())
    }

    fn key_packages(&mut self, log: LogId) -> Result<usize, StoreError> {
        let Some(no) = self.number(log)? else { return Ok(0) };
        let sql = "SELECT count(*) FROM key_package WHERE log = ?1 AND last_resort = 0";
        Ok(self.one(sql, [no], |row| row.get(0))?.unwrap_or(0))
    }

    fn put_key_package(&mut self, log: LogId, sealed: &[u8]) -> Result<bool, StoreError> {
        let no = self.number_of_existing(log)?;
        let sql = "SELECT 1 FROM key_package WHERE log = ?1 AND last_resort = 0 AND sealed = ?2";
        if self.one(sql, params![no, sealed], |_| Ok(()))?.is_some() {
            return Ok(false);
        }
        self.execute("INSERT INTO key_package (log, last_resort, sealed) VALUES (?1, 0, ?2)", params![no, sealed])?;
        Ok(true)
    }

    fn take_key_package(&mut self, log: LogId) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(number) = self.number(log)? else { return Ok(None) };
        let sql = "SELECT no, sealed FROM key_package WHERE log = ?1 AND last_resort = 0 ORDER BY no LIMIT 1";
        let Some((no, sealed)) = self.one(sql, [number], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))? else {
            return Ok(None);
        };
        self.execute("DELETE FROM key_package WHERE no = ?1", [no])?;
        Ok(Some(sealed))
    }

    fn forget_key_packages(&mut self, log: LogId) -> Result<(), StoreError> {
        let no = self.number_of_existing(log)?;
        self.execute("DELETE FROM key_package WHERE log = ?1", [no])?;
        Ok(())
    }

    fn last_resort(&mut self, log: LogId) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(no) = self.number(log)? else { return Ok(None) };
        self.one("SELECT sealed FROM key_package WHERE log = ?1 AND last_resort = 1", [no], |row| row.get(0))
    }

    fn put_last_resort(&mut self, log: LogId, sealed: &[u8]) -> Result<(), StoreError> {
        let no = self.number_of_existing(log)?;
        self.execute("DELETE FROM key_package WHERE log = ?1 AND last_resort = 1", [no])?;
        self.execute("INSERT INTO key_package (log, last_resort, sealed) VALUES (?1, 1, ?2)", params![no, sealed])?;
        Ok(())
    }

    fn blob(&mut self, blob: BlobId) -> Result<Option<BlobHead>, StoreError> {
        self.one("SELECT read_hash, bytes, since, place FROM blob WHERE id = ?1", [blob.0], rows::blob)
    }

    fn put_blob(&mut self, blob: BlobId, head: &BlobHead) -> Result<(), StoreError> {
        let place = match head.state {
            BlobState::Coming => None,
            BlobState::Whole(place) => Some(place.0),
        };
        self.execute(
            "INSERT INTO blob (id, read_hash, bytes, since, place) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT DO UPDATE SET read_hash = ?2, bytes = ?3, since = ?4, place = ?5",
            params![blob.0, head.read_hash.0, head.bytes, head.since.0, place],
        )?;
        Ok(())
    }

    fn drop_blob(&mut self, blob: BlobId) -> Result<(), StoreError> {
        self.execute("DELETE FROM blob WHERE id = ?1", [blob.0])?;
        Ok(())
    }

    fn blobs_bytes(&mut self) -> Result<u64, StoreError> {
        Ok(self.one("SELECT bytes FROM blobs_total", [], |row| row.get(0))?.unwrap_or(0))
    }

    fn logs_to_sweep(&mut self, entry: Timestamp, used: Timestamp, count_max: usize) -> Result<Vec<LogId>, StoreError> {
        self.write_heads()?;
        let sql = "SELECT id FROM log WHERE oldest < ?1 UNION SELECT id FROM log WHERE used < ?2 LIMIT ?3";
        self.all(sql, params![entry.0, used.0, count_max], rows::log_id)
    }

    fn blobs_to_sweep(&mut self, whole: Timestamp, coming: Timestamp, count_max: usize) -> Result<Vec<BlobId>, StoreError> {
        let sql = "SELECT id FROM blob WHERE since < max(?1, ?2) AND since < iif(place IS NULL, ?2, ?1) ORDER BY id LIMIT ?3";
        self.all(sql, params![whole.0, coming.0, count_max], |row| row.get(0).map(BlobId))
    }
}

fn place(no: i64, seq: Seq) -> i64 {
    // A sequence number that is too large to exist is as good as the largest.
    (no << 32) | i64::try_from(seq.0.min(SEQ_MAX)).unwrap_or(i64::from(u32::MAX))
}

fn execute(sqlite: &rusqlite::Connection, sql: &str, params: impl Params) -> Result<usize, StoreError> {
    sqlite.prepare_cached(sql).and_then(|mut statement| statement.execute(params)).map_err(store_error)
}
