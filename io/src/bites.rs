//! Chains of small bites (`umweg_road::bites`) on sockets: a task on either side moves bytes between the program's stream and the
//! connection of the moment.

mod client;
mod ends;
mod service;

pub use client::Pace;
pub(crate) use client::begin;
pub(crate) use service::Chains;
