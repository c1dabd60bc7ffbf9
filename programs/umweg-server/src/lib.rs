//! The service: holds sealed entries, hands out key packages, runs the calls' media router. It can read nothing.
//!
//! What it decides stands in `umweg_delivery` and `umweg_sfu`; here are storage, threads, gRPC, and the operator's side.
#![forbid(unsafe_code)]

pub mod calls;
pub mod data_folder;
pub mod engine;
pub mod run;
pub mod service;
pub mod settings;
pub mod sfu;
