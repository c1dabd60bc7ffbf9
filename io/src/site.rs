//! The web site that everybody meets who has no business with us: one page, a folder of files, or another web server.
//!
//! It answers every request in the same way, wherever a secret was guessed wrong: there is one code path and no comparison in it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use umweg_road::upgrade::{Request, read_request};

use crate::carrier::{Carrier, Rewound, tune_tcp};
use crate::splice::splice;

/// Until a visitor's next request is whole, and until an answer is taken.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(15);
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
const REQUESTS_MAX: usize = 100;
/// Until another web server takes a connection, and how long a visit to it may be silent: its own limits are shorter.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
const VISIT_TIME_MAX: Duration = Duration::from_secs(600);

/// The page of a web server on which nothing was set up yet.
const DEFAULT_PAGE: &str = "<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome</title>\n<style>\nhtml { color-scheme: light dark; }\n\
body { width: 35em; margin: 0 auto;\nfont-family: Tahoma, Verdana, Arial, sans-serif; }\n</style>\n</head>\n<body>\n<h1>It works!</h1>\n\
<p>This web server is running. Nothing has been published here yet.</p>\n</body>\n</html>\n";

/// What is shown.
#[derive(Clone)]
pub struct Site(Arc<Content>);

enum Content {
    DefaultPage,
    Folder(PathBuf),
    Upstream(Upstream),
}

/// Another web server, as a host and a port.
struct Upstream {
    host: String,
    port: u16,
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

impl Default for Site {
    fn default() -> Self {
        Self(Arc::new(Content::DefaultPage))
    }
}

impl Site {
    /// The files of that folder.
    pub fn folder(folder: &Path) -> Result<Self, NoSite> {
        let failed = |error| NoSite { folder: folder.to_owned(), error };
        let root = folder.canonicalize().map_err(failed)?;
        std::fs::read_dir(&root).map_err(failed)?;
        Ok(Self(Arc::new(Content::Folder(root))))
    }

    /// The web server at that address (`http://HOST:PORT`). It gets every visitor's bytes as they are, and they get its.
    pub fn upstream(url: &str) -> Result<Self, NoUpstream> {
        let wrong = || NoUpstream(url.to_owned());
        let authority = url.strip_prefix("http://").map(|rest| rest.strip_suffix('/').unwrap_or(rest)).ok_or_else(wrong)?;
        let parsed: http::uri::Authority = authority.parse().map_err(|_| wrong())?;
        if authority.contains('@') || parsed.host().is_empty() {
            return Err(wrong());
        }
        let host = parsed.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self(Arc::new(Content::Upstream(Upstream { host, port: parsed.port_u16().unwrap_or(80) }))))
    }

    /// Answers a visitor's requests until there are no more. `received` is what was read of them already.
    pub async fn serve(&self, mut carrier: Box<dyn Carrier>, mut received: Vec<u8>) {
        if let Content::Upstream(upstream) = &*self.0 {
            return upstream.serve(carrier, &received).await;
        }
        for _ in 0..REQUESTS_MAX {
            let Ok(Ok(read)) = timeout(REQUEST_TIME_MAX, read_head(&mut carrier, &mut received)).await else { return };
            let (answer, keep_alive) = match &read {
                Read::Ended => return,
                Read::Malformed => (Answer::problem("400 Bad Request"), false),
                Read::Request(request) => (self.answer(request).await, request.keep_alive && !request.has_body),
            };
            let with_body = !matches!(&read, Read::Request(request) if request.method == "HEAD");
            let sent = timeout(ANSWER_TIME_MAX, answer.send(&mut carrier, keep_alive, with_body)).await;
            if !matches!(sent, Ok(Ok(()))) || !keep_alive {
                break;
            }
        }
        let _ = timeout(REQUEST_TIME_MAX, carrier.shutdown()).await;
    }

    /// What a web server says whose application is down.
    pub async fn unavailable(&self, carrier: &mut Box<dyn Carrier>) -> io::Result<()> {
        Answer::problem("502 Bad Gateway").send(carrier, false, true).await?;
        carrier.shutdown().await
    }

    /// Answers a request without encryption where TLS is spoken, as web servers do: it is told so, whatever it asks for.
    pub async fn refuse_unencrypted(&self, mut carrier: Box<dyn Carrier>, mut received: Vec<u8>) {
        let Ok(Ok(read)) = timeout(REQUEST_TIME_MAX, read_head(&mut carrier, &mut received)).await else { return };
        let answer = match &read {
            Read::Ended => return,
            Read::Malformed => Answer::problem("400 Bad Request"),
            Read::Request(_) => Answer::unencrypted(),
        };
        let with_body = !matches!(&read, Read::Request(request) if request.method == "HEAD");
        let _ = timeout(ANSWER_TIME_MAX, answer.send(&mut carrier, false, with_body)).await;
        let _ = timeout(REQUEST_TIME_MAX, carrier.shutdown()).await;
    }

    async fn answer(&self, request: &Request) -> Answer {
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            return Answer::problem("405 Not Allowed");
        }
        match &*self.0 {
            Content::DefaultPage if request.path == "/" => Answer::page("200 OK", DEFAULT_PAGE.to_owned()),
            Content::DefaultPage => Answer::problem("404 Not Found"),
            Content::Upstream(_) => Answer::problem("502 Bad Gateway"),
            Content::Folder(root) => match open(root, &request.path).await {
                Some(file) => file,
                None => Answer::problem("404 Not Found"),
            },
        }
    }
}

impl Upstream {
    async fn serve(&self, mut carrier: Box<dyn Carrier>, received: &[u8]) {
        match timeout(CONNECT_TIME_MAX, TcpStream::connect((self.host.as_str(), self.port))).await {
            Ok(Ok(tcp)) => {
                tune_tcp(&tcp);
                // However it ends: that was between the visitor and the site.
                let _ = splice(Rewound::new(received, carrier), tcp, VISIT_TIME_MAX).await;
            }
            _ => {
                tracing::warn!("the web server behind --site-upstream cannot be reached: visitors are told that it is down");
                let sorry = async {
                    Answer::problem("502 Bad Gateway").send(&mut carrier, false, true).await?;
                    carrier.shutdown().await
                };
                let _ = timeout(ANSWER_TIME_MAX, sorry).await;
            }
        }
    }
}

enum Read {
    Request(Request),
    Malformed,
    Ended,
}

async fn read_head(carrier: &mut Box<dyn Carrier>, received: &mut Vec<u8>) -> io::Result<Read> {
    loop {
        match read_request(received) {
            Ok(Some((request, length))) => {
                received.drain(..length);
                return Ok(Read::Request(request));
            }
            Ok(None) => {}
            Err(_) => return Ok(Read::Malformed),
        }
        if carrier.read_buf(received).await? == 0 {
            return Ok(Read::Ended);
        }
    }
}

struct Answer {
    status: &'static str,
    kind: &'static str,
    changed: Option<SystemTime>,
    body: Body,
}

enum Body {
    Text(String),
    File(tokio::fs::File, u64),
}

impl Answer {
    fn page(status: &'static str, text: String) -> Self {
        Self { status, kind: "text/html", changed: None, body: Body::Text(text) }
    }

    fn problem(status: &'static str) -> Self {
        let text = format!(
            "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n<hr><center>nginx</center>\r\n\
             </body>\r\n</html>\r\n"
        );
        Self::page(status, text)
    }

    fn unencrypted() -> Self {
        let words = "The plain HTTP request was sent to HTTPS port";
        let text = format!(
            "<html>\r\n<head><title>400 {words}</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n\
             <center>{words}</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        );
        Self::page("400 Bad Request", text)
    }

    async fn send(self, carrier: &mut Box<dyn Carrier>, keep_alive: bool, with_body: bool) -> io::Result<()> {
        let length = match &self.body {
            Body::Text(text) => text.len() as u64,
            Body::File(_, length) => *length,
        };
        let changed = self.changed.map(|time| format!("Last-Modified: {}\r\n", httpdate::fmt_http_date(time))).unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {status}\r\nServer: nginx\r\nDate: {date}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{changed}Connection: \
             {connection}\r\n\r\n",
            status = self.status,
            date = httpdate::fmt_http_date(SystemTime::now()),
            kind = self.kind,
            connection = if keep_alive { "keep-alive" } else { "close" },
        );
        carrier.write_all(head.as_bytes()).await?;
        match self.body {
            _ if !with_body => {}
            Body::Text(text) => carrier.write_all(text.as_bytes()).await?,
            Body::File(file, length) => {
                tokio::io::copy(&mut file.take(length), carrier).await?;
            }
        }
        carrier.flush().await
    }
}

/// A file of the folder: never one outside of it, and none that is hidden.
async fn open(root: &Path, path: &str) -> Option<Answer> {
    let mut file = root.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if part.starts_with('.') || part.contains(['\\', '\0', '%']) {
            return None;
        }
        file.push(part);
    }
    if path.ends_with('/') {
        file.push("index.html");
    }
    let file = tokio::fs::canonicalize(file).await.ok().filter(|file| file.starts_with(root))?;
    let opened = tokio::fs::File::open(&file).await.ok()?;
    let known = opened.metadata().await.ok().filter(std::fs::Metadata::is_file)?;
    Some(Answer { status: "200 OK", kind: kind_of(&file), changed: known.modified().ok(), body: Body::File(opened, known.len()) })
}

fn kind_of(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" => "application/javascript",
        "json" => "application/json",
        "txt" => "text/plain",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    }
}
