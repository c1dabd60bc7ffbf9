//! The router's UDP socket: several datagrams in one call of the kernel, both ways, where it can (on Linux: GRO, GSO, `recvmmsg`).
//!
//! What leaves for one app waits until something else leaves, or until it is flushed. Datagrams of one length go together, and a
//! shorter one after them, as a picture's packets are.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Buffers taken in by one call, each of several datagrams of one sender.
const BUFFERS: usize = 8;
/// No UDP datagram is longer, and the kernel joins no more than this.
const BUFFER_BYTES: usize = 1 << 16;
/// The most that can leave at once: what a UDP datagram over IPv4 carries.
const LEAVING_BYTES_MAX: usize = 65_507;

/// The socket, and what is about to leave by it.
pub(super) struct Udp {
    socket: UdpSocket,
    state: UdpSocketState,
    leaving: Leaving,
}

/// What came in one call.
#[derive(Default)]
pub(super) struct Received {
    bytes: Vec<u8>,
    metas: [RecvMeta; BUFFERS],
    count: usize,
}

/// Datagrams for one address.
struct Leaving {
    to: SocketAddr,
    /// All but the last have this length.
    segment: usize,
    count: usize,
    bytes: Vec<u8>,
}

impl Udp {
    /// Inside the runtime that drives it.
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let leaving = Leaving { to: socket.local_addr()?, segment: 0, count: 0, bytes: Vec::with_capacity(LEAVING_BYTES_MAX) };
        Ok(Self { socket: UdpSocket::from_std(socket)?, state, leaving })
    }

    /// When something may have come. An error shows itself at the next call.
    pub(super) async fn readable(&self) {
        _ = self.socket.readable().await;
    }

    /// Takes in what came, without waiting.
    pub(super) fn receive(&self, received: &mut Received) -> io::Result<()> {
        received.count = 0;
        let mut rest = received.bytes.chunks_exact_mut(BUFFER_BYTES);
        let mut buffers: [_; BUFFERS] = std::array::from_fn(|_| IoSliceMut::new(rest.next().unwrap_or_default()));
        let receive = || self.state.recv(UdpSockRef::from(&self.socket), &mut buffers, &mut received.metas);
        received.count = self.socket.try_io(Interest::READABLE, receive)?;
        Ok(())
    }

    /// Sends a datagram, made of parts, now or with the next ones.
    pub(super) fn send(&mut self, to: SocketAddr, parts: [&[u8]; 3]) {
        let length = parts.iter().map(|part| part.len()).sum();
        if !self.leaving.takes(to, length, self.state.max_gso_segments()) {
            self.flush();
            (self.leaving.to, self.leaving.segment) = (to, length);
        }
        self.leaving.count += 1;
        for part in parts {
            self.leaving.bytes.extend_from_slice(part);
        }
    }

    /// Sends what waits. A full socket drops it, as UDP may.
    pub(super) fn flush(&mut self) {
        let Leaving { to, segment, count, bytes } = &mut self.leaving;
        if *count == 0 {
            return;
        }
        let segment_size = (*count > 1).then_some(*segment);
        let transmit = Transmit { destination: *to, ecn: None, contents: bytes, segment_size, src_ip: None };
        let send = || self.state.try_send(UdpSockRef::from(&self.socket), &transmit);
        _ = self.socket.try_io(Interest::WRITABLE, send);
        bytes.clear();
        *count = 0;
    }
}

impl Received {
    /// Room for what comes.
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; BUFFERS * BUFFER_BYTES], ..Self::default() }
    }

    /// The datagrams, with their senders.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = (&[u8], SocketAddr)> {
        let buffers = self.bytes.chunks_exact(BUFFER_BYTES).zip(&self.metas).take(self.count);
        buffers.flat_map(|(bytes, meta)| {
            let joined = bytes.get(..meta.len).unwrap_or_default();
            joined.chunks(meta.stride.max(1)).map(|datagram| (datagram, meta.addr))
        })
    }
}

impl Leaving {
    /// Whether a datagram may go with those that wait.
    fn takes(&self, to: SocketAddr, length: usize, count_max: usize) -> bool {
        let all_alike = self.bytes.len() == self.count * self.segment;
        let fits = self.bytes.len() + length <= LEAVING_BYTES_MAX && self.count < count_max;
        self.count > 0 && self.to == to && length <= self.segment && all_alike && fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [usize; 8] = [1_000, 1_000, 400, 1_000, 100, 1_200, 1_200, 1];

    fn address(socket: &UdpSocket) -> SocketAddr {
        socket.local_addr().unwrap()
    }

    /// The runtime learns that a new socket is writable at its next look; until then everything is dropped.
    async fn udp() -> Udp {
        let udp = Udp::new(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        udp.socket.writable().await.unwrap();
        udp
    }

    #[tokio::test]
    async fn datagrams_of_all_lengths_arrive_whole_in_order_and_at_their_address() {
        let mut udp = udp().await;
        let (one, other) = (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
        for length in LENGTHS {
            udp.send(address(&one), [&[7], &vec![8; length - 1], &[]]);
        }
        udp.send(address(&other), [&[9; 1_200], &[], &[]]);
        udp.flush();
        let mut buffer = [0; 2_048];
        for length in LENGTHS {
            assert_eq!(one.recv(&mut buffer).await.unwrap(), length);
            assert_eq!(buffer[0], 7);
        }
        assert_eq!(other.recv(&mut buffer).await.unwrap(), 1_200);
    }

    #[tokio::test]
    async fn datagrams_that_the_kernel_joined_are_told_apart() {
        let (mut from, to) = (udp().await, udp().await);
        for length in LENGTHS {
            from.send(address(&to.socket), [&vec![3; length], &[], &[]]);
        }
        from.flush();
        let (mut received, mut lengths) = (Received::new(), Vec::new());
        while lengths.len() < LENGTHS.len() {
            to.readable().await;
            if to.receive(&mut received).is_ok() {
                lengths.extend(received.datagrams().map(|(datagram, sender)| {
                    assert_eq!(sender, address(&from.socket));
                    datagram.len()
                }));
            }
        }
        assert_eq!(lengths, LENGTHS);
    }

    #[tokio::test]
    async fn nothing_came_is_no_datagram() {
        let mut received = Received::new();
        assert_eq!(udp().await.receive(&mut received).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(received.datagrams().count(), 0);
    }
}
