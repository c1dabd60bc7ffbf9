//! Every decoder of outside bytes, as a function that must come back from whatever it is given: in time, and without a panic.
//!
//! The same table serves three: `cargo test` (the corpus and a few hundred mutations, always the same), `./x test` (a minute of mutations
//! from a new seed each time) and libFuzzer (`./x fuzz TARGET`). An input that broke a target is added to corpus/TARGET, so that it
//! is tried for ever after.
#![forbid(unsafe_code)]

pub mod mutation;
pub mod session;
pub mod targets;

pub use targets::{TARGETS, Target};
