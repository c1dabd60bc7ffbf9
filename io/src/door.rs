//! A listening port: it accepts within a number of connections, reads a connection's first byte, and hands it on.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use umweg_road::first_bytes::{Begins, Port, begins};
use umweg_wire::limits::HANDSHAKE_TIME_MAX;

use crate::announced::take_header;
use crate::carrier::tune_tcp;
use crate::cores::Cores;
use crate::shutdown::Shutdown;

/// EAFNOSUPPORT.
const NO_SUCH_FAMILY: i32 = 97;
/// nginx waits so long for the first byte.
const SILENT_VISITOR_TIME_MAX: Duration = Duration::from_secs(60);
/// Connections that wait in the kernel to be accepted.
const WAITING_MAX: i32 = 1_024;

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
    /// One for each core: the kernel spreads the connections (SO_REUSEPORT).
    listeners: Vec<(Handle, Socket)>,
    port: Port,
    address: SocketAddr,
    announced: bool,
}

/// How many connections there may be at once, at all doors together.
pub type Permits = Arc<Semaphore>;

impl Door {
    /// Binds it, to be served by this runtime. Port 0 lets the system choose.
    pub async fn bind(port: Port, address: SocketAddr) -> Result<Self, BindError> {
        Self::bind_on(port, address, &Cores::here())
    }

    /// Binds it, to be served by all of those.
    pub fn bind_on(port: Port, address: SocketAddr, cores: &Cores) -> Result<Self, BindError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => BindError::Taken(address.port()),
            io::ErrorKind::PermissionDenied => BindError::NotAllowed(address.port()),
            io::ErrorKind::AddrNotAvailable => BindError::NotOurs(address),
            _ => BindError::Other(address, error),
        };
        let first = match bind(address) {
            // A machine without IPv6: "all addresses" are then those of IPv4.
            Err(error) if error.raw_os_error() == Some(NO_SUCH_FAMILY) && address.ip() == Ipv6Addr::UNSPECIFIED => {
                bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
            }
            other => other,
        };
        let first = first.map_err(failed)?;
        let address = first.local_addr().ok().and_then(|address| address.as_socket()).unwrap_or(address);
        let listeners = share(first, address, cores.runtimes()).map_err(failed)?;
        Ok(Self { listeners, port, address, announced: false })
    }

    /// Connections come by another server, which sends a PROXY protocol header before each. One without is closed.
    #[must_use]
    pub fn announced(mut self) -> Self {
        self.announced = true;
        self
    }

    /// Whether they do.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        self.announced
    }

    /// What it serves.
    #[must_use]
    pub fn port(&self) -> Port {
        self.port
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
        for (runtime, listener) in self.listeners {
            let accepting = accept(listener, (self.port, self.announced), Arc::clone(&permits), shutdown.clone(), handle.clone());
            shutdown.spawn_until_begun_on(&runtime, async move {
                if let Err(error) = accepting.await {
                    tracing::error!(%error, "a port cannot be served");
                }
            });
        }
    }
}

async fn accept<F, T>(
    listener: Socket,
    (port, announced): (Port, bool),
    permits: Permits,
    tasks: Shutdown,
    handle: F,
) -> io::Result<()>
where
    F: Fn(TcpStream, Begins, OwnedSemaphorePermit) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::from_std(listener.into())?;
    loop {
        let tcp = match listener.accept().await {
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
        let handle = handle.clone();
        tasks.spawn(async move {
            if let Ok(Some((tcp, first))) = timeout(patience(port), first_byte(tcp, announced)).await {
                handle(tcp, begins(port, first), permit).await;
            }
        });
    }
}

/// Not shared with anybody yet, so that it fails when another program has the port.
fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = socket_for(address)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn socket_for(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    tune_tcp(&socket);
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(false)?;
    }
    Ok(socket)
}

/// A listener for each runtime at the same address. For one alone the port stays its own.
fn share(first: Socket, address: SocketAddr, runtimes: &[Handle]) -> io::Result<Vec<(Handle, Socket)>> {
    if runtimes.len() > 1 {
        first.set_reuse_port(true)?;
    }
    let mut sockets = vec![first];
    for _ in 1..runtimes.len() {
        let socket = socket_for(address)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        sockets.push(socket);
    }
    sockets.iter().try_for_each(|socket| socket.listen(WAITING_MAX))?;
    Ok(runtimes.iter().cloned().zip(sockets).collect())
}

/// Where a web server listens, whoever says nothing is let go when a web server would.
fn patience(port: Port) -> Duration {
    match port {
        Port::Tls | Port::Plain => SILENT_VISITOR_TIME_MAX,
        Port::Bare | Port::Relay | Port::Through => HANDSHAKE_TIME_MAX,
    }
}

async fn first_byte(mut tcp: TcpStream, announced: bool) -> Option<(TcpStream, u8)> {
    if announced {
        take_header(&mut tcp).await?;
    }
    let mut first = [0];
    let seen = tcp.peek(&mut first).await.ok()?;
    (seen == 1).then_some((tcp, first[0]))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn every_core_serves_the_port_and_no_other_program_gets_it() {
        let (cores, shutdown) = (Cores::all().unwrap(), Shutdown::new());
        let door = Door::bind_on(Port::Plain, "127.0.0.1:0".parse().unwrap(), &cores).unwrap();
        let address = door.address();
        let again = Door::bind_on(Port::Plain, address, &cores).err().unwrap();
        assert!(matches!(again, BindError::Taken(port) if port == address.port()));
        let (served_by, mut serving) = mpsc::unbounded_channel();
        door.open(Arc::new(Semaphore::new(1_000)), &shutdown, move |_tcp, _what, _permit| {
            let served_by = served_by.clone();
            async move { served_by.send(std::thread::current().id()).unwrap() }
        });
        let mut threads = std::collections::HashSet::new();
        while threads.len() < cores.runtimes().len() {
            TcpStream::connect(address).await.unwrap().write_all(b"GET").await.unwrap();
            threads.insert(serving.recv().await.unwrap());
        }
    }

    #[tokio::test]
    async fn all_addresses_are_those_of_ipv4_and_ipv6() {
        let shutdown = Shutdown::new();
        let door = Door::bind(Port::Plain, "[::]:0".parse().unwrap()).await.unwrap();
        let port = door.address().port();
        let (came, mut coming) = mpsc::unbounded_channel();
        door.open(Arc::new(Semaphore::new(10)), &shutdown, move |_tcp, what, _permit| {
            let came = came.clone();
            async move { came.send(what).unwrap() }
        });
        for host in ["127.0.0.1", "::1"] {
            TcpStream::connect((host, port)).await.unwrap().write_all(b"GET").await.unwrap();
            assert_eq!(coming.recv().await, Some(Begins::Http), "{host}");
        }
    }
}
