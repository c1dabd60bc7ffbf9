//! Header blocks (HPACK, RFC 7541): read with nginx's limits, and written as nginx writes them, which is with the names of the
//! standard's table, Huffman's code where it is shorter, and nothing that the other side would have to remember later.

use std::collections::VecDeque;

use httlib_huffman::{DecoderSpeed, decode, encode};

use super::frames::Code;

/// What the other side may have remembered at once, and what an entry costs beside its bytes.
const TABLE_BYTES: usize = 4 << 10;
const ENTRY_BYTES: usize = 32;
/// A number takes no more.
const NUMBER_BYTES_MAX: usize = 4;
/// A name or value of more is too much.
const FIELD_BYTES_MAX: usize = 8 << 10;

/// Appendix A of the standard.
#[rustfmt::skip]
const STANDARD: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"), (":scheme", "http"),
    (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"), (":status", "304"), (":status", "400"),
    (":status", "404"), (":status", "500"), ("accept-charset", ""), ("accept-encoding", "gzip, deflate"), ("accept-language", ""),
    ("accept-ranges", ""), ("accept", ""), ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""),
    ("cache-control", ""), ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""), ("location", ""),
    ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""), ("referer", ""),
    ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""), ("strict-transport-security", ""),
    ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""), ("www-authenticate", ""),
];
const STATUS: u8 = 8;
pub(super) const CONTENT_LENGTH: u8 = 28;
pub(super) const CONTENT_TYPE: u8 = 31;
pub(super) const DATE: u8 = 33;
pub(super) const LAST_MODIFIED: u8 = 44;
pub(super) const LOCATION: u8 = 46;
pub(super) const SERVER: u8 = 54;

/// A header line.
pub(super) type Field = (Vec<u8>, Vec<u8>);

/// What a block begins with.
pub(super) enum Line {
    /// A line of a table.
    Known(Field),
    /// One that is written out, whether its name is too, and whether it is remembered.
    Written { field: Field, named: bool, remembered: bool },
    /// The table has another size from now on.
    Resized,
}

/// Why there is no field.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// It is not whole yet.
    More,
    Broken(Code),
}

/// What the other side wants remembered, the newest first.
pub(super) struct Table {
    entries: VecDeque<Field>,
    bytes: usize,
    bytes_max: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { entries: VecDeque::new(), bytes: 0, bytes_max: TABLE_BYTES }
    }

    /// Reads what a block begins with, and tells how many bytes that took.
    pub(super) fn read(&mut self, block: &[u8]) -> Result<(Line, usize), Stop> {
        let first = *block.first().ok_or(Stop::More)?;
        let (bits, remembered) = match first {
            0x80.. => {
                let (index, length) = number(block, 7)?;
                return Ok((Line::Known(self.entry(index)?), length));
            }
            0x40..0x80 => (6, true),
            0x20..0x40 => {
                let (size, length) = number(block, 5)?;
                self.resize(size)?;
                return Ok((Line::Resized, length));
            }
            _ => (4, false),
        };
        let (index, mut at) = number(block, bits)?;
        let name = if index == 0 {
            let (name, length) = string(&block[at..])?;
            at += length;
            if name.is_empty() {
                return Err(Stop::Broken(Code::Protocol));
            }
            name
        } else {
            self.entry(index)?.0
        };
        let (value, length) = string(&block[at..])?;
        let field = (name, value);
        if remembered {
            self.remember(field.clone());
        }
        Ok((Line::Written { field, named: index == 0, remembered }, at + length))
    }

    fn entry(&self, index: usize) -> Result<Field, Stop> {
        let index = index.checked_sub(1).ok_or(Stop::Broken(Code::Compression))?;
        match STANDARD.get(index) {
            Some((name, value)) => Ok((name.as_bytes().to_vec(), value.as_bytes().to_vec())),
            None => self.entries.get(index - STANDARD.len()).cloned().ok_or(Stop::Broken(Code::Compression)),
        }
    }

    fn remember(&mut self, field: Field) {
        let bytes = cost(&field);
        self.forget_down_to(self.bytes_max.saturating_sub(bytes));
        if bytes <= self.bytes_max {
            self.bytes += bytes;
            self.entries.push_front(field);
        }
    }

    fn resize(&mut self, size: usize) -> Result<(), Stop> {
        if size > TABLE_BYTES {
            return Err(Stop::Broken(Code::Compression));
        }
        self.bytes_max = size;
        self.forget_down_to(size);
        Ok(())
    }

    fn forget_down_to(&mut self, bytes: usize) {
        while self.bytes > bytes {
            let Some(oldest) = self.entries.pop_back() else { break };
            self.bytes -= cost(&oldest);
        }
    }
}

fn cost((name, value): &Field) -> usize {
    name.len() + value.len() + ENTRY_BYTES
}

/// A number that begins with that many bits of the first byte.
fn number(bytes: &[u8], bits: u8) -> Result<(usize, usize), Stop> {
    let (&first, rest) = bytes.split_first().ok_or(Stop::More)?;
    let most = (1_usize << bits) - 1;
    let mut value = usize::from(first) & most;
    if value < most {
        return Ok((value, 1));
    }
    for (position, &byte) in rest.iter().take(NUMBER_BYTES_MAX - 1).enumerate() {
        value += usize::from(byte & 0x7f) << (7 * position);
        if byte < 0x80 {
            return Ok((value, position + 2));
        }
    }
    Err(if bytes.len() > NUMBER_BYTES_MAX { Stop::Broken(Code::Compression) } else { Stop::More })
}

fn string(bytes: &[u8]) -> Result<(Vec<u8>, usize), Stop> {
    let (length, at) = number(bytes, 7)?;
    if length > FIELD_BYTES_MAX {
        return Err(Stop::Broken(Code::EnhanceYourCalm));
    }
    let text = bytes.get(at..at + length).ok_or(Stop::More)?;
    let text = if bytes[0] & 0x80 == 0 { text.to_vec() } else { decoded(text).ok_or(Stop::Broken(Code::Compression))? };
    Ok((text, at + length))
}

/// Only what is written in the one way in which it can be: the last bits are filled up with ones.
fn decoded(code: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(code.len() * 8 / 5);
    decode(code, &mut text, DecoderSpeed::FourBits).ok()?;
    (encoded(&text) == code).then_some(text)
}

fn encoded(text: &[u8]) -> Vec<u8> {
    let mut code = Vec::with_capacity(text.len());
    // It knows every byte.
    let _ = encode(text, &mut code);
    code
}

/// A block that is written.
pub(super) struct Block(pub(super) Vec<u8>);

impl Block {
    /// `resizes`: the other side has named a size for what we may have it remember, and is told that we need none.
    pub(super) fn new(resizes: bool, status: &str) -> Self {
        let mut block = Self(if resizes { vec![0x20] } else { Vec::new() });
        let known = STANDARD.iter().position(|entry| *entry == (":status", status));
        match known.and_then(|known| u8::try_from(known).ok()) {
            Some(known) => block.0.push(0x81 + known),
            None => block.raw(STATUS, status),
        }
        block
    }

    pub(super) fn known(&mut self, name: u8, value: &[u8]) {
        self.0.push(0x40 | name);
        self.string(value);
    }

    /// Digits stay as they are.
    pub(super) fn raw(&mut self, name: u8, digits: &str) {
        self.0.push(0x40 | name);
        self.number(0, digits.len());
        self.0.extend(digits.as_bytes());
    }

    pub(super) fn other(&mut self, name: &str, value: &str) {
        self.0.push(0);
        self.string(name.to_ascii_lowercase().as_bytes());
        self.string(value.as_bytes());
    }

    fn string(&mut self, text: &[u8]) {
        let code = encoded(text);
        let (flag, bytes) = if code.len() < text.len() { (0x80, code.as_slice()) } else { (0, text) };
        self.number(flag, bytes.len());
        self.0.extend(bytes);
    }

    fn number(&mut self, flag: u8, value: usize) {
        const MOST: usize = 0x7f;
        let byte = |value: usize| u8::try_from(value).unwrap_or(u8::MAX);
        if value < MOST {
            return self.0.push(flag | byte(value));
        }
        self.0.push(flag | 0x7f);
        let mut rest = value - MOST;
        while rest >= 128 {
            self.0.push(byte(rest % 128 + 128));
            rest /= 128;
        }
        self.0.push(byte(rest));
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, RngExt, SeedableRng};

    use super::*;

    fn read_all(table: &mut Table, block: &[u8]) -> Vec<String> {
        let (mut at, mut fields) = (0, Vec::new());
        while at < block.len() {
            let (line, length) = table.read(&block[at..]).unwrap();
            at += length;
            let (Line::Known((name, value)) | Line::Written { field: (name, value), .. }) = line else { panic!("no line") };
            fields.push(format!("{}: {}", String::from_utf8(name).unwrap(), String::from_utf8(value).unwrap()));
        }
        fields
    }

    /// RFC 7541, section C.4.
    #[test]
    fn the_standards_examples_are_read() {
        let mut table = Table::new();
        for (block, last) in [
            (&b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..], ":authority: www.example.com"),
            (b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf", "cache-control: no-cache"),
            (
                b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf",
                "custom-key: custom-value",
            ),
        ] {
            assert_eq!(read_all(&mut table, block).last().unwrap(), last);
        }
        assert_eq!(table.bytes, 164);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut block = Block::new(false, "206");
        block.known(SERVER, b"nginx");
        block.raw(CONTENT_LENGTH, "4");
        block.other("Content-Range", "bytes 0-3/615");
        block.known(LOCATION, "/ä".repeat(300).as_bytes());
        let fields = read_all(&mut Table::new(), &block.0);
        assert_eq!(fields[..4], [":status: 206", "server: nginx", "content-length: 4", "content-range: bytes 0-3/615"]);
        assert_eq!(fields[4].len(), "location: ".len() + 900);
    }

    #[test]
    fn a_block_that_is_broken_says_how_and_one_cut_short_waits() {
        let broken = |code| Err(Stop::Broken(code));
        for (block, expected) in [
            (&b"\x80"[..], broken(Code::Compression)),
            (b"\xbe", broken(Code::Compression)),
            (b"\xff\xff\xff\xff\xff", broken(Code::Compression)),
            (b"\xff\xff\xff\xff", Err(Stop::More)),
            (b"\x3f\xe2\x1f", broken(Code::Compression)),
            (b"\x00\x00", broken(Code::Protocol)),
            (b"\x00\x7f\xff\x7f", broken(Code::EnhanceYourCalm)),
            (b"\x00\x81\x1f\x01", Err(Stop::More)),
            (b"\x00\x81\x18\x01", broken(Code::Compression)), // filled up with zeros
            (b"\x00\x84\xff\xff\xff\xff\x01", broken(Code::Compression)),
        ] {
            assert_eq!(Table::new().read(block).map(|_| ()), expected, "{block:x?}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic_or_remember_more_than_it_may() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        for _ in 0..20_000 {
            let mut block = vec![0; rng.random_range(0..200)];
            rng.fill_bytes(&mut block);
            let (mut table, mut at) = (Table::new(), 0);
            while let Ok((_, length)) = table.read(&block[at..]) {
                at += length;
                assert!(table.bytes <= TABLE_BYTES && table.bytes == table.entries.iter().map(cost).sum::<usize>());
            }
        }
    }
}
