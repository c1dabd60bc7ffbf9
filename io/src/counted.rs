//! A connection whose bytes are counted where they leave and reach this machine: what a censor counts.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use umweg_road::freeze::{End, Moved};

use crate::carrier::Carrier;

/// A connection's counters; they outlive it.
#[derive(Default)]
pub struct Traffic {
    sent: AtomicU64,
    received: AtomicU64,
    told: AtomicBool,
}

impl Traffic {
    /// So far.
    #[must_use]
    pub fn moved(&self) -> Moved {
        Moved { sent: self.sent.load(Ordering::Relaxed), received: self.received.load(Ordering::Relaxed) }
    }

    /// If it is over: whether anything that arrived said so.
    #[must_use]
    pub fn end(&self) -> End {
        if self.told.load(Ordering::Relaxed) { End::Told } else { End::Silent }
    }

    fn note<T>(&self, result: &Poll<io::Result<T>>) {
        // Giving up after many repetitions is silence, too.
        if matches!(result, Poll::Ready(Err(error)) if error.kind() != io::ErrorKind::TimedOut) {
            self.told.store(true, Ordering::Relaxed);
        }
    }
}

/// The connection.
pub(crate) struct Counted {
    tcp: TcpStream,
    traffic: Arc<Traffic>,
}

impl Counted {
    pub(crate) fn new(tcp: TcpStream) -> (Self, Arc<Traffic>) {
        let traffic = Arc::new(Traffic::default());
        (Self { tcp, traffic: Arc::clone(&traffic) }, traffic)
    }
}

impl Carrier for Counted {
    fn limit_unsent(&mut self, bytes: u32) {
        self.tcp.limit_unsent(bytes);
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.tcp).poll_read(context, buffer);
        self.traffic.note(&result);
        if let Poll::Ready(Ok(())) = &result {
            let came = buffer.filled().len() - before;
            self.traffic.received.fetch_add(came as u64, Ordering::Relaxed);
            if came == 0 && buffer.remaining() > 0 {
                self.traffic.told.store(true, Ordering::Relaxed);
            }
        }
        result
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.tcp).poll_write(context, bytes);
        self.traffic.note(&result);
        if let Poll::Ready(Ok(count)) = &result {
            self.traffic.sent.fetch_add(*count as u64, Ordering::Relaxed);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
