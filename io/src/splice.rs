//! Two streams joined: what comes in on one goes out on the other, until both have ended or nothing moves any more.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};

/// Bytes moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moved {
    /// From the first stream to the second.
    pub there: u64,
    /// And back.
    pub back: u64,
}

/// Joins them. When nothing moved for `idle_max` it ends with `TimedOut`.
pub async fn splice(first: impl Stream, second: impl Stream, idle_max: Duration) -> io::Result<Moved> {
    let moves = Arc::new(AtomicU64::new(0));
    let mut first = Counted { stream: first, moves: Arc::clone(&moves) };
    let mut second = Counted { stream: second, moves: Arc::clone(&moves) };
    tokio::select! {
        moved = copy_bidirectional(&mut first, &mut second) => moved.map(|(there, back)| Moved { there, back }),
        () = idle(&moves, idle_max) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// What can be joined.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

async fn idle(moves: &AtomicU64, idle_max: Duration) {
    let mut before = moves.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(idle_max).await;
        let after = moves.load(Ordering::Relaxed);
        if after == before {
            return;
        }
        before = after;
    }
}

/// A stream that notes that something came in.
struct Counted<S> {
    stream: S,
    moves: Arc<AtomicU64>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.moves.fetch_add(1, Ordering::Relaxed);
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
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
    async fn bytes_go_both_ways_until_both_have_ended() {
        let ((mut a, to_a), (to_b, mut b)) = (duplex(64), duplex(64));
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

    #[tokio::test(start_paused = true)]
    async fn two_silent_streams_are_let_go() {
        let ((_a, to_a), (to_b, _b)) = (duplex(64), duplex(64));
        let ended = splice(to_a, to_b, Duration::from_secs(90)).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
