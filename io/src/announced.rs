//! Connections that another server in front of us passes on with a PROXY protocol header: it is read and thrown away.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use umweg_road::proxy_header::proxy_header_length;
use umweg_wire::limits::PROXY_HEADER_BYTES_MAX;

/// Takes the header from the connection, and not a byte more. `None`: there is none.
pub(crate) async fn take_header(tcp: &mut TcpStream) -> Option<()> {
    let mut bytes = vec![0; PROXY_HEADER_BYTES_MAX];
    let mut taken = 0;
    loop {
        let seen = taken + tcp.peek(&mut bytes[taken..]).await.ok().filter(|&seen| seen > 0)?;
        let length = proxy_header_length(&bytes[..seen]).ok()?;
        // Without an end in sight all of it is header: it is taken, so that what comes next can be waited for.
        let until = length.unwrap_or(seen);
        tcp.read_exact(&mut bytes[taken..until]).await.ok()?;
        taken = until;
        if length.is_some() {
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_header_in_pieces_is_taken_whole_and_nothing_after_it() {
        let (mut client, mut server) = pair().await;
        let writing = tokio::spawn(async move {
            client.set_nodelay(true).unwrap();
            for piece in ["PROXY TC", "P4 192.0.2.7 198.51.100.1 50000 ", "443\r", "\nGET /"] {
                client.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        assert!(take_header(&mut server).await.is_some());
        let mut rest = String::new();
        server.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "GET /");
        writing.await.unwrap();
    }

    #[tokio::test]
    async fn without_a_header_there_is_nothing_to_take() {
        let (mut client, mut server) = pair().await;
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert!(take_header(&mut server).await.is_none());
        let (client, mut server) = pair().await;
        drop(client);
        assert!(take_header(&mut server).await.is_none());
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, server) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (client.unwrap(), server.unwrap().0)
    }
}
