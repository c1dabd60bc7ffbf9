//! The frames of HTTP/2 (RFC 9113, section 6) as they are written.

pub(super) const HEAD_BYTES: usize = 9;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 0x1;
pub(super) const ACK: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;
pub(super) const WITH_PRIORITY: u8 = 0x20;

/// Of settings.
pub(super) const HEADER_TABLE_SIZE: u16 = 1;
pub(super) const ENABLE_PUSH: u16 = 2;
pub(super) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(super) const MAX_FRAME_SIZE: u16 = 5;

pub(super) const WINDOW_MAX: u32 = (1 << 31) - 1;
pub(super) const WINDOW_FIRST: u32 = 65_535;
pub(super) const FRAME_BYTES_FIRST: u32 = 1 << 14;
pub(super) const FRAME_BYTES_MAX: u32 = (1 << 24) - 1;

/// What is wrong (section 7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(super) enum Code {
    Nothing = 0,
    Protocol = 1,
    Internal = 2,
    FlowControl = 3,
    StreamClosed = 5,
    FrameSize = 6,
    RefusedStream = 7,
    Compression = 9,
    EnhanceYourCalm = 11,
}

/// The head of a frame that came in.
#[derive(Clone, Copy)]
pub(super) struct FrameHead {
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl FrameHead {
    pub(super) fn read(bytes: [u8; HEAD_BYTES]) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = bytes;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        Self { length, kind, flags, stream: u32::from_be_bytes(stream) & WINDOW_MAX }
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

pub(super) fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap_or(FRAME_BYTES_MAX).to_be_bytes();
    out.extend(length);
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
}

pub(super) fn settings(out: &mut Vec<u8>, settings: &[(u16, u32)]) {
    let payload: Vec<u8> =
        settings.iter().flat_map(|(name, value)| name.to_be_bytes().into_iter().chain(value.to_be_bytes())).collect();
    frame(out, SETTINGS, 0, 0, &payload);
}

pub(super) fn window_update(out: &mut Vec<u8>, more: u32) {
    frame(out, WINDOW_UPDATE, 0, 0, &more.to_be_bytes());
}

pub(super) fn reset(out: &mut Vec<u8>, stream: u32, code: Code) {
    frame(out, RST_STREAM, 0, stream, &(code as u32).to_be_bytes());
}

pub(super) fn go_away(out: &mut Vec<u8>, newest: u32, code: Code) {
    frame(out, GOAWAY, 0, 0, &[newest.to_be_bytes(), (code as u32).to_be_bytes()].concat());
}

/// A header block, in as many frames as it takes.
pub(super) fn headers(out: &mut Vec<u8>, flags: u8, stream: u32, block: &[u8], frame_bytes: usize) {
    let count = block.len().div_ceil(frame_bytes);
    for (number, part) in block.chunks(frame_bytes).enumerate() {
        let end = if number + 1 == count { END_HEADERS } else { 0 };
        let (kind, flags) = if number == 0 { (HEADERS, flags) } else { (CONTINUATION, 0) };
        frame(out, kind, flags | end, stream, part);
    }
}
