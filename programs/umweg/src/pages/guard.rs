//! Who may speak with the app. Everything on the computer can reach a loopback port, and so can every web site, through the
//! browser; so three things must fit:
//!
//! - `Host` is this very address: a name of somebody else's that resolves to 127.0.0.1 (DNS rebinding) is turned away;
//! - `Origin` is this very address: other sites' scripts are turned away;
//! - the secret of the start link, compared in constant time: other programs and other users of the computer are turned away.

use axum::http::{HeaderMap, HeaderName, header};
use data_encoding::BASE64URL_NOPAD;
use rand::Rng;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// The WebSocket subprotocol of the pages.
pub(crate) const PROTOCOL: &str = "umweg.v1";
/// The names that lead to 127.0.0.1 whatever a resolver says.
const HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];

/// What opens the WebSocket: 32 random bytes in base64url, new at every start.
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

    /// For the start link, and the file that commands read.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Whether this is it, in a time that tells nothing.
    pub(crate) fn is(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

/// Why a request is turned away.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("this address is not the app's: open the link that the app shows")]
    Host,
    #[error("only the app's own pages may do this")]
    Origin,
    #[error("the secret is missing or old: open the link that the app shows")]
    Secret,
}

/// The checks of one running app.
pub(crate) struct Guard {
    port: u16,
    secret: Secret,
}

impl Guard {
    /// For the app that listens on this port.
    pub(crate) fn new(port: u16, secret: Secret) -> Self {
        Self { port, secret }
    }

    /// For every request.
    pub(crate) fn check_host(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = single(headers, &header::HOST).ok_or(Refusal::Host)?;
        if self.hosts().any(|ours| ours == host) { Ok(()) } else { Err(Refusal::Host) }
    }

    /// For the WebSocket.
    pub(crate) fn check_socket(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        self.check_host(headers)?;
        let (host, origin) = (single(headers, &header::HOST), single(headers, &header::ORIGIN));
        let same = origin.and_then(|origin| origin.strip_prefix("http://")).is_some_and(|origin| Some(origin) == host);
        if !same {
            return Err(Refusal::Origin);
        }
        let offered = single(headers, &header::SEC_WEBSOCKET_PROTOCOL).ok_or(Refusal::Secret)?;
        let mut protocols = offered.split(',').map(str::trim);
        match (protocols.next(), protocols.next(), protocols.next()) {
            (Some(PROTOCOL), Some(secret), None) if self.secret.is(secret) => Ok(()),
            _ => Err(Refusal::Secret),
        }
    }

    /// What the pages may load and reach: themselves and the WebSocket, nothing else in the world.
    pub(crate) fn content_security_policy(&self) -> String {
        let sockets = self.hosts().map(|host| format!("ws://{host}")).collect::<Vec<_>>().join(" ");
        format!(
            "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
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

    fn guard() -> (Guard, String) {
        let secret = Secret::random();
        let shown = secret.expose().to_owned();
        (Guard::new(4_000, secret), shown)
    }

    fn asks(guard: &Guard, host: &str, origin: &str, protocols: &str) -> Result<(), Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::HOST, host), (header::ORIGIN, origin), (header::SEC_WEBSOCKET_PROTOCOL, protocols)] {
            if !value.is_empty() {
                headers.insert(name, value.parse().unwrap());
            }
        }
        guard.check_socket(&headers)
    }

    #[test]
    fn the_apps_own_page_is_let_in_under_both_names() {
        let (guard, secret) = guard();
        let protocols = format!("umweg.v1, {secret}");
        assert_eq!(asks(&guard, "127.0.0.1:4000", "http://127.0.0.1:4000", &protocols), Ok(()));
        assert_eq!(asks(&guard, "localhost:4000", "http://localhost:4000", &protocols), Ok(()));
    }

    #[test]
    fn another_host_is_refused() {
        let (guard, secret) = guard();
        let protocols = format!("umweg.v1, {secret}");
        for host in ["", "127.0.0.1", "127.0.0.1:4001", "evil.example:4000", "127.0.0.1:4000.evil.example", "[::1]:4000"] {
            assert_eq!(asks(&guard, host, &format!("http://{host}"), &protocols), Err(Refusal::Host), "{host}");
        }
    }

    #[test]
    fn another_origin_is_refused() {
        let (guard, secret) = guard();
        let protocols = format!("umweg.v1, {secret}");
        for origin in
            ["", "null", "https://127.0.0.1:4000", "http://localhost:4000", "http://127.0.0.1:4001", "http://evil.example"]
        {
            assert_eq!(asks(&guard, "127.0.0.1:4000", origin, &protocols), Err(Refusal::Origin), "{origin}");
        }
    }

    #[test]
    fn without_the_secret_nobody_gets_in() {
        let (guard, secret) = guard();
        let refused = ["".to_owned(), "umweg.v1".into(), "umweg.v1, ".into(), secret.clone(), format!("{secret}, umweg.v1")];
        let wrong = [format!("umweg.v1, {}", &secret[1..]), format!("umweg.v1, {secret}A"), format!("umweg.v1, x, {secret}")];
        for protocols in refused.into_iter().chain(wrong) {
            assert_eq!(asks(&guard, "127.0.0.1:4000", "http://127.0.0.1:4000", &protocols), Err(Refusal::Secret), "{protocols}");
        }
    }

    #[test]
    fn a_header_that_stands_twice_is_refused() {
        let (guard, _) = guard();
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, "127.0.0.1:4000".parse().unwrap());
        headers.append(header::HOST, "evil.example".parse().unwrap());
        assert_eq!(guard.check_host(&headers), Err(Refusal::Host));
    }

    #[test]
    fn no_two_starts_share_a_secret() {
        assert!(!Secret::random().is(Secret::random().expose()));
    }
}
