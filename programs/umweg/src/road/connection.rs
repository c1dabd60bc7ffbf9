//! One connection to the service: one gRPC channel with one `Watch` stream, requests in lanes, a `Participate` stream a call,
//! and roster watches. Dropping it ends everything that runs on it.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use tonic::transport::Channel;
use umweg_client::port::{Failure, Input, Request, RequestId};
use umweg_io::rpc::Lost;
use umweg_road::RoadChoice;
use umweg_wire::limits::STREAMS_MAX;
use umweg_wire::proto::v1;
use umweg_wire::{CallId, Capability, LogId};

use super::lanes::Lanes;
use super::requests::{self, failure};

/// Requests under way at once: of the streams that the service allows, some are left for `Watch`, calls and rosters.
const REQUESTS_MAX: usize = STREAMS_MAX as usize / 2;
/// What may wait for a call's stream.
const CALL_REQUESTS_MAX: usize = 32;
/// Input that waits for the loop. When it is full the streams wait, and the service with them.
pub(super) const INPUTS_MAX: usize = 64;
/// A suspected connection proves itself within this time.
const PROOF_TIME_MAX: Duration = Duration::from_secs(4);

/// Which connection something belongs to; what belongs to an earlier one comes too late.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ConnectionNumber(pub(super) u64);

/// What happens on a connection.
pub(super) enum Event {
    Input(Input),
    /// On that stream of the call: an older one of the same call is not listened to.
    OfCall {
        call: CallId,
        stream: u64,
        input: Input,
    },
    /// A request's lane is free again.
    Answered {
        lane: Vec<u8>,
        input: Input,
    },
    Gone,
}

/// What its tasks report with.
#[derive(Clone)]
pub(super) struct Reporter {
    pub(super) number: ConnectionNumber,
    pub(super) to: mpsc::Sender<(ConnectionNumber, Event)>,
}

impl Reporter {
    /// False: nobody listens any more.
    async fn tell(&self, event: Event) -> bool {
        self.to.send((self.number, event)).await.is_ok()
    }

    async fn input(&self, input: Input) -> bool {
        self.tell(Event::Input(input)).await
    }
}

pub(super) struct Connection {
    road: RoadChoice,
    channel: Channel,
    reporter: Reporter,
    lanes: Lanes<Vec<u8>, (RequestId, Request)>,
    watch: mpsc::UnboundedSender<v1::WatchRequest>,
    calls: HashMap<CallId, Call>,
    streams: u64,
    rosters: HashMap<CallId, AbortHandle>,
    tasks: JoinSet<()>,
}

struct Call {
    requests: mpsc::Sender<v1::ParticipantRequest>,
    stream: u64,
}

impl Connection {
    /// Begins the `Watch` stream.
    pub(super) fn new(road: RoadChoice, channel: Channel, lost: Lost, reporter: Reporter) -> Self {
        let mut tasks = JoinSet::new();
        // The client subscribes each log once: its own limits bound this queue.
        let (watch, watch_requests) = mpsc::unbounded_channel();
        tasks.spawn(run_watch(channel.clone(), UnboundedReceiverStream::new(watch_requests), reporter.clone()));
        let gone = reporter.clone();
        tasks.spawn(async move {
            lost.wait().await;
            gone.tell(Event::Gone).await;
        });
        let lanes = Lanes::new(REQUESTS_MAX);
        Self { road, channel, reporter, lanes, watch, calls: HashMap::new(), streams: 0, rosters: HashMap::new(), tasks }
    }

    pub(super) fn number(&self) -> ConnectionNumber {
        self.reporter.number
    }

    pub(super) fn road(&self) -> &RoadChoice {
        &self.road
    }

    /// No request waits or is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.lanes.is_empty()
    }

    pub(super) fn request(&mut self, id: RequestId, request: Request) {
        self.lanes.push(requests::lane(&request).to_vec(), (id, request));
        self.begin_requests();
    }

    /// A request of that lane was answered.
    pub(super) fn handle_answered(&mut self, lane: &Vec<u8>) {
        self.lanes.end(lane);
        self.begin_requests();
    }

    pub(super) fn watch(&self, request: v1::WatchRequest) {
        // Without the stream the connection is over, and `Gone` on its way.
        let _ = self.watch.send(request);
    }

    pub(super) fn watch_roster(&mut self, call: CallId, log: LogId, capability: &Capability, on: bool) {
        if let Some(task) = self.rosters.remove(&call) {
            task.abort();
        }
        if on {
            let request = v1::WatchRosterRequest { log_id: log.to_vec(), capability: capability.expose().to_vec() };
            let task = self.tasks.spawn(run_roster(self.channel.clone(), call, request, self.reporter.clone()));
            self.rosters.insert(call, task);
        }
    }

    /// `Err`: there is no stream that this could go on.
    pub(super) fn participate(&mut self, call: CallId, request: v1::ParticipantRequest) -> Result<(), Failure> {
        use v1::participant_request::Request as Wish;
        if matches!(request.request, Some(Wish::Enter(_) | Wish::Resume(_))) {
            self.open_call(call);
        }
        let stream = self.calls.get(&call).ok_or(Failure::Unreachable)?;
        stream.requests.try_send(request).map_err(|_| Failure::Unreachable)
    }

    /// Something came of a call's stream: whether it is the one that counts.
    pub(super) fn handle_of_call(&mut self, call: CallId, stream: u64, input: &Input) -> bool {
        let counts = self.calls.get(&call).is_some_and(|current| current.stream == stream);
        if counts && matches!(input, Input::ParticipantLost { .. }) {
            self.calls.remove(&call);
        }
        counts
    }

    /// Somebody noticed that nothing comes back: ask the service for any answer.
    pub(super) fn suspect(&mut self) {
        let (channel, reporter) = (self.channel.clone(), self.reporter.clone());
        self.tasks.spawn(async move {
            if !requests::is_alive(channel, PROOF_TIME_MAX).await {
                reporter.tell(Event::Gone).await;
            }
        });
    }

    /// The stream before, if there was one, ends by itself: what was said last on it still goes out.
    fn open_call(&mut self, call: CallId) {
        self.streams += 1;
        let (requests, requests_here) = mpsc::channel(CALL_REQUESTS_MAX);
        let (channel, reporter, stream) = (self.channel.clone(), self.reporter.clone(), self.streams);
        self.tasks.spawn(run_call(channel, call, stream, ReceiverStream::new(requests_here), reporter));
        self.calls.insert(call, Call { requests, stream });
    }

    fn begin_requests(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        while let Some((lane, (id, request))) = self.lanes.begin() {
            let (channel, reporter) = (self.channel.clone(), self.reporter.clone());
            self.tasks.spawn(async move {
                let result = requests::ask(channel, request).await;
                reporter.tell(Event::Answered { lane, input: Input::Answer { id, result } }).await;
            });
        }
    }
}

async fn run_watch(channel: Channel, requests: UnboundedReceiverStream<v1::WatchRequest>, reporter: Reporter) {
    match requests::logs(channel).watch(requests).await {
        Ok(answer) => {
            let mut events = answer.into_inner();
            while let Some(Ok(event)) = events.next().await {
                if !reporter.input(Input::Watched(event)).await {
                    return;
                }
            }
        }
        Err(status) => tracing::warn!(code = ?status.code(), "the service does not let this app watch"),
    }
    // Without its stream the connection is of no use, whatever ended it.
    reporter.tell(Event::Gone).await;
}

async fn run_roster(channel: Channel, call: CallId, request: v1::WatchRosterRequest, reporter: Reporter) {
    let Ok(answer) = requests::calls(channel).watch_roster(request).await else {
        return;
    };
    let mut rosters = answer.into_inner();
    while let Some(Ok(roster)) = rosters.next().await {
        if !reporter.input(Input::Roster { call, roster }).await {
            return;
        }
    }
}

async fn run_call(
    channel: Channel,
    call: CallId,
    stream: u64,
    requests: ReceiverStream<v1::ParticipantRequest>,
    reporter: Reporter,
) {
    let tell = |input| reporter.tell(Event::OfCall { call, stream, input });
    let failure = match requests::calls(channel).participate(requests).await {
        Ok(answer) => {
            let mut events = answer.into_inner();
            loop {
                match events.next().await {
                    Some(Ok(event)) => {
                        if !tell(Input::Participant { call, event }).await {
                            return;
                        }
                    }
                    Some(Err(status)) => break failure(&status),
                    None => break Failure::Unreachable,
                }
            }
        }
        Err(status) => failure(&status),
    };
    tell(Input::ParticipantLost { call, failure }).await;
}
