//! gRPC on sealed streams: the contract's stubs, the client's channel on one stream, and the server's loop.

use std::io;
use std::sync::{Mutex, PoisonError};

use hyper_util::rt::TokioIo;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::{Connected, Router};
use tonic::transport::{Channel, Endpoint, Server};
use tower::service_fn;
use umweg_wire::limits::{
    GRPC_MESSAGE_BYTES_MAX, HANDSHAKE_TIME_MAX, KEEPALIVE, KEEPALIVE_ANSWER_MAX, KEEPALIVE_SLOW_ANSWER_MAX, STREAMS_MAX,
};

use crate::session::{ConnectionId, SealedStream};
use crate::shutdown::Shutdown;

pub use contract::{
    blobs_client, blobs_server, calls_client, calls_server, key_packages_client, key_packages_server, logs_client, logs_server,
};

/// The contract itself, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/contract.bin"));

/// Every client and server of the contract is to have this limit in both directions.
pub const MESSAGE_BYTES_MAX: usize = GRPC_MESSAGE_BYTES_MAX;

#[expect(
    unused_qualifications,
    clippy::too_many_lines,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
mod contract {
    include!(concat!(env!("OUT_DIR"), "/umweg.v1.rs"));
}

/// Resolves when the connection is gone, whoever ended it.
pub struct Lost(oneshot::Receiver<()>);

impl Lost {
    /// Waits for it.
    pub async fn wait(self) {
        // The sender is dropped with the stream, and never used.
        let _ = self.0.await;
    }
}

/// Why no channel came about.
#[derive(Debug, thiserror::Error)]
#[error("the service does not speak gRPC on this connection: {0}")]
pub struct ConnectError(#[from] tonic::transport::Error);

/// A channel on that one stream. It never connects again by itself: when the stream is gone every request fails, `Lost` resolves,
/// and a new road is `umweg_road::ranking`'s to find. A quiet connection is kept alive, and a dead one noticed, by HTTP/2 pings.
pub async fn connect(mut stream: SealedStream) -> Result<(Channel, Lost), ConnectError> {
    let (held, lost) = oneshot::channel::<()>();
    stream.hold(held);
    let answer_max = if stream.is_chained() { KEEPALIVE_SLOW_ANSWER_MAX } else { KEEPALIVE_ANSWER_MAX };
    let only = Mutex::new(Some(TokioIo::new(stream)));
    let connector = service_fn(move |_| {
        let stream = only.lock().unwrap_or_else(PoisonError::into_inner).take();
        std::future::ready(stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)))
    });
    let endpoint = Endpoint::from_static("http://service.umweg")
        .connect_timeout(HANDSHAKE_TIME_MAX)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(answer_max)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20);
    Ok((endpoint.connect_with_connector(connector).await?, Lost(lost)))
}

/// A server with the limits and the keepalive of the contract; add services to it.
#[must_use]
pub fn server() -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_SLOW_ANSWER_MAX))
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
}

/// Serves the streams that arrive until the end begins; then finishes the requests under way. (`Watch` streams have no end of
/// their own: their handlers end them when `shutdown` begins.)
pub async fn serve(
    router: Router,
    arrivals: mpsc::Receiver<SealedStream>,
    shutdown: &Shutdown,
) -> Result<(), tonic::transport::Error> {
    let incoming = ReceiverStream::new(arrivals).map(Ok::<_, io::Error>);
    router.serve_with_incoming_shutdown(incoming, shutdown.begun()).await
}

/// A request knows its connection: `request.extensions().get::<ConnectionId>()`.
impl Connected for SealedStream {
    type ConnectInfo = ConnectionId;
    fn connect_info(&self) -> ConnectionId {
        self.id()
    }
}
