//! The calls' media router as a part of the service: `umweg_sfu` with a socket, media connections and the door of gRPC.
//!
//! One thread owns the rooms and the UDP socket (`router`); everybody else sends it commands. A participant's datagrams come by UDP or
//! on media connections (`link`), and go back the way that `ways` picks. The `Calls` service (`door`) translates between the
//! contract and commands.
//!
//! A datagram by UDP is looked at only if it begins with the ticket of somebody who entered; anything else is dropped without
//! an answer and without keeping a byte of it.

mod command;
mod door;
mod link;
mod router;
mod udp;
mod ways;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use umweg_io::rpc::MESSAGE_BYTES_MAX;
use umweg_io::rpc::calls_server::CallsServer;
use umweg_sfu::Capacity;
use umweg_wire::{Capability, LogId};

use command::Commands;
use door::Door;
use router::Router;

/// Commands that wait for the router's thread; who sends more waits too.
const COMMANDS_WAITING_MAX: usize = 4_096;
/// The kernel's buffers of the UDP socket, for bursts of video.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;

/// Says whether somebody may know of a call at all: whether the capability opens the call's log.
#[tonic::async_trait]
pub trait Authorize: Send + Sync + 'static {
    /// False: there is no such log, or it has another capability. An error if it cannot be said now.
    async fn authorize(&self, log: LogId, capability: &Capability) -> Result<bool, tonic::Status>;
}

/// The running router. Clones are the same; when the last one is dropped, the router ends, and with it all calls.
#[derive(Clone)]
pub struct Sfu {
    commands: Commands,
    udp_port: u16,
}

impl Sfu {
    /// Binds the UDP socket (`None`: calls without UDP) and starts the router's thread.
    pub fn start(udp: Option<SocketAddr>) -> io::Result<Self> {
        Self::start_with(udp, Capacity::default())
    }

    /// The same, for calls that hold so much.
    pub fn start_with(udp: Option<SocketAddr>, capacity: Capacity) -> io::Result<Self> {
        let socket = udp.map(bind).transpose()?;
        let udp_port = socket.as_ref().map(UdpSocket::local_addr).transpose()?.map_or(0, |address| address.port());
        let (commands, waiting) = mpsc::channel(COMMANDS_WAITING_MAX);
        Router::start(socket, capacity, waiting)?;
        Ok(Self { commands: Commands::new(commands), udp_port })
    }

    /// The UDP port; 0 if there is none.
    #[must_use]
    pub fn udp_port(&self) -> u16 {
        self.udp_port
    }

    /// The `Calls` service, to be added to a gRPC server.
    #[must_use]
    pub fn service(&self, authorize: Arc<dyn Authorize>) -> CallsServer<impl umweg_io::rpc::calls_server::Calls> {
        let door = Door::new(self.commands.clone(), self.udp_port, authorize);
        CallsServer::new(door).max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Serves a media connection until it ends. One with a ticket that is nobody's ends at once.
    pub async fn handle_media<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(&self, stream: S) {
        link::serve(stream, &self.commands).await;
    }

    /// Ends all calls, and the router. Streams of participants end with UNAVAILABLE; the apps come back when there is a service again.
    pub async fn stop(&self) {
        self.commands.stop().await;
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    let options = SockRef::from(&socket);
    // The kernel may grant less, and less works too.
    _ = options.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    _ = options.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    Ok(socket)
}

#[cfg(test)]
mod tests;
