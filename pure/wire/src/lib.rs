//! What travels and what is shown: the contract's messages, ids and secrets as newtypes, links, framing, and every limit.
//!
//! Nothing here has a clock, a socket or randomness of its own.
#![forbid(unsafe_code)]

pub mod chain;
pub mod datagram;
pub mod ids;
pub mod limits;
pub mod links;
pub mod time;

/// The contract's messages, as generated from `proto/`.
pub mod proto {
    /// What the service reads.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/umweg.v1.rs"));
    }
    /// What only devices read.
    pub mod sealed {
        include!(concat!(env!("OUT_DIR"), "/umweg.sealed.v1.rs"));
    }
}

pub use ids::{
    AccountId, BlobId, CallId, Capability, CapabilityHash, ChainHash, ClientId, Epoch, LogId, MalformedId, MessageId, Seq, Ticket,
};
pub use time::Timestamp;
