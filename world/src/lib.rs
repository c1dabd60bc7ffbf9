//! A simulated world: the real client and the real service rules, in a network and a time that are made up from one seed.
//!
//! What is real: `umweg_client` over SQLite, `umweg_seal` (every byte is sealed), `umweg_delivery`, for devices that have roads to find
//! `umweg_road`'s ranking, and for calls the choice of ways at both ends. What is made up: time, the network between them (delay,
//! loss, reordering, breaks), censors, crashes of devices and of the service, what people do, and a service that lies. The SFU's
//! door is `desk`; what a call's `media` says is by which key it was sealed.
//!
//! A week of bad network runs in a second, and the same seed runs the same way again.
#![forbid(unsafe_code)]

mod block;
mod censor;
mod desk;
mod device;
mod media;
mod network;
pub mod oracle;
mod people;
mod roads;
mod router;
mod schedule;
mod service;
mod world;

pub use block::{FINDING_MAX, proxy, service};
pub use censor::Rule;
pub use desk::RosterLie;
pub use network::Temper;
pub use people::{Person, Script};
pub use router::MediaLie;
pub use service::Malice;
pub use world::World;
