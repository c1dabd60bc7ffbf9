//! What a sealed session can run on: TCP, TLS, a WebSocket on either, and pipes in tests.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::waiting::Waiting;

/// What waits sealed beside what waits in the socket: as much as is written at once.
const TLS_UNSENT_BYTES_MAX: usize = 256 << 10;

/// A stream of bytes, down to its socket.
pub trait Carrier: AsyncRead + AsyncWrite + Unpin + Send {
    /// Keeps at most so much unsent below: what is not sent yet must stay where it can still be dropped, or held back.
    fn limit_unsent(&mut self, _bytes: u32) {}

    /// Reads at most about so much ahead of who asks for it.
    fn limit_ahead(&mut self, _bytes: u32) {}

    /// The connection, if its bytes are the carrier's as they are: then the kernel can move them by itself.
    fn tcp(&mut self) -> Option<&mut TcpStream> {
        None
    }
}

impl Carrier for TcpStream {
    fn limit_unsent(&mut self, bytes: u32) {
        limit_unsent(self, bytes);
    }
    fn tcp(&mut self) -> Option<&mut TcpStream> {
        Some(self)
    }
}

impl<C: Carrier> Carrier for tokio_rustls::client::TlsStream<C> {
    fn limit_unsent(&mut self, bytes: u32) {
        let (carrier, tls) = self.get_mut();
        carrier.limit_unsent(bytes);
        tls.set_buffer_limit(Some(TLS_UNSENT_BYTES_MAX.min(bytes as usize)));
    }
}

impl<C: Carrier> Carrier for tokio_rustls::server::TlsStream<C> {
    fn limit_unsent(&mut self, bytes: u32) {
        let (carrier, tls) = self.get_mut();
        carrier.limit_unsent(bytes);
        tls.set_buffer_limit(Some(TLS_UNSENT_BYTES_MAX.min(bytes as usize)));
    }
    fn limit_ahead(&mut self, bytes: u32) {
        self.get_mut().0.limit_ahead(bytes);
    }
}

#[cfg(feature = "boring")]
impl<C: Carrier> Carrier for tokio_boring::SslStream<C> {
    fn limit_unsent(&mut self, bytes: u32) {
        self.get_mut().limit_unsent(bytes);
    }
}

impl Carrier for tokio::io::DuplexStream {}

impl<C: Carrier + ?Sized> Carrier for Box<C> {
    fn limit_unsent(&mut self, bytes: u32) {
        (**self).limit_unsent(bytes);
    }
    fn limit_ahead(&mut self, bytes: u32) {
        (**self).limit_ahead(bytes);
    }
    fn tcp(&mut self) -> Option<&mut TcpStream> {
        (**self).tcp()
    }
}

/// What every TCP connection of ours gets, one that comes in from the socket that listens: nothing waits to be sent together with
/// later bytes, and losses at random do not slow it down (BBR) where the kernel has it.
pub fn tune_tcp<'a, S>(tcp: &'a S)
where
    SockRef<'a>: From<&'a S>,
{
    let socket = SockRef::from(tcp);
    // Each is an improvement where the system offers it, and the connection works without.
    let _ = socket.set_tcp_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_congestion(b"bbr");
}

pub(crate) fn limit_unsent(tcp: &TcpStream, bytes: u32) {
    #[cfg(target_os = "linux")]
    // Without it more waits, and nothing breaks.
    let _ = SockRef::from(tcp).set_tcp_notsent_lowat(bytes);
}

/// A stream some of whose bytes were read already.
pub struct Rewound<S> {
    read: Waiting,
    rest: S,
}

impl<S> Rewound<S> {
    /// The stream as it was before `read` was read from it.
    pub fn new(read: &[u8], rest: S) -> Self {
        Self { read: Waiting::of(read), rest }
    }
}

impl<S: Carrier> Carrier for Rewound<S> {
    fn limit_unsent(&mut self, bytes: u32) {
        self.rest.limit_unsent(bytes);
    }
    fn limit_ahead(&mut self, bytes: u32) {
        self.rest.limit_ahead(bytes);
    }
    fn tcp(&mut self) -> Option<&mut TcpStream> {
        if self.read.is_empty() { self.rest.tcp() } else { None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.rest).poll_read(context, buffer);
        }
        self.read.move_into(buffer);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.rest).poll_write(context, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_shutdown(context)
    }
}

/// Writes all and sees it on its way.
pub async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Reads what has come, at most so much at once, and puts it at the end of `waiting`. Zero: the other side has ended.
pub(crate) fn poll_more<C: AsyncRead + Unpin + ?Sized>(
    carrier: &mut C,
    context: &mut Context<'_>,
    waiting: &mut Waiting,
) -> Poll<io::Result<usize>> {
    let mut space = [std::mem::MaybeUninit::uninit(); 16 << 10];
    let mut buffer = ReadBuf::uninit(&mut space);
    ready!(Pin::new(carrier).poll_read(context, &mut buffer))?;
    waiting.end().extend_from_slice(buffer.filled());
    Poll::Ready(Ok(buffer.filled().len()))
}

/// Writes what waits.
pub(crate) fn poll_drain<C: AsyncWrite + Unpin + ?Sized>(
    carrier: &mut C,
    context: &mut Context<'_>,
    waiting: &mut Waiting,
) -> Poll<io::Result<()>> {
    while !waiting.is_empty() {
        let written = ready!(Pin::new(&mut *carrier).poll_write(context, waiting.rest()))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        waiting.take(written);
    }
    Poll::Ready(Ok(()))
}
