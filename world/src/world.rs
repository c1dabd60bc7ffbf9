//! The world itself: one service, some devices, and what travels between them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use prost::Message;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use umweg_client::command::{Command, CommandError, Look};
use umweg_client::port::{Answer, Failure, Input, Media, MediaEvent, Output, Request, RequestId};
use umweg_client::view::View;
use umweg_delivery::WatcherId;
use umweg_road::freeze::End;
use umweg_wire::proto::v1::{self, participant_event, participant_request};
use umweg_wire::{CallId, LogId, Timestamp};

use crate::censor::Censor;
use crate::desk::{Desk, RosterLie};
use crate::device::{Device, Link};
use crate::media;
use crate::network::{Fate, SMALL, Temper, answer_bytes, request_bytes};
use crate::roads::OnTheWay;
use crate::router::MediaLie;
use crate::schedule::Schedule;
use crate::service::{Malice, Service};

/// When every world begins: 2026-01-01.
const DAWN: Timestamp = Timestamp(1_767_225_600_000);
/// Who waits for something sees it so late, at most.
const LOOK: Duration = Duration::from_millis(20);

/// Everything that was made up from one seed.
pub struct World {
    pub(crate) rng: ChaCha20Rng,
    pub(crate) temper: Temper,
    pub(crate) schedule: Schedule<Event>,
    service: Service,
    pub(crate) desk: Desk,
    pub(crate) censor: Censor,
    pub(crate) devices: Vec<Device>,
    pub(crate) media_lie: Option<MediaLie>,
    /// Counts media connections.
    pub(crate) wire_serial: u64,
    /// What an `Instant` counts from; only differences matter.
    began: Instant,
    seed: u64,
}

/// Something that happens. Where a `life` stands, it happens only if the device's connection is still that one.
pub(crate) enum Event {
    AtService { device: usize, life: u64, id: RequestId, request: Request, fate: Fate },
    Answered { device: usize, life: u64, id: RequestId, result: Result<Answer, Failure> },
    WatchAtService { device: usize, life: u64, request: v1::WatchRequest },
    Heard { device: usize, life: u64, event: v1::WatchEvent },
    AtDesk { device: usize, life: u64, call: CallId, request: participant_request::Request },
    FromDesk { device: usize, life: u64, input: Input },
    Connect { device: usize },
    Timeout { device: usize },
    SeatsTimeout,
    OnTheWay { device: usize, what: OnTheWay },
    Media(media::MediaEvent),
}

impl World {
    /// An empty one.
    #[must_use]
    pub fn new(seed: u64, temper: Temper) -> Self {
        Self {
            rng: ChaCha20Rng::seed_from_u64(seed),
            temper,
            schedule: Schedule::new(DAWN),
            service: Service::new(),
            desk: Desk::default(),
            censor: Censor::default(),
            devices: Vec::new(),
            media_lie: None,
            wire_serial: 0,
            began: Instant::now(),
            seed,
        }
    }

    /// What time it is in it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.schedule.now()
    }

    /// The same, for what knows no calendar.
    pub(crate) fn instant(&self) -> Instant {
        self.began + self.now().since(DAWN)
    }

    /// Somebody with a device of their own and an account; connected soon.
    pub fn join(&mut self, name: &str) -> Result<usize> {
        let number = self.devices.len();
        self.devices.push(Device::new(self.seed, number, name)?);
        self.schedule.after(Duration::ZERO, Event::Connect { device: number });
        self.command(number, Command::CreateAccount { name: name.to_owned() })?;
        Ok(number)
    }

    /// What the person at that device wishes.
    pub fn command(&mut self, device: usize, command: Command) -> Result<(), CommandError> {
        let now = self.now();
        let taken = self.devices[device].client.handle_command(command, now);
        self.execute(device);
        taken
    }

    /// What that device shows.
    pub fn view(&self, device: usize, look: &Look) -> Result<View> {
        self.devices[device].client.view(look, self.now()).context("showing a view")
    }

    /// Everything that happens up to that long from now.
    pub fn run_for(&mut self, time: Duration) -> Result<()> {
        let end = self.now().after(time);
        while let Some(event) = self.schedule.next_until(end) {
            self.happen(event)?;
        }
        Ok(())
    }

    /// Runs until the condition holds; an error if it does not within `time`. In a call much happens in little time: the condition is
    /// looked at every `LOOK`, at most.
    pub fn run_until(&mut self, time: Duration, what: &str, mut holds: impl FnMut(&Self) -> Result<bool>) -> Result<()> {
        let end = self.now().after(time);
        let mut looks = self.now();
        loop {
            if self.now() >= looks {
                if holds(self)? {
                    return Ok(());
                }
                looks = self.now().after(LOOK);
            }
            let Some(event) = self.schedule.next_until(end) else { break };
            self.happen(event)?;
        }
        ensure!(holds(self)?, "{what}: not within {time:?} (seed {})", self.seed);
        Ok(())
    }

    /// The network is good from now on, and everybody is there.
    pub fn calm(&mut self) {
        self.temper = Temper::CALM;
        for device in 0..self.devices.len() {
            self.come_back(device);
        }
    }

    /// The device is killed between two instructions and started again.
    pub fn crash(&mut self, device: usize) -> Result<()> {
        let away = self.devices[device].link == Link::Away;
        self.disconnect(device);
        self.close_media(device);
        self.devices[device].crash()?;
        if away {
            self.devices[device].link = Link::Away;
        } else {
            self.reconnect_later(device);
        }
        self.execute(device);
        Ok(())
    }

    /// The device is out of reach until `come_back`.
    pub fn go_away(&mut self, device: usize) {
        self.lose_connection(device);
        self.devices[device].link = Link::Away;
    }

    /// It can be reached again.
    pub fn come_back(&mut self, device: usize) {
        if self.devices[device].link == Link::Away {
            self.devices[device].link = Link::Down;
            self.schedule.after(Duration::from_millis(1), Event::Connect { device });
        }
    }

    /// The service is killed and started again: what it acknowledged is there, who watched is forgotten.
    pub fn crash_service(&mut self) {
        for device in 0..self.devices.len() {
            if self.devices[device].watcher().is_some() {
                self.lose_connection(device);
                self.reconnect_later(device);
            }
        }
        self.service.restart();
    }

    /// The operator copies all that the service has.
    pub fn back_up_service(&mut self) {
        self.service.back_up();
    }

    /// The operator takes that copy, and starts the service on it.
    pub fn restore_service(&mut self) {
        self.service.restore();
        self.crash_service();
    }

    /// The service does that with what comes next in that log.
    pub fn turn(&mut self, malice: Malice, log: LogId) {
        self.service.turn(malice, log);
    }

    /// The SFU is killed and started again: streams break, seats are gone.
    pub fn restart_sfu(&mut self) {
        for (device, log) in self.desk.restart() {
            let call = self.devices[device].taking_part.iter().find(|(_, at)| **at == log).map(|(call, _)| *call);
            if let Some(call) = call {
                self.devices[device].taking_part.remove(&call);
                self.send_from_desk(device, Input::ParticipantLost { call, failure: Failure::Unreachable });
            }
            self.tell_roster(log);
        }
    }

    /// The SFU begins to lie about who is in that call.
    pub fn turn_sfu(&mut self, lie: RosterLie, call: CallId) {
        self.desk.turn(lie);
        let logs: Vec<LogId> = self.devices.iter().filter_map(|device| device.watching.get(&call).copied()).take(1).collect();
        logs.into_iter().for_each(|log| self.tell_roster(log));
    }

    /// The operator allows that many cameras in a call.
    pub fn allow_cameras(&mut self, max: usize) {
        self.desk.cameras_max = max;
    }

    /// The device loses its MLS state, but not its messages.
    pub fn lose_keys(&mut self, device: usize) -> Result<()> {
        self.devices[device].lose_keys()?;
        self.crash(device)
    }

    /// A number that the seed decides.
    pub fn draw(&mut self, below: usize) -> usize {
        self.rng.random_range(0..below)
    }

    fn happen(&mut self, event: Event) -> Result<()> {
        ensure!(!self.schedule.stands_still(), "somebody wakes again and again for nothing");
        match event {
            Event::Connect { device } => self.connect(device),
            Event::Timeout { device } => self.timeout(device),
            Event::OnTheWay { device, what } => self.on_the_way(device, what),
            Event::Media(event) => self.media_happens(event),
            Event::AtService { device, life, id, request, fate } => {
                self.at_service(device, life, id, request, fate);
                Ok(())
            }
            Event::Answered { device, life, id, result } => self.arrive(device, life, Input::Answer { id, result }),
            Event::Heard { device, life, event } => self.arrive(device, life, Input::Watched(event)),
            Event::FromDesk { device, life, input } => self.arrive(device, life, input),
            Event::WatchAtService { device, life, request } => {
                let now = self.now();
                if let Some(watcher) = self.devices[device].watcher().filter(|_| self.devices[device].life == life) {
                    self.service.watch(watcher, &request, now);
                }
                self.tell_watchers();
                Ok(())
            }
            Event::AtDesk { device, life, call, request } => {
                self.at_desk(device, life, call, request);
                Ok(())
            }
            Event::SeatsTimeout => {
                let now = self.now();
                for log in self.desk.handle_timeout(now) {
                    self.tell_roster(log);
                }
                Ok(())
            }
        }
    }

    fn connect(&mut self, device: usize) -> Result<()> {
        if self.devices[device].link != Link::Down || self.seeks(device) {
            return Ok(());
        }
        self.devices[device].link = Link::Up { watcher: self.new_watcher() };
        self.devices[device].roads_version += 1;
        self.input(device, Input::Connected)
    }

    pub(crate) fn new_watcher(&mut self) -> WatcherId {
        self.service.new_watcher()
    }

    /// Something happens on that device's way, so long from now.
    pub(crate) fn later(&mut self, device: usize, after: Duration, what: OnTheWay) {
        self.schedule.after(after, Event::OnTheWay { device, what });
    }

    fn timeout(&mut self, device: usize) -> Result<()> {
        let now = self.now();
        self.devices[device].wakes = None;
        if self.devices[device].client.poll_timeout().is_some_and(|due| due <= now) {
            self.devices[device].client.handle_timeout(now).context("handling a timeout")?;
        }
        self.execute(device);
        Ok(())
    }

    fn at_service(&mut self, device: usize, life: u64, id: RequestId, request: Request, fate: Fate) {
        // What was under way when the connection broke may still arrive; its answer may not.
        let result = if fate == Fate::Lost { Err(Failure::Unreachable) } else { self.service.answer(request, self.schedule.now()) };
        if self.devices[device].life == life && fate != Fate::Arrives {
            self.lose_connection(device);
            self.reconnect_later(device);
        } else {
            let delay = self.temper.delay(&mut self.rng);
            let bytes = result.as_ref().map_or(0, answer_bytes);
            self.send(device, false, bytes, delay, Event::Answered { device, life, id, result });
        }
        self.tell_watchers();
    }

    fn at_desk(&mut self, device: usize, life: u64, call: CallId, request: participant_request::Request) {
        if self.devices[device].life != life {
            return;
        }
        let opening = match &request {
            participant_request::Request::Enter(enter) => Some((&enter.log_id, &enter.capability)),
            participant_request::Request::Resume(resume) => Some((&resume.log_id, &resume.capability)),
            _ => None,
        };
        if let Some((log, capability)) = opening {
            let now = self.schedule.now();
            match LogId::try_from(log) {
                Ok(log_id) if self.service.admits(log, capability, now) => self.devices[device].taking_part.insert(call, log_id),
                _ => {
                    self.send_from_desk(device, Input::ParticipantLost { call, failure: Failure::Refused });
                    return;
                }
            };
        }
        let Some(log) = self.devices[device].taking_part.get(&call).copied() else { return };
        let resuming = matches!(request, participant_request::Request::Resume(_));
        let leaving = matches!(request, participant_request::Request::Leave(_));
        match self.desk.handle(device, log, request) {
            Some(event) => self.send_from_desk(device, participant(call, event)),
            None if resuming => self.send_from_desk(device, Input::ParticipantLost { call, failure: Failure::NotFound }),
            None => {}
        }
        if leaving {
            self.devices[device].taking_part.remove(&call);
        }
        self.tell_roster(log);
    }

    /// Gives everybody who watches or takes part the roster as it is now.
    fn tell_roster(&mut self, log: LogId) {
        let roster = self.desk.roster(log);
        let inside = self.desk.devices(log);
        for device in 0..self.devices.len() {
            let taking_part = self.devices[device].taking_part.iter().find(|(_, at)| **at == log).map(|(call, _)| *call);
            if let Some(call) = taking_part.filter(|_| inside.contains(&device)) {
                self.send_from_desk(device, participant(call, participant_event::Event::Roster(roster.clone())));
            }
            let watching = self.devices[device].watching.iter().find(|(_, at)| **at == log).map(|(call, _)| *call);
            if let Some(call) = watching {
                self.send_from_desk(device, Input::Roster { call, roster: roster.clone() });
            }
        }
    }

    fn send_from_desk(&mut self, device: usize, input: Input) {
        let life = self.devices[device].life;
        let delay = Duration::from_millis(self.temper.delay_ms.0);
        self.send(device, false, SMALL, delay, Event::FromDesk { device, life, input });
    }

    /// Lets every connected device hear what waits for it. A stream keeps its order: the delay is the same for all of one time.
    fn tell_watchers(&mut self) {
        let now = self.now();
        for number in 0..self.devices.len() {
            let Some(watcher) = self.devices[number].watcher() else { continue };
            let life = self.devices[number].life;
            while let Some(event) = self.service.hear(number, watcher, now) {
                let delay = Duration::from_millis(self.temper.delay_ms.0);
                self.send(number, false, event.encoded_len(), delay, Event::Heard { device: number, life, event });
            }
        }
    }

    fn arrive(&mut self, device: usize, life: u64, input: Input) -> Result<()> {
        let there = self.devices[device].life == life && self.devices[device].watcher().is_some();
        if there { self.input(device, input) } else { Ok(()) }
    }

    pub(crate) fn input(&mut self, device: usize, input: Input) -> Result<()> {
        let now = self.now();
        self.devices[device].client.handle_input(input, now).context("handling an input")?;
        self.execute(device);
        Ok(())
    }

    /// Executes what the client wants, and schedules when it is to wake.
    fn execute(&mut self, device: usize) {
        while let Some(output) = self.devices[device].client.poll_output() {
            self.execute_one(device, output);
        }
        let due = self.devices[device].client.poll_timeout();
        if let Some(due) = due.filter(|due| self.devices[device].wakes.is_none_or(|wakes| *due < wakes)) {
            self.devices[device].wakes = Some(due);
            self.schedule.at(due, Event::Timeout { device });
        }
    }

    fn execute_one(&mut self, device: usize, output: Output) {
        let life = self.devices[device].life;
        match output {
            Output::Request { id, request } if self.devices[device].watcher().is_some() => {
                let fate = self.temper.fate(&mut self.rng);
                let delay = self.temper.delay(&mut self.rng);
                let bytes = request_bytes(&request);
                self.send(device, true, bytes, delay, Event::AtService { device, life, id, request, fate });
            }
            Output::Watch(request) if self.devices[device].watcher().is_some() => {
                let delay = Duration::from_millis(self.temper.delay_ms.0);
                self.send(device, true, request.encoded_len(), delay, Event::WatchAtService { device, life, request });
            }
            Output::Participate { call, request } if self.devices[device].watcher().is_some() => {
                if let Some(request) = request.request {
                    let delay = Duration::from_millis(self.temper.delay_ms.0);
                    self.send(device, true, SMALL, delay, Event::AtDesk { device, life, call, request });
                }
            }
            Output::WatchRoster { call, log, capability, on } => {
                let now = self.now();
                self.devices[device].watching.remove(&call);
                if on && self.devices[device].watcher().is_some() && self.service.admits(&log.to_vec(), capability.expose(), now) {
                    self.devices[device].watching.insert(call, log);
                    let roster = self.desk.roster(log);
                    self.send_from_desk(device, Input::Roster { call, roster });
                }
            }
            Output::RoadsChanged { proxies, when, .. } => self.change_roads(device, proxies, when),
            // The page of this world has a camera that films nothing.
            Output::Page(MediaEvent::MakeOffer { call, .. }) => {
                // Refused if the person has left meanwhile.
                let _ = self.command(device, Command::Offer { call, sdp: "v=0".to_owned() });
            }
            Output::Page(MediaEvent::Keys { epoch, base_key, leaf, .. }) => self.give_keys(device, epoch, base_key, leaf),
            Output::Page(MediaEvent::Stop { .. }) => self.close_media(device),
            Output::Media { call, media: Media::Open { ticket, udp_port } } => self.open_media(device, call, ticket, udp_port),
            Output::Media { media: Media::Close, .. } => self.close_media(device),
            _ => {}
        }
    }

    /// By the device's connection, unless that moves nothing any more.
    fn send(&mut self, device: usize, out: bool, bytes: usize, delay: Duration, event: Event) {
        if let Some(longer) = self.pass(device, out, bytes) {
            self.schedule.after(delay + longer, event);
        }
    }

    pub(crate) fn lose_connection(&mut self, device: usize) {
        if self.devices[device].watcher().is_some() {
            self.disconnect(device);
            let now = self.now();
            let failed = self.devices[device].client.handle_input(Input::Disconnected, now);
            debug_assert!(failed.is_ok(), "a client does not take a disconnection");
            self.execute(device);
        }
    }

    fn disconnect(&mut self, device: usize) {
        if let Some(watcher) = self.devices[device].watcher() {
            self.service.unwatch(watcher);
        }
        self.forget_connection(device, End::Told);
        let until = self.desk.handle_lost(device, self.schedule.now());
        self.schedule.at(until, Event::SeatsTimeout);
        let device = &mut self.devices[device];
        device.life += 1;
        device.roads_version += 1;
        device.taking_part.clear();
        device.watching.clear();
        device.link = Link::Down;
    }

    pub(crate) fn reconnect_later(&mut self, device: usize) {
        let away = self.temper.away(&mut self.rng);
        self.schedule.after(away, Event::Connect { device });
    }
}

fn participant(call: CallId, event: participant_event::Event) -> Input {
    Input::Participant { call, event: v1::ParticipantEvent { event: Some(event) } }
}
