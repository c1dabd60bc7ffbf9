//! A stream that is read in large pieces for somebody who asks for small ones: rustls asks for 4 kB at a time, a quarter of a record.
//!
//! What was read and not asked for yet is kept; the memory for it comes from the thread's stock, and is held only meanwhile.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use crate::carrier::Carrier;

/// Read at once: four TLS records.
const AHEAD_BYTES: usize = 66 << 10;
/// Empty buffers that a thread keeps for the next reads.
const KEPT: usize = 4;

thread_local! {
    static STOCK: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// The stream.
pub struct Ahead<S> {
    stream: S,
    read: Vec<u8>,
    taken: usize,
}

impl<S> Ahead<S> {
    /// Reads ahead from now on.
    pub fn new(stream: S) -> Self {
        Self { stream, read: Vec::new(), taken: 0 }
    }
}

impl<S: Carrier> Carrier for Ahead<S> {
    fn limit_unsent(&mut self, bytes: u32) {
        self.stream.limit_unsent(bytes);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Ahead<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.taken == this.read.len() {
            this.read = STOCK.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(AHEAD_BYTES));
            this.taken = 0;
            let came = poll_read_buf(Pin::new(&mut this.stream), context, &mut this.read);
            if !matches!(came, Poll::Ready(Ok(1..))) {
                this.give_back();
                ready!(came)?;
                return Poll::Ready(Ok(()));
            }
        }
        let count = buffer.remaining().min(this.read.len() - this.taken);
        buffer.put_slice(&this.read[this.taken..][..count]);
        this.taken += count;
        if this.taken == this.read.len() {
            this.give_back();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S> Ahead<S> {
    fn give_back(&mut self) {
        let mut empty = std::mem::take(&mut self.read);
        empty.clear();
        self.taken = 0;
        STOCK.with_borrow_mut(|stock| {
            if stock.len() < KEPT {
                stock.push(empty);
            }
        });
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Ahead<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn who_asks_for_little_at_a_time_gets_everything_in_its_order() {
        let (mut far, near) = duplex(AHEAD_BYTES);
        let mut near = Ahead::new(near);
        let sent: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
        let (wrote, got) = tokio::join!(
            async {
                far.write_all(&sent).await?;
                far.shutdown().await
            },
            async {
                let mut got = Vec::new();
                let mut some = [0; 1_000];
                loop {
                    match near.read(&mut some).await.unwrap() {
                        0 => return got,
                        count => got.extend_from_slice(&some[..count]),
                    }
                }
            }
        );
        wrote.unwrap();
        assert!(got == sent);
        assert_eq!(near.read.capacity(), 0, "nothing is held when nothing is left");
    }
}
