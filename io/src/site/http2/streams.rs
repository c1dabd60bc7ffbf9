//! The answers that are on their way: each as far as the windows let it, the oldest first, unless the window of all is what they
//! wait for.
//!
//! nginx cuts bodies into frames of 8 kB, reads files in pieces of 32 kB into two buffers, and lets go of a stream whose request
//! still has a body coming once it is answered (RST_STREAM, no error).

use std::collections::VecDeque;
use std::io;
use std::time::SystemTime;

use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::frames::{Code, DATA, END_STREAM, FRAME_BYTES_FIRST, WINDOW_FIRST, WINDOW_MAX, frame, headers, reset};
use super::hpack::{self, Block};
use super::priorities::Priorities;
use crate::site::answer::{Answer, Source};
use crate::site::range::Part;
use crate::site::request::Head;
use crate::waiting::Waiting;

/// Of one frame's body.
const CHUNK_BYTES: usize = 8 << 10;
/// nginx's buffers for a file.
const PIECE_BYTES: u64 = 32 << 10;
const PIECES: usize = 2;
/// What is put together before it is sent.
const TOGETHER_BYTES: usize = 64 << 10;
/// Streams at once.
pub(super) const STREAMS_MAX: u32 = 128;
/// What a stream's request may send before it is let send more.
pub(super) const REQUEST_WINDOW: u32 = 64 << 10;

/// All that are open.
pub(super) struct Streams {
    open: Vec<Stream>,
    /// Those that wait for the window of all, in the order in which they will have it.
    waiting: Vec<u32>,
    pub(super) priorities: Priorities,
    /// Of the connection.
    window: i64,
    /// Of a new stream.
    window_first: i64,
    frame_bytes: usize,
    /// The other side has named a size for our table.
    resizes: bool,
}

struct Stream {
    id: u32,
    window: i64,
    /// How much more its request may send.
    request_window: u32,
    request_ended: bool,
    /// For a window.
    waited: bool,
    body: Body,
}

impl Streams {
    pub(super) fn new() -> Self {
        let window = i64::from(WINDOW_FIRST);
        Self {
            open: Vec::new(),
            waiting: Vec::new(),
            priorities: Priorities::default(),
            window,
            window_first: window,
            frame_bytes: FRAME_BYTES_FIRST as usize,
            resizes: false,
        }
    }

    pub(super) fn are_full(&self) -> bool {
        self.open.len() >= STREAMS_MAX as usize
    }

    pub(super) fn are_over(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether more could be sent at once.
    pub(super) fn can_go_on(&self) -> bool {
        self.window > 0 && self.open.iter().any(|stream| stream.window > 0)
    }

    pub(super) fn set_frame_bytes(&mut self, bytes: u32) {
        self.frame_bytes = bytes as usize;
    }

    pub(super) fn set_resizes(&mut self) {
        self.resizes = true;
    }

    /// Begins an answer. Without a body it is over at once.
    pub(super) fn begin(&mut self, out: &mut Vec<u8>, (id, request_ended): (u32, bool), answer: Answer, head: &Head) {
        let block = block(&answer, std::mem::take(&mut self.resizes));
        let body = Body::of(answer, head);
        let flags = if body.is_some() { 0 } else { END_STREAM };
        headers(out, flags, id, &block, self.frame_bytes);
        match body {
            Some(body) => {
                let (window, request_window) = (self.window_first, REQUEST_WINDOW);
                self.open.push(Stream { id, window, request_window, request_ended, waited: !body.waiting.is_empty(), body });
            }
            None => {
                self.priorities.end(id);
                if !request_ended {
                    reset(out, id, Code::Nothing);
                }
            }
        }
    }

    /// Writes what may be sent, up to what is sent together.
    pub(super) async fn go_on(&mut self, out: &mut Vec<u8>) {
        while self.window > 0 && !self.waiting.is_empty() {
            let id = self.waiting.remove(0);
            if !self.send(out, id).await {
                return self.waiting.insert(0, id);
            }
        }
        let others: Vec<_> = self.open.iter().map(|stream| stream.id).filter(|id| !self.waiting.contains(id)).collect();
        for id in others {
            if !self.send(out, id).await {
                return;
            }
        }
    }

    /// Writes what may be sent of that answer. False: enough is together, and it could go on.
    async fn send(&mut self, out: &mut Vec<u8>, id: u32) -> bool {
        let Some((number, stream)) = self.open.iter_mut().enumerate().find(|(_, stream)| stream.id == id) else { return true };
        let code = match stream.send(out, &mut self.window, self.frame_bytes).await {
            Ok(()) if !stream.body.is_over() => {
                let waits = stream.window > 0 && self.window == 0;
                if waits {
                    self.wait(id);
                }
                return waits || out.len() < TOGETHER_BYTES;
            }
            Ok(()) if stream.request_ended => None,
            Ok(()) => Some(Code::Nothing),
            Err(_) => Some(Code::Internal),
        };
        self.open.remove(number);
        self.priorities.end(id);
        code.into_iter().for_each(|code| reset(out, id, code));
        true
    }

    /// Behind all that go before it, and behind no other.
    fn wait(&mut self, id: u32) {
        if self.waiting.contains(&id) {
            return;
        }
        let before = self.waiting.iter().rposition(|other| self.priorities.goes_before(*other, id));
        self.waiting.insert(before.map_or(0, |before| before + 1), id);
    }

    /// The other side takes more, of one stream or of all together. It must not be more than there can be.
    pub(super) fn widen(&mut self, out: &mut Vec<u8>, id: u32, more: u32) -> Result<(), Code> {
        let window = match self.open.iter_mut().find(|stream| stream.id == id) {
            _ if id == 0 => &mut self.window,
            Some(stream) => &mut stream.window,
            None => return Ok(()),
        };
        let was_shut = *window <= 0;
        *window += i64::from(more);
        let (is_open, is_too_wide) = (*window > 0, *window > i64::from(WINDOW_MAX));
        match id {
            0 if is_too_wide => return Err(Code::FlowControl),
            0 => {}
            _ if is_too_wide => self.refuse(out, id, Code::FlowControl),
            _ if was_shut && is_open && self.window == 0 => self.wait(id),
            _ => {}
        }
        Ok(())
    }

    /// The other side changes what a stream begins with; those that are open change with it.
    pub(super) fn set_window_first(&mut self, out: &mut Vec<u8>, window: u32) {
        let more = i64::from(window) - self.window_first;
        self.window_first = i64::from(window);
        let mut opened = Vec::new();
        for stream in &mut self.open {
            let was_shut = stream.window <= 0;
            stream.window += more;
            if was_shut && stream.window > 0 && self.window == 0 {
                opened.push(stream.id);
            }
        }
        opened.into_iter().for_each(|id| self.wait(id));
        let too_wide: Vec<_> =
            self.open.iter().filter(|stream| stream.window > i64::from(WINDOW_MAX)).map(|stream| stream.id).collect();
        too_wide.into_iter().for_each(|id| self.refuse(out, id, Code::FlowControl));
    }

    /// So much of a request's body has come, which nobody wants.
    pub(super) fn hear(&mut self, out: &mut Vec<u8>, id: u32, bytes: u32) {
        let Some(stream) = self.open.iter_mut().find(|stream| stream.id == id) else { return };
        match stream.request_window.checked_sub(bytes) {
            None => self.refuse(out, id, Code::FlowControl),
            Some(_) if stream.request_ended => self.refuse(out, id, Code::StreamClosed),
            Some(left) => stream.request_window = left,
        }
    }

    /// The other side does not want it any more.
    pub(super) fn forget(&mut self, id: u32) {
        self.open.retain(|stream| stream.id != id);
        self.waiting.retain(|waiting| *waiting != id);
        self.priorities.end(id);
    }

    /// Nobody has taken anything for long.
    pub(super) fn give_up(&mut self, out: &mut Vec<u8>) {
        while let Some(id) = self.open.first().map(|stream| stream.id) {
            self.refuse(out, id, Code::Protocol);
        }
    }

    pub(super) fn end(&mut self) {
        self.open.clear();
        self.waiting.clear();
    }

    /// A stream ends so.
    pub(super) fn refuse(&mut self, out: &mut Vec<u8>, id: u32, code: Code) {
        reset(out, id, code);
        self.forget(id);
    }
}

impl Stream {
    async fn send(&mut self, out: &mut Vec<u8>, of_all: &mut i64, frame_bytes: usize) -> io::Result<()> {
        while out.len() < TOGETHER_BYTES {
            if self.body.waiting.is_empty() {
                self.body.read_on().await?;
            }
            let window = usize::try_from(self.window.min(*of_all)).unwrap_or(0);
            if window == 0 {
                self.waited = true;
                break;
            }
            if std::mem::take(&mut self.waited) {
                self.body.read_on().await?;
            }
            let (bytes, is_last) = self.body.next(CHUNK_BYTES.min(frame_bytes).min(window));
            frame(out, DATA, if is_last { END_STREAM } else { 0 }, self.id, bytes);
            let sent = bytes.len();
            self.body.sent(sent);
            self.window -= sent as i64;
            *of_all -= sent as i64;
            if is_last {
                break;
            }
        }
        Ok(())
    }
}

/// A body: what was read of it, and where the rest is.
struct Body {
    waiting: Waiting,
    /// How long the pieces are that wait, of however many buffers.
    pieces: VecDeque<usize>,
    buffers: usize,
    source: Source,
    parts: VecDeque<(String, Part)>,
    end: String,
}

impl Body {
    /// `None`: there is none, or nobody wants it.
    fn of(answer: Answer, head: &Head) -> Option<Self> {
        let source = answer.body.filter(|_| head.method != b"HEAD" && answer.length != Some(0))?;
        let whole = || vec![(String::new(), Part { begin: 0, end: answer.length.unwrap_or(0) })];
        let mut parts = VecDeque::from(if answer.parts.is_empty() { whole() } else { answer.parts });
        let waiting = Waiting::of(std::mem::take(&mut parts.front_mut()?.0).as_bytes());
        Some(Self { waiting, pieces: VecDeque::new(), buffers: 0, source, parts, end: answer.end })
    }

    fn is_over(&self) -> bool {
        self.parts.is_empty() && self.waiting.is_empty()
    }

    /// Reads what nginx would have read: into the buffers that are free, or else into a new one.
    async fn read_on(&mut self) -> io::Result<()> {
        let free = self.buffers - self.pieces.len();
        if free == 0 && self.buffers == PIECES {
            return Ok(());
        }
        self.buffers += usize::from(free == 0);
        for _ in 0..free.max(1) {
            let Some((_, part)) = self.parts.front_mut() else { break };
            let piece = Part { begin: part.begin, end: part.end.min(part.begin + PIECE_BYTES) };
            read(&mut self.source, piece, self.waiting.end()).await?;
            self.pieces.push_back(piece.range().len());
            part.begin = piece.end;
            if part.begin == part.end {
                self.parts.pop_front();
                let after = self.parts.front_mut().map_or(&mut self.end, |(before, _)| before);
                self.waiting.end().extend(std::mem::take(after).into_bytes());
            }
        }
        Ok(())
    }

    /// What comes next, and whether it is the last.
    fn next(&self, bytes_max: usize) -> (&[u8], bool) {
        let rest = self.waiting.rest();
        (&rest[..rest.len().min(bytes_max)], self.parts.is_empty() && rest.len() <= bytes_max)
    }

    fn sent(&mut self, mut bytes: usize) {
        self.waiting.take(bytes);
        while let Some(first) = self.pieces.front_mut() {
            let here = bytes.min(*first);
            *first -= here;
            bytes -= here;
            if *first > 0 {
                break;
            }
            self.pieces.pop_front();
        }
    }
}

async fn read(source: &mut Source, part: Part, into: &mut Vec<u8>) -> io::Result<()> {
    match source {
        Source::Text(text) => into.extend_from_slice(text.as_bytes().get(part.range()).unwrap_or_default()),
        Source::File(file) => {
            file.seek(io::SeekFrom::Start(part.begin)).await?;
            if file.take(part.length()).read_to_end(into).await? as u64 != part.length() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
    Ok(())
}

/// In nginx's order.
fn block(answer: &Answer, resizes: bool) -> Vec<u8> {
    let mut block = Block::new(resizes, answer.status.get(..3).unwrap_or_default());
    block.known(hpack::SERVER, b"nginx");
    block.known(hpack::DATE, httpdate::fmt_http_date(SystemTime::now()).as_bytes());
    if let Some(kind) = &answer.kind {
        block.known(hpack::CONTENT_TYPE, kind.as_bytes());
    }
    if let Some(length) = answer.length {
        block.raw(hpack::CONTENT_LENGTH, &length.to_string());
    }
    if let Some(changed) = answer.last_modified() {
        block.known(hpack::LAST_MODIFIED, changed.as_bytes());
    }
    if let Some(location) = &answer.location {
        block.known(hpack::LOCATION, location);
    }
    for (name, value) in &answer.more {
        block.other(name, value);
    }
    block.0
}
