//! Our router in a process of its own: the server's media thread with its UDP socket, and the `Calls` service to enter by.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint, Server};
use umweg_io::rpc::calls_client::CallsClient;
use umweg_server::sfu::{Authorize, Sfu};
use umweg_sfu::Capacity;
use umweg_sfu::synthetic::{Person, Profile};
use umweg_wire::proto::v1::participant_event::Event;
use umweg_wire::proto::v1::participant_request::Request;
use umweg_wire::proto::v1::{Enter, Leave, ParticipantEvent, ParticipantRequest};
use umweg_wire::{Capability, LogId, Ticket};

use super::Router;
use super::load::{Load, Seat};
use super::measured::Measured;
use super::network::Network;

/// The one call of a round.
const LOG: [u8; 32] = [1; 32];
const CAPABILITY: [u8; 32] = [2; 32];

/// The process that is measured. It ends with its standard input.
#[derive(Args)]
pub(crate) struct Process {
    /// Where to listen
    address: Ipv4Addr,
    /// How many participants a call holds, each with a camera, each with everybody else's media
    participants: usize,
}

impl Process {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let slots = self.participants;
        let capacity = Capacity {
            participants: slots,
            cameras: slots,
            screens: 0,
            audio_slots: slots,
            video_slots: slots,
            ..Capacity::default()
        };
        let sfu = Sfu::start_with(Some((self.address, 0).into()), capacity)?;
        Runtime::new()?.block_on(async {
            let listener = tokio::net::TcpListener::bind((self.address, 0)).await?;
            println!("{}", listener.local_addr()?.port());
            let served = Server::builder().add_service(sfu.service(Arc::new(Everybody)));
            tokio::select! {
                ended = served.serve_with_incoming(TcpListenerStream::new(listener)) => ended?,
                _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())) => {}
            }
            Ok(())
        })
    }
}

/// Capabilities are the logs' matter, which are not measured here.
struct Everybody;

#[tonic::async_trait]
impl Authorize for Everybody {
    async fn authorize(&self, _: LogId, _: &Capability) -> Result<bool, tonic::Status> {
        Ok(true)
    }
}

/// Our router with the call of one round.
pub(super) struct Ours {
    measured: Measured,
    runtime: Runtime,
    calls: CallsClient<Channel>,
    router: Ipv4Addr,
    participants: Vec<Participant>,
}

/// Its streams stay open while it is in.
struct Participant {
    requests: mpsc::Sender<ParticipantRequest>,
    events: Streaming<ParticipantEvent>,
}

impl Ours {
    pub(super) fn start(network: &Network, size: usize) -> anyhow::Result<Self> {
        let mut command = network.command(std::env::current_exe()?.as_os_str());
        command.args(["sfu-process", &network.inside().to_string(), &size.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut measured = Measured::start(command)?;
        let mut port = String::new();
        BufReader::new(measured.0.stdout.take().context("its output is ours")?).read_line(&mut port)?;
        let address = SocketAddr::from((network.inside(), port.trim().parse().context("our router did not start")?));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let channel = runtime.block_on(Endpoint::from_shared(format!("http://{address}"))?.connect())?;
        Ok(Self { measured, runtime, calls: CallsClient::new(channel), router: network.inside(), participants: Vec::new() })
    }
}

impl Router for Ours {
    fn measured(&self) -> &Measured {
        &self.measured
    }

    fn fill(&mut self, load: &Load, size: usize, profile: Profile) -> anyhow::Result<()> {
        (0..size).try_for_each(|_| self.join(load, profile))
    }

    fn join(&mut self, load: &Load, profile: Profile) -> anyhow::Result<()> {
        let mark = self.participants.len();
        let (mut person, offer) = Person::new(u32::try_from(mark)?, profile, std::time::Instant::now());
        let enter = Enter { log_id: LOG.to_vec(), capability: CAPABILITY.to_vec(), offer, note: Vec::new(), camera: true };
        let (requests, stream) = mpsc::channel(4);
        let (entered, events) = self.runtime.block_on(async {
            requests.send(ParticipantRequest { request: Some(Request::Enter(enter)) }).await?;
            let mut events = self.calls.participate(ReceiverStream::new(stream)).await?.into_inner();
            match events.message().await?.and_then(|event| event.event) {
                Some(Event::Entered(entered)) => anyhow::Ok((entered, events)),
                _ => anyhow::bail!("the first event is not that one entered"),
            }
        })?;
        person.handle_answer(&entered.answer);
        let ticket = Ticket::try_from(&entered.ticket).ok().context("a ticket has sixteen bytes")?;
        let router = SocketAddr::from((self.router, u16::try_from(entered.udp_port)?));
        load.add(mark, Seat::new(person, UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?, router, Some(ticket))?)?;
        self.participants.push(Participant { requests, events });
        Ok(())
    }

    fn leave_newest(&mut self, load: &Load) -> anyhow::Result<()> {
        let mut newest = self.participants.pop().context("somebody is in")?;
        load.remove(self.participants.len())?;
        let leave = ParticipantRequest { request: Some(Request::Leave(Leave {})) };
        self.runtime.block_on(async {
            newest.requests.send(leave).await?;
            // The service ends the stream when the seat is free.
            while newest.events.message().await?.is_some() {}
            Ok(())
        })
    }
}
