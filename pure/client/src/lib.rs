//! One device: accounts, contacts, conversations, outbox, calls, views.
#![forbid(unsafe_code)]

pub mod command;
pub mod port;
pub mod view;
