//! Two streams joined: what comes in on one goes out on the other, until both have ended or nothing moves any more.
//!
//! Most connections wait most of the time, so a connection holds memory only while its bytes move: they are read into a buffer of
//! the thread, and only what the other side does not take at once is kept. Where both sides are plain TCP and much is coming, the
//! kernel moves the bytes by itself (`kernel`).

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::carrier::{Carrier, poll_drain};
use crate::waiting::Waiting;

mod kernel;

/// Read at once. Four TLS records' worth: they leave in one write.
const BUFFER_BYTES: usize = 64 << 10;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
}

/// Bytes moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moved {
    /// From the first stream to the second.
    pub there: u64,
    /// And back.
    pub back: u64,
}

/// Joins them. When nothing moved for `idle_max` it ends with `TimedOut`.
pub async fn splice(mut first: impl Carrier, mut second: impl Carrier, idle_max: Duration) -> io::Result<Moved> {
    let (there, back) = (AtomicU64::new(0), AtomicU64::new(0));
    tokio::select! {
        joined = join(&mut first, &mut second, &there, &back) => joined?,
        () = idle(&there, &back, idle_max) => return Err(io::ErrorKind::TimedOut.into()),
    }
    Ok(Moved { there: there.into_inner(), back: back.into_inner() })
}

async fn join(first: &mut impl Carrier, second: &mut impl Carrier, there: &AtomicU64, back: &AtomicU64) -> io::Result<()> {
    if let (Some(first), Some(second)) = (first.tcp(), second.tcp()) {
        return tokio::try_join!(kernel::pass(first, second, there), kernel::pass(second, first, back)).map(|_| ());
    }
    let (mut going, mut coming) = (Passing::default(), Passing::default());
    poll_fn(|context| {
        let gone = going.poll(context, first, second, there)?;
        let come = coming.poll(context, second, first, back)?;
        if gone.is_ready() && come.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

async fn idle(there: &AtomicU64, back: &AtomicU64, idle_max: Duration) {
    let moved = || (there.load(Ordering::Relaxed), back.load(Ordering::Relaxed));
    let mut before = moved();
    loop {
        tokio::time::sleep(idle_max).await;
        let after = moved();
        if after == before {
            return;
        }
        before = after;
    }
}

/// One direction.
#[derive(Default)]
struct Passing {
    stage: Stage,
    /// Read, and not taken by the other side yet.
    waiting: Waiting,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Flowing,
    /// Something was written that may still wait inside the stream.
    Unflushed,
    /// The source has ended.
    Ending,
    Ended,
}

impl Passing {
    fn poll<R, W>(&mut self, context: &mut Context<'_>, from: &mut R, to: &mut W, moved: &AtomicU64) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            ready!(poll_drain(to, context, &mut self.waiting))?;
            match self.stage {
                Stage::Ended => return Poll::Ready(Ok(())),
                Stage::Ending => {
                    ready!(std::pin::Pin::new(&mut *to).poll_shutdown(context))?;
                    self.stage = Stage::Ended;
                }
                Stage::Flowing | Stage::Unflushed => match self.poll_some(context, from, to)? {
                    Poll::Ready(0) => self.stage = Stage::Ending,
                    Poll::Ready(count) => {
                        moved.fetch_add(count as u64, Ordering::Relaxed);
                        self.stage = Stage::Unflushed;
                    }
                    Poll::Pending => {
                        if self.stage == Stage::Unflushed {
                            ready!(std::pin::Pin::new(&mut *to).poll_flush(context))?;
                            self.stage = Stage::Flowing;
                        }
                        return Poll::Pending;
                    }
                },
            }
        }
    }

    /// Reads what there is and writes what the other side takes; the rest waits. Zero: the source has ended.
    fn poll_some<R, W>(&mut self, context: &mut Context<'_>, from: &mut R, to: &mut W) -> Poll<io::Result<usize>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        BUFFER.with_borrow_mut(|space| {
            let mut buffer = ReadBuf::new(space);
            ready!(std::pin::Pin::new(from).poll_read(context, &mut buffer))?;
            let read = buffer.filled();
            let mut written = 0;
            while written < read.len() {
                match std::pin::Pin::new(&mut *to).poll_write(context, &read[written..])? {
                    Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(count) => written += count,
                    Poll::Pending => break,
                }
            }
            self.waiting.end().extend_from_slice(&read[written..]);
            Poll::Ready(Ok(read.len()))
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn bytes_go_both_ways_until_both_have_ended() {
        let ((a, to_a), (to_b, b)) = (duplex(64), duplex(64));
        go_both_ways_until_both_have_ended(a, to_a, to_b, b).await;
    }

    #[tokio::test]
    async fn the_kernel_moves_them_no_differently() {
        let ((a, to_a), (b, to_b)) = (pair().await, pair().await);
        go_both_ways_until_both_have_ended(a, to_a, to_b, b).await;
    }

    #[tokio::test]
    async fn a_reader_that_waits_gets_every_byte_in_its_order() {
        let ((a, to_a), (b, to_b)) = (pair().await, pair().await);
        arrives_whole(a, to_a, to_b, b).await;
        let ((a, to_a), (to_b, b)) = (duplex(1_000), duplex(1_000));
        arrives_whole(a, to_a, to_b, b).await;
    }

    #[tokio::test(start_paused = true)]
    async fn two_silent_streams_are_let_go() {
        let ((_a, to_a), (to_b, _b)) = (duplex(64), duplex(64));
        let ended = splice(to_a, to_b, Duration::from_secs(90)).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn when_one_side_breaks_the_other_is_told() {
        let ((a, to_a), (mut b, to_b)) = (pair().await, pair().await);
        let joined = tokio::spawn(splice(to_a, to_b, Duration::from_secs(60)));
        socket2::SockRef::from(&a).set_linger(Some(Duration::ZERO)).unwrap();
        drop(a);
        assert!(joined.await.unwrap().is_err());
        assert_eq!(b.read(&mut [0; 1]).await.unwrap_or(0), 0);
    }

    async fn go_both_ways_until_both_have_ended<S: Carrier + 'static>(mut a: S, to_a: S, to_b: S, mut b: S) {
        let joined = tokio::spawn(splice(to_a, to_b, Duration::from_secs(60)));
        a.write_all(b"there").await.unwrap();
        a.shutdown().await.unwrap();
        let mut got = Vec::new();
        b.read_to_end(&mut got).await.unwrap();
        b.write_all(b"and back").await.unwrap();
        b.shutdown().await.unwrap();
        a.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"thereand back");
        assert_eq!(joined.await.unwrap().unwrap(), Moved { there: 5, back: 8 });
    }

    /// The writer is done with all but what fits between, before anything is read.
    async fn arrives_whole<S: Carrier + 'static>(mut a: S, to_a: S, to_b: S, mut b: S) {
        let joined = tokio::spawn(splice(to_a, to_b, Duration::from_secs(60)));
        let sent: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let expected = sent.clone();
        let writing = tokio::spawn(async move {
            a.write_all(&sent).await.unwrap();
            a.shutdown().await.unwrap();
            a
        });
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        let mut got = Vec::new();
        b.read_to_end(&mut got).await.unwrap();
        assert!(got == expected);
        drop((b, writing.await.unwrap()));
        assert_eq!(joined.await.unwrap().unwrap().there, expected.len() as u64);
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, server) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (client.unwrap(), server.unwrap().0)
    }
}
