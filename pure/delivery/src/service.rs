//! The whole service without threads or sockets: requests of the contract in, answers out. The simulated world runs it.

use umweg_wire::Timestamp;
use umweg_wire::proto::v1;

use crate::append::Appended;
use crate::keep::Reading;
use crate::request::{Append, Create, Publish, Show, Trim};
use crate::watch::Output;
use crate::{Answer, Engine, Failure, Operation, Refusal, StoreError, WatcherId, Watches, apply};

/// Rules, storage and watchers together.
pub struct Service<E> {
    engine: E,
    watches: Watches,
}

impl<E: Engine> Service<E> {
    /// Over what is in the engine.
    #[must_use]
    pub fn new(engine: E) -> Self {
        Self { engine, watches: Watches::new() }
    }

    /// `Logs.Create`.
    pub fn create(&mut self, request: &v1::CreateLogRequest, now: Timestamp) -> Result<v1::CreateLogResponse, Failure> {
        self.run(Operation::Create(Create::try_from(request)?), now)?;
        Ok(v1::CreateLogResponse {})
    }

    /// `Logs.Append`.
    pub fn append(&mut self, request: v1::AppendRequest, now: Timestamp) -> Result<v1::AppendResponse, Failure> {
        match self.run(Operation::Append(Append::try_from(request)?), now)? {
            Answer::Appended(appended) => Ok((&appended).into()),
            _ => Err(mismatch()),
        }
    }

    /// `Logs.Trim`.
    pub fn trim(&mut self, request: &v1::TrimRequest, now: Timestamp) -> Result<v1::TrimResponse, Failure> {
        self.run(Operation::Trim(Trim::try_from(request)?), now)?;
        Ok(v1::TrimResponse {})
    }

    /// `Logs.GetSnapshot`.
    pub fn snapshot(&mut self, request: &v1::GetSnapshotRequest, now: Timestamp) -> Result<v1::Snapshot, Failure> {
        match self.run(Operation::Snapshot(Show::new(&request.log_id, &request.capability)?), now)? {
            Answer::Snapshot(snapshot) => Ok(snapshot),
            _ => Err(mismatch()),
        }
    }

    /// `KeyPackages.Publish`.
    pub fn publish(
        &mut self,
        request: v1::PublishKeyPackagesRequest,
        now: Timestamp,
    ) -> Result<v1::PublishKeyPackagesResponse, Failure> {
        match self.run(Operation::Publish(Publish::try_from(request)?), now)? {
            Answer::Published { left } => Ok(v1::PublishKeyPackagesResponse { left: u32::try_from(left).unwrap_or(u32::MAX) }),
            _ => Err(mismatch()),
        }
    }

    /// `KeyPackages.Take`.
    pub fn take(&mut self, request: &v1::TakeKeyPackageRequest, now: Timestamp) -> Result<v1::TakeKeyPackageResponse, Failure> {
        match self.run(Operation::Take(Show::new(&request.log_id, &request.capability)?), now)? {
            Answer::KeyPackage(key_package) => Ok(v1::TakeKeyPackageResponse { key_package }),
            _ => Err(mismatch()),
        }
    }

    /// Whether a call's log opens to this capability: what `Calls` asks.
    pub fn admit(&mut self, log_id: &[u8], capability: &[u8], now: Timestamp) -> Result<(), Failure> {
        self.run(Operation::Admit(Show::new(log_id, capability)?), now).map(drop)
    }

    /// A request on a watcher's `Watch` stream.
    pub fn handle_watch(&mut self, watcher: WatcherId, request: &v1::WatchRequest, now: Timestamp) -> Result<(), Failure> {
        self.watches.handle_request(watcher, request)?;
        for subscription in &request.subscribe {
            self.touch(subscription, now)?;
        }
        self.read_for_watchers(now)
    }

    /// The stream has ended.
    pub fn handle_gone(&mut self, watcher: WatcherId) {
        self.watches.handle_gone(watcher);
    }

    /// What that watcher is to hear next.
    pub fn poll_event(&mut self, watcher: WatcherId, now: Timestamp) -> Result<Option<v1::WatchEvent>, Failure> {
        let event = self.watches.poll_event(watcher);
        self.read_for_watchers(now)?;
        Ok(event)
    }

    /// Forgets what is too old. The program calls it now and then.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Result<(), Failure> {
        while let Answer::Swept(swept) = self.run(Operation::Sweep, now)? {
            for log in &swept.dropped {
                self.watches.handle_dropped(*log);
            }
            if !swept.more {
                break;
            }
        }
        Ok(())
    }

    /// The storage, to fill the disk or look at what an operator would see.
    pub fn engine_mut(&mut self) -> &mut E {
        &mut self.engine
    }

    /// As after a crash: who watched is forgotten, what was stored is there.
    pub fn restart(&mut self) {
        self.watches = Watches::new();
    }

    fn run(&mut self, operation: Operation, now: Timestamp) -> Result<Answer, Failure> {
        let answer = self.run_quietly(&operation, now)?;
        if let Answer::Appended(Appended::Accepted { news: Some(news), .. }) = &answer {
            self.watches.handle_news(news);
        }
        Ok(answer)
    }

    /// A log that is watched is in use. Whether the capability opens it, the reading says.
    fn touch(&mut self, subscription: &v1::Subscription, now: Timestamp) -> Result<(), Failure> {
        let shown = Show::new(&subscription.log_id, &subscription.capability)?;
        match self.run_quietly(&Operation::Touch(shown), now) {
            Err(Failure::Store(error)) if error != StoreError::Full => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn run_quietly(&mut self, operation: &Operation, now: Timestamp) -> Result<Answer, Failure> {
        let mut answers = apply(&mut self.engine, &[operation], now)?;
        Ok(answers.pop().unwrap_or(Err(Refusal::Invalid("the engine did not answer")))?)
    }

    fn read_for_watchers(&mut self, now: Timestamp) -> Result<(), Failure> {
        while let Some(output) = self.watches.poll_output() {
            let Output::Read { watcher, subscription, read, room } = output else { continue };
            let log = read.log;
            let outcome = match self.run_quietly(&Operation::Read(read, room), now) {
                Ok(Answer::Read(reading)) => Ok(reading),
                Ok(_) => Ok(Reading::Gone),
                Err(Failure::Refused(refusal)) => Err(refusal),
                Err(failure) => return Err(failure),
            };
            self.watches.handle_reading(watcher, log, subscription, outcome);
        }
        Ok(())
    }
}

fn mismatch() -> Failure {
    Failure::Store(StoreError::Broken("an operation was answered by another's answer".to_owned()))
}
