//! A call's media: all of it leaves the computer through here, never by the browser itself.
//!
//! ```text
//!  browser ──UDP 127.0.0.1, UDP own address, ICE-TCP──► sockets ─► flows ─► ways ─┬─ UDP ──────────────► SFU
//!                                                                                 └─ link (by any road) ─►
//! ```
//!
//! - `sdp` makes the browser believe that the SFU is the app, and tells the SFU nothing of the browser's addresses.
//! - `sockets` listen where the browser is told to send; `addresses` says which addresses are this machine's own.
//! - `flows` lets in who was told the answer's ufrag, and numbers the browser's addresses.
//! - `umweg_road::media` chooses UDP or links, for each datagram; `link` dials one.
//! - `forwarder` holds them together: one task a call.
//!
//! The pure parts (`sdp`, `stun`, `class`, `flows`, `ice_tcp`) have no sockets and no clock.

mod addresses;
mod class;
mod flows;
mod forwarder;
mod ice_tcp;
mod link;
mod sdp;
mod sockets;
mod stun;

pub(crate) use forwarder::{Forwarder, Network};
pub(crate) use sdp::{Answer, hide_addresses};

/// What is read of a datagram before anything is known of its sender.
pub(crate) fn read_datagram(datagram: &[u8]) {
    let _ = stun::read(datagram);
    let _ = class::VideoTypes::default().class(datagram);
}

/// What is read of a stream before anything is known of its sender.
pub(crate) fn read_ice_tcp(stream: &[u8]) {
    let mut frames = ice_tcp::Frames::default();
    frames.handle_bytes(stream);
    while let Ok(Some(_)) = frames.poll_datagram() {}
}
