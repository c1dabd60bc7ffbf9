//! What the router's thread is asked to do, and the asking.

use tokio::sync::{mpsc, oneshot, watch};
use umweg_io::media::MediaSender;
use umweg_sfu::{EnterError, Entered, NoteError, ResumeError};
use umweg_wire::datagram::Flow;
use umweg_wire::proto::v1;
use umweg_wire::{LogId, Ticket};

use super::link::LinkId;

/// One thing to do.
pub(super) enum Command {
    Enter { log: LogId, offer: String, note: Vec<u8>, camera: bool, answer: oneshot::Sender<Result<(Entered, Told), EnterError>> },
    Resume { log: LogId, ticket: Ticket, answer: oneshot::Sender<Result<Told, ResumeError>> },
    Leave { ticket: Ticket },
    Dismiss { by: Ticket, participant: u32 },
    Note { ticket: Ticket, note: Vec<u8>, answer: oneshot::Sender<Result<(), NoteError>> },
    Choose { ticket: Ticket, participants: Vec<u32>, height_max: u32 },
    Camera { ticket: Ticket, on: bool, answer: oneshot::Sender<bool> },
    Screen { ticket: Ticket, on: bool, answer: oneshot::Sender<bool> },
    Watch { log: LogId, answer: oneshot::Sender<watch::Receiver<v1::Roster>> },
    LinkOpened { ticket: Ticket, link: LinkId, sender: MediaSender, answer: oneshot::Sender<bool> },
    LinkClosed { ticket: Ticket, link: LinkId },
    Datagram { ticket: Ticket, link: LinkId, flow: Flow, datagram: Vec<u8> },
    Stop { stopped: oneshot::Sender<()> },
}

/// What a participant is told as it changes. The newest word replaces those before it, so that nobody's slowness fills memory.
/// The slots end when the seat is free, or when another stream took it.
pub(super) struct Told {
    pub(super) slots: watch::Receiver<v1::Slots>,
    pub(super) roster: watch::Receiver<v1::Roster>,
}

/// The router's thread has ended: the service is going down.
#[derive(Debug, thiserror::Error)]
#[error("reach the calls of this service: it is going down")]
pub(super) struct Down;

/// Sends commands.
#[derive(Clone)]
pub(super) struct Commands(mpsc::Sender<Command>);

impl Commands {
    pub(super) fn new(commands: mpsc::Sender<Command>) -> Self {
        Self(commands)
    }

    /// Sends a command that nobody waits for.
    pub(super) async fn send(&self, command: Command) -> Result<(), Down> {
        self.0.send(command).await.map_err(|_| Down)
    }

    /// Sends a command and waits for its answer.
    pub(super) async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Down> {
        let (answer, answered) = oneshot::channel();
        self.send(command(answer)).await?;
        answered.await.map_err(|_| Down)
    }

    /// Ends the router, and waits until it ended.
    pub(super) async fn stop(&self) {
        // If it has ended before, so much the better.
        _ = self.ask(|stopped| Command::Stop { stopped }).await;
    }
}
