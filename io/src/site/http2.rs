//! The same site in HTTP/2, as nginx 1.22 speaks it (`listen … ssl http2`).
//!
//! A library would speak it too, and be known by it: settings, windows, header blocks, the order of frames and what is an error are
//! each library's own. So this follows `ngx_http_v2.c` and its filter, and the probes of `umweg-proxy`'s tests compare the two frame
//! by frame.

mod asks;
mod connection;
mod frames;
mod hpack;
mod priorities;
mod streams;

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::Answer;
use super::{ANSWER_TIME_MAX, BETWEEN_TIME_MAX, Came, HEAD_TIME_MAX, Site, close};
use crate::carrier::Carrier;
use crate::waiting::Waiting;
use connection::{Connection, Event};

/// Read at once.
const READ_BYTES: usize = 4 << 10;
/// Of one answer before others are looked at.
const AT_ONCE_BYTES: usize = 1 << 20;
/// What may wait to be sent before no more is read.
const OUT_BYTES_MAX: usize = 64 << 10;

/// Answers a visitor's requests until there are no more. What is no answer waits to be sent until nothing more is there to be read.
pub(super) async fn serve(site: &Site, mut carrier: Box<dyn Carrier>, came: Came) {
    let (mut connection, mut received) = (Connection::new(), Waiting::default());
    let mut until = came.at + HEAD_TIME_MAX;
    loop {
        let Ok(answered) = take_all(site, &mut connection, &mut received, &mut carrier, came).await else { return };
        if connection.is_over() {
            return if send(&mut connection, &mut carrier).await.is_ok() {
                close(carrier).await;
            };
        }
        let waits = !connection.streams.are_over();
        if answered || waits {
            until = Instant::now() + if waits { ANSWER_TIME_MAX } else { BETWEEN_TIME_MAX };
        }
        received.end().reserve(READ_BYTES);
        let mut more = None;
        if connection.out.len() < OUT_BYTES_MAX {
            more = tokio::select! {
                biased;
                read = carrier.read_buf(received.end()) => Some(Ok(read)),
                () = std::future::ready(()) => None,
            };
        }
        if more.is_none() {
            connection.handle_pause();
            if connection.is_over() {
                continue;
            }
            if !connection.out.is_empty() || connection.streams.can_go_on() {
                let Ok(()) = go_on(&mut connection, &mut carrier).await else { return };
                continue;
            }
        }
        let more = match more {
            Some(read) => read,
            None => timeout_at(until, carrier.read_buf(received.end())).await,
        };
        match more {
            Ok(Ok(1..)) => {}
            Ok(_) => return drop(carrier.shutdown().await),
            Err(_) => {
                connection.handle_timeout();
                until = Instant::now() + BETWEEN_TIME_MAX;
            }
        }
    }
}

/// Does what came, and tells whether there was anything to answer.
async fn take_all(
    site: &Site,
    connection: &mut Connection,
    received: &mut Waiting,
    carrier: &mut Box<dyn Carrier>,
    came: Came,
) -> io::Result<bool> {
    let mut answered = false;
    while let Some(event) = connection.handle(received) {
        match event {
            Event::Request(stream, asked) => {
                let (answer, head) = match asked {
                    Ok(head) => (site.answer(&head, came).await, *head),
                    Err(refused) => (Answer::to_refused(&refused), refused.head),
                };
                connection.streams.begin(&mut connection.out, stream, answer, &head);
                answered = true;
            }
            Event::Wider if !connection.streams.can_go_on() => continue,
            Event::Wider => {}
        }
        go_on(connection, carrier).await?;
    }
    Ok(answered)
}

/// Sends what waits and what may be sent of the answers, which is not all of a large one at once.
async fn go_on(connection: &mut Connection, carrier: &mut Box<dyn Carrier>) -> io::Result<()> {
    let mut sent = 0;
    while sent < AT_ONCE_BYTES {
        connection.streams.go_on(&mut connection.out).await;
        if connection.out.is_empty() {
            break;
        }
        sent += connection.out.len();
        send(connection, carrier).await?;
    }
    Ok(())
}

async fn send(connection: &mut Connection, carrier: &mut Box<dyn Carrier>) -> io::Result<()> {
    let sending = async {
        carrier.write_all(&connection.out).await?;
        carrier.flush().await
    };
    timeout(ANSWER_TIME_MAX, sending).await.map_err(io::Error::from)??;
    connection.handle_sent();
    Ok(())
}
