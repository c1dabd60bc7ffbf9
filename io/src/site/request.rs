//! What a request asks for, as nginx understands it: the same words are refused, with the same status.
//!
//! Who wants to know what a web server is sends it nonsense. So this, and what reads the bytes ([`http1`](super::http1),
//! [`http2`](super::http2)), follow nginx 1.22, and the probes of `umweg-proxy`'s tests compare it with the real one.

use Why::BadRequest;

/// Of header lines, whatever they say.
pub(super) const HEADERS_MAX: usize = 1_000;

/// What stands in a head, as far as it changes an answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Head {
    pub(super) method: Vec<u8>,
    /// Decoded, without `.`, `..` and doubled slashes.
    pub(super) path: Vec<u8>,
    pub(super) query: Vec<u8>,
    pub(super) version: Version,
    pub(super) host: Option<Vec<u8>>,
    pub(super) keep_alive: bool,
    pub(super) body: Body,
    pub(super) awaits_go_ahead: bool,
    pub(super) asked: Asked,
    /// The browser hides short error pages: it gets longer ones.
    pub(super) pads: bool,
}

/// Under which conditions, and how much of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Asked {
    pub(super) if_modified_since: Option<Vec<u8>>,
    pub(super) if_unmodified_since: Option<Vec<u8>>,
    pub(super) if_match: Option<Vec<u8>>,
    pub(super) if_none_match: Option<Vec<u8>>,
    pub(super) if_range: Option<Vec<u8>>,
    pub(super) range: Option<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug, Default)]
pub(super) enum Version {
    /// A line without a version, and so without a head in the answer.
    V09,
    #[default]
    V10,
    V11,
    V20,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Body {
    #[default]
    Nothing,
    Bytes(u64),
    Chunked,
}

/// A head that is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refused {
    pub(super) why: Why,
    pub(super) head: Head,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    BadRequest,
    NotAllowed,
    LineTooLong,
    HeaderTooLong,
    NotImplemented,
    WrongVersion,
}

/// A head of which not everything was read.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) head: Head,
    once: Once,
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

impl Fields {
    /// The path, and the query behind it.
    pub(super) fn take_target(&mut self, target: &[u8]) -> Result<(), Why> {
        let target = target.split(|&byte| byte == b'#').next().unwrap_or_default();
        let (path, query) = match target.iter().position(|&byte| byte == b'?') {
            Some(at) => (&target[..at], &target[at..]),
            None => (target, &[][..]),
        };
        self.head.path = plain_path(path).ok_or(BadRequest)?;
        self.head.query = query.to_vec();
        Ok(())
    }

    /// A header line, its name in small letters.
    pub(super) fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), Why> {
        let (asked, once) = (&mut self.head.asked, &mut self.once);
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
    pub(super) fn judge(&mut self) -> Result<(), Why> {
        let (head, once) = (&mut self.head, std::mem::take(&mut self.once));
        if head.host.is_none() && head.version > Version::V10 {
            return Err(BadRequest);
        }
        if let Some(length) = &once.content_length {
            let digits = std::str::from_utf8(length).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let length = digits.and_then(|text| text.parse().ok()).filter(|&length| i64::try_from(length).is_ok());
            head.body = Body::Bytes(length.ok_or(BadRequest)?);
        }
        if matches!(head.method.as_slice(), b"TRACE" | b"CONNECT") {
            return Err(Why::NotAllowed);
        }
        if let Some(encoding) = once.transfer_encoding {
            if head.version < Version::V11 {
                return Err(BadRequest);
            }
            if !encoding.eq_ignore_ascii_case(b"chunked") {
                return Err(Why::NotImplemented);
            }
            if once.content_length.is_some() {
                return Err(BadRequest);
            }
            head.body = Body::Chunked;
        }
        head.keep_alive = once.connection.unwrap_or(head.version == Version::V11);
        let expects = once.expect.is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
        head.awaits_go_ahead = expects && head.version == Version::V11;
        Ok(())
    }
}

fn has(value: &[u8], token: &[u8]) -> bool {
    value.windows(token.len()).any(|part| part.eq_ignore_ascii_case(token))
}

/// MSIE and Chrome, told as nginx tells them.
fn is_padded(agent: &[u8]) -> bool {
    let contains = |part: &[u8]| agent.windows(part.len()).any(|there| there == part);
    !contains(b"Opera") && (contains(b"MSIE ") || !contains(b"Gecko/") && contains(b"Chrome/"))
}

pub(super) fn valid_host(host: &[u8]) -> Option<Vec<u8>> {
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
