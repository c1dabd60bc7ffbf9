//! A device in the world: the real client over a database that outlives a crash, and its connection of the moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use rusqlite::Connection;
use umweg_client::Client;
use umweg_delivery::WatcherId;
use umweg_wire::{CallId, LogId};

use crate::media::Media;
use crate::roads::Roads;

/// The same for every device of a world: they are on one service.
const SERVICE: [u8; 8] = *b"theworld";

/// One device.
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) client: Client,
    /// Keeps the database in memory while the client is dead.
    keeper: Connection,
    address: String,
    seed: [u8; 32],
    pub(crate) link: Link,
    /// Where it has to find them.
    pub(crate) roads: Option<Roads>,
    /// Breaks and crashes so far: what was under way in an earlier life does not arrive in this one.
    pub(crate) life: u64,
    /// Logs of calls whose `Participate` stream is open, and of those whose roster it watches.
    pub(crate) taking_part: BTreeMap<CallId, LogId>,
    pub(crate) watching: BTreeMap<CallId, LogId>,
    /// Counts the changes of how it is connected.
    pub(crate) roads_version: u64,
    pub(crate) media: Media,
    /// When its next timeout is scheduled.
    pub(crate) wakes: Option<umweg_wire::Timestamp>,
}

/// A device's connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Up {
        watcher: WatcherId,
    },
    /// Comes back by itself.
    Down,
    /// Stays away until the story brings it back.
    Away,
}

impl Device {
    pub(crate) fn new(world: u64, number: usize, name: &str) -> Result<Self> {
        // Two worlds of one seed may be told at the same time.
        static DATABASES: AtomicU64 = AtomicU64::new(0);
        let database = DATABASES.fetch_add(1, Ordering::Relaxed);
        let address = format!("file:world-{}-{database}?mode=memory&cache=shared", std::process::id());
        let keeper = Connection::open(&address).context("making a database in memory")?;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&world.to_be_bytes());
        seed[8..16].copy_from_slice(&number.to_be_bytes());
        let client = open(&address, seed)?;
        Ok(Self {
            name: name.to_owned(),
            client,
            keeper,
            address,
            seed,
            link: Link::Down,
            roads: None,
            life: 0,
            taking_part: BTreeMap::new(),
            watching: BTreeMap::new(),
            roads_version: 0,
            media: Media::default(),
            wakes: None,
        })
    }

    pub(crate) fn watcher(&self) -> Option<WatcherId> {
        if let Link::Up { watcher } = self.link { Some(watcher) } else { None }
    }

    /// Killed at this very moment, and started again: outputs that had not left are gone.
    pub(crate) fn crash(&mut self) -> Result<()> {
        self.client = open(&self.address, self.seed)?;
        self.life += 1;
        self.taking_part.clear();
        self.watching.clear();
        self.wakes = None;
        Ok(())
    }

    /// The tables that hold MLS state vanish, as when a disk loses them.
    pub(crate) fn lose_keys(&mut self) -> Result<()> {
        let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'openmls_%' AND name NOT LIKE '%key_pair%'
                      AND name NOT LIKE '%migration%' AND name NOT LIKE '%key_package%' AND name NOT LIKE '%schema%'";
        let mut query = self.keeper.prepare(tables)?;
        let names = query.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        anyhow::ensure!(!names.is_empty(), "there is no table of MLS state to lose");
        for name in names {
            self.keeper.execute(&format!("DELETE FROM \"{name}\""), [])?;
        }
        Ok(())
    }
}

fn open(address: &str, seed: [u8; 32]) -> Result<Client> {
    let connection = Connection::open(address).context("opening a database in memory")?;
    Client::open(connection, SERVICE, seed).map_err(|error| anyhow::anyhow!("a client does not open: {error}"))
}
