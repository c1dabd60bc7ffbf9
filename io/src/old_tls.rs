//! SSL 2, which nobody speaks any more, and probers send: nginx takes its first message for a handshake, refuses it when all of it
//! has come, and closes. So do we.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The first message of SSL 2 has this bit in front.
const MARK: u8 = 0x80;
/// The alert `protocol_version` (RFC 8446, section 6).
const TOO_OLD: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 70];

/// The connection, if it begins with anything else.
pub async fn turn_away(mut tcp: TcpStream) -> Option<TcpStream> {
    let mut first = [0];
    if !matches!(tcp.peek(&mut first).await, Ok(1)) || first[0] & MARK == 0 {
        return Some(tcp);
    }
    let mut head = [0; 3];
    tcp.read_exact(&mut head).await.ok()?;
    if head[2] == 1 {
        let rest = u16::from_be_bytes([head[0] & !MARK, head[1]]).saturating_sub(1);
        let heard = tokio::io::copy(&mut (&mut tcp).take(rest.into()), &mut tokio::io::sink()).await;
        if heard.is_ok_and(|heard| heard == u64::from(rest)) {
            // Who has gone needs no answer.
            let _ = tcp.write_all(&TOO_OLD).await;
        }
    }
    None
}
