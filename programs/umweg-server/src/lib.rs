//! The service: holds sealed entries, hands out key packages, runs the calls' media router. It can read nothing.

pub mod engine;
