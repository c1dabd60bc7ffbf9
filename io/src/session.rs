//! A sealed session as a stream: `umweg_road::session` on a carrier.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf};
use umweg_road::bites::cost;
use umweg_road::freeze::Moved;
use umweg_road::session::{self, ANSWER_BYTES_MAX, FIRST_MESSAGE_BYTES_MAX, Offer, Session};
pub use umweg_road::session::{Purpose, Refused, Scheme, StaticKey};
use umweg_wire::limits::MEDIA_UNSENT_BYTES_MAX;

use crate::carrier::{Carrier, poll_drain, poll_more, send};
use crate::counted::Traffic;
use crate::waiting::Waiting;

/// Why no sealed session came about.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The connection broke or ended.
    #[error("the connection ended during the handshake")]
    Carrier(#[from] io::Error),
    /// The handshake was refused.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Names a connection within this process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// The session's bytes, sealed on their way: over one connection, or over a chain of bites, each with a session of its own.
pub struct SealedStream {
    bytes: Bytes,
    id: ConnectionId,
    traffic: Option<Arc<Traffic>>,
    held: Vec<Box<dyn Send>>,
}

enum Bytes {
    Sealed(Box<Sealed>),
    Chain(DuplexStream),
}

struct Sealed {
    carrier: Box<dyn Carrier>,
    session: Session,
    received: Waiting,
    opened: Waiting,
    unwritten: Waiting,
    spent: Spent,
}

/// What a connection's records came to (`umweg_road::bites::cost`).
#[derive(Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// The client's side where the road begins with the session itself.
pub async fn offer(mut carrier: Box<dyn Carrier>, service_key: &[u8; 32], purpose: Purpose) -> Result<SealedStream, SessionError> {
    let (offer, first_message) = Offer::new(service_key, purpose, &mut rand::rng());
    let mut framed = Vec::new();
    session::frame(&first_message, &mut framed);
    send(&mut carrier, &framed).await?;
    finish(carrier, offer, purpose).await
}

/// The client's side once message 1 has gone (in an upgrade's head): reads message 2.
pub async fn finish(mut carrier: Box<dyn Carrier>, offer: Offer, purpose: Purpose) -> Result<SealedStream, SessionError> {
    let answer = read_framed(&mut carrier, ANSWER_BYTES_MAX).await?;
    Ok(SealedStream::new(carrier, offer.handle_answer(&answer)?, purpose))
}

/// The service's side where the road begins with the session itself.
pub async fn accept(
    mut carrier: Box<dyn Carrier>,
    key: &StaticKey,
    scheme: &Scheme,
) -> Result<(SealedStream, Purpose), SessionError> {
    let first_message = read_framed(&mut carrier, FIRST_MESSAGE_BYTES_MAX).await?;
    accept_first(carrier, &first_message, key, scheme).await
}

/// The service's side with message 1 read already (in an upgrade's head): writes message 2.
pub async fn accept_first(
    carrier: Box<dyn Carrier>,
    first_message: &[u8],
    key: &StaticKey,
    scheme: &Scheme,
) -> Result<(SealedStream, Purpose), SessionError> {
    let opened = Opened::new(first_message, key, scheme)?;
    let purpose = opened.purpose;
    Ok((opened.answer(carrier).await?, purpose))
}

/// The service's side between the messages: message 1 is proven to be for this service, and nothing has been answered yet.
pub(crate) struct Opened {
    session: Session,
    pub(crate) purpose: Purpose,
    answer: Vec<u8>,
}

impl Opened {
    pub(crate) fn new(first_message: &[u8], key: &StaticKey, scheme: &Scheme) -> Result<Self, Refused> {
        let (session, purpose, answer) = session::accept(key, first_message, scheme, &mut rand::rng())?;
        Ok(Self { session, purpose, answer })
    }

    /// Writes message 2.
    pub(crate) async fn answer(self, mut carrier: Box<dyn Carrier>) -> io::Result<SealedStream> {
        let mut framed = Vec::new();
        session::frame(&self.answer, &mut framed);
        send(&mut carrier, &framed).await?;
        Ok(SealedStream::new(carrier, self.session, self.purpose))
    }
}

impl SealedStream {
    fn new(mut carrier: Box<dyn Carrier>, session: Session, purpose: Purpose) -> Self {
        if purpose == Purpose::Media {
            carrier.limit_unsent(MEDIA_UNSENT_BYTES_MAX);
        }
        let (received, opened, unwritten) = <(Waiting, Waiting, Waiting)>::default();
        Self::of(Bytes::Sealed(Box::new(Sealed { carrier, session, received, opened, unwritten, spent: Spent::default() })))
    }

    /// What comes out of, and goes into, many.
    pub(crate) fn chained(chain: DuplexStream) -> Self {
        Self::of(Bytes::Chain(chain))
    }

    fn of(bytes: Bytes) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { bytes, id: ConnectionId(NEXT.fetch_add(1, Ordering::Relaxed)), traffic: None, held: Vec::new() }
    }

    /// Counted at its socket.
    pub(crate) fn counted(self, traffic: Arc<Traffic>) -> Self {
        Self { traffic: Some(traffic), ..self }
    }

    /// The counters of the connection that it was dialed on, if it is one connection.
    #[must_use]
    pub fn traffic(&self) -> Option<Arc<Traffic>> {
        self.traffic.clone()
    }

    /// Many connections rather than one.
    #[must_use]
    pub fn is_chained(&self) -> bool {
        matches!(self.bytes, Bytes::Chain(_))
    }

    pub(crate) fn moved(&self) -> Moved {
        self.traffic.as_ref().map(|traffic| traffic.moved()).unwrap_or_default()
    }

    pub(crate) fn spent(&self) -> Spent {
        match &self.bytes {
            Bytes::Sealed(sealed) => sealed.spent,
            Bytes::Chain(_) => Spent::default(),
        }
    }

    /// Data that one more record of at most `room` bytes takes.
    pub(crate) fn data_within(&self, room: usize) -> usize {
        match &self.bytes {
            Bytes::Sealed(sealed) => sealed.session.data_within(room),
            Bytes::Chain(_) => room,
        }
    }

    /// Tells this connection from others of the process.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Holds something (a permit, a signal) until the stream is dropped.
    pub fn hold(&mut self, held: impl Send + 'static) {
        self.held.push(Box::new(held));
    }
}

impl AsyncRead for SealedStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().bytes {
            Bytes::Sealed(sealed) => sealed.poll_read(context, buffer),
            Bytes::Chain(chain) => Pin::new(chain).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for SealedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().bytes {
            Bytes::Sealed(sealed) => sealed.poll_write(context, bytes),
            Bytes::Chain(chain) => Pin::new(chain).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().bytes {
            Bytes::Sealed(sealed) => {
                ready!(poll_drain(&mut sealed.carrier, context, &mut sealed.unwritten))?;
                Pin::new(&mut sealed.carrier).poll_flush(context)
            }
            Bytes::Chain(chain) => Pin::new(chain).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().bytes {
            Bytes::Sealed(sealed) => {
                ready!(poll_drain(&mut sealed.carrier, context, &mut sealed.unwritten))?;
                Pin::new(&mut sealed.carrier).poll_shutdown(context)
            }
            Bytes::Chain(chain) => Pin::new(chain).poll_shutdown(context),
        }
    }
}

impl Sealed {
    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if !self.opened.is_empty() {
                self.opened.move_into(buffer);
                return Poll::Ready(Ok(()));
            }
            let opened = self.session.open(self.received.rest(), self.opened.end());
            if let Some(taken) = opened.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
                self.received.take(taken);
                self.spent.received += cost(taken);
                continue;
            }
            if ready!(poll_more(&mut self.carrier, context, &mut self.received))? == 0 {
                let whole = self.received.is_empty();
                return Poll::Ready(if whole { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) });
            }
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(poll_drain(&mut self.carrier, context, &mut self.unwritten))?;
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let taken = self.session.seal(bytes, &mut rand::rng(), self.unwritten.end());
        self.spent.sent += cost(self.unwritten.rest().len());
        // What the carrier does not take now goes before the next write, or with the flush.
        if let Poll::Ready(drained) = poll_drain(&mut self.carrier, context, &mut self.unwritten) {
            drained?;
        }
        Poll::Ready(Ok(taken))
    }
}

async fn read_framed(carrier: &mut Box<dyn Carrier>, bytes_max: usize) -> Result<Vec<u8>, SessionError> {
    let length = usize::from(carrier.read_u16().await?);
    if length > bytes_max {
        return Err(Refused::Long(length).into());
    }
    let mut message = vec![0; length];
    carrier.read_exact(&mut message).await?;
    Ok(message)
}
