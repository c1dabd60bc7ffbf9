//! Who may speak with the app. Everything on the computer can reach a loopback port, and so can every web site, through the
//! browser; so three things must fit, of which the third is `proof`'s:
//!
//! - `Host` is this very address: a name of somebody else's that resolves to 127.0.0.1 (DNS rebinding) is turned away;
//! - `Origin` is this very address: other sites' scripts are turned away;
//! - who asks knows a secret: other programs and other users of the computer are turned away.

use axum::http::{HeaderMap, HeaderName, header};
use data_encoding::BASE64URL_NOPAD;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// The WebSocket subprotocol of the pages.
pub(crate) const PROTOCOL: &str = "umweg.v1";
/// The names that lead to 127.0.0.1 whatever a resolver says.
const HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];

/// 32 random bytes in base64url.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    /// A new one.
    pub(crate) fn random() -> Self {
        let mut bytes = [0; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(BASE64URL_NOPAD.encode(&bytes))
    }

    /// One that was kept.
    pub(crate) fn kept(text: String) -> Self {
        Self(text)
    }

    /// For the start link, the files of the folder, and proofs.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// Why a request is turned away.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("this address is not the app's: open the link that the app shows")]
    Host,
    #[error("only the app's own pages may do this")]
    Origin,
    #[error("the page speaks another protocol: load it again")]
    Protocol,
    #[error("the secret is missing or old: open the link that the app shows")]
    Secret,
}

/// The checks of one running app.
pub(crate) struct Guard {
    port: u16,
}

impl Guard {
    /// For the app that listens on this port.
    pub(crate) fn new(port: u16) -> Self {
        Self { port }
    }

    /// For every request. Answers with the host that was meant.
    pub(crate) fn check_host<'h>(&self, headers: &'h HeaderMap) -> Result<&'h str, Refusal> {
        let host = single(headers, &header::HOST).ok_or(Refusal::Host)?;
        if self.hosts().any(|ours| ours == host) { Ok(host) } else { Err(Refusal::Host) }
    }

    /// For the WebSocket.
    pub(crate) fn check_socket<'h>(&self, headers: &'h HeaderMap) -> Result<&'h str, Refusal> {
        let host = self.check_host(headers)?;
        let origin = single(headers, &header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
        if origin != Some(host) {
            return Err(Refusal::Origin);
        }
        if single(headers, &header::SEC_WEBSOCKET_PROTOCOL) == Some(PROTOCOL) { Ok(host) } else { Err(Refusal::Protocol) }
    }

    /// What the pages may load and reach: themselves and the WebSocket, nothing else in the world. `wasm-unsafe-eval` lets them
    /// compile what takes noise out of a voice and blurs a background, from files of their own; text never becomes a script by it.
    pub(crate) fn content_security_policy(&self) -> String {
        let sockets = self.hosts().map(|host| format!("ws://{host}")).collect::<Vec<_>>().join(" ");
        format!(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
             media-src 'self' blob:; manifest-src 'self'; connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        )
    }

    fn hosts(&self) -> impl Iterator<Item = String> {
        HOSTS.into_iter().map(|host| format!("{host}:{}", self.port))
    }
}

/// A header that stands there once; twice is somebody's trick.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(host: &str, origin: &str, protocols: &str) -> Result<(), Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::HOST, host), (header::ORIGIN, origin), (header::SEC_WEBSOCKET_PROTOCOL, protocols)] {
            if !value.is_empty() {
                headers.insert(name, value.parse().unwrap());
            }
        }
        Guard::new(4_000).check_socket(&headers).map(|meant| assert_eq!(meant, host))
    }

    #[test]
    fn the_apps_own_page_is_let_in_under_both_names() {
        assert_eq!(asks("127.0.0.1:4000", "http://127.0.0.1:4000", PROTOCOL), Ok(()));
        assert_eq!(asks("localhost:4000", "http://localhost:4000", PROTOCOL), Ok(()));
    }

    #[test]
    fn another_host_is_refused() {
        for host in ["", "127.0.0.1", "127.0.0.1:4001", "evil.example:4000", "127.0.0.1:4000.evil.example", "[::1]:4000"] {
            assert_eq!(asks(host, &format!("http://{host}"), PROTOCOL), Err(Refusal::Host), "{host}");
        }
    }

    #[test]
    fn another_origin_is_refused() {
        for origin in
            ["", "null", "https://127.0.0.1:4000", "http://localhost:4000", "http://127.0.0.1:4001", "http://evil.example"]
        {
            assert_eq!(asks("127.0.0.1:4000", origin, PROTOCOL), Err(Refusal::Origin), "{origin}");
        }
    }

    #[test]
    fn another_protocol_is_refused() {
        for protocols in ["", "umweg.v2", "umweg.v1, more"] {
            assert_eq!(asks("127.0.0.1:4000", "http://127.0.0.1:4000", protocols), Err(Refusal::Protocol), "{protocols}");
        }
    }

    #[test]
    fn a_header_that_stands_twice_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, "127.0.0.1:4000".parse().unwrap());
        headers.append(header::HOST, "evil.example".parse().unwrap());
        assert_eq!(Guard::new(4_000).check_host(&headers), Err(Refusal::Host));
    }

    #[test]
    fn no_two_starts_share_a_secret() {
        assert_ne!(Secret::random().expose(), Secret::random().expose());
    }
}
