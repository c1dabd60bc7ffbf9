//! A request's head, read as nginx reads it: the same bytes are refused, at the same byte, with the same status.
//!
//! Who wants to know what a web server is sends it nonsense. So this follows nginx 1.22's `ngx_http_parse.c` and
//! `ngx_http_request.c`, and the probes of `umweg-proxy`'s tests compare it with the real one.

/// The buffer in which a head begins, and the larger ones that a long one goes on in: a line must fit into one.
const FIRST_BUFFER: usize = 1 << 10;
const BUFFER: usize = 8 << 10;
const BUFFERS_MAX: usize = 4;
const HEADERS_MAX: usize = 1_000;

/// What stands in a head, as far as it changes an answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Head {
    pub(crate) method: Vec<u8>,
    /// Decoded, without `.`, `..` and doubled slashes.
    pub(crate) path: Vec<u8>,
    pub(crate) query: Vec<u8>,
    pub(crate) version: Version,
    pub(crate) host: Option<Vec<u8>>,
    pub(crate) keep_alive: bool,
    pub(crate) body: Body,
    pub(crate) awaits_go_ahead: bool,
    pub(crate) asked: Asked,
    /// The browser hides short error pages: it gets longer ones.
    pub(crate) pads: bool,
}

/// Under which conditions, and how much of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) if_modified_since: Option<Vec<u8>>,
    pub(crate) if_unmodified_since: Option<Vec<u8>>,
    pub(crate) if_match: Option<Vec<u8>>,
    pub(crate) if_none_match: Option<Vec<u8>>,
    pub(crate) if_range: Option<Vec<u8>>,
    pub(crate) range: Option<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug, Default)]
pub(crate) enum Version {
    /// A line without a version, and so without a head in the answer.
    V09,
    #[default]
    V10,
    V11,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Body {
    #[default]
    Nothing,
    Bytes(u64),
    Chunked,
}

/// A head that is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refused {
    pub(crate) why: Why,
    pub(crate) head: Head,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    BadRequest,
    NotAllowed,
    LineTooLong,
    HeaderTooLong,
    NotImplemented,
    WrongVersion,
}

enum Stop {
    More,
    Refused(Why),
}

use Why::BadRequest;

/// Reads a head from the beginning of those bytes, and tells how many it took. `None`: more bytes are needed.
pub(crate) fn read_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, Box<Refused>> {
    let mut reader = Reader { bytes, at: 0, head: Head::default() };
    match reader.head() {
        Ok(()) => Ok(Some((reader.head, reader.at))),
        Err(Stop::More) => Ok(None),
        Err(Stop::Refused(why)) => Err(Box::new(Refused { why, head: reader.head })),
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    head: Head,
}

/// What is left of the buffers.
struct Room {
    left: usize,
    more: usize,
}

impl Room {
    /// Whether a line of that length finds a place; one that is not whole yet must leave some.
    fn take(&mut self, length: usize, whole: bool) -> bool {
        while length + usize::from(!whole) > self.left {
            if self.more == 0 || self.left == BUFFER {
                return false;
            }
            *self = Self { left: BUFFER, more: self.more - 1 };
        }
        self.left -= length;
        true
    }
}

/// Of the header lines that may stand in a head once only.
#[derive(Default)]
struct Once {
    connection: Option<bool>,
    content_length: Option<Vec<u8>>,
    transfer_encoding: Option<Vec<u8>>,
    expect: Option<Vec<u8>>,
    authorization: Option<Vec<u8>>,
    content_range: Option<Vec<u8>>,
    named: bool,
}

impl Reader<'_> {
    fn head(&mut self) -> Result<(), Stop> {
        let mut room = Room { left: FIRST_BUFFER, more: BUFFERS_MAX };
        let begun = self.bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.at = begun;
        room.left -= begun % FIRST_BUFFER;
        let line = self.request_line();
        let whole = !matches!(line, Err(Stop::More));
        if !room.take(self.at - begun, whole) {
            return Err(Stop::Refused(Why::LineTooLong));
        }
        line?;
        if self.head.version == Version::V09 {
            return Ok(());
        }
        let mut once = Once::default();
        for count in 0.. {
            let begun = self.at;
            let line = self.header_line();
            if !room.take(self.at - begun, !matches!(line, Err(Stop::More))) {
                return Err(Stop::Refused(Why::HeaderTooLong));
            }
            match line? {
                Line::End => return self.judge(once),
                Line::Ignored | Line::Header(..) if count == HEADERS_MAX => return Err(Stop::Refused(Why::HeaderTooLong)),
                Line::Ignored => {}
                Line::Header(name, value) => self.take_header(&name, &value, &mut once).map_err(Stop::Refused)?,
            }
        }
        bad()
    }

    fn next(&mut self) -> Result<u8, Stop> {
        let byte = *self.bytes.get(self.at).ok_or(Stop::More)?;
        self.at += 1;
        Ok(byte)
    }

    fn request_line(&mut self) -> Result<(), Stop> {
        loop {
            match self.next()? {
                b' ' if !self.head.method.is_empty() => break,
                byte @ (b'A'..=b'Z' | b'_' | b'-') => self.head.method.push(byte),
                _ => return bad(),
            }
        }
        let mut byte = b' ';
        while byte == b' ' {
            byte = self.next()?;
        }
        let mut target = Vec::new();
        if byte.is_ascii_alphabetic() {
            byte = self.scheme_and_host()?;
            if byte != b'/' {
                target.push(b'/');
            }
        } else if byte != b'/' {
            return bad();
        }
        while !matches!(byte, b' ' | b'\r' | b'\n') {
            if byte < 0x20 || byte == 0x7f {
                return bad();
            }
            target.push(byte);
            byte = self.next()?;
        }
        self.head.version = self.version(byte)?;
        if self.head.version == Version::V09 && self.head.method != b"GET" {
            return bad();
        }
        self.take_target(&target).map_err(Stop::Refused)
    }

    /// Of an absolute address. Its first letter was read; the byte after it is given back.
    fn scheme_and_host(&mut self) -> Result<u8, Stop> {
        loop {
            match self.next()? {
                b':' => break,
                byte if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.') => {}
                _ => return bad(),
            }
        }
        if self.next()? != b'/' || self.next()? != b'/' {
            return bad();
        }
        let (mut host, mut byte) = (Vec::new(), self.next()?);
        let literal = byte == b'[';
        while byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || literal && byte != b']' {
            host.push(byte);
            byte = self.next()?;
        }
        if literal {
            host.push(byte);
            byte = self.next()?;
        }
        if byte == b':' {
            byte = self.next()?;
            while byte.is_ascii_digit() {
                byte = self.next()?;
            }
        }
        if !matches!(byte, b'/' | b'?' | b' ') {
            return bad();
        }
        self.head.host = Some(valid_host(&host).ok_or(Stop::Refused(BadRequest))?);
        Ok(byte)
    }

    /// The version, and the line's end. The byte before it was read.
    fn version(&mut self, mut byte: u8) -> Result<Version, Stop> {
        while byte == b' ' {
            byte = self.next()?;
        }
        match byte {
            b'\n' => return Ok(Version::V09),
            b'\r' => return if self.next()? == b'\n' { Ok(Version::V09) } else { bad() },
            b'H' => {}
            _ => return bad(),
        }
        for expected in *b"TTP/" {
            if self.next()? != expected {
                return bad();
            }
        }
        let mut major = 0;
        loop {
            match self.next()? {
                b'.' if major > 0 => break,
                digit @ b'0'..=b'9' if digit > b'0' || major > 0 => major = major * 10 + u32::from(digit - b'0'),
                _ => return bad(),
            }
            if major > 1 {
                return Err(Stop::Refused(Why::WrongVersion));
            }
        }
        let mut minor = None;
        let mut byte = loop {
            match self.next()? {
                digit @ b'0'..=b'9' if minor.is_none_or(|minor| minor <= 99) => {
                    minor = Some(minor.unwrap_or(0) * 10 + u32::from(digit - b'0'));
                }
                byte @ (b' ' | b'\r' | b'\n') if minor.is_some() => break byte,
                _ => return bad(),
            }
        };
        while byte == b' ' {
            byte = self.next()?;
        }
        let ended = byte == b'\n' || byte == b'\r' && self.next()? == b'\n';
        if !ended {
            return bad();
        }
        Ok(if minor == Some(0) { Version::V10 } else { Version::V11 })
    }

    fn take_target(&mut self, target: &[u8]) -> Result<(), Why> {
        let target = target.split(|&byte| byte == b'#').next().unwrap_or_default();
        let (path, query) = match target.iter().position(|&byte| byte == b'?') {
            Some(at) => (&target[..at], &target[at..]),
            None => (target, &[][..]),
        };
        self.head.path = plain_path(path).ok_or(BadRequest)?;
        self.head.query = query.to_vec();
        Ok(())
    }

    fn header_line(&mut self) -> Result<Line, Stop> {
        let (mut name, mut known) = (Vec::new(), true);
        let mut byte = loop {
            match self.next()? {
                b'\n' if name.is_empty() => return Ok(Line::End),
                b'\r' if name.is_empty() => return if self.next()? == b'\n' { Ok(Line::End) } else { bad() },
                byte @ (b'\r' | b'\n') => break byte,
                b':' if !name.is_empty() => break b':',
                byte if byte <= 0x20 || matches!(byte, 0x7f | b':') => return bad(),
                byte => {
                    known &= byte.is_ascii_alphanumeric() || byte == b'-';
                    name.push(byte.to_ascii_lowercase());
                }
            }
        };
        let mut value = Vec::new();
        if byte == b':' {
            byte = loop {
                match self.next()? {
                    0 => return bad(),
                    byte @ (b'\r' | b'\n') => break byte,
                    byte => value.push(byte),
                }
            };
        }
        while byte == b'\r' {
            byte = self.next()?;
        }
        if byte != b'\n' {
            return bad();
        }
        let spaces = |byte: &u8| *byte == b' ';
        let begin = value.iter().take_while(|byte| spaces(byte)).count();
        let end = value.len() - value[begin..].iter().rev().take_while(|byte| spaces(byte)).count();
        Ok(if known { Line::Header(name, value[begin..end].to_vec()) } else { Line::Ignored })
    }

    fn take_header(&mut self, name: &[u8], value: &[u8], once: &mut Once) -> Result<(), Why> {
        let asked = &mut self.head.asked;
        let only = match name {
            b"host" if once.named => return Err(BadRequest),
            b"host" => {
                once.named = true;
                let host = valid_host(value).ok_or(BadRequest)?;
                self.head.host.get_or_insert(host);
                return Ok(());
            }
            b"connection" => {
                let closes = has(value, b"close");
                once.connection = if closes || has(value, b"keep-alive") { Some(!closes) } else { once.connection };
                return Ok(());
            }
            b"user-agent" => {
                self.head.pads = is_padded(value);
                return Ok(());
            }
            b"range" => {
                asked.range.get_or_insert_with(|| value.to_vec());
                return Ok(());
            }
            b"if-modified-since" => &mut asked.if_modified_since,
            b"if-unmodified-since" => &mut asked.if_unmodified_since,
            b"if-match" => &mut asked.if_match,
            b"if-none-match" => &mut asked.if_none_match,
            b"if-range" => &mut asked.if_range,
            b"content-length" => &mut once.content_length,
            b"content-range" => &mut once.content_range,
            b"transfer-encoding" => &mut once.transfer_encoding,
            b"expect" => &mut once.expect,
            b"authorization" => &mut once.authorization,
            _ => return Ok(()),
        };
        if only.is_some() {
            return Err(BadRequest);
        }
        *only = Some(value.to_vec());
        Ok(())
    }

    /// The head is whole.
    fn judge(&mut self, once: Once) -> Result<(), Stop> {
        let head = &mut self.head;
        if head.host.is_none() && head.version > Version::V10 {
            return bad();
        }
        if let Some(length) = &once.content_length {
            let digits = std::str::from_utf8(length).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let length = digits.and_then(|text| text.parse().ok()).filter(|&length| i64::try_from(length).is_ok());
            head.body = Body::Bytes(length.ok_or(Stop::Refused(BadRequest))?);
        }
        if matches!(head.method.as_slice(), b"TRACE" | b"CONNECT") {
            return Err(Stop::Refused(Why::NotAllowed));
        }
        if let Some(encoding) = once.transfer_encoding {
            if head.version < Version::V11 {
                return bad();
            }
            if !encoding.eq_ignore_ascii_case(b"chunked") {
                return Err(Stop::Refused(Why::NotImplemented));
            }
            if once.content_length.is_some() {
                return bad();
            }
            head.body = Body::Chunked;
        }
        head.keep_alive = once.connection.unwrap_or(head.version == Version::V11);
        let expects = once.expect.is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
        head.awaits_go_ahead = expects && head.version == Version::V11;
        Ok(())
    }
}

enum Line {
    Header(Vec<u8>, Vec<u8>),
    /// A name with characters that no header has.
    Ignored,
    End,
}

fn bad<T>() -> Result<T, Stop> {
    Err(Stop::Refused(BadRequest))
}

fn has(value: &[u8], token: &[u8]) -> bool {
    value.windows(token.len()).any(|part| part.eq_ignore_ascii_case(token))
}

/// MSIE and Chrome, told as nginx tells them.
fn is_padded(agent: &[u8]) -> bool {
    let contains = |part: &[u8]| agent.windows(part.len()).any(|there| there == part);
    !contains(b"Opera") && (contains(b"MSIE ") || !contains(b"Gecko/") && contains(b"Chrome/"))
}

fn valid_host(host: &[u8]) -> Option<Vec<u8>> {
    let mut end = host.len();
    for (at, &byte) in host.iter().enumerate() {
        match byte {
            b'.' if host.get(at + 1) == Some(&b'.') => return None,
            b':' if end == host.len() && !host.starts_with(b"[") => end = at,
            b']' if host.starts_with(b"[") => end = at + 1,
            b'/' | 0..=0x20 | 0x7f => return None,
            _ => {}
        }
    }
    let name = host[..end].strip_suffix(b".").unwrap_or(&host[..end]);
    (!name.is_empty()).then(|| name.to_ascii_lowercase())
}

/// `None`: broken, or it leads out of the site.
fn plain_path(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.iter().copied();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
            u8::try_from(digit()? << 4 | digit()?).ok()?
        } else {
            byte
        };
        if byte == 0 {
            return None;
        }
        decoded.push(byte);
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    let mut ends_in_slash = false;
    for part in decoded.split(|&byte| byte == b'/').skip(1) {
        ends_in_slash = matches!(part, b"" | b"." | b"..");
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    let mut plain: Vec<u8> = parts.iter().flat_map(|part| [b"/", *part].concat()).collect();
    if ends_in_slash {
        plain.push(b'/');
    }
    Some(plain)
}
