//! A call's datagrams by UDP, each with its ticket: the app's side.

use std::io;
use std::net::SocketAddr;

use tokio::net::UdpSocket;
use umweg_wire::Ticket;
use umweg_wire::datagram::{self, Flow};
use umweg_wire::limits::DATAGRAM_BYTES_MAX;

/// A socket that talks to the SFU alone.
pub struct TicketedSocket {
    socket: UdpSocket,
    ticket: Ticket,
}

impl TicketedSocket {
    /// Towards the SFU's address. Whether UDP passes shows only when something comes back.
    pub async fn connect(sfu: SocketAddr, ticket: Ticket) -> io::Result<Self> {
        let any: SocketAddr = if sfu.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(sfu).await?;
        // `try_send` sends nothing before the runtime has once seen that the socket can be written to.
        socket.writable().await?;
        Ok(Self { socket, ticket })
    }

    /// Sends a datagram; when the socket is full it is dropped, as UDP may.
    pub fn send(&self, flow: Flow, datagram: &[u8]) {
        let _ = self.socket.try_send(&datagram::to_udp(self.ticket, flow, datagram));
    }

    /// The next datagram of the SFU that carries this ticket; anything else is passed over.
    pub async fn recv(&self) -> io::Result<(Flow, Vec<u8>)> {
        let mut bytes = [0; Ticket::LEN + 1 + DATAGRAM_BYTES_MAX];
        loop {
            let length = self.socket.recv(&mut bytes).await?;
            if let Ok((ticket, flow, datagram)) = datagram::from_udp(&bytes[..length])
                && ticket == self.ticket
            {
                return Ok((flow, datagram.to_vec()));
            }
        }
    }
}
