//! A call's datagrams on a media connection: framed, the urgent ones first, the stale ones dropped before they are written.
//!
//! What waits, waits in `umweg_road::media_queue` and nowhere else: the kernel holds at most `limits::MEDIA_UNSENT_BYTES_MAX` unsent
//! (TCP_NOTSENT_LOWAT, `Carrier::limit_unsent`), the layers between are flushed with every batch.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
pub use umweg_road::media_queue::Class;
use umweg_road::media_queue::MediaQueue;
use umweg_wire::datagram::{self, Flow, Malformed};
use umweg_wire::{Ticket, Timestamp};

/// Bytes written at once: little enough that an urgent datagram does not wait long behind it.
const BATCH_BYTES: usize = 1_400;

/// Why a media connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// It broke or ended.
    #[error("the media connection ended")]
    Ended(#[from] io::Error),
    /// The other side broke the rules.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// One side of a media connection. Dropping it ends the connection.
pub struct MediaLink<S> {
    read: ReadHalf<S>,
    received: Vec<u8>,
    taken: usize,
    sender: MediaSender,
    _writer: AbortOnDropHandle<()>,
}

/// Sends on a media connection, from anywhere.
#[derive(Clone)]
pub struct MediaSender(Arc<Outgoing>);

struct Outgoing {
    queue: Mutex<MediaQueue>,
    more: Notify,
    /// Ages are counted from here: nothing becomes stale because somebody sets the clock.
    began: Instant,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> MediaLink<S> {
    /// The app's side: shows its ticket.
    pub async fn open(mut stream: S, ticket: Ticket) -> Result<Self, MediaError> {
        stream.write_all(&ticket.0).await?;
        stream.flush().await?;
        Ok(Self::new(stream))
    }

    /// The SFU's side: reads the ticket. Whose it is, and whether it is anybody's, is the SFU's to say. The caller sets a time limit.
    pub async fn accept(mut stream: S) -> Result<(Ticket, Self), MediaError> {
        let mut ticket = [0; Ticket::LEN];
        stream.read_exact(&mut ticket).await?;
        Ok((Ticket(ticket), Self::new(stream)))
    }

    fn new(stream: S) -> Self {
        let (read, write) = tokio::io::split(stream);
        let sender = MediaSender(Arc::new(Outgoing { queue: Mutex::default(), more: Notify::new(), began: Instant::now() }));
        let writer = AbortOnDropHandle::new(tokio::spawn(write_all(write, Arc::clone(&sender.0))));
        Self { read, received: Vec::new(), taken: 0, sender, _writer: writer }
    }

    /// For sending.
    #[must_use]
    pub fn sender(&self) -> MediaSender {
        self.sender.clone()
    }

    /// Sends a datagram, or drops it when the road is too narrow. It never waits.
    pub fn send(&self, flow: Flow, datagram: &[u8], class: Class) {
        self.sender.send(flow, datagram, class);
    }

    /// The next datagram. Nothing is lost when the future is dropped.
    pub async fn recv(&mut self) -> Result<(Flow, Vec<u8>), MediaError> {
        loop {
            if let Some((flow, datagram, length)) = datagram::from_frames(&self.received[self.taken..])? {
                let datagram = datagram.to_vec();
                self.taken += length;
                return Ok((flow, datagram));
            }
            self.received.drain(..self.taken);
            self.taken = 0;
            if self.read.read_buf(&mut self.received).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}

impl MediaSender {
    /// As `MediaLink::send`. A datagram that is longer than any may be is dropped.
    pub fn send(&self, flow: Flow, datagram: &[u8], class: Class) {
        if datagram.len() <= umweg_wire::limits::DATAGRAM_BYTES_MAX {
            self.0.queue().push(flow, datagram.to_vec(), class, self.0.now());
            self.0.more.notify_one();
        }
    }

    /// Datagrams that were dropped, so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.queue().dropped()
    }
}

impl Outgoing {
    fn now(&self) -> Timestamp {
        Timestamp(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn queue(&self) -> MutexGuard<'_, MediaQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn batch(&self, batch: &mut Vec<u8>) {
        let mut queue = self.queue();
        while batch.len() < BATCH_BYTES
            && let Some((flow, datagram)) = queue.pop(self.now())
        {
            datagram::to_frame(flow, &datagram, batch).expect("`send` checked the length");
        }
    }
}

/// Ends with the stream; the reader notices that too, and tells the owner.
async fn write_all<S: AsyncWrite>(mut write: WriteHalf<S>, outgoing: Arc<Outgoing>) {
    let mut batch = Vec::new();
    loop {
        batch.clear();
        outgoing.batch(&mut batch);
        if batch.is_empty() {
            outgoing.more.notified().await;
        } else if write.write_all(&batch).await.is_err() || write.flush().await.is_err() {
            return;
        }
    }
}
