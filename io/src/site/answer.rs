//! The answers of a web server, in nginx's words and order: with `server_tokens off`, as many have it, they name no version.

use std::io::SeekFrom;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::folder::{File, Found};
use super::range::{Part, Ranges, ranges};
use super::request::{Asked, Body, Head, Refused, Version, Why};
use super::{Came, Layer};
use crate::carrier::Carrier;

/// Head and body leave together up to so many bytes.
const TOGETHER_BYTES: usize = 16 << 10;
/// For browsers that show a page of their own instead of a short one.
const PADDING: &str = "<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n";
const PADDINGS: usize = 6;
const RANGE: &str = "Content-Range";
/// A larger body is not even looked at.
const BODY_BYTES_MAX: u64 = 1 << 20;
const GO_AHEAD: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Where a body comes from.
pub(super) enum Source {
    Text(String),
    File(tokio::fs::File),
}

/// An answer, as long as nobody knows whether the connection stays open after it.
pub(super) struct Answer {
    pub(super) status: &'static str,
    pub(super) kind: Option<String>,
    pub(super) length: Option<u64>,
    pub(super) changed: Option<u64>,
    pub(super) location: Option<Vec<u8>>,
    /// The lines after `Connection`, or in HTTP/2 the last ones.
    pub(super) more: Vec<(&'static str, String)>,
    pub(super) body: Option<Source>,
    /// Of the body, if not all of it: each with what stands before it.
    pub(super) parts: Vec<(String, Part)>,
    /// After the last of them.
    pub(super) end: String,
    /// Who waits for leave to send a body has it.
    goes_ahead: bool,
    /// After these nginx lets go.
    pub(super) is_last: bool,
}

impl Answer {
    fn new(status: &'static str) -> Self {
        Self {
            status,
            kind: None,
            length: None,
            changed: None,
            location: None,
            more: Vec::new(),
            body: None,
            parts: Vec::new(),
            end: String::new(),
            goes_ahead: false,
            is_last: false,
        }
    }

    /// A page that says what is wrong.
    pub(super) fn problem(status: &'static str, pads: bool) -> Self {
        Self::page(status, status, "", pads)
    }

    /// nginx tells these apart from a plain "bad request" in the title and one line.
    fn bad_request(words: &str, pads: bool) -> Self {
        let middle = format!("<center>{words}</center>\r\n");
        Self { is_last: true, ..Self::page("400 Bad Request", &format!("400 {words}"), &middle, pads) }
    }

    fn page(status: &'static str, title: &str, middle: &str, pads: bool) -> Self {
        let mut text = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n{middle}<hr><center>nginx\
             </center>\r\n</body>\r\n</html>\r\n"
        );
        if pads && status.starts_with(['4', '5']) {
            text.extend(std::iter::repeat_n(PADDING, PADDINGS));
        }
        let is_last = ["400", "413", "414"].iter().any(|last| status.starts_with(last)) || status.starts_with("50");
        Self {
            kind: Some("text/html".to_owned()),
            length: Some(text.len() as u64),
            body: Some(Source::Text(text)),
            is_last,
            ..Self::new(status)
        }
    }

    /// For a head that cannot be read.
    pub(super) fn to_refused(refused: &Refused) -> Self {
        let pads = refused.head.pads;
        match refused.why {
            Why::BadRequest => Self::problem("400 Bad Request", pads),
            Why::NotAllowed => Self::problem("405 Not Allowed", pads),
            Why::LineTooLong => Self::problem("414 Request-URI Too Large", pads),
            Why::HeaderTooLong => Self::bad_request("Request Header Or Cookie Too Large", pads),
            Why::NotImplemented => Self::problem("501 Not Implemented", pads),
            Why::WrongVersion => Self::problem("505 HTTP Version Not Supported", pads),
        }
    }

    /// For a request without encryption where TLS is spoken, whatever it asks for.
    pub(super) fn to_unencrypted(head: &Head) -> Self {
        Self::bad_request("The plain HTTP request was sent to HTTPS port", head.pads)
    }

    /// For a request, with what stands at its path.
    pub(super) fn to_request(head: &Head, found: Found, came: Came) -> Self {
        let problem = |status| Self::problem(status, head.pads && head.version > Version::V09);
        match found {
            _ if matches!(head.body, Body::Bytes(length) if length > BODY_BYTES_MAX) => problem("413 Request Entity Too Large"),
            _ if !matches!(head.method.as_slice(), b"GET" | b"HEAD" | b"POST") => problem("405 Not Allowed"),
            Found::Missing => problem("404 Not Found"),
            Found::Forbidden => problem("403 Forbidden"),
            Found::Folder => {
                let location = Some(location(head, came));
                Self { location, ..problem("301 Moved Permanently") }
            }
            Found::File(_) if head.method == b"POST" => problem("405 Not Allowed"),
            Found::File(file) => Self { goes_ahead: true, ..Self::to_file(&head.asked, file, problem) },
        }
    }

    fn to_file(asked: &Asked, file: File, problem: impl Fn(&'static str) -> Self) -> Self {
        let File { source, length, changed, kind } = file;
        let tag = format!("\"{changed:x}-{length:x}\"");
        let unmodified = asked.if_unmodified_since.as_deref().is_none_or(|date| seconds(date).is_some_and(|date| date >= changed));
        if !unmodified || asked.if_match.as_deref().is_some_and(|tags| !names(tags, &tag, false)) {
            return problem("412 Precondition Failed");
        }
        let same_date = asked.if_modified_since.as_deref().is_none_or(|date| seconds(date) == Some(changed));
        let same_tag = asked.if_none_match.as_deref().is_none_or(|tags| names(tags, &tag, true));
        if same_date && same_tag && (asked.if_modified_since.is_some() || asked.if_none_match.is_some()) {
            return Self { changed: Some(changed), more: vec![("ETag", tag)], ..Self::new("304 Not Modified") };
        }
        let whole = Self {
            kind: Some(kind.to_owned()),
            length: Some(length),
            changed: Some(changed),
            more: vec![("ETag", tag.clone())],
            body: Some(source),
            ..Self::new("200 OK")
        };
        let still = asked.if_range.as_deref().is_none_or(|wanted| {
            if wanted.starts_with(b"\"") { wanted == tag.as_bytes() } else { seconds(wanted) == Some(changed) }
        });
        match asked.range.as_deref().filter(|_| still).map_or(Ranges::All, |wanted| ranges(wanted, length)) {
            Ranges::All => whole.and("Accept-Ranges", "bytes".to_owned()),
            Ranges::None => problem("416 Requested Range Not Satisfiable").and(RANGE, format!("bytes */{length}")),
            Ranges::Parts(parts) => whole.in_parts(&parts, length),
        }
    }

    fn in_parts(self, parts: &[Part], of: u64) -> Self {
        let status = "206 Partial Content";
        let range = |part: &Part| format!("bytes {}-{}/{of}", part.begin, part.end - 1);
        if let [part] = parts {
            let one = Self { status, length: Some(part.length()), parts: vec![(String::new(), *part)], ..self };
            return one.and(RANGE, range(part));
        }
        // Any digits that the file does not hold; nobody remembers them.
        let boundary = format!("{:020}", SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.subsec_nanos()));
        let kind = self.kind.as_deref().unwrap_or_default();
        let before = |part: &Part| format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\n{RANGE}: {}\r\n\r\n", range(part));
        let parts: Vec<_> = parts.iter().map(|part| (before(part), *part)).collect();
        let end = format!("\r\n--{boundary}--\r\n");
        let length = end.len() as u64 + parts.iter().map(|(head, part)| head.len() as u64 + part.length()).sum::<u64>();
        let kind = Some(format!("multipart/byteranges; boundary={boundary}"));
        Self { status, kind, length: Some(length), parts, end, ..self }
    }

    fn and(mut self, name: &'static str, value: String) -> Self {
        self.more.push((name, value));
        self
    }

    /// When it was changed, as it is told.
    pub(super) fn last_modified(&self) -> Option<String> {
        self.changed.map(|changed| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(changed)))
    }

    /// Sends it: in HTTP/0.9 the body only, and to HEAD none.
    pub(super) async fn send(self, carrier: &mut Box<dyn Carrier>, keep_alive: bool, head: &Head) -> std::io::Result<()> {
        let mut bytes = if self.goes_ahead && head.awaits_go_ahead { GO_AHEAD.to_vec() } else { Vec::new() };
        if head.version > Version::V09 {
            bytes.extend(self.head(keep_alive));
        }
        let with_body = head.method != b"HEAD" || head.version == Version::V09;
        match self.body.filter(|_| with_body) {
            None => {}
            Some(Source::Text(text)) if self.parts.is_empty() => bytes.extend(text.into_bytes()),
            Some(mut source) => {
                let whole = vec![(String::new(), Part { begin: 0, end: self.length.unwrap_or(0) })];
                for (before, part) in if self.parts.is_empty() { whole } else { self.parts } {
                    bytes.extend(before.into_bytes());
                    source.send(carrier, &mut bytes, part).await?;
                }
                bytes.extend(self.end.into_bytes());
            }
        }
        carrier.write_all(&bytes).await?;
        carrier.flush().await
    }

    fn head(&self, keep_alive: bool) -> Vec<u8> {
        let now = httpdate::fmt_http_date(SystemTime::now());
        let mut head = format!("HTTP/1.1 {}\r\nServer: nginx\r\nDate: {now}\r\n", self.status);
        let mut line = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        };
        line("Content-Type", self.kind.clone());
        line("Content-Length", self.length.map(|length| length.to_string()));
        line("Last-Modified", self.last_modified());
        let mut head = head.into_bytes();
        if let Some(location) = &self.location {
            head.extend([b"Location: ", location.as_slice(), b"\r\n"].concat());
        }
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let more: String = self.more.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        head.extend(format!("Connection: {connection}\r\n{more}\r\n").into_bytes());
        head
    }
}

impl Source {
    /// Sends what waits and the part; the last bytes wait for what comes after them.
    async fn send(&mut self, carrier: &mut Box<dyn Carrier>, waiting: &mut Vec<u8>, part: Part) -> std::io::Result<()> {
        match self {
            Self::Text(text) => {
                waiting.extend_from_slice(text.as_bytes().get(part.range()).unwrap_or_default());
            }
            Self::File(file) => {
                file.seek(SeekFrom::Start(part.begin)).await?;
                let mut rest = file.take(part.length());
                while rest.limit() > 0 {
                    if waiting.len() >= TOGETHER_BYTES {
                        carrier.write_all(waiting).await?;
                        waiting.clear();
                    }
                    waiting.reserve(TOGETHER_BYTES);
                    if rest.read_buf(waiting).await? == 0 {
                        return Err(std::io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        }
        Ok(())
    }
}

/// With the slash: nginx names the place in full, with its own port if that is not the usual one.
fn location(head: &Head, came: Came) -> Vec<u8> {
    let (scheme, usual) = if came.by == Layer::Tls { ("https", 443) } else { ("http", 80) };
    let port = if came.to.port() == usual { String::new() } else { format!(":{}", came.to.port()) };
    let host = head.host.clone().unwrap_or_else(|| came.to.ip().to_canonical().to_string().into_bytes());
    [scheme.as_bytes(), b"://", &host, port.as_bytes(), &head.path, b"/", &head.query].concat()
}

fn seconds(date: &[u8]) -> Option<u64> {
    let date = httpdate::parse_http_date(std::str::from_utf8(date).ok()?).ok()?;
    date.duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs())
}

/// Whether the tag is in that list, or the list is a star.
fn names(list: &[u8], tag: &str, weak: bool) -> bool {
    let list = String::from_utf8_lossy(list);
    list == "*"
        || list.split(',').map(str::trim).any(|one| one == tag || weak && one.strip_prefix("W/").is_some_and(|one| one == tag))
}
