//! Why the service does not do what was asked: whose fault it is, and what the asker may do next.

use crate::StoreError;

/// The request's fault, or a limit's. Nothing was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// No such log or blob, or not its capability: the two are not told apart. PERMISSION_DENIED.
    #[error("there is no such thing, or the capability does not open it")]
    Denied,
    /// NOT_FOUND.
    #[error("there is none")]
    NotFound,
    /// ALREADY_EXISTS.
    #[error("something else has this id")]
    Exists,
    /// RESOURCE_EXHAUSTED.
    #[error("{0}")]
    Full(&'static str),
    /// INVALID_ARGUMENT.
    #[error("{0}")]
    Invalid(&'static str),
}

/// Either a refusal, or the store's own trouble.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    /// Nothing was stored, and the same again would be refused again.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nothing was stored; later it may be.
    #[error(transparent)]
    Store(#[from] StoreError),
}
