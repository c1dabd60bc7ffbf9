//! A participant's media connection: reads its datagrams for the router.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use umweg_io::media::MediaLink;
use umweg_wire::limits::{HANDSHAKE_TIME_MAX, IDLE_TIME_MAX};

use super::command::{Command, Commands, Down};

/// The connection begins with its ticket within this time.
const TICKET_TIME_MAX: Duration = HANDSHAKE_TIME_MAX;

/// Tells media connections apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LinkId(pub(super) u64);

impl LinkId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Serves a connection until it ends, falls silent, or its participant is gone.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S, commands: &Commands) {
    let Ok(Ok((ticket, mut media))) = timeout(TICKET_TIME_MAX, MediaLink::accept(stream)).await else { return };
    let (link, sender) = (LinkId::next(), media.sender());
    let admitted = commands.ask(|answer| Command::LinkOpened { ticket, link, sender, answer }).await;
    if !admitted.unwrap_or(false) {
        tracing::debug!("a media connection with nobody's ticket");
        return;
    }
    while let Ok(Ok((flow, datagram))) = timeout(IDLE_TIME_MAX, media.recv()).await {
        let Ok(()) = commands.send(Command::Datagram { ticket, link, flow, datagram }).await else { return };
    }
    // If the router has ended there is nothing to tell it.
    let (Ok(()) | Err(Down)) = commands.send(Command::LinkClosed { ticket, link }).await;
}
