//! The app's one loop: it owns the client, gives it what happens, and does what it says.
//!
//! Everything of the person's is decided in `umweg_client`; here are no decisions but these: when pages get a view, which page takes
//! part in a call, and what to do when the disk refuses.

mod calls;
mod viewers;

use std::time::Duration;

use anyhow::bail;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use umweg_client::Client;
use umweg_client::StoreError;
use umweg_client::command::{Command, CommandError};
use umweg_client::port::{Input, MediaEvent, Output};
use umweg_io::clock;
use umweg_io::shutdown::Shutdown;
use umweg_wire::{CallId, Timestamp};

use crate::media::hide_addresses;
use crate::notify::Notifier;
use crate::pages::{Answered, FromPage, PageEvent, PageId, Wish};
use crate::road::Road;
use calls::Calls;
use viewers::Viewers;

/// After the disk refused something, the app tries again that much later.
const STORE_PAUSE: Duration = Duration::from_secs(5);
/// The clock may be set while the app sleeps: it looks again at least so often.
const SLEEP_MAX: Duration = Duration::from_secs(30);
/// Nothing came and nothing went for so long: what was to be done is done.
const QUIET: Duration = Duration::from_millis(700);

/// For telling a call's others that this device goes, when the app is stopped.
const GOODBYE_TIME_MAX: Duration = Duration::from_millis(1_500);

/// The running app.
pub(crate) struct App {
    client: Client,
    road: Road,
    calls: Calls,
    viewers: Viewers,
    notifier: Notifier,
    page_events: mpsc::Receiver<PageEvent>,
    door_is_closed: bool,
    shutdown: Shutdown,
    store: Store,
    /// When something last went to or came from the service.
    stirred: Instant,
}

/// Whether the database takes what comes from the service.
enum Store {
    Works,
    /// It refused something, which the service has to send again: the client has yet to be told that the road is gone.
    Refuses {
        again: Instant,
    },
}

impl App {
    pub(crate) fn new(client: Client, road: Road, page_events: mpsc::Receiver<PageEvent>, shutdown: Shutdown) -> Self {
        let calls = Calls::new(road.network());
        let (viewers, notifier, store, stirred) = (Viewers::default(), Notifier::default(), Store::Works, Instant::now());
        Self { client, road, calls, viewers, notifier, page_events, door_is_closed: false, shutdown, store, stirred }
    }

    /// A wish of the command line's, before the loop runs.
    pub(crate) fn wish(&mut self, command: Command) -> Result<(), CommandError> {
        self.handle_wish(command)
    }

    /// Runs until the shutdown begins; then a call is left as if its page had hung up. It may be killed anywhere: every input is
    /// one transaction.
    pub(crate) async fn run(&mut self) -> anyhow::Result<()> {
        let shutdown = self.shutdown.clone();
        loop {
            tokio::select! {
                biased;
                () = shutdown.begun() => break,
                stepped = self.step() => stepped?,
            }
        }
        if let Some((call, _)) = self.calls.running() {
            self.handle_abandoned(call);
            self.run_until_quiet(GOODBYE_TIME_MAX).await?;
        }
        Ok(())
    }

    /// Runs until what was begun is done, as far as the road allows. False: something is still to be done.
    pub(crate) async fn run_until_quiet(&mut self, patience: Duration) -> anyhow::Result<bool> {
        let deadline = Instant::now() + patience;
        self.stirred = Instant::now();
        while !(self.road.is_quiet() && self.stirred.elapsed() >= QUIET) {
            let look_again = Instant::now() + QUIET / 8;
            tokio::select! {
                () = sleep_until(deadline) => return Ok(false),
                () = sleep_until(look_again) => {}
                stepped = self.step() => stepped?,
            }
        }
        Ok(true)
    }

    /// One thing that happens, and what comes of it.
    async fn step(&mut self) -> anyhow::Result<()> {
        self.execute_outputs().await;
        let timer = self.timer();
        let retry = self.retry_at();
        tokio::select! {
            biased;
            // Priority 1: what people wish.
            event = self.page_events.recv(), if !self.door_is_closed => match event {
                Some(event) => self.handle_page(event),
                None if self.shutdown.has_begun() => self.door_is_closed = true,
                None => bail!("the pages' door closed by itself"),
            },
            // Priority 2: showing what has changed.
            () = self.viewers.due() => self.viewers.show(&self.client, clock::now()),
            // Priority 3: the client's own timers, and calls whose page is gone.
            () = sleep_until(timer) => self.handle_timer(),
            call = self.calls.abandoned() => self.handle_abandoned(call),
            // Priority 4: what comes by the road, as long as it can be written down.
            () = sleep_until(retry), if self.store_refuses() => self.handle_store_retry(),
            input = self.road.next(), if !self.store_refuses() => self.handle_road(input),
        }
        Ok(())
    }

    fn handle_page(&mut self, event: PageEvent) {
        match event {
            PageEvent::Came { page, sink } => self.viewers.handle_came(page, sink),
            PageEvent::Went { page } => self.forget_page(page),
            PageEvent::Said { page, frame: FromPage::Look(look) } => self.viewers.handle_look(page, look),
            PageEvent::Said { page, frame: FromPage::Media(on) } => {
                if self.viewers.handle_media(page, on) {
                    self.begin_media_anew();
                }
                self.calls.handle_media_page(self.viewers.has_media_page());
            }
            PageEvent::Said { page, frame: FromPage::Wish(Wish { id, command }) } => {
                if matches!(command, Command::StartCall { .. } | Command::JoinCall { .. }) {
                    self.viewers.prefer_for_media(page);
                }
                let error = self.handle_wish(command).err();
                self.viewers.answer(page, Answered { id: Some(id), error });
            }
        }
    }

    fn forget_page(&mut self, page: PageId) {
        self.viewers.handle_went(page);
        self.calls.handle_media_page(self.viewers.has_media_page());
    }

    fn handle_wish(&mut self, command: Command) -> Result<(), CommandError> {
        let command = match command {
            Command::Offer { call, sdp } => {
                let sdp = hide_addresses(&sdp).map_err(|error| {
                    tracing::error!(%error, "the page's offer cannot be passed on");
                    CommandError::Ours
                })?;
                Command::Offer { call, sdp }
            }
            command => command,
        };
        self.client.handle_command(command, clock::now())
    }

    fn handle_road(&mut self, input: Input) {
        self.stirred = Instant::now();
        if let Err(error) = self.client.handle_input(input, clock::now()) {
            self.handle_refused(&error);
        }
    }

    fn handle_timer(&mut self) {
        if let Err(error) = self.client.handle_timeout(clock::now()) {
            self.handle_refused(&error);
        }
    }

    fn handle_abandoned(&mut self, call: CallId) {
        tracing::info!("a call is left because its page is gone");
        self.calls.close(call);
        if let Err(error) = self.handle_wish(Command::LeaveCall { call }) {
            tracing::debug!(%error, "the call was over");
        }
    }

    /// What could not be written down was not done. The service has it still, and sends it again on a new connection.
    fn handle_refused(&mut self, error: &StoreError) {
        tracing::error!(%error, "the database takes nothing: is the disk full?");
        self.road.hang_up();
        self.store = Store::Refuses { again: Instant::now() + STORE_PAUSE };
    }

    fn handle_store_retry(&mut self) {
        match self.client.handle_input(Input::Disconnected, clock::now()) {
            Ok(()) => {
                tracing::info!("the database works again");
                self.store = Store::Works;
            }
            Err(_) => self.store = Store::Refuses { again: Instant::now() + STORE_PAUSE },
        }
    }

    fn store_refuses(&self) -> bool {
        matches!(self.store, Store::Refuses { .. })
    }

    fn retry_at(&self) -> Instant {
        match self.store {
            Store::Works => Instant::now() + SLEEP_MAX,
            Store::Refuses { again } => again,
        }
    }

    /// When the client wants to be woken; not before the database may work again.
    fn timer(&self) -> Instant {
        let now = Instant::now();
        let wait = self.client.poll_timeout().map_or(SLEEP_MAX, |at: Timestamp| at.since(clock::now())).min(SLEEP_MAX);
        match self.store {
            Store::Works => now + wait,
            Store::Refuses { again } => again.max(now + wait),
        }
    }

    async fn execute_outputs(&mut self) {
        while let Some(output) = self.client.poll_output() {
            self.execute(output).await;
        }
    }

    async fn execute(&mut self, output: Output) {
        match output {
            Output::Request { id, request } => {
                self.stirred = Instant::now();
                self.road.request(id, request);
            }
            Output::Watch(request) => self.road.watch(request),
            Output::WatchRoster { call, log, capability, on } => self.road.watch_roster(call, log, &capability, on),
            Output::Participate { call, request } => self.road.participate(call, request),
            Output::Media { call, media } => {
                self.calls.handle_media(call, media).await;
                self.calls.handle_media_page(self.viewers.has_media_page());
            }
            Output::Page(event) => self.tell_page(event).await,
            Output::ViewChanged => self.viewers.handle_changed(),
            Output::Notify { .. } if self.viewers.are_there() => {}
            Output::Notify { .. } => self.notifier.notify(),
            Output::RoadsChanged { proxies, when, bites } => self.road.handle_roads(proxies, when, bites),
            Output::TestProxy { proxy } => self.road.test(proxy),
        }
    }

    async fn tell_page(&mut self, event: MediaEvent) {
        if let Some(event) = self.calls.handle_event(event).await {
            self.viewers.tell_media_page(&event);
        }
    }

    /// A page takes part from now on, perhaps in place of one that was loaded again: the client begins a running call's media anew.
    fn begin_media_anew(&mut self) {
        if let Some((call, video)) = self.calls.running()
            && let Err(error) = self.handle_wish(Command::JoinCall { call, video })
        {
            tracing::debug!(%error, "a call could not be taken over");
        }
    }
}
