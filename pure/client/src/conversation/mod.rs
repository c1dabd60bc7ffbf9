//! Conversations: what the entries of their logs do to them, and what this account wants of them.
//!
//! 1. `apply`: an entry, in the log's order; the chain was checked before (`sync`). Own ones are known by their client id.
//! 2. `content`: what somebody said. `membership`: who comes and goes. `duties`: what one member does for all.
//! 3. `sealing`: how a task of the outbox becomes an entry. `resync`: what happens when the keys are gone.

pub(crate) mod apply;
pub(crate) mod content;
pub(crate) mod duties;
pub(crate) mod invitation;
pub(crate) mod membership;
pub(crate) mod resync;
pub(crate) mod sealing;
pub(crate) mod wishes;
