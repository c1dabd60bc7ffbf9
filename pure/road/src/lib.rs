//! Roads: how bytes reach the service, decided without a socket.
//!
//! * [`session`]: the sealed session that runs on every road (Noise NK, padded records);
//! * [`choice`]: what can be connected to (data);
//! * [`ranking`]: in which order and when (policy); dialing itself is `umweg_io::dial` (action);
//! * [`freeze`], [`bites`]: the block that stops a connection after 15 to 20 kB, noticed and lived with;
//! * [`first_bytes`], [`upgrade`], [`websocket`]: what stands on the wire around the session;
//! * [`proxy_header`]: what servers in front of us put before that;
//! * [`addresses`], [`pace`]: whereto and how fast a proxy passes bytes on for others;
//! * [`unsent`]: how much of it may wait meanwhile;
//! * [`media`]: by which ways a call's datagrams go;
//! * [`media_queue`]: which of a call's datagrams goes next on a road that is too narrow.
//!
//! Nothing here knows of messages, and nothing reads a clock or makes its own randomness.
#![forbid(unsafe_code)]

pub mod addresses;
pub mod bites;
pub mod choice;
pub mod first_bytes;
pub mod freeze;
pub mod media;
pub mod media_queue;
pub mod pace;
pub mod proxy_header;
pub mod ranking;
pub mod session;
pub mod unsent;
pub mod upgrade;
pub mod websocket;

pub use choice::{Carriage, Form, RoadChoice, Way};
