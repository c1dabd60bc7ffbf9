//! A stream of bytes inside WebSocket frames: `umweg_road::websocket` on a carrier.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use umweg_road::websocket::{self, Decoder, Side};

use crate::carrier::{Carrier, poll_drain, poll_more};
use crate::waiting::Waiting;

/// Bytes in one frame of ours.
const FRAME_BYTES_MAX: usize = 16 << 10;
/// Unwritten answers to pings; a peer that asks on without reading is cut.
const UNWRITTEN_BYTES_MAX: usize = 64 << 10;

/// The stream.
pub struct WebSocket<C> {
    carrier: C,
    side: Side,
    decoder: Decoder,
    received: Waiting,
    data: Waiting,
    unwritten: Waiting,
    /// What goes before the first frame.
    head: Vec<u8>,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Open,
    /// Our close frame is written or waits to be.
    Closing,
}

impl<C: Carrier> WebSocket<C> {
    /// After the upgrade. `received` is what came behind its head.
    pub fn new(carrier: C, side: Side, received: &[u8]) -> Self {
        let other = match side {
            Side::Client => Side::Service,
            Side::Service => Side::Client,
        };
        Self {
            carrier,
            side,
            decoder: Decoder::new(other),
            received: Waiting::of(received),
            data: Waiting::default(),
            unwritten: Waiting::default(),
            head: Vec::new(),
            state: State::Open,
        }
    }

    /// The same, with the head of an answer that is still to be sent. It goes together with the first frame: alone it would be a
    /// record of always the same size.
    pub(crate) fn answering(carrier: C, head: Vec<u8>, received: &[u8]) -> Self {
        Self { head, ..Self::new(carrier, Side::Service, received) }
    }

    fn mask(&self) -> Option<[u8; 4]> {
        (self.side == Side::Client).then(rand::random)
    }

    /// Decodes what was received. True: the other side has closed.
    fn decode(&mut self) -> io::Result<bool> {
        let taken = self.received.rest().len();
        let decoded = self.decoder.handle_received(self.received.rest(), self.data.end());
        self.received.take(taken);
        let decoded = decoded.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        for ping in &decoded.pings {
            let mask = self.mask();
            websocket::pong(ping, mask, self.unwritten.end());
        }
        if self.unwritten.rest().len() > UNWRITTEN_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too many pings"));
        }
        Ok(decoded.closed)
    }
}

impl<C: Carrier> Carrier for WebSocket<C> {
    fn limit_unsent(&mut self, bytes: u32) {
        self.carrier.limit_unsent(bytes);
    }
}

impl<C: Carrier> AsyncRead for WebSocket<C> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            // Answers to pings go with the next write: a reader must not take the writer's place in the carrier's wake-up list.
            let closed = this.decode()?;
            if !this.data.is_empty() {
                this.data.move_into(buffer);
                return Poll::Ready(Ok(()));
            }
            if closed || ready!(poll_more(&mut this.carrier, context, &mut this.received))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<C: Carrier> AsyncWrite for WebSocket<C> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(poll_drain(&mut this.carrier, context, &mut this.unwritten))?;
        let taken = bytes.len().min(FRAME_BYTES_MAX);
        this.unwritten.end().append(&mut this.head);
        websocket::encode(&bytes[..taken], this.mask(), this.unwritten.end());
        // What the carrier does not take now goes before the next write, or with the flush.
        if let Poll::Ready(drained) = poll_drain(&mut this.carrier, context, &mut this.unwritten) {
            drained?;
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(poll_drain(&mut this.carrier, context, &mut this.unwritten))?;
        Pin::new(&mut this.carrier).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.state == State::Open {
            this.state = State::Closing;
            let mask = this.mask();
            websocket::close(mask, this.unwritten.end());
        }
        ready!(poll_drain(&mut this.carrier, context, &mut this.unwritten))?;
        Pin::new(&mut this.carrier).poll_shutdown(context)
    }
}
