-- What an inbox refuses is tried again for some weeks.
ALTER TABLE job ADD COLUMN refused INTEGER;                      -- since when

-- How often a call has rung here, and when it last began to.
ALTER TABLE call ADD COLUMN rings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE call ADD COLUMN rang_at INTEGER NOT NULL DEFAULT 0;

-- What is known of somebody who was called.
ALTER TABLE invited ADD COLUMN was_in INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invited ADD COLUMN rings_until INTEGER;              -- it rings at their device, if that is reached; NULL: not (any more)
ALTER TABLE invited ADD COLUMN rung_at INTEGER NOT NULL DEFAULT 0; -- when this account last rang them again
ALTER TABLE invited ADD COLUMN rung INTEGER NOT NULL DEFAULT 0;  -- how often
ALTER TABLE invited ADD COLUMN rung_log BLOB;                    -- the conversation in which it did
ALTER TABLE invited ADD COLUMN rung_seq INTEGER;                 -- and the entry; NULL while it waits to be sent

-- The lines of a call.
CREATE INDEX line_by_call ON line (what) WHERE what GLOB '{"Call"*';
