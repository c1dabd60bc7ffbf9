//! One device: account, contacts, conversations, outbox, calls, and the views of them.
//!
//! Everything goes in by `handle_command`, `handle_input` and `handle_timeout`, and comes out by `poll_output` and `view`.
//!
//! - **One input is one transaction**: MLS state, messages, cursors and outbox become durable together. Outputs are collected in
//!   it and leave after the commit; with a rollback they vanish, and so does what was kept in memory.
//! - **Nothing under way is kept anywhere else**: after a crash, or with a new connection, everything is asked again from the
//!   tables. Entries count strictly in the log's order, so asking twice does nothing twice.
//!
//! `account`, `people`, `chats`, `lines`, `proxies`, `renewals`: what is stored of each · `inbox`, `sync`: what comes · `conversation`, `calls`:
//! what it does · `outbox`: what is to be done · `show`: what the pages see.
#![forbid(unsafe_code)]

mod account;
mod calls;
mod chats;
pub mod command;
mod commands;
mod conversation;
mod error;
mod inbox;
mod lines;
mod outbox;
mod people;
pub mod port;
mod proxies;
mod renewals;
mod schema;
mod show;
mod step;
mod sync;
mod timers;
pub mod view;

use std::collections::VecDeque;

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rusqlite::{Connection, TransactionBehavior};
use umweg_wire::Timestamp;

pub use command::{Command, CommandError, Look};
pub use error::{OpenError, StoreError};
pub use port::{Answer, Failure, Input, Media, MediaEvent, Output, Request, RequestId};
use step::{Live, Step};
pub use view::View;

/// One device, over its own database.
pub struct Client {
    db: Connection,
    rng: ChaCha20Rng,
    service: [u8; 8],
    live: Live,
    outputs: VecDeque<Output>,
    next: Option<Timestamp>,
}

impl Client {
    /// Over a database that is open already (and unlocked). `service` are the first bytes of the service's static key, as contact
    /// cards carry them; `seed` should be new with every call, though a used one draws other random numbers too.
    pub fn open(mut db: Connection, service: [u8; 8], seed: [u8; 32]) -> Result<Self, OpenError> {
        schema::migrate(&mut db)?;
        umweg_seal::migrate(&mut db).map_err(|error| OpenError::Seal(error.to_string()))?;
        let opened: u64 = db.query_row("UPDATE runs SET opened = opened + 1 RETURNING opened", [], |row| row.get(0))?;
        let mut rng = ChaCha20Rng::from_seed(seed);
        rng.set_stream(opened);
        let mut client = Self { db, rng, service, live: Live::default(), outputs: VecDeque::new(), next: None };
        client.step(Timestamp(0), |step| {
            calls::handle_opened(step)?;
            proxies::tell_roads(step)
        })?;
        Ok(client)
    }

    /// Takes a wish: `Ok` means that it is written down.
    pub fn handle_command(&mut self, command: Command, now: Timestamp) -> Result<(), CommandError> {
        self.step(now, |step| commands::handle(step, command))
    }

    /// Takes what happened. After an error nothing of it was done, and it may be given again.
    pub fn handle_input(&mut self, input: Input, now: Timestamp) -> Result<(), StoreError> {
        self.step(now, |step| handle_input(step, input))
    }

    /// To be called at `poll_timeout`.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.step(now, timers::handle)
    }

    /// What the program is to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call `handle_timeout`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.next
    }

    /// Everything that a page shows.
    pub fn view(&self, look: &Look, now: Timestamp) -> Result<View, StoreError> {
        show::view(&self.db, &self.live, self.service, look, now)
    }

    /// One transaction.
    fn step<E: From<StoreError>>(&mut self, now: Timestamp, act: impl FnOnce(&mut Step<'_>) -> Result<(), E>) -> Result<(), E> {
        let before = self.live.clone();
        match self.attempt(now, act) {
            Ok(outputs) => {
                self.outputs.extend(outputs);
                Ok(())
            }
            Err(error) => {
                self.live = before;
                Err(error)
            }
        }
    }

    fn attempt<E: From<StoreError>>(
        &mut self,
        now: Timestamp,
        act: impl FnOnce(&mut Step<'_>) -> Result<(), E>,
    ) -> Result<Vec<Output>, E> {
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?;
        let mut step = Step {
            db: &tx,
            rng: &mut self.rng,
            now,
            service: self.service,
            live: &mut self.live,
            outputs: Vec::new(),
            changed: false,
        };
        act(&mut step)?;
        outbox::pump(&mut step)?;
        let next = timers::next(&step)?;
        if step.changed {
            step.output(Output::ViewChanged);
        }
        let outputs = std::mem::take(&mut step.outputs);
        tx.commit().map_err(StoreError::from)?;
        self.next = next;
        Ok(outputs)
    }
}

fn handle_input(step: &mut Step<'_>, input: Input) -> Result<(), StoreError> {
    match input {
        Input::Connected => sync::handle_connected(step),
        Input::Disconnected => {
            sync::handle_disconnected(step);
            Ok(())
        }
        Input::Road(road) => {
            step.live.road = road;
            step.changed();
            calls::showing::update_note(step)
        }
        Input::Freezes(freezes) => {
            step.live.freezes = freezes;
            step.changed();
            Ok(())
        }
        Input::Answer { id, result } => outbox::handle_answer(step, id, result),
        Input::Watched(event) => sync::handle_watched(step, event),
        Input::Roster { call, roster } => calls::roster::handle(step, call, &roster),
        Input::Participant { call, event } => calls::session::handle_event(step, call, event),
        Input::ParticipantLost { call, failure } => calls::session::handle_lost(step, call, failure),
        Input::ProxyTested { link, standing } => {
            proxies::handle_tested(step, &link, standing);
            Ok(())
        }
    }
}
