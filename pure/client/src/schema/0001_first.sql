-- The account of this device: one row, or none before it is created.
CREATE TABLE account (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  id BLOB NOT NULL,             -- account id
  name TEXT NOT NULL,
  account_key BLOB NOT NULL,
  device_key BLOB NOT NULL,
  certificate BLOB NOT NULL,
  inbox BLOB NOT NULL,          -- log id
  owner BLOB NOT NULL,          -- the inbox's reading capability
  inbox_key BLOB NOT NULL,
  link_secret BLOB NOT NULL,
  inbox_made INTEGER NOT NULL DEFAULT 0,
  inbox_applied INTEGER NOT NULL DEFAULT 0
) STRICT;

-- How often the database was opened: every run draws other random numbers.
CREATE TABLE runs (one INTEGER PRIMARY KEY CHECK (one = 1), opened INTEGER NOT NULL) STRICT;
INSERT INTO runs VALUES (1, 0);

-- Everybody whom this account has heard of.
CREATE TABLE person (
  account BLOB PRIMARY KEY,
  name TEXT NOT NULL,
  card BLOB,                    -- how to reach them, if known
  standing INTEGER NOT NULL,    -- people::Acquaintance
  blocked INTEGER NOT NULL DEFAULT 0,
  verified INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Strangers who ask.
CREATE TABLE request (
  account BLOB PRIMARY KEY,
  name TEXT NOT NULL,
  text TEXT NOT NULL,
  card BLOB NOT NULL,
  time INTEGER NOT NULL
) STRICT;

CREATE TABLE chat (
  log BLOB PRIMARY KEY,
  peer BLOB,                    -- of a one-to-one conversation; NULL: a group
  title TEXT NOT NULL,          -- of a group
  standing INTEGER NOT NULL,    -- chats::Membership
  capability BLOB NOT NULL,
  resync_key BLOB NOT NULL,
  made INTEGER NOT NULL,        -- the service has the log
  applied INTEGER NOT NULL,
  log_epoch INTEGER NOT NULL,
  chain BLOB NOT NULL,
  delivered INTEGER NOT NULL DEFAULT 0,       -- newest entry of others that calls for a receipt
  delivered_told INTEGER NOT NULL DEFAULT 0,
  read INTEGER NOT NULL DEFAULT 0,
  read_told INTEGER NOT NULL DEFAULT 0,
  receipt_at INTEGER,           -- when gathered receipts leave
  touched INTEGER NOT NULL      -- time of the newest line
) STRICT;
CREATE INDEX chat_by_peer ON chat (peer);

-- Whom the keys of a conversation include, and how far their receipts reach.
CREATE TABLE member (
  log BLOB NOT NULL,
  account BLOB NOT NULL,
  leaf INTEGER NOT NULL,
  joined INTEGER NOT NULL,      -- the entry that let them in
  delivered INTEGER NOT NULL DEFAULT 0,
  read INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (log, account)
) STRICT, WITHOUT ROWID;

-- Chain hashes of recent entries, to compare with what others say they saw.
CREATE TABLE chain (log BLOB NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (log, seq)) STRICT, WITHOUT ROWID;

CREATE TABLE line (
  row INTEGER PRIMARY KEY,
  log BLOB NOT NULL,
  seq INTEGER,                  -- NULL while it waits to be sent
  id BLOB,
  author BLOB,                  -- NULL: this account
  time INTEGER NOT NULL,
  what TEXT NOT NULL,           -- lines::What, as JSON
  counts INTEGER NOT NULL       -- towards unread
) STRICT;
CREATE INDEX line_by_place ON line (log, seq, row);
CREATE UNIQUE INDEX line_by_name ON line (log, id) WHERE id IS NOT NULL;

-- What is to be done at the service: see outbox/mod.rs.
CREATE TABLE job (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  lane BLOB NOT NULL,
  task TEXT NOT NULL,           -- outbox::Task, as JSON
  append BLOB,                  -- AppendRequest, once sealed: asked again with the same bytes
  client_id BLOB,               -- of that append
  welcome BLOB,                 -- of that append, if it is a commit that adds
  not_before INTEGER NOT NULL DEFAULT 0,
  tries INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX job_by_lane ON job (lane, id);
CREATE INDEX job_by_client_id ON job (client_id);

-- Own entries that the service has accepted and that have not come back yet.
CREATE TABLE echo (client_id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

-- What one member does for all: takes a leaver out, lets a member in again. Lower leaves first, others if they do not.
CREATE TABLE duty (
  log BLOB NOT NULL,
  account BLOB NOT NULL,
  request BLOB,                 -- resync key and sealed request of who is to be let in again; NULL: take out
  due INTEGER NOT NULL,
  queued INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (log, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE call (
  call BLOB PRIMARY KEY,
  join_secret BLOB NOT NULL,
  chat BLOB NOT NULL,
  video INTEGER NOT NULL,
  started INTEGER NOT NULL,
  caller BLOB NOT NULL,
  rings_until INTEGER,          -- NULL: does not ring (any more)
  opened INTEGER NOT NULL,      -- its log is there
  was_in INTEGER NOT NULL DEFAULT 0,
  ended INTEGER
) STRICT;
CREATE INDEX call_by_chat ON call (chat);
CREATE TABLE invited (
  call BLOB NOT NULL,
  account BLOB NOT NULL,
  answer INTEGER NOT NULL DEFAULT 0,          -- calls::rows::Reply
  PRIMARY KEY (call, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE proxy (link TEXT PRIMARY KEY, added INTEGER NOT NULL) STRICT;
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
