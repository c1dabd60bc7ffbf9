//! What conversations and calls have in common: how our MLS groups are set up, who may stand in them, and what a commit may do.

mod commit;
mod config;
mod framing;
mod leaf;
mod policy;

pub use commit::CommitError;
pub(crate) use commit::{Committed, accept, clear_pending, commit, pending_change};
pub(crate) use config::{capabilities, create_config, credential, join_config, lifetime};
pub use framing::{HandleError, SealError};
pub(crate) use framing::{Handled, decode, encode, group_id, handle, seal};
pub use leaf::Member;
pub(crate) use leaf::members;
pub use policy::Refusal;
pub(crate) use policy::{Change, Entrance, Policy, check_group, check_key_package, context, extension};
