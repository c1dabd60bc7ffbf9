//! A stream that is read in large pieces for somebody who asks for small ones: rustls asks for 4 kB at a time, a quarter of a record.
//!
//! What was read and not asked for yet is kept; the memory for it comes from the thread's stock, and is held only meanwhile. Where little
//! may be on its way, little is read ahead.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use crate::carrier::Carrier;

/// Read at once: four TLS records …
const LITTLE: usize = 66 << 10;
/// … and sixteen, where so much may be on its way: fewer calls of the kernel, and who waits for the bytes is woken less often.
const MUCH: usize = 264 << 10;
/// Empty buffers of each size that a thread keeps for the next reads.
const KEPT: usize = 4;

thread_local! {
    static STOCK: RefCell<[Vec<Vec<u8>>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// The stream.
pub struct Ahead<S> {
    stream: S,
    at_once: usize,
    read: Vec<u8>,
    taken: usize,
}

impl<S> Ahead<S> {
    /// Reads ahead from now on.
    pub fn new(stream: S) -> Self {
        Self { stream, at_once: LITTLE, read: Vec::new(), taken: 0 }
    }
}

impl<S: Carrier> Carrier for Ahead<S> {
    fn limit_unsent(&mut self, bytes: u32) {
        self.stream.limit_unsent(bytes);
    }
    fn limit_ahead(&mut self, bytes: u32) {
        self.at_once = if bytes as usize >= MUCH { MUCH } else { LITTLE };
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Ahead<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.taken == this.read.len() {
            let kept = STOCK.with_borrow_mut(|stock| shelf(stock, this.at_once).pop());
            this.read = kept.unwrap_or_else(|| Vec::with_capacity(this.at_once));
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
            let shelf = shelf(stock, empty.capacity());
            if shelf.len() < KEPT {
                shelf.push(empty);
            }
        });
    }
}

fn shelf(stock: &mut [Vec<Vec<u8>>; 2], bytes: usize) -> &mut Vec<Vec<u8>> {
    let [little, much] = stock;
    if bytes < MUCH { little } else { much }
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
        gets_everything(LITTLE, 0).await;
        gets_everything(MUCH, 1 << 20).await;
    }

    #[tokio::test]
    async fn where_little_may_be_on_its_way_little_is_read_ahead() {
        for (bound, ahead) in [(MUCH, MUCH), (MUCH - 1, LITTLE), (0, LITTLE)] {
            let (mut far, near) = duplex(2 * MUCH);
            let mut near = Ahead::new(near);
            near.limit_ahead(u32::try_from(bound).unwrap());
            far.write_all(&vec![7; 2 * MUCH]).await.unwrap();
            near.read_u8().await.unwrap();
            assert_eq!(near.read.len(), ahead);
        }
    }

    async fn gets_everything(between: usize, bound: u32) {
        let (mut far, near) = duplex(between);
        let mut near = Ahead::new(near);
        near.limit_ahead(bound);
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
