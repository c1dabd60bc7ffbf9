//! A request's head in HTTP/1 and before, read as nginx reads it: refused at the same byte (`ngx_http_parse.c`, `ngx_http_request.c`).

use super::request::{Fields, HEADERS_MAX, Head, Refused, Version, Why, valid_host};
use Why::BadRequest;

/// The buffer in which a head begins, and the larger ones that a long one goes on in: a line must fit into one.
const FIRST_BUFFER: usize = 1 << 10;
const BUFFER: usize = 8 << 10;
const BUFFERS_MAX: usize = 4;

enum Stop {
    More,
    Refused(Why),
}

/// Reads a head from the beginning of those bytes, and tells how many it took. `None`: more bytes are needed.
pub(super) fn read_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, Box<Refused>> {
    let mut reader = Reader { bytes, at: 0, fields: Fields::default() };
    match reader.head() {
        Ok(()) => Ok(Some((reader.fields.head, reader.at))),
        Err(Stop::More) => Ok(None),
        Err(Stop::Refused(why)) => Err(Box::new(Refused { why, head: reader.fields.head })),
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    fields: Fields,
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
        if self.fields.head.version == Version::V09 {
            return Ok(());
        }
        for count in 0.. {
            let begun = self.at;
            let line = self.header_line();
            if !room.take(self.at - begun, !matches!(line, Err(Stop::More))) {
                return Err(Stop::Refused(Why::HeaderTooLong));
            }
            match line? {
                Line::End => return self.fields.judge().map_err(Stop::Refused),
                Line::Ignored | Line::Header(..) if count == HEADERS_MAX => return Err(Stop::Refused(Why::HeaderTooLong)),
                Line::Ignored => {}
                Line::Header(name, value) => self.fields.take(&name, &value).map_err(Stop::Refused)?,
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
                b' ' if !self.fields.head.method.is_empty() => break,
                byte @ (b'A'..=b'Z' | b'_' | b'-') => self.fields.head.method.push(byte),
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
        self.fields.head.version = self.version(byte)?;
        if self.fields.head.version == Version::V09 && self.fields.head.method != b"GET" {
            return bad();
        }
        self.fields.take_target(&target).map_err(Stop::Refused)
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
        self.fields.head.host = Some(valid_host(&host).ok_or(Stop::Refused(BadRequest))?);
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
