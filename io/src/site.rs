//! The web site that everybody meets who has no business with us: a page, a folder of files, or another web server.
//!
//! 1. Another web server gets every visitor's bytes as they are, and they get its: nothing of ours is in between.
//! 2. Without one, what answers is to be taken for nginx as it comes: its words, its headers in its order, its patience, and its
//!    opinion of every malformed request ([`http1`], [`request`], [`answer`]). Tests of `umweg-proxy` compare it with the real one.
//! 3. In HTTP/2 it is the same nginx ([`http2`]): frame for frame, too.
//! 4. It answers every request in the same way, wherever a secret was guessed wrong: there is one code path and no comparison in it.

mod answer;
mod folder;
mod http1;
mod http2;
mod range;
mod request;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::carrier::{Carrier, Rewound, tune_tcp};
use crate::splice::splice;
use answer::Answer;
use folder::{find, stock};
use http1::read_head;
use request::{Body, Head};

/// nginx's patience: until a head is whole, between two requests, until an answer is taken, and for what comes after the last one.
const HEAD_TIME_MAX: Duration = Duration::from_secs(60);
const BETWEEN_TIME_MAX: Duration = Duration::from_secs(75);
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
const LINGER_SILENT_MAX: Duration = Duration::from_secs(5);
const LINGER_TIME_MAX: Duration = Duration::from_secs(30);
/// And how much of it, on one connection.
const REQUESTS_MAX: usize = 1_000;
/// Until another web server takes a connection, and how long a visit to it may be silent: its own limits are shorter.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
const VISIT_TIME_MAX: Duration = Duration::from_secs(600);

/// What is shown.
#[derive(Clone, Default)]
pub struct Site {
    content: Arc<Content>,
    /// The other web server as it speaks HTTP/2 without TLS.
    http2: Option<Arc<Upstream>>,
}

#[derive(Default)]
enum Content {
    #[default]
    Stock,
    Folder(PathBuf),
    Upstream(Upstream),
}

/// Another web server, as a host and a port.
struct Upstream {
    host: String,
    port: u16,
}

/// What a visitor's bytes came through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// Nothing, where nothing was expected.
    Plain,
    /// TLS.
    Tls,
    /// Nothing, where TLS was expected.
    Missing,
}

/// How a visitor came.
#[derive(Clone, Copy, Debug)]
pub struct Came {
    /// Through what.
    pub by: Layer,
    /// To which address of ours.
    pub to: SocketAddr,
    /// When.
    pub at: Instant,
}

impl Came {
    /// Just now, by that connection.
    #[must_use]
    pub fn now(by: Layer, tcp: &TcpStream) -> Self {
        Self { by, to: tcp.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 80))), at: Instant::now() }
    }
}

/// A folder that cannot be shown.
#[derive(Debug, thiserror::Error)]
#[error("cannot show {folder} as a web site: {error}. Does the folder exist, and may this user read it?")]
pub struct NoSite {
    folder: PathBuf,
    error: io::Error,
}

/// Not the address of a web server that we can stand in front of.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not the address of a web server to stand in front of: it must look like http://127.0.0.1:8080, without a path")]
pub struct NoUpstream(String);

impl Site {
    /// The files of that folder.
    pub fn folder(folder: &Path) -> Result<Self, NoSite> {
        let failed = |error| NoSite { folder: folder.to_owned(), error };
        let root = folder.canonicalize().map_err(failed)?;
        std::fs::read_dir(&root).map_err(failed)?;
        Ok(Self { content: Arc::new(Content::Folder(root)), http2: None })
    }

    /// The web server at that address (`http://HOST:PORT`). It gets every visitor's bytes as they are, and they get its.
    pub fn upstream(url: &str) -> Result<Self, NoUpstream> {
        Ok(Self { content: Arc::new(Content::Upstream(Upstream::at(url)?)), http2: None })
    }

    /// The same web server, where it speaks HTTP/2 without TLS: visitors whom HTTP/2 is offered are led there.
    pub fn with_http2(self, url: &str) -> Result<Self, NoUpstream> {
        Ok(Self { http2: Some(Arc::new(Upstream::at(url)?)), ..self })
    }

    /// The ports of the web servers to which visitors are led.
    pub fn ports_behind(&self) -> impl Iterator<Item = u16> {
        let first = match &*self.content {
            Content::Upstream(upstream) => Some(upstream.port),
            Content::Folder(_) | Content::Stock => None,
        };
        first.into_iter().chain(self.http2.as_ref().map(|upstream| upstream.port))
    }

    /// Whether HTTP/2 is to be offered (ALPN).
    #[must_use]
    pub fn has_http2(&self) -> bool {
        self.http2.is_some() || !matches!(*self.content, Content::Upstream(_))
    }

    /// Whether those bytes are the beginning of what any web server refuses, or closes on, without waiting for more.
    #[must_use]
    pub fn would_refuse(received: &[u8]) -> bool {
        read_head(received).is_err()
    }

    /// Answers a visitor who speaks HTTP/2, or leads them on.
    pub async fn serve_http2(&self, carrier: Box<dyn Carrier>, came: Came) {
        match &self.http2 {
            Some(upstream) => drop(upstream.serve(carrier, &[]).await),
            None => http2::serve(self, carrier, came).await,
        }
    }

    /// Answers a visitor's requests until there are no more. `received` is what was read of them already.
    pub async fn serve(&self, mut carrier: Box<dyn Carrier>, mut received: Vec<u8>, came: Came) {
        if let (Content::Upstream(upstream), Layer::Plain | Layer::Tls) = (&*self.content, came.by) {
            return match upstream.serve(carrier, &received).await {
                Ok(()) => {}
                Err(mut visitor) => drop(timeout(ANSWER_TIME_MAX, self.unavailable(&mut visitor)).await),
            };
        }
        let mut until = came.at + HEAD_TIME_MAX;
        for turn in 1..=REQUESTS_MAX {
            let Ok(Ok(Some(read))) = timeout_at(until, next_head(&mut carrier, &mut received)).await else { break };
            let (answer, head) = match read {
                Ok(head) => (self.answer(&head, came).await, head),
                Err(refused) => (Answer::to_refused(&refused), Head { keep_alive: false, body: Body::Nothing, ..refused.head }),
            };
            let broken = head.body == Body::Chunked && received.first().is_some_and(|byte| !byte.is_ascii_hexdigit());
            let keep_alive = head.keep_alive && !answer.is_last && !broken && turn < REQUESTS_MAX;
            let sent = timeout(ANSWER_TIME_MAX, answer.send(&mut carrier, keep_alive, &head)).await;
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
            match timeout(LINGER_TIME_MAX, pass_over(&mut carrier, &mut received, head.body)).await {
                Ok(Ok(())) if keep_alive => {}
                Ok(Err(error)) if error.kind() != io::ErrorKind::InvalidData => return,
                Ok(_) => break,
                Err(_) => return,
            }
            if received.is_empty() && !matches!(timeout(BETWEEN_TIME_MAX, carrier.read_buf(&mut received)).await, Ok(Ok(1..))) {
                break;
            }
            until = Instant::now() + HEAD_TIME_MAX;
        }
        close(carrier).await;
    }

    /// What a web server says whose application is down.
    pub async fn unavailable(&self, carrier: &mut Box<dyn Carrier>) -> io::Result<()> {
        Answer::problem("502 Bad Gateway", false).send(carrier, false, &Head::default()).await?;
        carrier.shutdown().await
    }

    async fn answer(&self, head: &Head, came: Came) -> Answer {
        if came.by == Layer::Missing {
            return Answer::to_unencrypted(head);
        }
        let found = match &*self.content {
            Content::Folder(root) => find(root, &head.path).await,
            Content::Stock | Content::Upstream(_) => stock(&head.path),
        };
        Answer::to_request(head, found, came)
    }
}

impl Upstream {
    fn at(url: &str) -> Result<Self, NoUpstream> {
        let wrong = || NoUpstream(url.to_owned());
        let authority = url.strip_prefix("http://").map(|rest| rest.strip_suffix('/').unwrap_or(rest)).ok_or_else(wrong)?;
        let parsed: http::uri::Authority = authority.parse().map_err(|_| wrong())?;
        if authority.contains('@') || parsed.host().is_empty() {
            return Err(wrong());
        }
        let host = parsed.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: parsed.port_u16().unwrap_or(80) })
    }

    /// Leads the visitor there. Who cannot be led is given back.
    async fn serve(&self, carrier: Box<dyn Carrier>, received: &[u8]) -> Result<(), Box<dyn Carrier>> {
        match timeout(CONNECT_TIME_MAX, TcpStream::connect((self.host.as_str(), self.port))).await {
            Ok(Ok(tcp)) => {
                tune_tcp(&tcp);
                // However it ends: that was between the visitor and the site.
                let _ = splice(Rewound::new(received, carrier), tcp, VISIT_TIME_MAX).await;
                Ok(())
            }
            _ => {
                tracing::warn!("the web server behind --site-upstream cannot be reached: visitors are told that it is down");
                Err(carrier)
            }
        }
    }
}

/// The next head, or why there is none. `None`: the visitor has gone.
async fn next_head(
    carrier: &mut Box<dyn Carrier>,
    received: &mut Vec<u8>,
) -> io::Result<Option<Result<Head, Box<request::Refused>>>> {
    loop {
        match read_head(received) {
            Ok(Some((head, length))) => {
                received.drain(..length);
                return Ok(Some(Ok(head)));
            }
            Ok(None) => {}
            Err(refused) => return Ok(Some(Err(refused))),
        }
        if carrier.read_buf(received).await? == 0 {
            return Ok(None);
        }
    }
}

/// Reads a request's body, which nobody wants.
async fn pass_over(carrier: &mut Box<dyn Carrier>, received: &mut Vec<u8>, body: Body) -> io::Result<()> {
    match body {
        Body::Nothing => Ok(()),
        Body::Bytes(length) => take(carrier, received, length).await,
        Body::Chunked => loop {
            let line = loop {
                if let Some(end) = received.iter().position(|&byte| byte == b'\n') {
                    break received.drain(..=end).collect::<Vec<_>>();
                }
                if received.len() > HEAD_BYTES_OF_CHUNK {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                hear(carrier, received).await?;
            };
            let size = std::str::from_utf8(&line).ok().and_then(|line| line.trim().split(';').next());
            let size = size.and_then(|size| u64::from_str_radix(size.trim(), 16).ok()).ok_or(io::ErrorKind::InvalidData)?;
            // The line's end after it too; after the last one no trailer is expected.
            take(carrier, received, size.saturating_add(2)).await?;
            if size == 0 {
                return Ok(());
            }
        },
    }
}

/// The size of a chunk has no more digits than this.
const HEAD_BYTES_OF_CHUNK: usize = 256;

async fn take(carrier: &mut Box<dyn Carrier>, received: &mut Vec<u8>, mut length: u64) -> io::Result<()> {
    loop {
        let here = usize::try_from(length).unwrap_or(usize::MAX).min(received.len());
        received.drain(..here);
        length -= here as u64;
        if length == 0 {
            return Ok(());
        }
        hear(carrier, received).await?;
    }
}

/// More of a body, if it does not take too long.
async fn hear(carrier: &mut Box<dyn Carrier>, received: &mut Vec<u8>) -> io::Result<()> {
    match timeout(LINGER_SILENT_MAX, carrier.read_buf(received)).await?? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Says that nothing more comes, and reads on for a while: who still sends would otherwise lose the answer to a reset.
async fn close(mut carrier: Box<dyn Carrier>) {
    if !matches!(timeout(ANSWER_TIME_MAX, carrier.shutdown()).await, Ok(Ok(()))) {
        return;
    }
    let lingering = async {
        let mut nothing = [0; 512];
        while let Ok(Ok(1..)) = timeout(LINGER_SILENT_MAX, carrier.read(&mut nothing)).await {}
    };
    let _ = timeout(LINGER_TIME_MAX, lingering).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    fn came() -> Came {
        Came { by: Layer::Plain, to: ([127, 0, 0, 1], 80).into(), at: Instant::now() }
    }

    #[tokio::test(start_paused = true)]
    async fn it_has_the_patience_of_a_real_web_server() {
        for (sent, patience) in [
            ("", 60),
            ("GET / HT", 60),
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 75),
            ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nlate", 5),
            ("POST / HTTP/1.0\r\nContent-Length: 9\r\n\r\nlate", 5),
        ] {
            let (mut visitor, here) = duplex(64 << 10);
            let serving = tokio::spawn(async move { Site::default().serve(Box::new(here), Vec::new(), came()).await });
            let begun = Instant::now();
            visitor.write_all(sent.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            visitor.read_to_end(&mut answer).await.unwrap();
            assert_eq!(begun.elapsed().as_secs(), patience, "{sent:?}");
            drop(visitor);
            serving.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_come_slowly_are_the_same_request() {
        let (mut visitor, here) = duplex(64 << 10);
        let serving = tokio::spawn(async move { Site::default().serve(Box::new(here), Vec::new(), came()).await });
        for byte in b"GET /index.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" {
            tokio::time::sleep(Duration::from_secs(1)).await;
            visitor.write_all(&[*byte]).await.unwrap();
        }
        let mut answer = String::new();
        visitor.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\nServer: nginx\r\n"), "{answer}");
        drop(visitor);
        serving.await.unwrap();
    }
}
