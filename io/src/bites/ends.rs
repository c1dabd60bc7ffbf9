//! What both sides do with a bite: move a chain's bytes until one of the streams ends or the bite's room does.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use umweg_road::bites::{OtherStream, Outgoing};
use umweg_wire::limits::CHAIN_UNSENT_BYTES_MAX;

use crate::session::SealedStream;
use crate::waiting::Waiting;

/// One end of a chain.
pub(super) struct Ends {
    /// Towards the program.
    near: DuplexStream,
    near_ended: bool,
    outgoing: Outgoing,
    received: u64,
    undelivered: Waiting,
    /// Written, and not known to have left for the socket.
    unflushed: bool,
}

/// Why a bite moves no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stopped {
    /// It has no room left.
    UsedUp,
    /// The other side ended it, or somebody in between.
    Bite,
    /// The program has ended the chain, and everything of it has gone.
    Chain,
}

/// How many bytes may be said next in a bite; `None`: it is time for the next one. It is told whether any wait.
pub(super) trait Room: FnMut(&SealedStream, bool) -> Option<usize> {}
impl<F: FnMut(&SealedStream, bool) -> Option<usize>> Room for F {}

impl Ends {
    /// And the program's end of the chain.
    pub(super) fn new() -> (Self, DuplexStream) {
        let (near, far) = duplex(CHAIN_UNSENT_BYTES_MAX);
        let (outgoing, undelivered) = (Outgoing::default(), Waiting::default());
        (Self { near, near_ended: false, outgoing, received: 0, undelivered, unflushed: false }, far)
    }

    /// How many bytes of the chain came so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// How many wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.outgoing.unsent().len()
    }

    /// In a new bite the other side says how many came to it.
    pub(super) fn handle_confirmed(&mut self, received: u64) -> Result<(), OtherStream> {
        self.unflushed = false;
        self.outgoing.handle_confirmed(received)
    }

    /// Moves what can be moved. `room` is asked before every record.
    pub(super) fn poll_move(&mut self, bite: &mut SealedStream, context: &mut Context<'_>, room: &mut impl Room) -> Poll<Stopped> {
        loop {
            let delivered = self.deliver(context);
            let received = match self.receive(bite, context) {
                Ok(received) => received,
                Err(_) => return Poll::Ready(Stopped::Bite),
            };
            let taken = self.take(context);
            let Ok(sent) = self.send(bite, context, room) else { return Poll::Ready(Stopped::Bite) };
            if self.near_ended && self.outgoing.unsent().is_empty() {
                return Poll::Ready(Stopped::Chain);
            }
            if sent == Sent::NoRoom {
                return Poll::Ready(Stopped::UsedUp);
            }
            if !(delivered || received || taken || sent == Sent::Some) {
                return Poll::Pending;
            }
        }
    }

    /// Only takes what still comes, until the bite ends.
    pub(super) fn poll_rest(&mut self, bite: &mut SealedStream, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let delivered = self.deliver(context);
            match self.receive(bite, context) {
                Err(_) => return Poll::Ready(()),
                Ok(received) if delivered || received => {}
                Ok(_) => return Poll::Pending,
            }
        }
    }

    /// To the program.
    fn deliver(&mut self, context: &mut Context<'_>) -> bool {
        if self.undelivered.is_empty() {
            return false;
        }
        match Pin::new(&mut self.near).poll_write(context, self.undelivered.rest()) {
            Poll::Ready(Ok(count)) if count > 0 => {
                self.undelivered.take(count);
                true
            }
            Poll::Ready(_) => {
                self.near_ended = true;
                self.undelivered = Waiting::default();
                false
            }
            Poll::Pending => false,
        }
    }

    /// From the bite; nothing more while the program has not taken what came.
    fn receive(&mut self, bite: &mut SealedStream, context: &mut Context<'_>) -> io::Result<bool> {
        if !self.undelivered.is_empty() {
            return Ok(false);
        }
        let mut space = [0; CHAIN_UNSENT_BYTES_MAX];
        let mut buffer = ReadBuf::new(&mut space);
        match Pin::new(bite).poll_read(context, &mut buffer)? {
            Poll::Ready(()) if buffer.filled().is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            Poll::Ready(()) => {
                self.received += buffer.filled().len() as u64;
                self.undelivered.end().extend_from_slice(buffer.filled());
                Ok(true)
            }
            Poll::Pending => Ok(false),
        }
    }

    /// From the program; nothing more while much waits.
    fn take(&mut self, context: &mut Context<'_>) -> bool {
        if self.near_ended || self.outgoing.unsent().len() >= CHAIN_UNSENT_BYTES_MAX {
            return false;
        }
        let mut space = [0; CHAIN_UNSENT_BYTES_MAX];
        let mut buffer = ReadBuf::new(&mut space);
        match Pin::new(&mut self.near).poll_read(context, &mut buffer) {
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                self.outgoing.push(buffer.filled());
                true
            }
            Poll::Ready(_) => {
                self.near_ended = true;
                true
            }
            Poll::Pending => false,
        }
    }

    /// Into the bite, a record at a time: only what has left for the socket is in its counters.
    fn send(&mut self, bite: &mut SealedStream, context: &mut Context<'_>, room: &mut impl Room) -> io::Result<Sent> {
        if self.unflushed {
            match Pin::new(&mut *bite).poll_flush(context)? {
                Poll::Ready(()) => self.unflushed = false,
                Poll::Pending => return Ok(Sent::None),
            }
        }
        let unsent = self.outgoing.unsent();
        let Some(fits) = room(bite, !unsent.is_empty()) else { return Ok(Sent::NoRoom) };
        let fits = fits.min(unsent.len());
        if fits == 0 {
            return Ok(Sent::None);
        }
        match Pin::new(&mut *bite).poll_write(context, &unsent[..fits])? {
            Poll::Ready(count) => {
                self.outgoing.handle_sent(count);
                self.unflushed = true;
                Ok(Sent::Some)
            }
            Poll::Pending => Ok(Sent::None),
        }
    }
}

#[derive(PartialEq, Eq)]
enum Sent {
    Some,
    None,
    NoRoom,
}
