-- Version 1. A released version's file is never changed: what comes later stands in schema-2.sql.

CREATE TABLE log (
  no INTEGER PRIMARY KEY,          -- stands for the id inside this file
  id BLOB NOT NULL UNIQUE,
  kind INTEGER NOT NULL,           -- 1 inbox, 2 group
  read_hash BLOB NOT NULL,
  append_hash BLOB NOT NULL,
  old BLOB NOT NULL,               -- capabilities of the past: [hash 32][until 8][epoch 8] each
  epoch INTEGER NOT NULL,
  last INTEGER NOT NULL,
  chain BLOB NOT NULL,
  gone INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  time INTEGER NOT NULL,
  oldest INTEGER,                  -- NULL: it has no entry
  used INTEGER NOT NULL
) STRICT;
CREATE INDEX log_by_oldest ON log (oldest) WHERE oldest IS NOT NULL;
CREATE INDEX log_by_used ON log (used);

CREATE TABLE entry (
  place INTEGER PRIMARY KEY,       -- log no << 32 | seq
  kind INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  epoch_after INTEGER NOT NULL,
  time INTEGER NOT NULL,
  rotates INTEGER NOT NULL,
  client_id BLOB NOT NULL,
  chain BLOB NOT NULL,
  payload BLOB                     -- NULL: the entry is gone, and this row its receipt
) STRICT;
CREATE UNIQUE INDEX entry_by_client ON entry (place >> 32, client_id);

CREATE TABLE snapshot (
  log INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  chain BLOB NOT NULL,
  sealed BLOB NOT NULL
) STRICT;

CREATE TABLE key_package (
  no INTEGER PRIMARY KEY AUTOINCREMENT, -- the oldest is taken first
  log INTEGER NOT NULL,
  last_resort INTEGER NOT NULL,
  sealed BLOB NOT NULL
) STRICT;
CREATE INDEX key_package_by_log ON key_package (log, last_resort);

CREATE TABLE blob (
  id BLOB PRIMARY KEY,
  read_hash BLOB NOT NULL,
  bytes INTEGER NOT NULL,
  since INTEGER NOT NULL,
  place BLOB                       -- NULL: it was announced and has not come
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_by_since ON blob (since);

CREATE TABLE blobs_total (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  bytes INTEGER NOT NULL
) STRICT;
INSERT INTO blobs_total VALUES (1, 0);
CREATE TRIGGER blob_added AFTER INSERT ON blob BEGIN UPDATE blobs_total SET bytes = bytes + NEW.bytes; END;
CREATE TRIGGER blob_removed AFTER DELETE ON blob BEGIN UPDATE blobs_total SET bytes = bytes - OLD.bytes; END;
CREATE TRIGGER blob_changed AFTER UPDATE ON blob BEGIN UPDATE blobs_total SET bytes = bytes - OLD.bytes + NEW.bytes; END;
