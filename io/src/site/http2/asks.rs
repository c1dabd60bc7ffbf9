//! A request, put together from its header lines.

use crate::site::request::{Body, Fields, HEADERS_MAX, Head, Refused, Version, Why};

/// A head, or why it is refused.
pub(super) type Asked = Result<Box<Head>, Box<Refused>>;

/// What is known of it.
#[derive(Default)]
pub(super) struct Asks {
    fields: Fields,
    has_scheme: bool,
    count: usize,
}

impl Asks {
    pub(super) fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), Why> {
        let bad = Why::BadRequest;
        let Some(pseudo) = name.strip_prefix(b":") else {
            // What is no name that a header has is passed over, and cookies are not counted.
            if !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') || name == b"cookie" {
                return Ok(());
            }
            self.count += 1;
            return if self.count > HEADERS_MAX { Err(Why::HeaderTooLong) } else { self.fields.take(name, value) };
        };
        let head = &mut self.fields.head;
        match pseudo {
            b"authority" => return self.fields.take(b"host", value),
            b"path" if head.path.is_empty() && is_path(value) => return self.fields.take_target(value),
            b"method" if head.method.is_empty() && is_method(value) => head.method = value.to_vec(),
            b"scheme" if !self.has_scheme && is_scheme(value) => self.has_scheme = true,
            _ => return Err(bad),
        }
        Ok(())
    }

    pub(super) fn refused(self, why: Why) -> Asked {
        Err(Box::new(Refused { why, head: self.fields.head }))
    }

    /// The head is whole.
    pub(super) fn finish(mut self, ends: bool) -> Asked {
        self.fields.head.version = Version::V20;
        let head = &self.fields.head;
        if head.method.is_empty() || head.path.is_empty() || !self.has_scheme {
            return self.refused(Why::BadRequest);
        }
        match self.fields.judge() {
            Err(why) => self.refused(why),
            Ok(()) if ends && matches!(self.fields.head.body, Body::Bytes(1..)) => self.refused(Why::BadRequest),
            Ok(()) => Ok(Box::new(self.fields.head)),
        }
    }
}

/// What is not so ends the stream.
pub(super) fn is_valid(name: &[u8], value: &[u8]) -> bool {
    let name = name.strip_prefix(b":").unwrap_or(name);
    let broken = |byte: &u8| *byte <= 0x20 || matches!(byte, 0x7f | b':' | b'A'..=b'Z');
    !name.iter().any(broken) && !value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
}

fn is_path(value: &[u8]) -> bool {
    value.starts_with(b"/") && !value.iter().any(|byte| *byte <= 0x20 || *byte == 0x7f)
}

fn is_method(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'_' | b'-'))
}

fn is_scheme(value: &[u8]) -> bool {
    value.first().is_some_and(u8::is_ascii_alphabetic)
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}
