//! The `Calls` service: between the contract and the router's commands.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use umweg_io::rpc::calls_server::Calls;
use umweg_sfu::EnterError;
use umweg_wire::limits::HANDSHAKE_TIME_MAX;
use umweg_wire::proto::v1::participant_event::Event;
use umweg_wire::proto::v1::participant_request::Request as Wish;
use umweg_wire::proto::v1::{self, ParticipantEvent, ParticipantRequest, Roster, WatchRosterRequest};
use umweg_wire::{Capability, LogId, Ticket};

use super::Authorize;
use super::command::{Command, Commands, Down, Told};

/// Events on their way to one participant; who reads slowly gets only the newest of what replaces itself.
const EVENTS_WAITING_MAX: usize = 16;

/// The service.
#[derive(Clone)]
pub(super) struct Door {
    commands: Commands,
    udp_port: u16,
    authorize: Arc<dyn Authorize>,
}

#[tonic::async_trait]
impl Calls for Door {
    type ParticipateStream = ReceiverStream<Result<ParticipantEvent, Status>>;
    type WatchRosterStream = ReceiverStream<Result<Roster, Status>>;

    async fn participate(
        &self,
        request: Request<Streaming<ParticipantRequest>>,
    ) -> Result<Response<Self::ParticipateStream>, Status> {
        let (events, stream) = mpsc::channel(EVENTS_WAITING_MAX);
        let participation = Participation { door: self.clone(), requests: request.into_inner(), events: events.clone() };
        tokio::spawn(async move {
            if let Err(status) = participation.run().await {
                // The participant may have gone.
                _ = events.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn watch_roster(&self, request: Request<WatchRosterRequest>) -> Result<Response<Self::WatchRosterStream>, Status> {
        let request = request.into_inner();
        let log = self.admit(&request.log_id, &request.capability).await?;
        let mut roster = self.commands.ask(|answer| Command::Watch { log, answer }).await?;
        let (events, stream) = mpsc::channel(1);
        tokio::spawn(async move {
            loop {
                let newest = roster.borrow_and_update().clone();
                let Ok(()) = events.send(Ok(newest)).await else { return };
                tokio::select! {
                    changed = roster.changed() => if changed.is_err() { return },
                    () = events.closed() => return,
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

impl Door {
    pub(super) fn new(commands: Commands, udp_port: u16, authorize: Arc<dyn Authorize>) -> Self {
        Self { commands, udp_port, authorize }
    }

    async fn admit(&self, log: &[u8], capability: &[u8]) -> Result<LogId, Status> {
        // Whoever shows bytes that are no capability is told the same as who shows another's.
        let (Ok(log), Ok(capability)) = (LogId::try_from(log), Capability::try_from(capability)) else { return Err(refused()) };
        if self.authorize.authorize(log, &capability).await? { Ok(log) } else { Err(refused()) }
    }
}

/// One stream of one participant.
struct Participation {
    door: Door,
    requests: Streaming<ParticipantRequest>,
    events: mpsc::Sender<Result<ParticipantEvent, Status>>,
}

impl Participation {
    /// Its whole life. When it ends without *Leave*, the seat is kept for a while.
    async fn run(mut self) -> Result<(), Status> {
        let first = timeout(HANDSHAKE_TIME_MAX, self.requests.message()).await;
        let first = first.map_err(|_| Status::deadline_exceeded("nothing was asked for"))??;
        let (ticket, mut told) = match first.and_then(|first| first.request) {
            Some(Wish::Enter(enter)) => self.enter(enter).await?,
            Some(Wish::Resume(resume)) => self.resume(resume).await?,
            _ => return Err(Status::invalid_argument("a participation begins with Enter or Resume")),
        };
        let roster = told.roster.borrow_and_update().clone();
        self.send(Event::Roster(roster)).await?;
        loop {
            tokio::select! {
                request = self.requests.message() => match request {
                    Ok(Some(ParticipantRequest { request: Some(Wish::Leave(_)) })) => return Ok(self.door.commands.send(Command::Leave { ticket }).await?),
                    Ok(Some(ParticipantRequest { request: Some(wish) })) => self.handle(wish, ticket).await?,
                    Ok(Some(ParticipantRequest { request: None })) => {}
                    Ok(None) | Err(_) => return Ok(()),
                },
                changed = told.slots.changed() => {
                    changed.map_err(|_| Status::not_found("the seat is free again, or another stream took it"))?;
                    let slots = told.slots.borrow_and_update().clone();
                    self.send(Event::Slots(slots)).await?;
                }
                changed = told.roster.changed() => {
                    changed.map_err(|_| Down)?;
                    let roster = told.roster.borrow_and_update().clone();
                    self.send(Event::Roster(roster)).await?;
                }
            }
        }
    }

    async fn enter(&self, enter: v1::Enter) -> Result<(Ticket, Told), Status> {
        let v1::Enter { log_id, capability, offer, note, camera } = enter;
        let log = self.door.admit(&log_id, &capability).await?;
        let entered = self.door.commands.ask(|answer| Command::Enter { log, offer, note, camera, answer }).await?;
        let (entered, told) = entered.map_err(|error| status_of(&error))?;
        let event = v1::Entered {
            participant: entered.participant,
            answer: entered.answer,
            ticket: entered.ticket.to_vec(),
            udp_port: self.door.udp_port.into(),
            camera: entered.camera,
        };
        self.send(Event::Entered(event)).await?;
        Ok((entered.ticket, told))
    }

    async fn resume(&self, resume: v1::Resume) -> Result<(Ticket, Told), Status> {
        let log = self.door.admit(&resume.log_id, &resume.capability).await?;
        let ticket = Ticket::try_from(&resume.ticket).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let told = self.door.commands.ask(|answer| Command::Resume { log, ticket, answer }).await?;
        let told = told.map_err(|error| Status::not_found(error.to_string()))?;
        self.send(Event::Resumed(v1::Resumed {})).await?;
        Ok((ticket, told))
    }

    async fn handle(&self, wish: Wish, ticket: Ticket) -> Result<(), Status> {
        let commands = &self.door.commands;
        match wish {
            Wish::Note(v1::UpdateNote { note }) => {
                let noted = commands.ask(|answer| Command::Note { ticket, note, answer }).await?;
                noted.map_err(|error| Status::invalid_argument(error.to_string()))
            }
            Wish::Videos(v1::ChooseVideos { participants, height_max }) => {
                Ok(commands.send(Command::Choose { ticket, participants, height_max }).await?)
            }
            Wish::Dismiss(v1::Dismiss { participant }) => Ok(commands.send(Command::Dismiss { by: ticket, participant }).await?),
            Wish::Camera(v1::Camera { on }) => {
                let on = commands.ask(|answer| Command::Camera { ticket, on, answer }).await?;
                self.send(Event::Camera(v1::CameraAnswer { on })).await
            }
            Wish::Screen(v1::Screen { on }) => {
                let on = commands.ask(|answer| Command::Screen { ticket, on, answer }).await?;
                self.send(Event::Screen(v1::ScreenAnswer { on })).await
            }
            Wish::Enter(_) | Wish::Resume(_) | Wish::Leave(_) => Err(Status::invalid_argument("a participation begins only once")),
        }
    }

    async fn send(&self, event: Event) -> Result<(), Status> {
        self.events
            .send(Ok(ParticipantEvent { event: Some(event) }))
            .await
            .map_err(|_| Status::cancelled("the participant is gone"))
    }
}

impl From<Down> for Status {
    fn from(down: Down) -> Self {
        Self::unavailable(down.to_string())
    }
}

fn refused() -> Status {
    Status::permission_denied("there is no such call, or this is not its capability")
}

fn status_of(error: &EnterError) -> Status {
    match error {
        EnterError::CallFull | EnterError::ServiceFull => Status::resource_exhausted(error.to_string()),
        EnterError::Note(_) | EnterError::Offer(_) => Status::invalid_argument(error.to_string()),
    }
}
