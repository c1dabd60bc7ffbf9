//! The PROXY protocol's header (versions 1 and 2), which haproxy, nginx and others put before a connection that they pass on.
//!
//! It tells whose connection it was. We want none of that: only where the header ends, so that it can be thrown away.

use ppp::{HeaderResult, PartialResult};
use umweg_wire::limits::PROXY_HEADER_BYTES_MAX;

const V1_BEGINS: &[u8] = b"PROXY ";

/// A connection that does not begin with the header that was announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the connection does not begin with a PROXY protocol header: is the server in front set to send one?")]
pub struct NoProxyHeader;

/// How many bytes the header at the beginning takes. `None`: more are needed, and all that are there belong to it.
pub fn proxy_header_length(bytes: &[u8]) -> Result<Option<usize>, NoProxyHeader> {
    let header = HeaderResult::parse(bytes);
    // Of a line that stops anywhere the library says that it is wrong.
    let unfinished_line = bytes.starts_with(V1_BEGINS) && !bytes.contains(&b'\n');
    if unfinished_line || header.is_incomplete() {
        return if bytes.len() < PROXY_HEADER_BYTES_MAX { Ok(None) } else { Err(NoProxyHeader) };
    }
    let length = match header {
        HeaderResult::V1(Ok(header)) => header.header.len(),
        HeaderResult::V2(Ok(header)) => header.len(),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => return Err(NoProxyHeader),
    };
    if length <= PROXY_HEADER_BYTES_MAX { Ok(Some(length)) } else { Err(NoProxyHeader) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const V1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\r\n";
    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xc3\x50\x01\xbb";
    const V2_LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

    #[test]
    fn both_versions_end_where_they_end_and_nowhere_before() {
        for header in [V1, V2, V2_LOCAL, b"PROXY UNKNOWN\r\n"] {
            let followed = [header, b"GET / HTTP/1.1\r\n"].concat();
            assert_eq!(proxy_header_length(&followed), Ok(Some(header.len())));
            for end in 0..header.len() {
                assert_eq!(proxy_header_length(&header[..end]), Ok(None), "cut at {end}");
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let endless = [b"PROXY TCP4 ".to_vec(), vec![b'1'; PROXY_HEADER_BYTES_MAX]].concat();
        for other in [b"GET / HTTP/1.1\r\n\r\n".as_slice(), b"\x16\x03\x01\x02\0", b"PROXY TCP9 a b c d\r\n", &endless] {
            assert_eq!(proxy_header_length(other), Err(NoProxyHeader));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = proxy_header_length(&bytes);
            let _ = proxy_header_length(&[b"PROXY ".as_slice(), &bytes].concat());
            let _ = proxy_header_length(&[&V2[..12], &bytes].concat());
        }
    }
}
