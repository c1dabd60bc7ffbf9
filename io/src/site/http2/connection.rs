//! What comes in on a connection, frame by frame, as nginx takes it: what it overlooks is overlooked, and what it ends a stream or
//! the connection for is told by the same code.

use super::asks::{Asked, Asks, is_valid};
use super::frames::{self, Code, FrameHead, HEAD_BYTES, WINDOW_FIRST, WINDOW_MAX, frame, go_away, reset, window_update};
use super::hpack::{Line, Stop, Table};
use super::priorities::Priority;
use super::streams::{REQUEST_WINDOW, STREAMS_MAX, Streams};
use crate::site::REQUESTS_MAX;
use crate::waiting::Waiting;

const PREFACE: [&[u8]; 2] = [b"PRI * HTTP/2.0\r\n", b"\r\nSM\r\n\r\n"];
/// Streams that are begun at once.
const BEGUN_MAX: u32 = 2 * STREAMS_MAX;
/// Names and values of one request.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// What says nothing may be so much more than what says something.
const NOTHING_BYTES_MAX: u64 = 1 << 20;
const NOTHING_TIMES: u64 = 8;
/// A setting is a name of two bytes and a value of four.
const SETTING_BYTES: usize = 6;

/// The connection.
pub(super) struct Connection {
    pub(super) streams: Streams,
    /// What waits to be sent.
    pub(super) out: Vec<u8>,
    state: State,
    table: Table,
    /// Of what was kept last: when nobody wants a request any more, nginx takes that for the names of its lines.
    kept_nothing: bool,
    /// The newest stream that the other side has begun, and how many it has.
    newest: u32,
    requests: usize,
    /// Begun at once, and refused.
    begun: u32,
    refused: u32,
    priorities_left: u32,
    /// How much more all requests may send.
    window: u32,
    /// All that was heard and said, and what of it was to the point.
    bytes: u64,
    useful: u64,
    goes_away: bool,
    is_over: bool,
}

enum State {
    Preface(usize),
    Frame(Option<FrameHead>),
    Block(Box<Heading>),
    /// Settings, and how many bytes of them are to come.
    Settings(usize, Option<u32>),
    Skip(usize),
}

/// A header block that is not whole.
struct Heading {
    stream: u32,
    /// Of the frame, and beside what counts of it.
    left: usize,
    padding: usize,
    /// No frame continues it.
    is_last: bool,
    block: Waiting,
    room: usize,
    /// The request is over with its head.
    ends: bool,
    /// `None`: it has been answered.
    asks: Option<Asks>,
}

/// What something has to be done about, before more is read.
pub(super) enum Event {
    /// A request: its stream, whether nothing follows its head, and the head or why it is refused.
    Request((u32, bool), Asked),
    /// The other side takes more than before.
    Wider,
}

enum Step {
    On,
    More,
    Event(Event),
}

impl Connection {
    pub(super) fn new() -> Self {
        let mut out = Vec::new();
        let settings = [
            (frames::MAX_CONCURRENT_STREAMS, STREAMS_MAX),
            (frames::INITIAL_WINDOW_SIZE, REQUEST_WINDOW),
            (frames::MAX_FRAME_SIZE, frames::FRAME_BYTES_MAX),
        ];
        frames::settings(&mut out, &settings);
        window_update(&mut out, WINDOW_MAX - WINDOW_FIRST);
        Self {
            streams: Streams::new(),
            out,
            state: State::Preface(0),
            table: Table::new(),
            kept_nothing: true,
            newest: 0,
            requests: 0,
            begun: 0,
            refused: 0,
            priorities_left: STREAMS_MAX,
            window: WINDOW_MAX,
            bytes: 0,
            useful: 0,
            goes_away: false,
            is_over: false,
        }
    }

    /// Takes what came, up to the next event.
    pub(super) fn handle(&mut self, received: &mut Waiting) -> Option<Event> {
        while !self.is_over {
            let before = received.rest().len();
            let step = self.step(received);
            self.bytes += (before - received.rest().len()) as u64;
            match step {
                Ok(Step::On) => {}
                Ok(Step::More) => break,
                Ok(Step::Event(event)) => return Some(event),
                Err(code) => self.end(code),
            }
        }
        if self.bytes / NOTHING_TIMES > self.useful + NOTHING_BYTES_MAX {
            self.end(Code::Nothing);
        }
        None
    }

    /// There is nothing more to be read for now.
    pub(super) fn handle_pause(&mut self) {
        self.begun = 0;
        self.is_over |= self.goes_away && self.streams.are_over();
    }

    /// What waited is sent.
    pub(super) fn handle_sent(&mut self) {
        self.bytes += self.out.len() as u64;
        self.useful += self.out.len() as u64;
        self.out.clear();
    }

    /// Nothing has come for as long as nginx waits.
    pub(super) fn handle_timeout(&mut self) {
        if !self.streams.are_over() {
            return self.streams.give_up(&mut self.out);
        }
        match &mut self.state {
            State::Block(heading) if heading.asks.is_some() => {
                heading.asks = None;
                self.streams.refuse(&mut self.out, heading.stream, Code::Protocol);
            }
            State::Frame(None) | State::Preface(0) => self.end(Code::Nothing),
            _ => self.end(Code::Protocol),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    fn end(&mut self, code: Code) {
        self.go_away(code);
        self.streams.end();
        self.is_over = true;
    }

    fn go_away(&mut self, code: Code) {
        if !std::mem::replace(&mut self.goes_away, true) {
            go_away(&mut self.out, self.newest, code);
        }
    }

    fn step(&mut self, received: &mut Waiting) -> Result<Step, Code> {
        match &mut self.state {
            State::Preface(part) => {
                let Some(expected) = PREFACE.get(*part) else {
                    self.state = State::Frame(None);
                    return Ok(Step::On);
                };
                let Some(came) = received.rest().get(..expected.len()) else { return Ok(Step::More) };
                if came != *expected {
                    return Err(Code::Protocol);
                }
                *part += 1;
                received.take(expected.len());
                Ok(Step::On)
            }
            State::Frame(None) => {
                let Some(bytes) = received.rest().first_chunk() else { return Ok(Step::More) };
                self.state = State::Frame(Some(FrameHead::read(*bytes)));
                received.take(HEAD_BYTES);
                Ok(Step::On)
            }
            State::Frame(Some(head)) => {
                let head = *head;
                self.frame(head, received)
            }
            State::Block(_) => self.block(received),
            State::Settings(..) => self.settings(received),
            State::Skip(left) => {
                let here = received.rest().len().min(*left);
                received.take(here);
                *left -= here;
                if *left > 0 {
                    return Ok(Step::More);
                }
                self.state = State::Frame(None);
                Ok(Step::On)
            }
        }
    }

    /// A frame whose head was read. Its state changes only when enough of it is there.
    fn frame(&mut self, head: FrameHead, received: &mut Waiting) -> Result<Step, Code> {
        let FrameHead { length, kind, stream, .. } = head;
        match kind {
            frames::DATA => return self.data(head, received),
            frames::HEADERS => return self.headers(head, received),
            frames::SETTINGS => {
                if stream != 0 {
                    return Err(Code::Protocol);
                }
                let is_ack = head.flags == frames::ACK;
                if is_ack && length != 0 || length % SETTING_BYTES != 0 {
                    return Err(Code::FrameSize);
                }
                self.state = if is_ack { State::Frame(None) } else { State::Settings(length, None) };
                return Ok(Step::On);
            }
            frames::PUSH_PROMISE | frames::CONTINUATION => return Err(Code::Protocol),
            _ => {}
        }
        let needed = match kind {
            frames::PRIORITY => 5,
            frames::RST_STREAM | frames::WINDOW_UPDATE => 4,
            frames::PING | frames::GOAWAY => 8,
            _ => 0,
        };
        if length < needed || length > needed && !matches!(kind, frames::GOAWAY | frames::CONTINUATION..) {
            return Err(Code::FrameSize);
        }
        if kind == frames::PRIORITY {
            self.priorities_left = self.priorities_left.checked_sub(1).filter(|left| *left > 0).ok_or(Code::EnhanceYourCalm)?;
        }
        let Some(payload) = received.rest().get(..needed).map(<[u8]>::to_vec) else { return Ok(Step::More) };
        let number = payload.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes) & WINDOW_MAX);
        match kind {
            frames::PRIORITY | frames::RST_STREAM if stream == 0 => return Err(Code::Protocol),
            frames::PING | frames::GOAWAY if stream != 0 => return Err(Code::Protocol),
            frames::PRIORITY if number == stream => return Err(Code::Protocol),
            frames::WINDOW_UPDATE if number == 0 => return Err(Code::Protocol),
            frames::WINDOW_UPDATE => {
                self.streams.widen(&mut self.out, stream, number)?;
                self.state = State::Skip(length);
                return Ok(Step::Event(Event::Wider));
            }
            frames::RST_STREAM => self.streams.forget(stream),
            frames::PRIORITY => {
                if let Some(said) = payload.first_chunk() {
                    self.streams.priorities.say(stream, Priority::read(*said));
                }
            }
            frames::PING if !head.has(frames::ACK) => frame(&mut self.out, frames::PING, frames::ACK, 0, &payload),
            _ => {}
        }
        self.state = State::Skip(length);
        Ok(Step::On)
    }

    fn data(&mut self, head: FrameHead, received: &mut Waiting) -> Result<Step, Code> {
        if head.has(frames::PADDED) {
            if head.length == 0 {
                return Err(Code::FrameSize);
            }
            let Some(&padding) = received.rest().first() else { return Ok(Step::More) };
            if usize::from(padding) >= head.length {
                return Err(Code::Protocol);
            }
        }
        if head.stream == 0 {
            return Err(Code::Protocol);
        }
        let length = u32::try_from(head.length).unwrap_or(u32::MAX);
        self.window = self.window.checked_sub(length).ok_or(Code::FlowControl)?;
        if self.window < WINDOW_MAX / 4 {
            window_update(&mut self.out, WINDOW_MAX - self.window);
            self.window = WINDOW_MAX;
        }
        self.streams.hear(&mut self.out, head.stream, length);
        self.state = State::Skip(head.length);
        Ok(Step::On)
    }

    fn headers(&mut self, head: FrameHead, received: &mut Waiting) -> Result<Step, Code> {
        let FrameHead { length, stream, .. } = head;
        let before = usize::from(head.has(frames::PADDED)) + if head.has(frames::WITH_PRIORITY) { 5 } else { 0 };
        if length <= before {
            return Err(Code::FrameSize);
        }
        if self.goes_away {
            self.state = State::Skip(length);
            return Ok(Step::On);
        }
        let Some(front) = received.rest().get(..before) else { return Ok(Step::More) };
        let (padding, priority) = front.split_at(usize::from(head.has(frames::PADDED)));
        let padding = padding.first().copied().map_or(0, usize::from);
        let depends_on = priority.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes) & WINDOW_MAX);
        let priority = priority.first_chunk().map(|said| Priority::read(*said));
        let left = (length - before).checked_sub(padding).ok_or(Code::Protocol)?;
        if stream.is_multiple_of(2) || stream <= self.newest || depends_on == stream {
            return Err(Code::Protocol);
        }
        received.take(before);
        self.newest = stream;
        let is_refused = self.streams.are_full() || self.begun >= BEGUN_MAX;
        if is_refused {
            if self.refused > STREAMS_MAX {
                return Err(Code::Nothing);
            }
            self.refused += 1;
            reset(&mut self.out, stream, Code::RefusedStream);
        } else {
            self.streams.priorities.begin(stream, priority);
            self.begun += 1;
            self.requests += 1;
            self.priorities_left += STREAMS_MAX;
        }
        if self.requests >= REQUESTS_MAX {
            self.go_away(Code::Nothing);
        }
        let asks = (!is_refused).then(Asks::default);
        self.useful += left as u64;
        self.state = State::Block(Box::new(Heading {
            stream,
            left,
            padding,
            is_last: head.has(frames::END_HEADERS),
            block: Waiting::default(),
            room: HEAD_BYTES_MAX,
            ends: head.has(frames::END_STREAM),
            asks,
        }));
        Ok(Step::On)
    }

    fn block(&mut self, received: &mut Waiting) -> Result<Step, Code> {
        let State::Block(heading) = &mut self.state else { return Ok(Step::On) };
        let here = received.rest().len().min(heading.left);
        heading.block.end().extend_from_slice(&received.rest()[..here]);
        heading.left -= here;
        received.take(here);
        let stream = (heading.stream, heading.ends);
        match self.table.read(heading.block.rest()) {
            Ok((line, length)) => {
                heading.block.take(length);
                let (name, value) = match line {
                    Line::Resized => return Ok(Step::On),
                    Line::Known(field) => field,
                    Line::Written { field, named, remembered } => {
                        let keeps = remembered || heading.asks.is_some();
                        if !keeps && named && self.kept_nothing {
                            return Err(Code::Protocol);
                        }
                        self.kept_nothing = if keeps { field.1.is_empty() } else { self.kept_nothing };
                        field
                    }
                };
                heading.room = heading.room.checked_sub(name.len() + value.len()).ok_or(Code::EnhanceYourCalm)?;
                let Some(asks) = &mut heading.asks else { return Ok(Step::On) };
                if !is_valid(&name, &value) {
                    heading.asks = None;
                    self.streams.refuse(&mut self.out, stream.0, Code::Protocol);
                    return Ok(Step::On);
                }
                let Err(why) = asks.take(&name, &value) else { return Ok(Step::On) };
                Ok(heading.asks.take().map_or(Step::On, |asks| Step::Event(Event::Request(stream, asks.refused(why)))))
            }
            Err(Stop::Broken(code)) => Err(code),
            Err(Stop::More) if heading.left > 0 => Ok(Step::More),
            Err(Stop::More) if !heading.is_last => self.continuation(received),
            Err(Stop::More) if !heading.block.is_empty() => Err(Code::FrameSize),
            Err(Stop::More) => {
                let asks = heading.asks.take();
                self.state = State::Skip(heading.padding);
                Ok(asks.map_or(Step::On, |asks| Step::Event(Event::Request(stream, asks.finish(stream.1)))))
            }
        }
    }

    /// The frame that continues a header block must come next.
    fn continuation(&mut self, received: &mut Waiting) -> Result<Step, Code> {
        let State::Block(heading) = &mut self.state else { return Ok(Step::On) };
        let next = received.rest().get(heading.padding..).and_then(<[u8]>::first_chunk);
        let Some(head) = next.map(|bytes| FrameHead::read(*bytes)) else { return Ok(Step::More) };
        if head.kind != frames::CONTINUATION || head.stream != heading.stream {
            return Err(Code::Protocol);
        }
        received.take(heading.padding + HEAD_BYTES);
        (heading.padding, heading.left, heading.is_last) = (0, head.length, head.has(frames::END_HEADERS));
        Ok(Step::On)
    }

    fn settings(&mut self, received: &mut Waiting) -> Result<Step, Code> {
        let State::Settings(left, window) = &mut self.state else { return Ok(Step::On) };
        if *left == 0 {
            frame(&mut self.out, frames::SETTINGS, frames::ACK, 0, &[]);
            if let Some(window) = *window {
                self.streams.set_window_first(&mut self.out, window);
            }
            self.state = State::Frame(None);
            return Ok(Step::Event(Event::Wider));
        }
        let Some([a, b, value @ ..]) = received.rest().first_chunk::<SETTING_BYTES>() else { return Ok(Step::More) };
        let (name, value) = (u16::from_be_bytes([*a, *b]), u32::from_be_bytes(*value));
        match name {
            frames::INITIAL_WINDOW_SIZE if value > WINDOW_MAX => return Err(Code::FlowControl),
            frames::INITIAL_WINDOW_SIZE => *window = Some(value),
            frames::MAX_FRAME_SIZE if !(frames::FRAME_BYTES_FIRST..=frames::FRAME_BYTES_MAX).contains(&value) => {
                return Err(Code::Protocol);
            }
            frames::MAX_FRAME_SIZE => self.streams.set_frame_bytes(value),
            frames::ENABLE_PUSH if value > 1 => return Err(Code::Protocol),
            frames::HEADER_TABLE_SIZE => self.streams.set_resizes(),
            _ => {}
        }
        *left -= SETTING_BYTES;
        received.take(SETTING_BYTES);
        Ok(Step::On)
    }
}
