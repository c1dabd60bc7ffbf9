//! The sockets that the browser sends to, and the tasks that read them.
//!
//! Every socket takes datagrams from this machine's own addresses only. Which of them belong to the call is `flows`' matter.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use umweg_wire::limits::{DATAGRAM_BYTES_MAX, FLOWS_MAX};

use super::addresses::{OwnAddresses, offered};
use super::flows::Source;
use super::ice_tcp::{Frames, TooLong, frame};
use super::sdp::Candidate;

/// Frames that may wait for a browser's ICE-TCP connection; the browser is on this machine, so they hardly ever do.
const FRAMES_MAX: usize = 256;
/// Who connects shows its first check within this time.
const FIRST_CHECK_TIME_MAX: Duration = Duration::from_secs(10);

/// What the browser does.
pub(super) enum FromBrowser {
    Datagram {
        source: Source,
        datagram: Vec<u8>,
    },
    /// An ICE-TCP connection. Dropping `frames` ends it.
    Connected {
        connection: u64,
        frames: mpsc::Sender<Vec<u8>>,
    },
    Disconnected {
        connection: u64,
    },
}

/// The bound sockets of one call.
pub(super) struct Sockets {
    udp: Vec<Arc<UdpSocket>>,
    candidates: Vec<Candidate>,
    _readers: JoinSet<()>,
}

impl Sockets {
    /// Binds one UDP socket and one listener on each own address. An address that cannot be bound is left out; that none can is
    /// an error.
    pub(super) async fn bind(to: &mpsc::Sender<FromBrowser>) -> io::Result<Self> {
        let (mut udp, mut by_udp, mut by_tcp, mut readers) = (Vec::new(), Vec::new(), Vec::new(), JoinSet::new());
        let connections = Arc::new(AtomicU64::new(0));
        let mut failure = None;
        for address in offered() {
            match UdpSocket::bind((address, 0)).await.and_then(|socket| Ok((socket.local_addr()?, socket))) {
                Ok((local, socket)) => {
                    let socket = Arc::new(socket);
                    readers.spawn(read_udp(udp.len(), socket.clone(), to.clone()));
                    udp.push(socket);
                    by_udp.push(Candidate::Udp(local));
                }
                Err(error) => failure = Some(error),
            }
            match TcpListener::bind((address, 0)).await.and_then(|listener| Ok((listener.local_addr()?, listener))) {
                Ok((local, listener)) => {
                    readers.spawn(accept(listener, connections.clone(), to.clone()));
                    by_tcp.push(Candidate::TcpPassive(local));
                }
                Err(error) => failure = Some(error),
            }
        }
        let candidates: Vec<_> = by_udp.into_iter().chain(by_tcp).collect();
        match failure {
            Some(error) if candidates.is_empty() => Err(error),
            _ => Ok(Self { udp, candidates, _readers: readers }),
        }
    }

    /// Where the browser may send, the most wanted first.
    pub(super) fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Sends a datagram to the browser by UDP; one that the system has no room for is lost, as datagrams are.
    pub(super) fn send(&self, socket: usize, to: SocketAddr, datagram: &[u8]) {
        if let Some(socket) = self.udp.get(socket) {
            let _ = socket.try_send_to(datagram, to);
        }
    }
}

async fn read_udp(number: usize, socket: Arc<UdpSocket>, to: mpsc::Sender<FromBrowser>) {
    let mut own = OwnAddresses::read(Instant::now());
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX + 1];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            // An answer of ours found nobody (ICMP); the next read goes on.
            tokio::task::yield_now().await;
            continue;
        };
        if length > DATAGRAM_BYTES_MAX || !own.contains(from.ip(), Instant::now()) {
            continue;
        }
        let datagram = FromBrowser::Datagram { source: Source::Udp { socket: number, from }, datagram: buffer[..length].to_vec() };
        if let Err(mpsc::error::TrySendError::Closed(_)) = to.try_send(datagram) {
            return;
        }
    }
}

async fn accept(listener: TcpListener, connections: Arc<AtomicU64>, to: mpsc::Sender<FromBrowser>) {
    let mut own = OwnAddresses::read(Instant::now());
    let mut tasks = JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        let Ok((stream, from)) = listener.accept().await else {
            // Out of file descriptors: wait for some to be closed.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        if own.contains(from.ip(), Instant::now()) && tasks.len() < FLOWS_MAX {
            tasks.spawn(serve(stream, connections.fetch_add(1, Ordering::Relaxed), to.clone()));
        }
    }
}

async fn serve(mut stream: TcpStream, connection: u64, to: mpsc::Sender<FromBrowser>) {
    let _ = stream.set_nodelay(true);
    let (frames, mut frames_here) = mpsc::channel::<Vec<u8>>(FRAMES_MAX);
    if to.send(FromBrowser::Connected { connection, frames }).await.is_err() {
        return;
    }
    let (mut reader, mut writer) = stream.split();
    let write = async {
        while let Some(datagram) = frames_here.recv().await {
            let Ok(frame) = frame(&datagram) else { continue };
            if writer.write_all(&frame).await.is_err() {
                return;
            }
        }
    };
    let read = async {
        let mut frames = Frames::default();
        let mut buffer = vec![0; 16 << 10];
        let first = timeout(FIRST_CHECK_TIME_MAX, reader.read(&mut buffer)).await;
        let mut length = first.map_or(0, |read| read.unwrap_or(0));
        while length > 0 {
            frames.handle_bytes(&buffer[..length]);
            if hand_over(&mut frames, connection, &to).await.is_err() {
                return;
            }
            length = reader.read(&mut buffer).await.unwrap_or(0);
        }
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
    let _ = to.send(FromBrowser::Disconnected { connection }).await;
}

/// Unlike UDP's, these datagrams wait for room: a stream that is read later only slows its sender.
async fn hand_over(frames: &mut Frames, connection: u64, to: &mpsc::Sender<FromBrowser>) -> Result<(), TooLong> {
    while let Some(datagram) = frames.poll_datagram()? {
        let datagram = FromBrowser::Datagram { source: Source::Tcp { connection }, datagram: datagram.to_vec() };
        if to.send(datagram).await.is_err() {
            break;
        }
    }
    Ok(())
}
