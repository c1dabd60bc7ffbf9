//! A listening port: it accepts within a number of connections, reads a connection's first byte, and hands it on.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use umweg_road::first_bytes::{Begins, Port, begins};
use umweg_wire::limits::HANDSHAKE_TIME_MAX;

use crate::carrier::tune_tcp;
use crate::shutdown::Shutdown;

/// EAFNOSUPPORT.
const NO_SUCH_FAMILY: i32 = 97;

/// Why a port cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else does.
    #[error("port {0} is taken by another program: stop that one, or choose another port")]
    Taken(u16),
    /// Ports below 1024 need a permission.
    #[error(
        "this user may not listen on port {0}: choose one from 1024 up, or permit it (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE; \
         by hand: setcap cap_net_bind_service=+ep on the program's file)"
    )]
    NotAllowed(u16),
    /// An address of some other machine.
    #[error("{0} is no address of this machine: listen on 0.0.0.0 or [::] for all of its addresses")]
    NotOurs(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, io::Error),
}

/// A port that is bound and not open yet.
pub struct Door {
    listener: TcpListener,
    port: Port,
    address: SocketAddr,
}

/// How many connections there may be at once, at all doors together.
pub type Permits = Arc<Semaphore>;

impl Door {
    /// Binds it. Port 0 lets the system choose.
    pub async fn bind(port: Port, address: SocketAddr) -> Result<Self, BindError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => BindError::Taken(address.port()),
            io::ErrorKind::PermissionDenied => BindError::NotAllowed(address.port()),
            io::ErrorKind::AddrNotAvailable => BindError::NotOurs(address),
            _ => BindError::Other(address, error),
        };
        let listener = match TcpListener::bind(address).await {
            // A machine without IPv6: "all addresses" are then those of IPv4.
            Err(error) if error.raw_os_error() == Some(NO_SUCH_FAMILY) && address.ip() == Ipv6Addr::UNSPECIFIED => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
            }
            other => other,
        };
        let listener = listener.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, port, address })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until the end begins. A connection that says nothing in time, or nothing that this port serves, is closed; one above
    /// the number permitted too.
    pub fn open<F, T>(self, permits: Permits, shutdown: &Shutdown, handle: F)
    where
        F: Fn(TcpStream, Begins, OwnedSemaphorePermit) -> T + Clone + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let tasks = shutdown.clone();
        shutdown.spawn_until_begun(async move {
            loop {
                let tcp = match self.listener.accept().await {
                    Ok((tcp, _)) => tcp,
                    Err(error) => {
                        // Out of file handles, most likely: what is open must close first.
                        tracing::warn!(%error, "cannot accept connections for a moment");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                };
                let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                    metrics::counter!("umweg_connections_refused").increment(1);
                    continue;
                };
                let (handle, port) = (handle.clone(), self.port);
                tasks.spawn(async move {
                    tune_tcp(&tcp);
                    if let Some(what) = first_byte(&tcp).await.map(|first| begins(port, first)) {
                        handle(tcp, what, permit).await;
                    }
                });
            }
        });
    }
}

async fn first_byte(tcp: &TcpStream) -> Option<u8> {
    let mut first = [0];
    match timeout(HANDSHAKE_TIME_MAX, tcp.peek(&mut first)).await {
        Ok(Ok(1)) => Some(first[0]),
        _ => None,
    }
}
