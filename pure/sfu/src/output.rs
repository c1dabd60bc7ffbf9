//! What the machine wants done.

use str0m::net::DatagramSend;
use umweg_wire::datagram::Flow;
use umweg_wire::proto::v1::{Roster, Slots};
use umweg_wire::{LogId, Ticket};

/// One thing to do.
pub enum Output {
    /// Bring a datagram to a participant, by the road its datagrams come from.
    Transmit(Transmit),
    /// Tell a participant whose media its slots carry now.
    Slots(Ticket, Slots),
    /// Tell everybody who watches the call who is in.
    Roster(LogId, Roster),
    /// Forget a participant.
    Gone(Gone),
}

/// A datagram on its way to a participant.
pub struct Transmit {
    /// Whose.
    pub ticket: Ticket,
    /// To which of the browser's addresses.
    pub flow: Flow,
    /// What it is worth when a road is full.
    pub class: Class,
    /// The datagram itself.
    pub datagram: DatagramSend,
    /// Whether more for the same participant comes next, so that they can go to the kernel in one call.
    pub more: bool,
}

/// What a datagram is worth when a road is full: RTP headers are clear, so that this can be told without any key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// STUN, DTLS, RTCP: without them nothing goes on.
    Control,
    /// Voice.
    Audio,
    /// Pictures: the first to give way.
    Video,
}

/// A participant whose seat is free again.
pub struct Gone {
    /// Its ticket, worth nothing from now on.
    pub ticket: Ticket,
    /// Why.
    pub reason: Reason,
}

/// Why a seat became free.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It said so.
    Left,
    /// Another participant said that it has no keys any more.
    Dismissed,
    /// It entered, but its media never came.
    NeverCame,
    /// Its media ended and did not come back in time.
    Vanished,
}
