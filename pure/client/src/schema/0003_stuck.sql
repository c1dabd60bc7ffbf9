-- What the service refuses in a conversation: see outbox/stuck.rs.
ALTER TABLE job ADD COLUMN refused_since INTEGER;
ALTER TABLE job ADD COLUMN stuck TEXT;                           -- why, once it is shown
