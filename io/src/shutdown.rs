//! Ending well: a program's tasks are owned, told to end, and waited for until a deadline.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A program's tasks, and the word that ends them. Clones are the same.
#[derive(Clone, Default)]
pub struct Shutdown {
    begun: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// Nothing runs yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a task that `drain` waits for. The task itself sees to `begun`.
    pub fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
        self.tasks.spawn(task)
    }

    /// Runs a task that is dropped where it stands when the end begins.
    pub fn spawn_until_begun(&self, task: impl Future<Output = ()> + Send + 'static) {
        let begun = self.begun.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = begun.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// The same, on another runtime.
    pub fn spawn_until_begun_on(&self, runtime: &Handle, task: impl Future<Output = ()> + Send + 'static) {
        let _entered = runtime.enter();
        self.spawn_until_begun(task);
    }

    /// The end begins: take nothing new, finish what is under way.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Whether it has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Waits until it begins.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Begins the end on SIGTERM or SIGINT.
    pub fn on_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let begun = self.begun.clone();
        // Not one of the tasks that are waited for: it lives as long as the process.
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => tracing::info!("asked to end"),
                _ = interrupt.recv() => tracing::info!("interrupted"),
            }
            begun.cancel();
        });
        Ok(())
    }

    /// Waits for all tasks. False: some were still running at the deadline.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.begin();
        self.tasks.close();
        tokio::time::timeout(deadline, self.tasks.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_waits_for_what_is_under_way() {
        let shutdown = Shutdown::new();
        let (finish, finished) = tokio::sync::oneshot::channel::<()>();
        let task = shutdown.spawn(async move { finished.await.is_ok() });
        assert!(!shutdown.drain(Duration::ZERO).await, "a task is still running");
        finish.send(()).unwrap();
        assert!(shutdown.drain(Duration::from_secs(5)).await && task.await.unwrap());
    }

    #[tokio::test]
    async fn a_task_without_an_end_of_its_own_is_dropped_when_the_end_begins() {
        let shutdown = Shutdown::new();
        shutdown.spawn_until_begun(std::future::pending());
        assert!(shutdown.drain(Duration::from_secs(5)).await);
    }
}
