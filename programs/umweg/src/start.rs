//! Starting: read everything, check everything, open the folder, bind the door; only then the loop runs.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rand::{Rng, TryRng};
use tokio::sync::mpsc;
use umweg_client::command::Command;
use umweg_client::view::{BitesUse, ProxyUse};
use umweg_client::{Client, OpenError, StoreError};
use umweg_io::clock;
use umweg_io::shutdown::Shutdown;
use umweg_io::tls::Stack;
use umweg_wire::Timestamp;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::ProxyLink;
use zeroize::Zeroizing;

use crate::app::App;
use crate::cli::{Errand, Refused, Run};
use crate::folder::{Folder, FolderError, KeyFrom, Passphrases, Running, Settings, VaultError, from_store};
use crate::pages::{BindError, Door, PageEvent};
use crate::road::Road;

/// 2026-01-01: this program did not exist before, so a clock that says otherwise is wrong.
const CLOCK_MIN: Timestamp = Timestamp(1_767_225_600_000);
/// Events of pages that wait for the loop.
const PAGE_EVENTS_MAX: usize = 64;
/// An app that has just started says where it listens within this time.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(5);
/// A command's own app looks this long for news.
const FETCH_TIME_MAX: Duration = Duration::from_secs(4);
/// Pages get this long to hear that the app stops.
const STOP_TIME_MAX: Duration = Duration::from_secs(2);

/// Which account, on which service.
#[derive(clap::Args, Clone)]
pub(crate) struct Place {
    /// The account's folder [default: ~/.local/share/umweg]
    #[arg(long, global = true, value_name = "DIR", env = "UMWEG_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// The link of the service; needed the first time, its operator gives it to you
    #[arg(long, global = true, value_name = "LINK", env = "UMWEG_SERVICE")]
    pub(crate) service: Option<String>,
    /// From now on, when to connect in small bites: many short connections, for networks that freeze one which has carried 15 to 20 kB
    #[arg(long, global = true, value_name = "WHEN", env = "UMWEG_SMALL_BITES", value_enum)]
    pub(crate) small_bites: Option<SmallBites>,
    /// Who keeps the key of the folder's database
    #[arg(long, global = true, value_name = "WHO", env = "UMWEG_KEY_FROM", value_enum, default_value = "auto")]
    pub(crate) key_from: KeyFrom,
    /// By which library to speak TLS; `boring` looks like Chromium, where it was built in
    #[arg(long, global = true, value_name = "LIBRARY", env = "UMWEG_TLS", default_value_t)]
    pub(crate) tls: Stack,
}

/// When roads go in small bites.
#[derive(clap::ValueEnum, Clone, Copy)]
pub(crate) enum SmallBites {
    /// Where connections were frozen
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Runs the app until it is told to stop.
pub(crate) async fn run_app(place: Place, run: Run) -> anyhow::Result<()> {
    let proxies =
        run.proxies.iter().map(|link| ProxyLink::from_typed(link).context("--proxy")).collect::<anyhow::Result<Vec<_>>>()?;
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("failed to listen for signals")?;
    let mut started = Started::new(&place, run.port, &shutdown).await?;
    let mut wishes: Vec<_> = proxies.iter().map(|proxy| Command::AddProxy { link: proxy.to_link() }).collect();
    wishes.extend(run.no_direct.then_some(Command::UseProxies { when: ProxyUse::Always }));
    for wish in wishes {
        started.app.wish(wish).context("failed to change the proxies")?;
    }
    let link = started.start_link.clone();
    writeln!(std::io::stdout(), "ready {link}").context("failed to print the link")?;
    if !run.no_browser {
        open_browser(link);
    }
    let ended = started.app.run().await;
    shutdown.drain(STOP_TIME_MAX).await;
    ended
}

/// An app whose door is served.
struct Started {
    app: App,
    running: Running,
    start_link: String,
    _announced: Box<dyn Send>,
    _folder: Folder,
}

impl Started {
    async fn new(place: &Place, port: Option<u16>, shutdown: &Shutdown) -> anyhow::Result<Self> {
        check_clock(clock::now())?;
        place.tls.choose()?;
        let folder = Folder::open(&folder_path(place)?)?;
        let unlocked = folder.vault().unlock(place.key_from, &mut AtTerminal).await.context("failed to open the database")?;
        let settings = Settings::open(unlocked.connect()?).map_err(from_store).context("failed to open the database")?;
        let service = settings.service(place.service.as_deref())?;
        let door = open_door(port, &settings).await?;
        let prefix = service.static_key.first_chunk().copied().context("the service's link is damaged")?;
        let mut seed = [0; 32];
        rand::rngs::SysRng.try_fill_bytes(&mut seed).map_err(|_| anyhow!("the system gives no random numbers"))?;
        let client = Client::open(unlocked.connect()?, prefix, seed).map_err(open_error)?;
        let running = Running { port: door.port(), secret: door.secret().clone() };
        let announced = folder.announce(&running)?;
        let start_link = door.start_link();
        let (to_app, page_events) = mpsc::channel::<PageEvent>(PAGE_EVENTS_MAX);
        let served = door.serve(settings.pages_secret().map_err(from_store)?, to_app, shutdown.clone());
        shutdown.spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(kind = ?error.kind(), "the pages' door failed");
            }
        });
        let road = Road::new(service, settings, rand::rng().next_u64());
        let mut app = App::new(client, road, page_events, shutdown.clone());
        if let Some(bites) = place.small_bites {
            let when = match bites {
                SmallBites::Auto => BitesUse::WhenFrozen,
                SmallBites::Always => BitesUse::Always,
                SmallBites::Never => BitesUse::Never,
            };
            app.wish(Command::UseBites { when }).context("failed to change the small bites")?;
        }
        Ok(Self { app, running, start_link, _announced: Box::new(announced), _folder: folder })
    }
}

/// The app that a command speaks with.
pub(crate) enum WithApp {
    /// One that runs already.
    Theirs(Running),
    /// One of the command's own.
    Ours(Box<OwnApp>),
}

/// An app for one command.
pub(crate) struct OwnApp {
    started: Started,
    shutdown: Shutdown,
}

impl WithApp {
    /// Finds or starts it.
    pub(crate) async fn on(place: Place) -> anyhow::Result<Self> {
        let shutdown = Shutdown::new();
        match Started::new(&place, Some(0), &shutdown).await {
            Ok(started) => {
                shutdown.on_signals().context("failed to listen for signals")?;
                Ok(Self::Ours(Box::new(OwnApp { started, shutdown })))
            }
            Err(error) => match error.downcast_ref() {
                Some(FolderError::InUse(folder)) => find_running(folder).await.map(Self::Theirs).ok_or(error),
                _ => Err(error),
            },
        }
    }

    /// Runs the command; an own app does what there is to be done over the road, before and after.
    pub(crate) async fn run(self, errand: Errand, command: impl AsyncFnOnce(&Running) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let OwnApp { mut started, shutdown } = match self {
            Self::Theirs(running) => return command(&running).await,
            Self::Ours(own) => *own,
        };
        if errand != Errand::None {
            started.app.run_until_quiet(FETCH_TIME_MAX).await?;
        }
        let done = tokio::select! {
            ended = started.app.run() => ended.and_then(|()| bail!("interrupted")),
            done = command(&started.running) => done,
        };
        let done = match (done, errand) {
            (Ok(()), Errand::Deliver(patience)) if !started.app.run_until_quiet(patience).await? => {
                Err(Refused::NotYet("it is written down, and goes out when the app runs and there is a road").into())
            }
            (Ok(()), Errand::DeliverIfPossible) => started.app.run_until_quiet(FETCH_TIME_MAX).await.map(drop),
            (done, _) => done,
        };
        shutdown.drain(STOP_TIME_MAX).await;
        done
    }
}

fn folder_path(place: &Place) -> anyhow::Result<PathBuf> {
    place.folder().context("there is no home folder: say with --data which folder to use")
}

fn check_clock(now: Timestamp) -> anyhow::Result<()> {
    if now < CLOCK_MIN {
        bail!("this computer's clock says that it is before 2026: set the date and start again");
    }
    Ok(())
}

fn open_error(error: OpenError) -> anyhow::Error {
    match error {
        OpenError::Store(StoreError::Sqlite(error)) => from_store(error).into(),
        error => anyhow!("failed to {error}"),
    }
}

/// The port of the last time is wished, not needed: the browser remembers permissions by it.
async fn open_door(port: Option<u16>, settings: &Settings) -> anyhow::Result<Door> {
    if let Some(port) = port {
        return Ok(Door::open(port).await?);
    }
    let last = settings.port().map_err(from_store)?.unwrap_or(0);
    let door = match Door::open(last).await {
        Err(BindError::Taken(_) | BindError::Forbidden(_)) => Door::open(0).await?,
        door => door?,
    };
    settings.set_port(door.port()).map_err(from_store)?;
    Ok(door)
}

async fn find_running(folder: &std::path::Path) -> Option<Running> {
    let deadline = tokio::time::Instant::now() + ANNOUNCED_WITHIN;
    loop {
        match Running::find(folder) {
            None if tokio::time::Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(50)).await,
            found => return found,
        }
    }
}

fn open_browser(link: String) {
    // The program that opens it may take its time, or be missing.
    tokio::task::spawn_blocking(move || {
        if open::that_detached(link).is_err() {
            tracing::warn!("no browser could be opened: open the printed link yourself");
        }
    });
}

/// Asks the person at the terminal, or the environment.
struct AtTerminal;

impl Passphrases for AtTerminal {
    fn given(&mut self) -> Option<Zeroizing<String>> {
        std::env::var("UMWEG_PASSPHRASE").ok().map(Zeroizing::new)
    }

    fn choose(&mut self) -> Result<Zeroizing<String>, VaultError> {
        let first = prompt("A passphrase for the new folder: ")?;
        if first == prompt("The same again: ")? { Ok(first) } else { Err(VaultError::NotTheSame) }
    }

    fn ask(&mut self) -> Result<Zeroizing<String>, VaultError> {
        self.given().map_or_else(|| prompt("Passphrase: "), Ok)
    }
}

fn prompt(question: &str) -> Result<Zeroizing<String>, VaultError> {
    rpassword::prompt_password(question).map(Zeroizing::new).map_err(|_| VaultError::NobodyToAsk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_2026_is_said() {
        assert!(check_clock(CLOCK_MIN).is_ok());
        let error = check_clock(Timestamp(CLOCK_MIN.0 - 1)).unwrap_err().to_string();
        assert!(error.contains("before 2026: set the date"), "{error}");
    }

    #[tokio::test]
    async fn a_port_that_was_asked_for_must_be_free_and_one_of_the_last_time_need_not() {
        let settings = Settings::open(rusqlite::Connection::open_in_memory().unwrap()).unwrap();
        let taken = open_door(None, &settings).await.unwrap();
        let refused = open_door(Some(taken.port()), &settings).await.err().unwrap().to_string();
        assert!(refused.contains("is taken by another program"), "{refused}");
        let other = open_door(None, &settings).await.unwrap();
        assert_ne!(other.port(), taken.port());
        assert_eq!(settings.port().unwrap(), Some(other.port()), "and is remembered in its place");
    }
}
