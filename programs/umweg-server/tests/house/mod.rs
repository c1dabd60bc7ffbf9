//! A service in this process, and people who use it by its link, as apps do.

use std::time::Duration;

use clap::Parser;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use umweg_io::log::ForbidsPrivate;
use umweg_io::rpc::{self, Lost, blobs_client::BlobsClient, key_packages_client::KeyPackagesClient, logs_client::LogsClient};
use umweg_io::session::{Purpose, SealedStream};
use umweg_io::shutdown::Shutdown;
use umweg_road::choice::{Form, RoadChoice, Way};
use umweg_server::run;
use umweg_server::settings::{Program, Settings, What};
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::{self, watch_event::Event};

/// Everything must happen within it; nothing is waited for by it.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A service of its own for one test.
pub(crate) struct House {
    pub(crate) link: v1::ServiceLink,
    pub(crate) shutdown: Shutdown,
    pub(crate) serving: JoinHandle<anyhow::Result<()>>,
}

/// Somebody connected.
pub(crate) struct Person {
    pub(crate) channel: Channel,
    pub(crate) logs: LogsClient<Channel>,
    pub(crate) key_packages: KeyPackagesClient<Channel>,
    pub(crate) blobs: BlobsClient<Channel>,
    lost: Lost,
}

/// A group log.
#[derive(Clone)]
pub(crate) struct Group {
    pub(crate) log_id: Vec<u8>,
    pub(crate) capability: Vec<u8>,
}

/// Our own lines, at every level: what other crates write below `info` is for their developers.
fn watch_the_log() {
    let ours = tracing_subscriber::filter::filter_fn(|line| line.target().starts_with("umweg"));
    let watched = ForbidsPrivate::new(["capability(", "a secret text"]).with_filter(ours);
    // It fails where the log is watched already.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(watched));
}

pub(crate) fn settings(arguments: &[&str]) -> Settings {
    let program = Program::parse_from(["umweg-server", "run", "--dev"].into_iter().chain(arguments.iter().copied()));
    let What::Run(settings) = program.what else { panic!("`run` was asked for") };
    settings
}

impl House {
    /// Open on loopback.
    pub(crate) async fn open(arguments: &[&str]) -> Self {
        watch_the_log();
        let shutdown = Shutdown::new();
        let service = run::Service::prepare(&settings(arguments), &shutdown).await.expect("the service can be prepared");
        let link = v1::ServiceLink::from_link(service.link()).expect("its link is a link");
        let serving = tokio::spawn(service.serve());
        Self { link, shutdown, serving }
    }

    /// Somebody comes in by that door.
    pub(crate) async fn person_by(&self, form: Form) -> Person {
        let choice = RoadChoice { way: Way::Direct, form };
        let stream = umweg_io::dial::dial(&choice, &self.link, Purpose::Rpc).await.expect("the door is open");
        Person::on(stream).await
    }

    pub(crate) async fn person(&self) -> Person {
        self.person_by(Form::Bare).await
    }

    /// Ends it, and everything goes well.
    pub(crate) async fn close(self) {
        self.shutdown.begin();
        tokio::time::timeout(SOON, self.serving).await.expect("it ends soon").expect("it does not panic").expect("it ends well");
    }
}

impl Person {
    /// On a stream to the service.
    pub(crate) async fn on(stream: SealedStream) -> Self {
        let (channel, lost) = rpc::connect(stream).await.expect("the service speaks gRPC");
        Self {
            logs: LogsClient::new(channel.clone()),
            key_packages: KeyPackagesClient::new(channel.clone()),
            blobs: BlobsClient::new(channel.clone()),
            channel,
            lost,
        }
    }

    pub(crate) async fn group(&mut self) -> Group {
        let group = Group { log_id: random(32), capability: random(32) };
        let hash = hash(&group.capability);
        let (kind, log_id) = (v1::LogKind::Group.into(), group.log_id.clone());
        let create = v1::CreateLogRequest { log_id, kind, read_hash: hash.clone(), append_hash: hash };
        self.logs.create(create).await.expect("a log can be made");
        group
    }

    pub(crate) async fn say(&mut self, group: &Group, payload: &[u8]) -> v1::Accepted {
        let answer = self.logs.append(message(group, payload)).await.expect("the append is answered");
        match answer.into_inner().outcome {
            Some(v1::append_response::Outcome::Accepted(accepted)) => accepted,
            _ => panic!("the append is accepted"),
        }
    }

    pub(crate) async fn watch(&mut self) -> Watching {
        let (requests, stream) = mpsc::channel(16);
        let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
        // The answer's head comes at once, the events as there are any.
        let events = self.logs.watch(stream).await.expect("it may be watched").into_inner();
        Watching { requests, events }
    }

    /// Waits until the connection is gone.
    pub(crate) async fn lost(self) {
        drop((self.logs, self.key_packages, self.blobs, self.channel));
        self.lost.wait().await;
    }
}

/// A `Watch` stream.
pub(crate) struct Watching {
    pub(crate) requests: mpsc::Sender<v1::WatchRequest>,
    pub(crate) events: tonic::Streaming<v1::WatchEvent>,
}

impl Watching {
    pub(crate) async fn subscribe(&self, group: &Group, after: u64) {
        let Group { log_id, capability } = group.clone();
        let subscribe = vec![v1::Subscription { log_id, capability, after }];
        self.requests.send(v1::WatchRequest { subscribe, unsubscribe: Vec::new() }).await.expect("the stream is open");
    }

    pub(crate) async fn next(&mut self) -> Event {
        let event = tokio::time::timeout(SOON, self.events.message()).await.expect("something comes");
        event.expect("the stream is well").expect("the stream goes on").event.expect("an event says something")
    }

    /// The numbers of the entries up to one.
    pub(crate) async fn numbers_up_to(&mut self, last: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.last() != Some(&last) {
            match self.next().await {
                Event::Entries(entries) => numbers.extend(entries.entries.iter().map(|entry| entry.seq)),
                Event::CaughtUp(_) | Event::Ephemeral(_) => {}
                Event::Closed(closed) => panic!("closed after {:?}: {}", numbers.last(), closed.reason().as_str_name()),
            }
        }
        numbers
    }
}

pub(crate) fn message(group: &Group, payload: &[u8]) -> v1::AppendRequest {
    v1::AppendRequest {
        log_id: group.log_id.clone(),
        capability: group.capability.clone(),
        client_id: random(16),
        kind: v1::EntryKind::Message.into(),
        payload: payload.to_vec(),
        ..Default::default()
    }
}

pub(crate) fn hash(capability: &[u8]) -> Vec<u8> {
    umweg_wire::Capability::try_from(capability).expect("it has 32 bytes").hash().to_vec()
}

pub(crate) fn random(bytes: usize) -> Vec<u8> {
    let mut random = vec![0; bytes];
    rand::Rng::fill_bytes(&mut rand::rng(), &mut random);
    random
}
