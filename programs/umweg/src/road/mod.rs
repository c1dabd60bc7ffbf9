//! The road: how the app is connected to its service, and everything that goes over it.
//!
//! `umweg_road::ranking` says which road is dialed next, `umweg_io` dials it, `connection` carries requests and streams. The app's
//! loop owns the `Road`, hands it the client's outputs, and takes the client's inputs out of `next`. Nothing here survives a
//! connection: the client asks again on the next one.

mod connection;
mod lanes;
mod network;
mod proxy_test;
mod requests;
mod trouble;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;
use tonic::transport::Channel;
use umweg_client::port::{Failure, Input, Request, RequestId};
use umweg_client::view::{BitesUse, ProxyUse, RoadState};
use umweg_io::bites::Pace;
use umweg_io::clock;
use umweg_io::counted::Traffic;
use umweg_io::dial::{DialError, dial, dial_in_bites};
use umweg_io::rpc::{self, Lost};
use umweg_io::session::Purpose;
use umweg_road::freeze::FreezeWatch;
use umweg_road::ranking::{self, Attempt, Output, Ranking};
use umweg_road::{Carriage, RoadChoice, Way};
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::{self, ProxyLink, ServiceLink};
use umweg_wire::{CallId, Capability, LogId, Timestamp};

use crate::folder::Settings;
use crate::media::Network;
use crate::road::trouble::trouble;
use connection::{Connection, ConnectionNumber, Event, INPUTS_MAX, Reporter};
use proxy_test::test_proxy;

/// So often the app looks which network it is in; the clock, too, may be set while the ranking waits.
const WAIT_MAX: Duration = Duration::from_secs(5);

pub(crate) struct Road {
    service: Arc<ServiceLink>,
    ranking: Ranking,
    settings: Settings,
    dialing: JoinSet<Outcome>,
    dialing_by_attempt: BTreeMap<Attempt, AbortHandle>,
    connection: Option<(Attempt, Connection)>,
    connections: u64,
    watched: Option<Watched>,
    to_self: mpsc::Sender<(ConnectionNumber, Event)>,
    events: mpsc::Receiver<(ConnectionNumber, Event)>,
    tests: JoinSet<Input>,
    /// Inputs that are known already.
    inputs: VecDeque<Input>,
    shown: Option<RoadState>,
    freezes: bool,
    failure: Option<DialError>,
    of_the_moment: watch::Sender<Option<RoadChoice>>,
    usable: watch::Sender<Vec<RoadChoice>>,
    suspicion: Arc<Notify>,
}

/// What came of an attempt.
struct Outcome {
    attempt: Attempt,
    road: RoadChoice,
    result: Result<Dialed, DialError>,
}

/// A connection to the service.
struct Dialed {
    channel: Channel,
    lost: Lost,
    /// Of the connection, if it is one rather than a chain of bites.
    traffic: Option<Arc<Traffic>>,
}

/// Whether the connection of the moment is being frozen.
struct Watched {
    watch: FreezeWatch,
    traffic: Arc<Traffic>,
}

impl Watched {
    fn was_frozen(self) -> bool {
        self.watch.was_frozen(self.traffic.moved(), self.traffic.end(), clock::now())
    }
}

impl Road {
    /// To that service; it begins when `handle_roads` says what may be used.
    pub(crate) fn new(service: ServiceLink, settings: Settings, seed: u64) -> Self {
        let winners = settings.winners().unwrap_or_default();
        let (to_self, events) = mpsc::channel(INPUTS_MAX);
        Self {
            ranking: Ranking::new(service.clone(), winners, seed),
            settings,
            service: Arc::new(service),
            dialing: JoinSet::new(),
            dialing_by_attempt: BTreeMap::new(),
            connection: None,
            connections: 0,
            watched: None,
            to_self,
            events,
            tests: JoinSet::new(),
            inputs: VecDeque::new(),
            shown: None,
            freezes: false,
            failure: None,
            of_the_moment: watch::Sender::new(None),
            usable: watch::Sender::new(Vec::new()),
            suspicion: Arc::new(Notify::new()),
        }
    }

    /// For the media of calls.
    pub(crate) fn network(&self) -> Network {
        let (service, suspicion) = (self.service.clone(), self.suspicion.clone());
        Network { service, road: self.of_the_moment.subscribe(), usable: self.usable.subscribe(), suspicion }
    }

    /// What may be used has changed.
    pub(crate) fn handle_roads(&mut self, proxies: Vec<ProxyLink>, when: ProxyUse, bites: BitesUse) {
        let when = match when {
            ProxyUse::WhenBlocked => ranking::ProxyUse::WhenBlocked,
            ProxyUse::Always => ranking::ProxyUse::Always,
            ProxyUse::Never => ranking::ProxyUse::Never,
        };
        self.ranking.handle_network(network::tag(), clock::now());
        // What comes of it is done in `next`: the person may be changing more than one thing, and must not be seen on a road that
        // is forbidden a moment later.
        self.ranking.handle_bites(
            match bites {
                BitesUse::WhenFrozen => ranking::BitesUse::WhenFrozen,
                BitesUse::Always => ranking::BitesUse::Always,
                BitesUse::Never => ranking::BitesUse::Never,
            },
            clock::now(),
        );
        self.ranking.handle_roads(proxies, when, clock::now());
        self.usable.send_replace(self.ranking.usable());
    }

    /// Without a connection requests, streams and subscriptions come to nothing: the client knows, and asks again on the next.
    pub(crate) fn request(&mut self, id: RequestId, request: Request) {
        match &mut self.connection {
            Some((_, connection)) => connection.request(id, request),
            None => self.inputs.push_back(Input::Answer { id, result: Err(Failure::Unreachable) }),
        }
    }

    pub(crate) fn watch(&mut self, request: v1::WatchRequest) {
        if let Some((_, connection)) = &self.connection {
            connection.watch(request);
        }
    }

    pub(crate) fn watch_roster(&mut self, call: CallId, log: LogId, capability: &Capability, on: bool) {
        if let Some((_, connection)) = &mut self.connection {
            connection.watch_roster(call, log, capability, on);
        }
    }

    pub(crate) fn participate(&mut self, call: CallId, request: v1::ParticipantRequest) {
        let taken = match &mut self.connection {
            Some((_, connection)) => connection.participate(call, request),
            None => Err(Failure::Unreachable),
        };
        if let Err(failure) = taken {
            self.inputs.push_back(Input::ParticipantLost { call, failure });
        }
    }

    /// Tries a proxy, beside whatever road there is.
    pub(crate) fn test(&mut self, proxy: ProxyLink) {
        let service = self.service.clone();
        self.tests.spawn(async move {
            let standing = test_proxy(&proxy, &service).await;
            Input::ProxyTested { link: proxy.to_link(), standing }
        });
    }

    /// Ends the connection, if there is one; the next road is sought. The client hears of it from who calls this.
    pub(crate) fn hang_up(&mut self) {
        self.inputs.retain(|input| !matches!(input, Input::Connected | Input::Disconnected));
        self.end_connection(false);
        self.show_state();
    }

    /// There is a connection, and no request waits or is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.inputs.is_empty() && self.connection.as_ref().is_some_and(|(_, connection)| connection.is_quiet())
    }

    /// The next thing that the client has to know. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Input {
        loop {
            self.handle_moved();
            self.execute_ranking();
            if let Some(input) = self.inputs.pop_front() {
                return input;
            }
            let wait = self.poll_timeout().map_or(WAIT_MAX, |at| at.since(clock::now())).min(WAIT_MAX);
            tokio::select! {
                Some(dialed) = self.dialing.join_next() => {
                    if let Ok(dialed) = dialed {
                        self.handle_dialed(dialed);
                    }
                }
                Some((number, event)) = self.events.recv() => self.handle_event(number, event),
                Some(tested) = self.tests.join_next() => self.inputs.extend(tested.ok()),
                () = self.suspicion.notified() => self.handle_suspicion(),
                () = sleep(wait) => self.ranking.handle_network(network::tag(), clock::now()),
            }
        }
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        let watch = self.watched.as_ref().and_then(|watched| watched.watch.poll_timeout());
        [self.ranking.poll_timeout(clock::now()), watch].into_iter().flatten().min()
    }

    fn handle_dialed(&mut self, outcome: Outcome) {
        let Outcome { attempt, road, result } = outcome;
        if self.dialing_by_attempt.remove(&attempt).is_none() {
            return;
        }
        match result {
            Ok(dialed) => {
                self.ranking.handle_result(attempt, Ok(()), clock::now());
                if let Err(error) = self.settings.set_winners(self.ranking.winners()) {
                    tracing::warn!(code = ?error.sqlite_error_code(), "which road led through could not be remembered");
                }
                if self.ranking.road() == Some(&road) {
                    self.begin_connection(attempt, road, dialed);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a road leads nowhere");
                let failure = failure(&error);
                self.failure = Some(error);
                self.ranking.handle_result(attempt, Err(failure), clock::now());
            }
        }
    }

    fn begin_connection(&mut self, attempt: Attempt, road: RoadChoice, dialed: Dialed) {
        self.connections += 1;
        let reporter = Reporter { number: ConnectionNumber(self.connections), to: self.to_self.clone() };
        let Dialed { channel, lost, traffic } = dialed;
        tracing::info!(form = ?road.form, proxy = matches!(road.way, Way::Via(_)), bites = traffic.is_none(), "connected");
        self.watched = traffic.map(|traffic| Watched { watch: FreezeWatch::new(clock::now()), traffic });
        self.failure = None;
        self.of_the_moment.send_replace(Some(road.clone()));
        self.connection = Some((attempt, Connection::new(road, channel, lost, reporter)));
        self.show_state();
        self.inputs.push_back(Input::Connected);
    }

    fn handle_event(&mut self, number: ConnectionNumber, event: Event) {
        let Some((_, connection)) = self.connection.as_mut().filter(|(_, connection)| connection.number() == number) else {
            return;
        };
        match event {
            Event::Input(input) => self.inputs.push_back(input),
            Event::OfCall { call, stream, input } if connection.handle_of_call(call, stream, &input) => {
                self.inputs.push_back(input);
            }
            Event::OfCall { .. } => {}
            Event::Answered { lane, input } => {
                connection.handle_answered(&lane);
                self.inputs.push_back(input);
            }
            Event::Gone => {
                let frozen = self.watched.take().is_some_and(Watched::was_frozen);
                tracing::info!(frozen, "the connection is gone");
                self.end_connection(frozen);
                self.inputs.push_back(Input::Disconnected);
            }
        }
    }

    /// What came by the old connection, and was not taken yet, still counts: only its requests have failed.
    fn end_connection(&mut self, frozen: bool) {
        if let Some((attempt, _)) = self.connection.take() {
            self.of_the_moment.send_replace(None);
            self.watched = None;
            if frozen {
                self.ranking.handle_frozen(attempt, clock::now());
            } else {
                self.ranking.handle_lost(attempt, clock::now());
            }
        }
    }

    /// Looks at the counters, and asks for a sign of life where they look like a freeze.
    fn handle_moved(&mut self) {
        let now = clock::now();
        let asks = self.watched.as_mut().is_some_and(|watched| {
            let due = watched.watch.poll_timeout().is_some_and(|at| at <= now);
            due && watched.watch.handle_moved(watched.traffic.moved(), now)
        });
        if asks {
            self.handle_suspicion();
        }
    }

    fn handle_suspicion(&mut self) {
        if let Some((_, connection)) = &mut self.connection {
            connection.suspect();
        }
    }

    fn execute_ranking(&mut self) {
        let outputs: Vec<_> = std::iter::from_fn(|| self.ranking.poll_output()).collect();
        let dropped: Vec<_> =
            outputs.iter().filter_map(|output| if let Output::Drop(attempt) = output { Some(*attempt) } else { None }).collect();
        for output in outputs {
            match output {
                Output::Dial { attempt, .. } if dropped.contains(&attempt) => {}
                Output::Dial { attempt, road, carriage } => self.dial(attempt, road, carriage),
                Output::Drop(attempt) => {
                    if let Some(task) = self.dialing_by_attempt.remove(&attempt) {
                        task.abort();
                    }
                    if self.connection.as_ref().is_some_and(|(current, _)| *current == attempt) {
                        self.connection = None;
                        self.watched = None;
                        self.of_the_moment.send_replace(None);
                        self.inputs.push_back(Input::Disconnected);
                    }
                }
            }
        }
        self.show_state();
    }

    fn dial(&mut self, attempt: Attempt, road: RoadChoice, carriage: Carriage) {
        let service = self.service.clone();
        let task = self.dialing.spawn(async move {
            let result = connect(&road, carriage, &service).await;
            Outcome { attempt, road, result }
        });
        self.dialing_by_attempt.insert(attempt, task);
    }

    /// Tells the client how it stands, if that is news.
    fn show_state(&mut self) {
        let state = match &self.connection {
            // Only a connection of its own can be watched for freezing.
            Some((_, connection)) => connected(connection.road(), self.watched.is_none()),
            None => self.disconnected(),
        };
        let freezes = self.ranking.freezes(clock::now());
        if self.freezes != freezes {
            self.freezes = freezes;
            self.inputs.push_back(Input::Freezes(freezes));
        }
        if self.shown.as_ref() != Some(&state) {
            self.shown = Some(state.clone());
            self.inputs.push_back(Input::Road(state));
        }
    }

    fn disconnected(&self) -> RoadState {
        match &self.failure {
            None => RoadState::Connecting,
            Some(failure) => RoadState::Offline { trouble: Some(trouble(failure)), next_try: self.ranking.next_try(clock::now()) },
        }
    }
}

async fn connect(road: &RoadChoice, carriage: Carriage, service: &ServiceLink) -> Result<Dialed, DialError> {
    let stream = match carriage {
        Carriage::Whole => dial(road, service, Purpose::Rpc).await?,
        Carriage::Bites => dial_in_bites(road, service, Pace::default()).await?,
    };
    let traffic = stream.traffic();
    let (channel, lost) = rpc::connect(stream).await.map_err(|_| DialError::Version)?;
    Ok(Dialed { channel, lost, traffic })
}

/// Whether anybody could have counted a connection.
pub(crate) fn failure(error: &DialError) -> ranking::Failure {
    match error {
        DialError::NotOffered(_) | DialError::NoAddress(_) | DialError::Closed(_) | DialError::Unreachable(_) => {
            ranking::Failure::NoConnection
        }
        _ => ranking::Failure::Broken,
    }
}

fn connected(road: &RoadChoice, bites: bool) -> RoadState {
    match &road.way {
        Way::Direct => RoadState::Direct { bites },
        Way::Via(proxy) => {
            RoadState::Proxy { name: if proxy.name.is_empty() { proxy.host.clone() } else { proxy.name.clone() }, bites }
        }
    }
}
