//! The HTTP upgrade that a road begins with: to anyone on the way an ordinary WebSocket (RFC 6455).
//!
//! 1. The client sends `GET <path>` with `Upgrade: websocket`; the session's first message stands in the cookie [`COOKIE`].
//! 2. A proxy writes a new head with the service's path and of the client's head only the WebSocket key and that cookie: no
//!    address, no header that could tell clients apart.
//! 3. The service answers `101`; the session's second message follows in the first WebSocket frame.
//! 4. Every other request is answered as a web site answers it.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use rand::Rng;
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use umweg_wire::limits::HTTP_HEAD_BYTES_MAX;

use crate::session::FIRST_MESSAGE_BYTES_MAX;

/// The cookie that carries the session's first message.
pub const COOKIE: &str = "session";
/// From RFC 6455, section 1.3.
const WEBSOCKET_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const HEADERS_MAX: usize = 64;

/// Bytes that are no head of an HTTP/1 request or answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MalformedHead {
    /// Longer than anyone needs.
    #[error("the HTTP head is longer than {HTTP_HEAD_BYTES_MAX} bytes")]
    Long,
    /// Not HTTP/1.
    #[error("the bytes are no HTTP head")]
    NotHttp,
}

/// What an upgrade request must carry, whoever it is from.
#[derive(Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// The WebSocket key, base64 of 16 bytes.
    key: String,
    /// The session's first message.
    pub first_message: Vec<u8>,
}

/// A request's head, as far as anything of ours looks at it.
pub struct Request {
    /// `GET`, `HEAD` …
    pub method: String,
    /// The path, without a query.
    pub path: String,
    /// Whether the connection stays open after the answer.
    pub keep_alive: bool,
    /// Whether a body follows.
    pub has_body: bool,
    /// If it is an upgrade of ours.
    pub upgrade: Option<Upgrade>,
}

/// Reads the head of a request: the head, and how many bytes it took. `None`: more bytes are needed.
pub fn read_request(bytes: &[u8]) -> Result<Option<(Request, usize)>, MalformedHead> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    let Some(length) = whole(parsed.parse(bytes), bytes)? else { return Ok(None) };
    let headers = Headers(parsed.headers);
    let target = parsed.path.unwrap_or_default();
    let keep_alive = match parsed.version {
        Some(1) => !headers.has_token("connection", "close"),
        _ => headers.has_token("connection", "keep-alive"),
    };
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: target.split(['?', '#']).next().unwrap_or_default().to_owned(),
        keep_alive,
        has_body: headers.get("transfer-encoding").is_some() || headers.get("content-length").is_some_and(|length| length != "0"),
        upgrade: upgrade_of(&headers),
    };
    Ok(Some((request, length)))
}

impl Request {
    /// The upgrade, if this is one and for that path. Takes the same time wherever the paths differ.
    #[must_use]
    pub fn upgrade_for(&self, path: &str) -> Option<&Upgrade> {
        let same: bool = self.path.as_bytes().ct_eq(path.as_bytes()).into();
        self.upgrade.as_ref().filter(|_| same && self.method == "GET")
    }
}

impl Upgrade {
    /// A client's upgrade with the session's first message.
    pub fn new(first_message: Vec<u8>, rng: &mut impl Rng) -> Self {
        let mut key = [0; 16];
        rng.fill_bytes(&mut key);
        Self { key: BASE64.encode(&key), first_message }
    }

    /// The request. A proxy writes the same, with the service's host and path.
    #[must_use]
    pub fn to_request(&self, host: &str, path: &str) -> Vec<u8> {
        let cookie = BASE64URL_NOPAD.encode(&self.first_message);
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Cookie: {COOKIE}={cookie}\r\nSec-WebSocket-Key: {key}\r\n\r\n",
            key = self.key
        )
        .into_bytes()
    }

    /// The answer that accepts it.
    #[must_use]
    pub fn to_answer(&self) -> Vec<u8> {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
            self.accept()
        )
        .into_bytes()
    }

    fn accept(&self) -> String {
        BASE64.encode(&Sha1::new().chain_update(&self.key).chain_update(WEBSOCKET_GUID).finalize())
    }
}

/// What came back for an upgrade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The way is open; the session's bytes follow.
    Open,
    /// A web server's answer with that status.
    Status(u16),
    /// `101`, and not for this request.
    WrongAccept,
}

/// Reads the head of the answer to an upgrade, and how many bytes it took. `None`: more bytes are needed.
pub fn read_answer(bytes: &[u8], upgrade: &Upgrade) -> Result<Option<(Answer, usize)>, MalformedHead> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut headers);
    let Some(length) = whole(parsed.parse(bytes), bytes)? else { return Ok(None) };
    let headers = Headers(parsed.headers);
    let answer = match parsed.code {
        Some(101) if headers.get("sec-websocket-accept") == Some(&upgrade.accept()) => Answer::Open,
        Some(101) => Answer::WrongAccept,
        code => Answer::Status(code.unwrap_or_default()),
    };
    Ok(Some((answer, length)))
}

fn whole(parsed: httparse::Result<usize>, bytes: &[u8]) -> Result<Option<usize>, MalformedHead> {
    match parsed {
        Ok(httparse::Status::Complete(length)) if length <= HTTP_HEAD_BYTES_MAX => Ok(Some(length)),
        Ok(httparse::Status::Partial) if bytes.len() < HTTP_HEAD_BYTES_MAX => Ok(None),
        Ok(_) => Err(MalformedHead::Long),
        Err(_) => Err(MalformedHead::NotHttp),
    }
}

fn upgrade_of(headers: &Headers<'_, '_>) -> Option<Upgrade> {
    let key = headers.get("sec-websocket-key").filter(|key| BASE64.decode(key.as_bytes()).is_ok_and(|key| key.len() == 16))?;
    if !headers.has_token("upgrade", "websocket") || !headers.has_token("connection", "upgrade") {
        return None;
    }
    let cookies = headers.get("cookie")?.split(';');
    let cookie = cookies.filter_map(|cookie| cookie.trim().split_once('=')).find(|(name, _)| *name == COOKIE)?.1;
    let first_message =
        BASE64URL_NOPAD.decode(cookie.as_bytes()).ok().filter(|message| message.len() <= FIRST_MESSAGE_BYTES_MAX)?;
    Some(Upgrade { key: key.to_owned(), first_message })
}

struct Headers<'h, 'b>(&'h [httparse::Header<'b>]);

impl Headers<'_, '_> {
    /// The value of the first header of that name, if it is text.
    fn get(&self, name: &str) -> Option<&str> {
        let header = self.0.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok().map(str::trim)
    }

    fn has_token(&self, name: &str, token: &str) -> bool {
        self.get(name).is_some_and(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;

    use super::*;

    fn upgrade() -> Upgrade {
        Upgrade::new(vec![7; 100], &mut rand_chacha::ChaCha20Rng::seed_from_u64(1))
    }

    #[test]
    fn an_upgrade_is_understood_on_its_path_only() {
        let head = upgrade().to_request("umweg.example", "/secret");
        let (request, length) = read_request(&head).unwrap().unwrap();
        assert_eq!(length, head.len());
        assert!(request.upgrade_for("/secret") == Some(&upgrade()));
        for path in ["/", "/secre", "/secrets", "/Secret"] {
            assert!(request.upgrade_for(path).is_none(), "{path}");
        }
    }

    #[test]
    fn what_a_proxy_forwards_has_nothing_else_of_the_client() {
        let head = String::from_utf8(upgrade().to_request("proxy.example", "/secret")).unwrap();
        let head = head
            .replace("\r\nHost", "\r\nX-Forwarded-For: 192.0.2.7\r\nUser-Agent: mine\r\nHost")
            .replace("Cookie: ", "Cookie: other=1; ");
        let (request, _) = read_request(head.as_bytes()).unwrap().unwrap();
        let forwarded = request.upgrade_for("/secret").unwrap().to_request("service.example", "/live");
        assert!(forwarded == upgrade().to_request("service.example", "/live"));
    }

    #[test]
    fn the_accept_value_is_that_of_rfc_6455() {
        let upgrade = Upgrade { key: "dGhlIHNhbXBsZSBub25jZQ==".to_owned(), first_message: vec![] };
        assert_eq!(upgrade.accept(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn an_answer_is_told_from_a_web_servers() {
        let upgrade = upgrade();
        let answer = upgrade.to_answer();
        assert_eq!(read_answer(&answer, &upgrade), Ok(Some((Answer::Open, answer.len()))));
        assert_eq!(read_answer(&answer[..40], &upgrade), Ok(None));
        let other = Upgrade { key: BASE64.encode(&[0; 16]), ..upgrade };
        assert_eq!(read_answer(&answer, &other).unwrap().unwrap().0, Answer::WrongAccept);
        assert_eq!(read_answer(b"HTTP/1.1 404 Not Found\r\n\r\n", &other).unwrap().unwrap().0, Answer::Status(404));
    }

    #[test]
    fn a_head_without_end_is_refused_in_time() {
        let head = [b"GET / HTTP/1.1\r\nA: ".to_vec(), vec![b'a'; HTTP_HEAD_BYTES_MAX]].concat();
        assert!(matches!(read_request(&head), Err(MalformedHead::Long)));
        assert!(matches!(read_request(&head[..100]), Ok(None)));
    }

    #[test]
    fn an_upgrade_with_any_part_missing_is_an_ordinary_request() {
        let whole = String::from_utf8(upgrade().to_request("h", "/p")).unwrap();
        for part in ["Connection: Upgrade\r\n", "Upgrade: websocket\r\n", "Sec-WebSocket-Key", "Cookie"] {
            let (request, _) = read_request(whole.replace(part, "X-").as_bytes())
                .unwrap_or_default()
                .unwrap_or_else(|| read_request(whole.replace(part, "X: y\r\n").as_bytes()).unwrap().unwrap());
            assert!(request.upgrade.is_none(), "{part}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = read_request(&bytes);
            let _ = read_answer(&bytes, &upgrade());
            let _ = read_request(&[b"GET / HTTP/1.1\r\n".to_vec(), bytes].concat());
        }
    }
}
