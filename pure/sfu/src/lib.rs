//! The call service's router: it forwards sealed frames between the participants of a call and can open none of them.
//!
//! A *selective forwarding unit* on str0m in RTP mode. In steps:
//!
//! 1. [`Sfu::handle_enter`] takes the one offer that a participant ever makes. Its sending sections (one of audio, one of video
//!    for the camera, one of video for the screen, with layers of the names l, m, h) and its receiving sections (the *slots*) are told
//!    apart by direction.
//! 2. Datagrams come in by [`Sfu::handle_datagram`] under the participant's ticket, whatever road they took. Each flow has one
//!    constant synthetic address, so that a change of road is nothing that ICE or the browser could notice.
//! 3. The room decides whose media goes into whose slots: everybody's while the slots suffice, else the loudest voices, and the
//!    videos that were chosen, screens first. [`Output::Slots`] says it. Nobody's SDP changes when others come and go.
//! 4. Which simulcast layer goes into a slot follows from the receiver's bandwidth, as str0m estimates it; audio has precedence, then
//!    screens.
//! 5. By which way a datagram goes back to its participant, UDP or a media connection, [`ways`] decides for each seat.
//! 6. A seat outlives its media for [`umweg_wire::limits::SEAT_KEPT`], and then the roster drops it.
//!
//! The machine has no clock and no socket. After any `handle_*`, call [`Sfu::poll_output`] until it has nothing more, then sleep
//! until [`Sfu::poll_timeout`] or the next input. Feed several datagrams before polling: packets that leave are then made in one go.
#![forbid(unsafe_code)]

mod bandwidth;
mod capacity;
mod key_frames;
mod layers;
mod media;
mod output;
mod participant;
mod pictures;
mod redundancy;
mod rewriting;
mod room;
mod slots;
mod speakers;
mod switchboard;
#[cfg(feature = "synthetic")]
pub mod synthetic;
pub mod vp8;
pub mod ways;

pub use capacity::Capacity;
pub use media::OfferError;
pub use output::{Class, Gone, Output, Reason, Transmit};
pub use room::Entered;
pub use switchboard::{EnterError, NoteError, ResumeError, Sfu};

/// Where the time of a test begins: an `Instant` can be had from nowhere else.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "only what passes since then matters")]
fn start() -> std::time::Instant {
    std::time::Instant::now()
}
