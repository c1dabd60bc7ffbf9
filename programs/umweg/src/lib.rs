//! The person's app: one process, one loop.
//!
//! ```text
//!   browser page ──WebSocket──► pages ─┐                    ┌─► road ──sealed session──► service
//!                                      ├─► app: the loop ───┤
//!   commands ────WebSocket────► pages ─┘     (client)       └─► media ──datagrams──────► SFU
//! ```
//!
//! - `start` reads and checks everything before anything is bound; `folder` holds the account's files and locks.
//! - `app` is the loop. It owns `umweg_client::Client`, in which everything of the person's is decided.
//! - `pages` is the loopback door, `road` the connection to the service, `media` the calls' datagrams.
//! - `cli` is the command line: the app, and commands for scripts.
#![forbid(unsafe_code)]

mod app;
mod cli;
pub mod decoders;
mod folder;
mod media;
mod notify;
mod pages;
mod road;
mod start;

pub use cli::{Args, main, wants_log};
