//! What the service decides: who may do what with a log, in which order entries stand, what is kept and for how long.
//!
//! Three layers, each without clock, socket, thread or randomness of its own:
//!
//! - the rules (`append`, `keep`, `packages`, `blobs`, `sweep`): functions from a `LogHead` and a request to a decision;
//! - `Engine`, the storage beneath: one transaction for many operations, so that one fsync serves them all. `MemoryEngine` is
//!   the reference model; every other engine passes the same `conformance` suite;
//! - `Watches`, who is told of what; bounded towards everyone.
//!
//! `Service` puts the three together for who needs no threads, such as the simulated world. No layer can read what it keeps.
#![forbid(unsafe_code)]

pub mod append;
pub mod blobs;
pub mod conformance;
pub mod engine;
pub mod keep;
pub mod log;
pub mod memory;
pub mod operation;
pub mod packages;
pub mod quota;
pub mod refusal;
pub mod request;
pub mod service;
pub mod sweep;
pub mod watch;

pub use engine::{Engine, StoreError, Transaction};
pub use log::{LogHead, LogKind};
pub use memory::MemoryEngine;
pub use operation::{Answer, Operation, apply};
pub use refusal::{Failure, Refusal};
pub use service::Service;
pub use watch::{WatcherId, Watches};
