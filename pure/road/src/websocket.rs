//! WebSocket frames (RFC 6455, section 5) around a stream of bytes, as far as carrying one needs them.
//!
//! Frames have no meaning of their own here: a web server or content network in between may split and join them. Data goes in
//! binary frames; pings are answered; a close frame ends the stream.

/// Who masks: a client does, a service does not (section 5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Its frames are masked.
    Client,
    /// Its frames are not.
    Service,
}

/// Bytes that are no frames of the other side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MalformedFrame {
    /// Reserved bits or an opcode without a meaning.
    #[error("a WebSocket frame begins with {0:#04x}")]
    Head(u8),
    /// Masked by a service, or not by a client.
    #[error("a WebSocket frame is masked on the wrong side")]
    Mask,
    /// A control frame that is split or too long.
    #[error("a WebSocket control frame is split or too long")]
    Control,
    /// Longer than a frame can be (section 5.2).
    #[error("a WebSocket frame says that it is longer than any can be")]
    Long,
}

/// What came out of the bytes beside data.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Decoded {
    /// The payloads of pings that want an answer: [`pong`].
    pub pings: Vec<Vec<u8>>,
    /// The other side has closed: nothing follows.
    pub closed: bool,
}

const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PONG: u8 = 0x8a;
const CONTROL_BYTES_MAX: usize = 125;

/// Puts data into one binary frame. `mask` is new for every frame of a client, and absent in a service's.
pub fn encode(data: &[u8], mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    frame(BINARY, data, mask, out);
}

/// The answer to a ping.
pub fn pong(ping: &[u8], mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    frame(PONG, ping, mask, out);
}

/// The last frame: "normal closure".
pub fn close(mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    frame(CLOSE, &1_000u16.to_be_bytes(), mask, out);
}

/// Takes the other side's frames apart, as their bytes come.
pub struct Decoder {
    other: Side,
    state: State,
}

enum State {
    /// Between frames: the head so far.
    Head(Vec<u8>),
    /// Inside a frame's payload.
    Payload {
        kind: Kind,
        left: u64,
        mask: [u8; 4],
        at: usize,
    },
    Closed,
}

enum Kind {
    Data,
    Ping(Vec<u8>),
    Pong,
    Close,
}

impl Decoder {
    /// For the frames that `other` sends.
    #[must_use]
    pub fn new(other: Side) -> Self {
        Self { other, state: State::Head(Vec::new()) }
    }

    /// Takes all of `bytes` and puts the data in them at the end of `data`.
    pub fn handle_received(&mut self, mut bytes: &[u8], data: &mut Vec<u8>) -> Result<Decoded, MalformedFrame> {
        let mut decoded = Decoded::default();
        loop {
            match &mut self.state {
                State::Closed => {
                    decoded.closed = true;
                    return Ok(decoded);
                }
                State::Head(head) => {
                    let Some((&byte, rest)) = bytes.split_first() else { return Ok(decoded) };
                    bytes = rest;
                    head.push(byte);
                    if let Some(payload) = payload_of(head, self.other)? {
                        self.state = payload;
                    }
                }
                State::Payload { kind, left, mask, at } => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    let (part, rest) = bytes.split_at(taken);
                    let opened = part.iter().enumerate().map(|(i, byte)| byte ^ mask[(*at + i) % 4]);
                    match kind {
                        Kind::Data => data.extend(opened),
                        Kind::Ping(payload) => payload.extend(opened),
                        Kind::Pong | Kind::Close => {}
                    }
                    bytes = rest;
                    *left -= taken as u64;
                    *at = (*at + taken) % 4;
                    if *left > 0 {
                        return Ok(decoded);
                    }
                    match std::mem::replace(&mut self.state, State::Head(Vec::new())) {
                        State::Payload { kind: Kind::Ping(payload), .. } => decoded.pings.push(payload),
                        State::Payload { kind: Kind::Close, .. } => self.state = State::Closed,
                        _ => {}
                    }
                }
            }
        }
    }
}

/// The state after a head, once it is whole.
fn payload_of(head: &[u8], from: Side) -> Result<Option<State>, MalformedFrame> {
    let &[first, second, ref rest @ ..] = head else { return Ok(None) };
    let masked = second & 0x80 != 0;
    if masked != (from == Side::Client) {
        return Err(MalformedFrame::Mask);
    }
    let kind = kind_of(first)?;
    let short = second & 0x7f;
    if !matches!(kind, Kind::Data) && (usize::from(short) > CONTROL_BYTES_MAX || first & 0x80 == 0) {
        return Err(MalformedFrame::Control);
    }
    let length_bytes = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let Some((length, rest)) = rest.split_at_checked(length_bytes) else { return Ok(None) };
    let left = if length.is_empty() { u64::from(short) } else { length.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)) };
    if left >> 63 != 0 {
        return Err(MalformedFrame::Long);
    }
    let mask = match (masked, rest.first_chunk()) {
        (false, _) => [0; 4],
        (true, Some(mask)) => *mask,
        (true, None) => return Ok(None),
    };
    Ok(Some(State::Payload { kind, left, mask, at: 0 }))
}

/// Binary frames and their continuations are data; a text frame is nothing that we send.
fn kind_of(first: u8) -> Result<Kind, MalformedFrame> {
    match first & 0x7f {
        0x00 | 0x02 => Ok(Kind::Data),
        0x08 => Ok(Kind::Close),
        0x09 => Ok(Kind::Ping(Vec::new())),
        0x0a => Ok(Kind::Pong),
        _ => Err(MalformedFrame::Head(first)),
    }
}

fn frame(head: u8, data: &[u8], mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let mask_bit = if mask.is_some() { 0x80 } else { 0 };
    out.push(head);
    match (u8::try_from(data.len()), u16::try_from(data.len())) {
        (Ok(short @ 0..=125), _) => out.push(mask_bit | short),
        (_, Ok(medium)) => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&(data.len() as u64).to_be_bytes());
        }
    }
    match mask {
        None => out.extend_from_slice(data),
        Some(mask) => {
            out.extend_from_slice(&mask);
            out.extend(data.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_are_those_of_rfc_6455_section_5_7() {
        let mut decoder = Decoder::new(Side::Client);
        let mut data = Vec::new();
        // A masked ping that says "Hello", as the RFC prints it.
        let ping = [0x89, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(decoder.handle_received(&ping, &mut data).unwrap().pings, [b"Hello".to_vec()]);
        let mut out = Vec::new();
        pong(b"Hello", Some([0x37, 0xfa, 0x21, 0x3d]), &mut out);
        assert_eq!(out, [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        out.clear();
        encode(&[0; 256], None, &mut out);
        assert_eq!(out[..4], [0x82, 0x7e, 0x01, 0x00]);
        out.clear();
        encode(&[0; 65_536], None, &mut out);
        assert_eq!(out[..10], [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn after_a_close_frame_nothing_follows() {
        let (mut frames, mut data) = (Vec::new(), Vec::new());
        encode(b"last", None, &mut frames);
        close(None, &mut frames);
        encode(b"too late", None, &mut frames);
        let decoded = Decoder::new(Side::Service).handle_received(&frames, &mut data).unwrap();
        assert!(decoded.closed && data == b"last");
    }

    #[test]
    fn a_frame_masked_on_the_wrong_side_is_refused() {
        let mut frame = Vec::new();
        encode(b"x", None, &mut frame);
        assert_eq!(Decoder::new(Side::Client).handle_received(&frame, &mut Vec::new()), Err(MalformedFrame::Mask));
    }

    #[test]
    fn text_and_split_control_frames_are_refused() {
        assert_eq!(Decoder::new(Side::Service).handle_received(&[0x81, 0], &mut Vec::new()), Err(MalformedFrame::Head(0x81)));
        assert_eq!(Decoder::new(Side::Service).handle_received(&[0x09, 0], &mut Vec::new()), Err(MalformedFrame::Control));
        assert_eq!(Decoder::new(Side::Service).handle_received(&[0x88, 126], &mut Vec::new()), Err(MalformedFrame::Control));
    }

    proptest! {
        #[test]
        fn any_cut_of_any_frames_gives_the_same_data(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..400), 0..8), mask: Option<[u8; 4]>, cut in 1usize..50,
        ) {
            let mut frames = Vec::new();
            for part in &parts {
                encode(part, mask, &mut frames);
            }
            let mut decoder = Decoder::new(if mask.is_some() { Side::Client } else { Side::Service });
            let mut data = Vec::new();
            for part in frames.chunks(cut) {
                decoder.handle_received(part, &mut data).unwrap();
            }
            prop_assert_eq!(data, parts.concat());
        }

        #[test]
        fn no_bytes_make_it_panic_or_give_more_than_came(bytes: Vec<u8>) {
            for side in [Side::Client, Side::Service] {
                let mut data = Vec::new();
                let _ = Decoder::new(side).handle_received(&bytes, &mut data);
                prop_assert!(data.len() <= bytes.len());
            }
        }
    }
}
