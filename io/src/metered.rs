//! A stream whose bytes are counted as they come and go, and which can be slowed down or stopped by who counts.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::carrier::Carrier;

/// Counts bytes for a stream.
pub trait Meter: Unpin + Send {
    /// So many were moved: how long to wait before the next are. `None`: no more may be moved.
    fn count(&mut self, bytes: usize) -> Option<Duration>;
}

/// The stream. Both directions count; what comes in waits, and so nothing is read faster than it may be passed on.
pub struct Metered<S, M> {
    stream: S,
    meter: M,
    waits: Option<Pin<Box<Sleep>>>,
}

impl<S, M: Meter> Metered<S, M> {
    /// Counts by that meter from now on.
    pub fn new(stream: S, meter: M) -> Self {
        Self { stream, meter, waits: None }
    }

    fn count(&mut self, bytes: usize) -> io::Result<()> {
        let wait = self.meter.count(bytes).ok_or(io::ErrorKind::QuotaExceeded)?;
        if !wait.is_zero() {
            self.waits = Some(Box::pin(sleep(wait)));
        }
        Ok(())
    }

    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(waits) = &mut self.waits {
            ready!(waits.as_mut().poll(context));
            self.waits = None;
        }
        Poll::Ready(())
    }
}

impl<S: Carrier, M: Meter> Carrier for Metered<S, M> {
    fn limit_unsent(&mut self, bytes: u32) {
        self.stream.limit_unsent(bytes);
    }
    fn limit_ahead(&mut self, bytes: u32) {
        self.stream.limit_ahead(bytes);
    }
}

impl<S: AsyncRead + Unpin, M: Meter> AsyncRead for Metered<S, M> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_turn(context));
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        Poll::Ready(self.count(buffer.filled().len() - before))
    }
}

impl<S: AsyncWrite + Unpin, M: Meter> AsyncWrite for Metered<S, M> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_turn(context));
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        Poll::Ready(self.count(written).map(|()| written))
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

    struct Each(Duration, usize);
    impl Meter for Each {
        fn count(&mut self, bytes: usize) -> Option<Duration> {
            self.1 = self.1.checked_sub(bytes)?;
            Some(self.0)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_meter_slows_down_takes_its_time_in_both_directions() {
        let (mut a, b) = duplex(100);
        let mut b = Metered::new(b, Each(Duration::from_secs(1), 1_000));
        let begun = tokio::time::Instant::now();
        for _ in 0..5 {
            a.write_all(&[7; 10]).await.unwrap();
            b.read_exact(&mut [0; 10]).await.unwrap();
            b.write_all(&[7; 10]).await.unwrap();
        }
        assert_eq!(begun.elapsed().as_secs(), 9);
    }

    #[tokio::test]
    async fn what_a_meter_stops_has_ended() {
        let (mut a, b) = duplex(100);
        let mut b = Metered::new(b, Each(Duration::ZERO, 15));
        a.write_all(&[7; 20]).await.unwrap();
        b.read_exact(&mut [0; 10]).await.unwrap();
        assert_eq!(b.read_exact(&mut [0; 10]).await.unwrap_err().kind(), io::ErrorKind::QuotaExceeded);
    }
}
