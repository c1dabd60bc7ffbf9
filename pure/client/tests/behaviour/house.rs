//! A few devices, the service's own rules in memory, and a door to calls that knows rosters but no media. Time moves by hand.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tempfile::TempDir;
use umweg_client::view::{CallState, CallView, ChatView, Line, View};
use umweg_client::{Answer, Client, Command, CommandError, Failure, Input, Look, Media, MediaEvent, Output, Request};
use umweg_delivery::{MemoryEngine, Refusal, Service, WatcherId};
use umweg_wire::proto::v1::{self, participant_event, participant_request};
use umweg_wire::{AccountId, CallId, LogId, Ticket, Timestamp};

/// Everybody and everything.
pub(crate) struct House {
    pub service: Service<MemoryEngine>,
    pub door: Door,
    pub devices: Vec<Device>,
    pub now: Timestamp,
    dir: TempDir,
    watchers: u64,
}

/// One person's device.
pub(crate) struct Device {
    pub name: &'static str,
    pub client: Option<Client>,
    watcher: Option<WatcherId>,
    pub page: Vec<MediaEvent>,
    /// What the page has its microphone open for: asked to make an offer, and not told to stop.
    heard_in: Option<CallId>,
    pub media: Vec<(CallId, bool)>,
    /// Answers that never come: the connection breaks before the so-manieth.
    pub breaks_after: Option<usize>,
    /// The service takes no append of this device's.
    pub(crate) refused: Option<Failure>,
    /// How many watched events get lost inside the program.
    pub(crate) loses: usize,
    /// How many key packages the service said are left.
    pub(crate) key_packages: Option<u32>,
    seed: u8,
}

impl Device {
    /// From the offer that it is asked for to the stop, and in no other moment, a page hears of a call.
    fn show(&mut self, event: MediaEvent) {
        match &event {
            MediaEvent::MakeOffer { call, .. } => self.heard_in = Some(*call),
            MediaEvent::Stop { .. } => self.heard_in = None,
            MediaEvent::Answer { call, .. } | MediaEvent::Keys { call, .. } | MediaEvent::Slots { call, .. } => {
                assert!(self.heard_in == Some(*call), "{}: the page is in no call, and is told of one", self.name);
            }
        }
        self.page.push(event);
    }
}

/// Index of a device.
pub(crate) type Who = usize;

impl House {
    pub(crate) fn new(names: &[&'static str]) -> Self {
        let dir = TempDir::new().unwrap();
        let mut house = Self {
            service: Service::new(MemoryEngine::new()),
            door: Door::default(),
            devices: vec![],
            now: Timestamp(1_700_000_000_000),
            dir,
            watchers: 0,
        };
        names.iter().for_each(|name| house.add(name));
        house.settle();
        house
    }

    /// Somebody else, with an account that the service has not heard of yet.
    pub(crate) fn add(&mut self, name: &'static str) {
        let seed = u8::try_from(self.devices.len()).unwrap() + 1;
        self.devices.push(Device {
            name,
            client: None,
            watcher: None,
            page: vec![],
            heard_in: None,
            media: vec![],
            breaks_after: None,
            refused: None,
            loses: 0,
            key_packages: None,
            seed,
        });
        self.start(self.devices.len() - 1);
        self.order(self.devices.len() - 1, Command::CreateAccount { name: name.to_owned() });
    }

    /// People who have accepted each other.
    pub(crate) fn acquainted(names: &[&'static str]) -> Self {
        let mut house = Self::new(names);
        for one in 0..names.len() {
            for other in one + 1..names.len() {
                house.befriend(one, other);
            }
        }
        house
    }

    pub(crate) fn befriend(&mut self, one: Who, other: Who) {
        let link = self.view(other).me.unwrap().link;
        self.order(one, Command::RequestContact { link, text: "hello".into() });
        self.settle();
        let account = self.account(one);
        self.order(other, Command::AcceptRequest { account });
        self.settle();
    }

    // ── programs ──

    fn path(&self, who: Who) -> std::path::PathBuf {
        self.dir.path().join(format!("{who}.db"))
    }

    pub(crate) fn database(&self, who: Who) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path(who)).unwrap()
    }

    /// Starts a program, with a road.
    pub(crate) fn start(&mut self, who: Who) {
        let seed = self.devices[who].seed;
        self.devices[who].client = Some(Client::open(self.database(who), [9; 8], [seed; 32]).unwrap());
        self.connect(who);
    }

    /// Ends it, as `kill -9` does: what it was about to say is lost.
    pub(crate) fn kill(&mut self, who: Who) {
        self.forget_road(who);
        self.devices[who].client = None;
    }

    pub(crate) fn connect(&mut self, who: Who) {
        self.watchers += 1;
        self.devices[who].watcher = Some(WatcherId(self.watchers));
        self.input(who, Input::Connected);
    }

    pub(crate) fn disconnect(&mut self, who: Who) {
        self.forget_road(who);
        self.input(who, Input::Disconnected);
        let calls: Vec<CallId> = self.door.entered_by(who);
        for call in calls {
            self.input(who, Input::ParticipantLost { call, failure: Failure::Unreachable });
        }
    }

    fn forget_road(&mut self, who: Who) {
        if let Some(watcher) = self.devices[who].watcher.take() {
            self.service.handle_gone(watcher);
        }
        self.door.watchers.retain(|(other, _), _| *other != who);
    }

    pub(crate) fn input(&mut self, who: Who, input: Input) {
        let now = self.now;
        if let Some(client) = &mut self.devices[who].client {
            client.handle_input(input, now).unwrap();
        }
    }

    pub(crate) fn order(&mut self, who: Who, command: Command) {
        self.try_order(who, command).unwrap();
    }

    pub(crate) fn try_order(&mut self, who: Who, command: Command) -> Result<(), CommandError> {
        let now = self.now;
        self.devices[who].client.as_mut().unwrap().handle_command(command, now)
    }

    // ── time ──

    /// Until nothing happens any more without waiting, and for a second of waiting.
    pub(crate) fn settle(&mut self) {
        self.pass(Duration::from_secs(1));
    }

    /// Lets time pass, everything happening when it is due.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        loop {
            self.work();
            let due = self.devices.iter().filter_map(|device| device.client.as_ref()?.poll_timeout()).min();
            match due.filter(|due| *due <= end) {
                Some(due) => self.now = self.now.max(due),
                None => break,
            }
            for who in 0..self.devices.len() {
                let now = self.now;
                if let Some(client) = &mut self.devices[who].client
                    && client.poll_timeout().is_some_and(|due| due <= now)
                {
                    client.handle_timeout(now).unwrap();
                }
            }
        }
        self.now = end;
    }

    fn work(&mut self) {
        for round in 0.. {
            assert!(round < 10_000, "it never comes to rest");
            let mut busy = false;
            for who in 0..self.devices.len() {
                while let Some(output) = self.devices[who].client.as_mut().and_then(Client::poll_output) {
                    busy = true;
                    self.execute(who, output);
                }
                while let Some(event) = self.next_event(who) {
                    busy = true;
                    if self.devices[who].loses > 0 && matches!(event.event, Some(v1::watch_event::Event::Entries(_))) {
                        self.devices[who].loses -= 1;
                        continue;
                    }
                    self.input(who, Input::Watched(event));
                }
            }
            busy |= self.tell_rosters();
            if !busy {
                return;
            }
        }
    }

    fn next_event(&mut self, who: Who) -> Option<v1::WatchEvent> {
        let watcher = self.devices[who].watcher?;
        self.service.poll_event(watcher, self.now).unwrap()
    }

    fn execute(&mut self, who: Who, output: Output) {
        match output {
            Output::Request { id, request } if self.devices[who].watcher.is_some() => {
                let result = match (self.devices[who].refused, &request) {
                    (Some(failure), Request::Append(_)) => Err(failure),
                    _ => self.answer(request),
                };
                if let Some(left) = &mut self.devices[who].breaks_after {
                    if *left == 0 {
                        self.devices[who].breaks_after = None;
                        return self.kill(who);
                    }
                    *left -= 1;
                }
                if let Ok(Answer::Published(published)) = &result {
                    self.devices[who].key_packages = Some(published.left);
                }
                self.input(who, Input::Answer { id, result });
            }
            Output::Watch(request) => {
                if let Some(watcher) = self.devices[who].watcher {
                    self.service.handle_watch(watcher, &request, self.now).unwrap();
                }
            }
            Output::WatchRoster { call, log, capability, on } => {
                if on && self.service.admit(&log.0, capability.expose(), self.now).is_ok() {
                    self.door.watchers.insert((who, call), (log, u64::MAX));
                } else {
                    self.door.watchers.remove(&(who, call));
                }
            }
            Output::Participate { call, request } => {
                if let Some(event) = self.participate(who, call, request.request.unwrap()) {
                    self.input(who, event);
                }
            }
            Output::Page(event) => self.devices[who].show(event),
            Output::Media { call, media } => self.devices[who].media.push((call, matches!(media, Media::Open { .. }))),
            _ => {}
        }
    }

    fn answer(&mut self, request: Request) -> Result<Answer, Failure> {
        let now = self.now;
        let result = match request {
            Request::CreateLog(request) => self.service.create(&request, now).map(|_| Answer::Created),
            Request::Append(request) => self.service.append(request, now).map(Answer::Appended),
            Request::Trim(request) => self.service.trim(&request, now).map(|_| Answer::Trimmed),
            Request::GetSnapshot(request) => self.service.snapshot(&request, now).map(Answer::Snapshot),
            Request::PublishKeyPackages(request) => self.service.publish(request, now).map(Answer::Published),
            Request::TakeKeyPackage(request) => self.service.take(&request, now).map(Answer::KeyPackage),
        };
        result.map_err(|failure| match failure {
            umweg_delivery::Failure::Refused(Refusal::Denied) => Failure::Refused,
            umweg_delivery::Failure::Refused(Refusal::NotFound) => Failure::NotFound,
            umweg_delivery::Failure::Refused(Refusal::Exists) => Failure::Exists,
            umweg_delivery::Failure::Refused(Refusal::Full(_)) => Failure::Full,
            umweg_delivery::Failure::Refused(Refusal::Invalid(_)) => Failure::Invalid,
            umweg_delivery::Failure::Store(_) => Failure::Broken,
        })
    }

    fn participate(&mut self, who: Who, call: CallId, request: participant_request::Request) -> Option<Input> {
        use participant_request::Request as Asked;
        let event = match request {
            Asked::Enter(enter) => {
                if self.service.admit(&enter.log_id, &enter.capability, self.now).is_err() {
                    return Some(Input::ParticipantLost { call, failure: Failure::Refused });
                }
                let log = LogId::try_from(&enter.log_id).unwrap();
                let participant = self.door.enter(who, call, log, enter.note, enter.camera);
                let ticket = Ticket([u8::try_from(participant).unwrap(); 16]);
                participant_event::Event::Entered(v1::Entered {
                    participant,
                    answer: format!("answer to {}", enter.offer),
                    ticket: ticket.to_vec(),
                    udp_port: 40_000,
                    camera: enter.camera && !self.door.cameras_full,
                })
            }
            Asked::Resume(_) if self.door.entered_by(who).contains(&call) => participant_event::Event::Resumed(v1::Resumed {}),
            Asked::Resume(_) => return Some(Input::ParticipantLost { call, failure: Failure::NotFound }),
            Asked::Note(update) => {
                self.door.change(who, call, |seat| seat.note.clone_from(&update.note));
                return None;
            }
            Asked::Dismiss(dismissed) => {
                self.door.dismiss(dismissed.participant);
                return None;
            }
            Asked::Leave(_) => {
                if !self.door.leavers_stay {
                    self.door.leave(who, call);
                }
                return None;
            }
            Asked::Camera(camera) => {
                participant_event::Event::Camera(v1::CameraAnswer { on: camera.on && !self.door.cameras_full })
            }
            Asked::Screen(screen) => {
                let on = screen.on && !self.door.screens_full;
                self.door.change(who, call, |seat| seat.screen = on);
                participant_event::Event::Screen(v1::ScreenAnswer { on })
            }
            Asked::Videos(_) => return None,
        };
        Some(Input::Participant { call, event: v1::ParticipantEvent { event: Some(event) } })
    }

    fn tell_rosters(&mut self) -> bool {
        let news: VecDeque<_> = self.door.news();
        let busy = !news.is_empty();
        for (who, call, roster) in news {
            self.input(who, Input::Roster { call, roster });
        }
        busy
    }

    /// The media of a device that is gone ends.
    pub(crate) fn seat_expires(&mut self, who: Who) {
        for call in self.door.entered_by(who) {
            self.door.leave(who, call);
        }
    }

    // ── looking ──

    pub(crate) fn view(&self, who: Who) -> View {
        self.look(who, &Look::default())
    }

    pub(crate) fn look(&self, who: Who, look: &Look) -> View {
        self.devices[who].client.as_ref().unwrap().view(look, self.now).unwrap()
    }

    pub(crate) fn account(&self, who: Who) -> AccountId {
        self.view(who).me.unwrap().account
    }

    pub(crate) fn account_by_name(&self, who: Who, name: &str) -> AccountId {
        self.view(who).contacts.iter().find(|contact| contact.name == name).expect("they know each other").account
    }

    pub(crate) fn chat_with(&self, who: Who, other: Who) -> LogId {
        let name = self.devices[other].name;
        let chat = self.view(who).contacts.iter().find(|contact| contact.name == name).and_then(|contact| contact.chat);
        chat.expect("they have a conversation")
    }

    pub(crate) fn group_of(&self, who: Who) -> LogId {
        self.view(who).chats.iter().find(|chat| chat.group).expect("there is a group").id
    }

    pub(crate) fn chat(&self, who: Who, chat: LogId) -> ChatView {
        self.look(who, &Look { chat: Some(chat), ..Look::default() }).chat.unwrap()
    }

    /// What is written there, in order.
    pub(crate) fn texts(&self, who: Who, chat: LogId) -> Vec<String> {
        let text = |line: &umweg_client::view::ChatLine| match &line.line {
            Line::Text { text } => Some(text.clone()),
            _ => None,
        };
        self.chat(who, chat).lines.iter().filter_map(text).collect()
    }

    pub(crate) fn say(&mut self, who: Who, chat: LogId, text: &str) {
        self.order(who, Command::SendText { chat, text: text.to_owned(), reply_to: None });
    }

    pub(crate) fn call_of(&self, who: Who) -> CallId {
        self.view(who).calls.first().expect("there is a call").id
    }

    pub(crate) fn state(&self, who: Who, call: CallId) -> CallState {
        self.view(who).calls.iter().find(|row| row.id == call).expect("the call is known").state.clone()
    }

    pub(crate) fn call(&self, who: Who, call: CallId) -> CallView {
        self.look(who, &Look { call: Some(call), ..Look::default() }).call.unwrap()
    }

    pub(crate) fn present(&self, who: Who, call: CallId) -> Vec<String> {
        let mut names: Vec<_> = self.call(who, call).present.into_iter().map(|row| row.name).collect();
        names.sort();
        names
    }

    /// The page makes its offer whenever it is asked to.
    pub(crate) fn offers(&mut self, who: Who, call: CallId) {
        assert!(self.devices[who].page.iter().any(|event| matches!(event, MediaEvent::MakeOffer { .. })), "no offer was asked for");
        self.order(who, Command::Offer { call, sdp: "offer".into() });
        self.settle();
    }

    /// Starts a call, and is in.
    pub(crate) fn begins(&mut self, who: Who, chat: LogId, video: bool) -> CallId {
        self.order(who, Command::StartCall { chat, video });
        self.settle();
        let call = self.call_of(who);
        self.offers(who, call);
        call
    }

    pub(crate) fn joins(&mut self, who: Who, call: CallId) {
        self.devices[who].page.clear();
        self.order(who, Command::JoinCall { call, video: true });
        self.settle();
        self.offers(who, call);
    }

    /// The newest keys that the page was given.
    pub(crate) fn keys(&self, who: Who) -> (u64, String) {
        let keys = self.devices[who].page.iter().rev().find_map(|event| match event {
            MediaEvent::Keys { epoch, base_key, .. } => Some((*epoch, base_key.clone())),
            _ => None,
        });
        keys.expect("keys were given")
    }
}

/// What the service knows of calls: sealed notes.
#[derive(Default)]
pub(crate) struct Door {
    /// No place for a camera is free.
    pub(crate) cameras_full: bool,
    /// Nor one for a screen.
    pub(crate) screens_full: bool,
    /// Who leaves does not tell the SFU.
    pub(crate) leavers_stay: bool,
    rooms: BTreeMap<LogId, Room>,
    watchers: BTreeMap<(Who, CallId), (LogId, u64)>,
}

#[derive(Default)]
struct Room {
    version: u64,
    seats: BTreeMap<(Who, CallId), v1::Present>,
    seated: u32,
}

impl Door {
    fn enter(&mut self, who: Who, call: CallId, log: LogId, note: Vec<u8>, camera: bool) -> u32 {
        let room = self.rooms.entry(log).or_default();
        room.version += 1;
        room.seated += 1;
        room.seats.insert((who, call), v1::Present { participant: room.seated, note, camera, screen: false });
        room.seated
    }

    /// How many are shown.
    pub(crate) fn screens(&self) -> usize {
        self.rooms.values().flat_map(|room| room.seats.values()).filter(|seat| seat.screen).count()
    }

    fn change(&mut self, who: Who, call: CallId, change: impl Fn(&mut v1::Present)) {
        for room in self.rooms.values_mut() {
            if let Some(seat) = room.seats.get_mut(&(who, call)) {
                change(seat);
                room.version += 1;
            }
        }
    }

    fn leave(&mut self, who: Who, call: CallId) {
        for room in self.rooms.values_mut() {
            if room.seats.remove(&(who, call)).is_some() {
                room.version += 1;
            }
        }
    }

    fn dismiss(&mut self, participant: u32) {
        for room in self.rooms.values_mut() {
            room.seats.retain(|_, seat| seat.participant != participant);
            room.version += 1;
        }
    }

    pub(crate) fn entered_by(&self, who: Who) -> Vec<CallId> {
        self.rooms.values().flat_map(|room| room.seats.keys()).filter(|(other, _)| *other == who).map(|(_, call)| *call).collect()
    }

    fn news(&mut self) -> VecDeque<(Who, CallId, v1::Roster)> {
        let mut news = VecDeque::new();
        for ((who, call), (log, told)) in &mut self.watchers {
            let room = self.rooms.entry(*log).or_default();
            if *told != room.version {
                *told = room.version;
                let present = room.seats.values().cloned().collect();
                news.push_back((*who, *call, v1::Roster { present, cameras_max: 8, participants_max: 32 }));
            }
        }
        news
    }
}
