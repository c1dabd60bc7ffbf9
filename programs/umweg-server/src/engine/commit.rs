//! The threads around the storage: one that writes, for all at once, and some that read beside it.
//!
//! Group commit: while a transaction is being written to disk, requests gather; the next one takes them all. So the service is
//! fast when it is busy and quick when it is not, without a timer. An answer leaves only after its transaction was committed.
//!
//! 1. If a transaction fails, nothing of it was stored. Its operations are then tried one by one: the one that is too large for a
//!    nearly full disk is refused, a trim beside it goes through.
//! 2. News reach the watchers in the order of the transactions, before the answers leave.
//! 3. When the last `Store` and `Hub` are dropped, the threads finish what is waiting and end.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use umweg_delivery::append::Appended;
use umweg_delivery::keep::Reading;
use umweg_delivery::{Answer, Engine, Failure, Operation, Refusal, StoreError, apply};
use umweg_wire::{Timestamp, limits};

use super::hub::{Hub, ReadForWatcher, WeakHub};
use super::sqlite::{OpenError, SqliteEngine};

/// Operations of one transaction.
const BATCH_MAX: usize = 1_024;
/// Threads that read.
const READERS: usize = 2;

/// Tells the time.
pub type Clock = fn() -> Timestamp;

/// The storage's door. Clones are the same.
#[derive(Clone)]
pub struct Store {
    writes: mpsc::Sender<Job>,
    reads: Reads,
    /// Bounds what waits, in kilobytes.
    waiting: Arc<Semaphore>,
}

/// The reading threads' queues. Each request and each watcher has only a few readings there, so they are bounded with them.
#[derive(Clone)]
pub struct Reads(Arc<[mpsc::UnboundedSender<Wanted>]>);

/// Something for the writing thread.
struct Job {
    operation: Operation,
    answer: oneshot::Sender<Result<Answer, Failure>>,
    /// Its share of what may wait.
    _waiting: Option<OwnedSemaphorePermit>,
}

/// Something for a reading thread.
enum Wanted {
    Asked(Job),
    ForWatcher(ReadForWatcher),
}

/// The threads, to be waited for.
#[must_use]
pub struct Threads(Vec<thread::JoinHandle<()>>);

/// Starts the threads on a file that is open for writing.
pub fn start(engine: SqliteEngine, file: &Path, clock: Clock) -> Result<(Store, Hub, Threads), OpenError> {
    let (senders, queues): (Vec<_>, Vec<_>) = (0..READERS).map(|_| mpsc::unbounded_channel()).unzip();
    let reads = Reads(senders.into());
    let hub = Hub::new(reads.clone());
    let mut threads = Vec::new();
    for queue in queues {
        let (reader, hub) = (SqliteEngine::open_reader(file)?, hub.downgrade());
        threads.push(thread::spawn(move || read_what_is_wanted(reader, queue, &hub, clock)));
    }
    let (writes, jobs) = mpsc::channel(BATCH_MAX);
    let news = hub.clone();
    threads.push(thread::spawn(move || write_what_is_waiting(engine, jobs, &news, clock)));
    let waiting = Arc::new(Semaphore::new(limits::STORE_WAITING_BYTES_MAX >> 10));
    Ok((Store { writes, reads, waiting }, hub, Threads(threads)))
}

impl Store {
    /// Does an operation. If the asker goes away meanwhile it is done all the same.
    pub async fn run(&self, operation: Operation) -> Result<Answer, Failure> {
        let (answer, answered) = oneshot::channel();
        if operation.only_reads() {
            self.reads.send(Wanted::Asked(Job { operation, answer, _waiting: None }));
        } else {
            let permit = Arc::clone(&self.waiting).acquire_many_owned(kilobytes(&operation)).await.map_err(|_| ended())?;
            let job = Job { operation, answer, _waiting: Some(permit) };
            self.writes.send(job).await.map_err(|_| ended())?;
        }
        answered.await.map_err(|_| ended())?
    }
}

impl Reads {
    /// To be read for a watcher.
    pub(super) fn send_for_watcher(&self, read: ReadForWatcher) {
        self.send(Wanted::ForWatcher(read));
    }

    /// Readings of one log go to one thread.
    fn send(&self, wanted: Wanted) {
        let operation = match &wanted {
            Wanted::Asked(job) => &job.operation,
            Wanted::ForWatcher(read) => &read.operation,
        };
        let shard = operation.log().map_or(0, |log| usize::from(log.0[31])) % self.0.len();
        // A thread that has ended answers nobody; who asked notices.
        let _ = self.0[shard].send(wanted);
    }
}

impl Threads {
    /// Waits until everything that was waiting is done. Blocks.
    pub fn join(self) {
        for thread in self.0 {
            if thread.join().is_err() {
                tracing::error!("a storage thread panicked");
            }
        }
    }
}

fn write_what_is_waiting(mut engine: SqliteEngine, mut jobs: mpsc::Receiver<Job>, hub: &Hub, clock: Clock) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while jobs.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        metrics::histogram!("umweg_commit_operations").record(batch.len() as f64);
        let results = commit(&mut engine, &batch, clock());
        publish(hub, &results);
        for (job, result) in batch.drain(..).zip(results) {
            // Who asked may be gone.
            let _ = job.answer.send(result);
        }
    }
}

/// One transaction for all, or, if that fails, one for each.
fn commit(engine: &mut impl Engine, batch: &[Job], now: Timestamp) -> Vec<Result<Answer, Failure>> {
    let operations: Vec<&Operation> = batch.iter().map(|job| &job.operation).collect();
    match apply(engine, &operations, now) {
        Ok(answers) => answers.into_iter().map(|answer| answer.map_err(Failure::Refused)).collect(),
        Err(error) => {
            tracing::warn!(%error, operations = operations.len(), "a transaction failed; trying its operations one by one");
            operations.iter().map(|operation| alone(engine, operation, now)).collect()
        }
    }
}

fn alone(engine: &mut impl Engine, operation: &Operation, now: Timestamp) -> Result<Answer, Failure> {
    let answer = apply(engine, &[operation], now)?.pop();
    Ok(answer.ok_or_else(ended)??)
}

fn publish(hub: &Hub, results: &[Result<Answer, Failure>]) {
    hub.publish(|watches| {
        for result in results {
            match result {
                Ok(Answer::Appended(Appended::Accepted { news: Some(news), .. })) => watches.handle_news(news),
                Ok(Answer::Swept(swept)) => swept.dropped.iter().for_each(|log| watches.handle_dropped(*log)),
                _ => {}
            }
        }
    });
}

fn read_what_is_wanted(mut engine: SqliteEngine, mut queue: mpsc::UnboundedReceiver<Wanted>, hub: &WeakHub, clock: Clock) {
    while let Some(wanted) = queue.blocking_recv() {
        match wanted {
            Wanted::Asked(job) => {
                let _ = job.answer.send(alone(&mut engine, &job.operation, clock()));
            }
            Wanted::ForWatcher(read) => {
                let outcome = reading(alone(&mut engine, &read.operation, clock()));
                if let Some(hub) = hub.upgrade() {
                    hub.handle_reading(&read, outcome);
                }
            }
        }
    }
}

/// A watcher whose log cannot be read is told to come again, as one that is too slow.
fn reading(result: Result<Answer, Failure>) -> Result<Option<Reading>, Refusal> {
    match result {
        Ok(Answer::Read(reading)) => Ok(Some(reading)),
        Err(Failure::Refused(refusal)) => Err(refusal),
        Ok(_) => Ok(None),
        Err(Failure::Store(error)) => {
            tracing::error!(%error, "a log could not be read");
            Ok(None)
        }
    }
}

fn kilobytes(operation: &Operation) -> u32 {
    let bytes = if let Operation::Append(append) = operation { append.payload.len() } else { 0 };
    u32::try_from(bytes >> 10).unwrap_or(u32::MAX).saturating_add(4)
}

fn ended() -> Failure {
    Failure::Store(StoreError::Broken("the storage threads have ended".to_owned()))
}
