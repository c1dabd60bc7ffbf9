//! Synthetic participants: whole WebRTC clients, made of str0m, that really send and receive, with neither a browser nor a socket.
//!
//! Their time is given to them, like the machine's. Each packet says who made it, so that what arrives in a slot can be checked against
//! what the service claims about it. For tests, benchmarks and load.

mod call;
mod person;
mod profile;
mod speech;

pub use call::{Call, Link};
pub use person::{Heard, Person, SCREEN, Seen};
pub use profile::Profile;
pub use speech::Speech;
