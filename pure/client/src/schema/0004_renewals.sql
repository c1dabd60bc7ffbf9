-- Proxies that contacts gave one another, and their fresh addresses: see renewals.rs.
ALTER TABLE proxy ADD COLUMN giver BLOB;                         -- the contact whose message it was taken from; NULL: nobody's
ALTER TABLE proxy ADD COLUMN origin TEXT;                        -- the link in that message
ALTER TABLE proxy ADD COLUMN takes INTEGER NOT NULL DEFAULT 1;   -- the giver's fresh addresses take its place
ALTER TABLE proxy ADD COLUMN gives INTEGER NOT NULL DEFAULT 0;   -- its fresh addresses go to whom it was shared with
ALTER TABLE proxy ADD COLUMN renewed INTEGER;                    -- when a fresh address last took its place
ALTER TABLE proxy ADD COLUMN counted_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE proxy ADD COLUMN counted INTEGER NOT NULL DEFAULT 0; -- the giver's since then
ALTER TABLE proxy ADD COLUMN gives_at INTEGER;                   -- when a fresh address leaves; NULL: none is to
ALTER TABLE proxy ADD COLUMN gave_at INTEGER;                    -- when one last did

CREATE TABLE shared (
  proxy TEXT NOT NULL,          -- its link of today
  account BLOB NOT NULL,
  origin TEXT NOT NULL,         -- the link that they were given
  told TEXT NOT NULL,           -- the link that they were told of last
  PRIMARY KEY (proxy, account, origin)
) STRICT, WITHOUT ROWID;
