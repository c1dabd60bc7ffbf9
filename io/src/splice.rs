//! Two streams joined: what comes in on one goes out on the other, until both have ended or nothing moves any more.
//!
//! Most connections wait most of the time, so a connection holds memory only while its bytes move: they are read into a buffer of
//! the thread, and only what the other side does not take at once is kept. Where both sides are plain TCP and much is coming, the
//! kernel moves the bytes by itself (`kernel`). How much may wait on the way out follows the speed (`umweg_road::unsent`).

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::ReadBuf;
use umweg_road::unsent::Unsent;

use crate::carrier::{Carrier, poll_drain};
use crate::waiting::Waiting;

mod kernel;

/// Read at once, at most. Sixteen TLS records' worth: they leave in one write.
const BUFFER_BYTES: usize = 256 << 10;

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
        let ((from_first, to_first), (from_second, to_second)) = (first.split(), second.split());
        return tokio::try_join!(kernel::pass(from_first, to_second, there), kernel::pass(from_second, to_first, back)).map(|_| ());
    }
    let (mut going, mut coming) = (Passing::new(), Passing::new());
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
struct Passing {
    stage: Stage,
    /// Read, and not taken by the other side yet.
    waiting: Waiting,
    /// The source broke after what waits.
    broke: Option<io::Error>,
    pace: Pace,
}

/// How much may be on its way at once.
struct Pace {
    began: Instant,
    unsent: Unsent,
}

impl Pace {
    fn new() -> Self {
        Self { began: Instant::now(), unsent: Unsent::default() }
    }

    fn at_once(&self) -> usize {
        self.unsent.bound()
    }

    /// So many have gone. If the socket has to be told another bound, that one.
    fn went(&mut self, bytes: usize) -> Option<u32> {
        self.unsent.handle_taken(bytes, self.began.elapsed())
    }

    fn is_full(&mut self) {
        self.unsent.handle_full(self.began.elapsed());
    }
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
    fn new() -> Self {
        Self { stage: Stage::default(), waiting: Waiting::default(), broke: None, pace: Pace::new() }
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        from: &mut impl Carrier,
        to: &mut impl Carrier,
        moved: &AtomicU64,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_out(context, to))?;
            match self.stage {
                Stage::Ended => return Poll::Ready(Ok(())),
                Stage::Ending => {
                    ready!(Pin::new(&mut *to).poll_shutdown(context))?;
                    self.stage = Stage::Ended;
                }
                Stage::Flowing | Stage::Unflushed => match self.poll_some(context, from, to)? {
                    Poll::Ready(0) => self.stage = Stage::Ending,
                    Poll::Ready(count) => {
                        moved.fetch_add(count as u64, Ordering::Relaxed);
                        self.stage = Stage::Unflushed;
                    }
                    Poll::Pending => return self.poll_flush(context, to),
                },
            }
        }
    }

    /// What waits goes first.
    fn poll_out(&mut self, context: &mut Context<'_>, to: &mut impl Carrier) -> Poll<io::Result<()>> {
        let out = poll_drain(to, context, &mut self.waiting);
        if out.is_pending() {
            self.pace.is_full();
        }
        ready!(out)?;
        Poll::Ready(self.broke.take().map_or(Ok(()), Err))
    }

    /// When nothing comes for a moment, what the other side keeps to itself must go. It is over only when the source has ended.
    fn poll_flush(&mut self, context: &mut Context<'_>, to: &mut impl Carrier) -> Poll<io::Result<()>> {
        if self.stage == Stage::Unflushed {
            let flushed = Pin::new(to).poll_flush(context)?;
            if flushed.is_pending() {
                self.pace.is_full();
            } else {
                self.stage = Stage::Flowing;
            }
        }
        Poll::Pending
    }

    /// Reads what there is and writes what the other side takes; the rest waits. Zero: the source has ended.
    fn poll_some(&mut self, context: &mut Context<'_>, from: &mut impl Carrier, to: &mut impl Carrier) -> Poll<io::Result<usize>> {
        BUFFER.with_borrow_mut(|space| {
            let mut buffer = ReadBuf::new(&mut space[..self.pace.at_once().min(BUFFER_BYTES)]);
            ready!(self.poll_fill(context, from, &mut buffer))?;
            let read = buffer.filled();
            let mut written = 0;
            while written < read.len() {
                match Pin::new(&mut *to).poll_write(context, &read[written..])? {
                    Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(count) => written += count,
                    Poll::Pending => break,
                }
            }
            self.waiting.end().extend_from_slice(&read[written..]);
            if let Some(bound) = self.pace.went(read.len()) {
                to.limit_unsent(bound);
                from.limit_ahead(bound);
            }
            Poll::Ready(Ok(read.len()))
        })
    }

    /// Reads until nothing more is there: TLS gives one record at a time. An error counts after what came before it.
    fn poll_fill(&mut self, context: &mut Context<'_>, from: &mut impl Carrier, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while buffer.remaining() > 0 {
            let before = buffer.filled().len();
            match Pin::new(&mut *from).poll_read(context, buffer) {
                Poll::Ready(Ok(())) if buffer.filled().len() > before => {}
                Poll::Ready(Err(error)) if before > 0 => {
                    buffer.set_filled(before);
                    self.broke = Some(error);
                    break;
                }
                Poll::Pending if before > 0 => break,
                other => return other,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
    use tokio::net::{TcpListener, TcpStream};
    use umweg_wire::limits::MEDIA_UNSENT_BYTES_MAX;

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

    /// Gives whatever is asked for, and counts it.
    struct Endless(Arc<AtomicU64>);

    impl Carrier for Endless {}

    impl AsyncRead for Endless {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            self.0.fetch_add(buffer.remaining() as u64, Ordering::Relaxed);
            buffer.put_slice(&vec![7; buffer.remaining()]);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Endless {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn before_a_reader_who_has_become_slow_little_waits() {
        const WINDOW: usize = 8 << 10;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        socket2::SockRef::from(&listener).set_recv_buffer_size(WINDOW).unwrap();
        let (to_b, b) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (to_b, mut b) = (to_b.unwrap(), b.unwrap().0);
        let taken = Arc::new(AtomicU64::new(0));
        let _joined = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(splice(
            Endless(Arc::clone(&taken)),
            to_b,
            Duration::from_secs(60),
        )));
        let (mut buffer, mut read, mut waited) = (vec![0; 20_000], 0, Vec::new());
        // A call's 240 kB a second, then 64 kB: the line has become bad.
        for (bytes, ticks) in [(12_000, 20), (3_200, 20), (3_200, 20)] {
            let mut most = 0;
            for _ in 0..ticks {
                tokio::time::sleep(Duration::from_millis(50)).await;
                read += b.read_exact(&mut buffer[..bytes]).await.unwrap() as u64;
                most = most.max(taken.load(Ordering::Relaxed) - read);
            }
            waited.push(most);
        }
        let bearable = 3 * u64::from(MEDIA_UNSENT_BYTES_MAX) + 2 * WINDOW as u64;
        assert!(waited[2] <= bearable, "so much waited, second by second: {waited:?}");
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
