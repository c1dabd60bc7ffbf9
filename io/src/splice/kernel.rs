//! Plain TCP to plain TCP: splice(2) moves pages from socket to socket by a pipe, and they are never copied.
//!
//! A little is cheaper copied, and a pipe is two file handles. So it begins with reads into the thread's buffer, and only when
//! one was filled does a pipe come in, from the thread's stock, as long as much comes and not while nothing does.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, ready};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with};
use socket2::SockRef;
use tokio::io::{AsyncRead, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::{BUFFER, Pace};
use crate::carrier::limit_unsent;

/// When one read brings as much, more is coming.
const MUCH_BYTES: usize = 16 << 10;
/// What a pipe holds: with the kernel's 64 KiB the gain is half as large.
const PIPE_BYTES: usize = 1 << 20;
/// Empty pipes that a thread keeps for the next ones.
const PIPES_KEPT: usize = 4;

thread_local! {
    static PIPES: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// Passes everything on in one direction, then the end.
pub(super) async fn pass(from: ReadHalf<'_>, to: WriteHalf<'_>, moved: &AtomicU64) -> io::Result<()> {
    let mut passing = Passing { from, to: to.as_ref(), moved, pace: Pace::new() };
    let mut came = Came::Little;
    loop {
        came = match came {
            Came::Little => passing.copy().await?,
            Came::Much => passing.pump().await?,
            Came::End => break,
        };
    }
    // The other side may have gone already: then it needs no telling.
    let _ = SockRef::from(to.as_ref()).shutdown(std::net::Shutdown::Write);
    Ok(())
}

struct Passing<'a> {
    from: ReadHalf<'a>,
    to: &'a TcpStream,
    moved: &'a AtomicU64,
    pace: Pace,
}

/// What a turn brought.
enum Came {
    Little,
    /// More may come.
    Much,
    /// The source has ended.
    End,
}

impl Passing<'_> {
    /// One read into the thread's buffer, and its writes.
    async fn copy(&mut self) -> io::Result<Came> {
        let at_once = self.pace.at_once().min(MUCH_BYTES);
        let (from, to) = (&mut self.from, self.to);
        let (count, rest) = poll_fn(|context| {
            BUFFER.with_borrow_mut(|buffer| {
                let mut read = ReadBuf::new(&mut buffer[..at_once]);
                ready!(Pin::new(&mut *from).poll_read(context, &mut read))?;
                let written = match to.try_write(read.filled()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                    written => written?,
                };
                Poll::Ready(io::Result::Ok((read.filled().len(), read.filled()[written..].to_vec())))
            })
        })
        .await?;
        if count == 0 {
            return Ok(Came::End);
        }
        self.went(count);
        let mut rest = rest.as_slice();
        while !rest.is_empty() {
            self.room().await?;
            match self.to.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(if count == MUCH_BYTES { Came::Much } else { Came::Little })
    }

    /// Moves by a pipe what comes next, until nothing more is there or it was little.
    async fn pump(&mut self) -> io::Result<Came> {
        self.from.readable().await?;
        let pipe = Pipe::take()?;
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        let came = loop {
            let at_once = self.pace.at_once().min(PIPE_BYTES);
            let from: &TcpStream = self.from.as_ref();
            let into_pipe = || Ok(rustix::pipe::splice(from, None, &pipe.write, None, at_once, flags)?);
            let came = match from.try_io(Interest::READABLE, into_pipe) {
                Ok(0) => break Came::End,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Came::Much,
                came => came?,
            };
            self.went(came);
            let mut held = came;
            while held > 0 {
                let out_of_pipe = || Ok(rustix::pipe::splice(&pipe.read, None, self.to, None, held, flags)?);
                match self.to.try_io(Interest::WRITABLE, out_of_pipe) {
                    Ok(count) => held -= count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.room().await?,
                    Err(error) => return Err(error),
                }
            }
            if came < MUCH_BYTES {
                break Came::Little;
            }
            // Others of this thread have their turn.
            tokio::task::consume_budget().await;
        };
        pipe.keep();
        Ok(came)
    }

    fn went(&mut self, count: usize) {
        self.moved.fetch_add(count as u64, Ordering::Relaxed);
        if let Some(bound) = self.pace.went(count) {
            limit_unsent(self.to, bound);
        }
    }

    async fn room(&mut self) -> io::Result<()> {
        self.pace.is_full();
        self.to.writable().await
    }
}

struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl Pipe {
    fn take() -> io::Result<Self> {
        if let Some(pipe) = PIPES.with_borrow_mut(Vec::pop) {
            return Ok(pipe);
        }
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // A smaller one does too: all users of a machine share what pipes may hold.
        let _ = fcntl_setpipe_size(&write, PIPE_BYTES);
        Ok(Self { read, write })
    }

    /// For the next one. Only an empty pipe: what is in it belongs to a connection.
    fn keep(self) {
        PIPES.with_borrow_mut(|pipes| {
            if pipes.len() < PIPES_KEPT {
                pipes.push(self);
            }
        });
    }
}
