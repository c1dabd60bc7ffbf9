//! A runtime of one thread for each core. A connection is accepted, served and ended on one core: nothing of it is handed between
//! threads, and there are no locks to wait for.

use std::io;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Where connections are served. Dropping it ends the threads, and with them what they still serve.
pub struct Cores {
    runtimes: Vec<Handle>,
    _running: DropGuard,
}

impl Cores {
    /// This runtime alone.
    #[must_use]
    pub fn here() -> Self {
        Self { runtimes: vec![Handle::current()], _running: CancellationToken::new().drop_guard() }
    }

    /// This runtime, which is of one thread, for the first core, and a thread for each of the others.
    pub fn all() -> io::Result<Self> {
        let count = std::thread::available_parallelism()?.get();
        let end = CancellationToken::new();
        let mut runtimes = vec![Handle::current()];
        for number in 1..count {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtimes.push(runtime.handle().clone());
            let end = end.clone();
            std::thread::Builder::new().name(format!("connections-{number}")).spawn(move || runtime.block_on(end.cancelled()))?;
        }
        Ok(Self { runtimes, _running: end.drop_guard() })
    }

    /// One for each core.
    #[must_use]
    pub fn runtimes(&self) -> &[Handle] {
        &self.runtimes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_core_has_a_thread_of_its_own_and_it_ends_with_them() {
        let cores = Cores::all().unwrap();
        let mut threads = Vec::new();
        for runtime in cores.runtimes() {
            threads.push(runtime.spawn(async { std::thread::current().id() }).await.unwrap());
        }
        let count = threads.len();
        threads.dedup();
        assert_eq!(threads.len(), count);
        let waiting: Vec<_> = cores.runtimes()[1..].iter().map(|runtime| runtime.spawn(std::future::pending::<()>())).collect();
        drop(cores);
        for task in waiting {
            assert!(task.await.unwrap_err().is_cancelled());
        }
    }
}
