//! What a connection's first bytes mean.

use crate::session::FIRST_MESSAGE_BYTES_MAX;

/// What a port is for, and so what its first bytes may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Port {
    /// HTTPS.
    Tls,
    /// HTTP.
    Plain,
    /// The bare session.
    Bare,
    /// Proxies to the service: HTTP or the bare session.
    Relay,
    /// Everything is passed on to one place, unread.
    Through,
}

/// What to do with a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begins {
    /// A TLS ClientHello.
    Tls,
    /// An HTTP/1 request, or what a web server would take for a broken one.
    Http,
    /// The bare session's first message.
    Bare,
    /// Nothing that this port serves.
    Nothing,
}

/// Decides by a port and its connection's first byte, as an ordinary web server would where it poses as one: on an HTTPS port
/// whatever is no TLS record is taken for HTTP (and answered "bad request").
#[must_use]
pub fn begins(port: Port, first: u8) -> Begins {
    let bare = usize::from(first) <= FIRST_MESSAGE_BYTES_MAX >> 8;
    match port {
        Port::Tls if first == TLS_HANDSHAKE => Begins::Tls,
        Port::Tls | Port::Plain => Begins::Http,
        Port::Bare | Port::Relay if bare => Begins::Bare,
        Port::Relay if first.is_ascii_uppercase() => Begins::Http,
        Port::Bare | Port::Relay | Port::Through => Begins::Nothing,
    }
}

/// What a client says where a web server listens, inside of TLS or without.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Says {
    /// HTTP, or what comes so near that a web server answers it as HTTP.
    Http,
    /// Another TLS connection: Signal's way to use a proxy.
    ClientHello,
    /// Some other protocol: WhatsApp's way.
    Other,
}

/// Tells them apart by a connection's first bytes. `None`: more are needed.
#[must_use]
pub fn says(bytes: &[u8]) -> Option<Says> {
    let word = bytes.iter().take_while(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_')).count();
    match bytes.get(word) {
        _ if word > METHOD_BYTES_MAX => Some(Says::Http),
        None => None,
        Some(b' ' | b'\t' | b'\r' | b'\n') => Some(Says::Http),
        Some(&TLS_HANDSHAKE) if word == 0 => Some(Says::ClientHello),
        Some(_) => Some(Says::Other),
    }
}

/// The first byte of a TLS record with a handshake message.
const TLS_HANDSHAKE: u8 = 0x16;
/// No method of HTTP is longer.
const METHOD_BYTES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::session::{Offer, Purpose, StaticKey, frame};

    #[test]
    fn the_three_forms_are_told_apart_on_every_port() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let key = StaticKey::random(&mut rng);
        for _ in 0..100 {
            let mut bare = Vec::new();
            frame(&Offer::new(key.public(), Purpose::Rpc, &mut rng).1, &mut bare);
            assert_eq!(begins(Port::Bare, bare[0]), Begins::Bare);
            assert_eq!(begins(Port::Relay, bare[0]), Begins::Bare);
        }
        assert_eq!(begins(Port::Relay, b'G'), Begins::Http);
        assert_eq!(begins(Port::Tls, 0x16), Begins::Tls);
        assert_eq!(begins(Port::Plain, b'G'), Begins::Http);
    }

    #[test]
    fn a_web_port_never_shows_that_it_knows_the_bare_session() {
        for first in 0..=255 {
            assert!(!matches!(begins(Port::Tls, first), Begins::Bare | Begins::Nothing));
            assert_eq!(begins(Port::Plain, first), Begins::Http);
        }
    }

    #[test]
    fn three_messengers_and_a_browser_are_told_apart() {
        for (bytes, expected) in [
            (b"GET / HTTP/1.1\r\n".as_slice(), Some(Says::Http)),
            (b"get nonsense", Some(Says::Http)),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(Says::Http)),
            (b"\r\n", Some(Says::Http)),
            (&[b'A'; 40], Some(Says::Http)),
            (b"\x16\x03\x01\x02\0", Some(Says::ClientHello)),
            (b"WA\x06\x03", Some(Says::Other)),
            (b"ED\0\x01", Some(Says::Other)),
            (b"\x05\x01\0", Some(Says::Other)),
            (b"", None),
            (b"G", None),
        ] {
            assert_eq!(says(bytes), expected, "{bytes:?}");
        }
    }
}
