//! Plain TCP to plain TCP: splice(2) moves pages from socket to socket by a pipe, and they are never copied.
//!
//! A little is cheaper copied, and a pipe is two file handles. So each turn begins with a read into the thread's buffer, and only
//! when that was filled does a pipe come in, from the thread's stock, until nothing is coming any more.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::BUFFER;

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
pub(super) async fn pass(from: &TcpStream, to: &TcpStream, moved: &AtomicU64) -> io::Result<()> {
    loop {
        from.readable().await?;
        match copy(from, to, moved).await? {
            Turn::Ended => break,
            Turn::Little => {}
            Turn::Much => {
                if pump(from, to, moved).await? == Turn::Ended {
                    break;
                }
            }
        }
    }
    // The other side may have gone already: then it needs no telling.
    let _ = SockRef::from(to).shutdown(std::net::Shutdown::Write);
    Ok(())
}

#[derive(PartialEq, Eq)]
enum Turn {
    /// Nothing, or not much, was waiting.
    Little,
    /// More is coming.
    Much,
    /// The source has ended.
    Ended,
}

/// One read into the thread's buffer, and its writes.
async fn copy(from: &TcpStream, to: &TcpStream, moved: &AtomicU64) -> io::Result<Turn> {
    let copied: io::Result<_> = BUFFER.with_borrow_mut(|buffer| {
        let count = from.try_read(&mut buffer[..MUCH_BYTES])?;
        let written = match to.try_write(&buffer[..count]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            written => written?,
        };
        Ok((count, buffer[written..count].to_vec()))
    });
    let (count, rest) = match copied {
        Ok((0, _)) => return Ok(Turn::Ended),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Turn::Little),
        copied => copied?,
    };
    moved.fetch_add(count as u64, Ordering::Relaxed);
    let mut rest = rest.as_slice();
    while !rest.is_empty() {
        to.writable().await?;
        match to.try_write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(if count == MUCH_BYTES { Turn::Much } else { Turn::Little })
}

/// Moves by a pipe until nothing is coming any more.
async fn pump(from: &TcpStream, to: &TcpStream, moved: &AtomicU64) -> io::Result<Turn> {
    let pipe = Pipe::take()?;
    loop {
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        let into_pipe = || Ok(rustix::pipe::splice(from, None, &pipe.write, None, PIPE_BYTES, flags)?);
        let mut held = match from.try_io(Interest::READABLE, into_pipe) {
            Ok(0) => return Ok(Turn::Ended),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                pipe.keep();
                return Ok(Turn::Little);
            }
            held => held?,
        };
        moved.fetch_add(held as u64, Ordering::Relaxed);
        while held > 0 {
            let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
            match to.try_io(Interest::WRITABLE, || Ok(rustix::pipe::splice(&pipe.read, None, to, None, held, flags)?)) {
                Ok(count) => held -= count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
                Err(error) => return Err(error),
            }
        }
        // Others of this thread have their turn.
        tokio::task::consume_budget().await;
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
