//! Notifications of the system, for when no page is open. They say that there is something, not what: other users of the
//! computer can read a program's arguments, and a locked screen shows them to everybody.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::Instant;

/// Between two.
const GAP: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct Notifier {
    last: Option<Instant>,
}

impl Notifier {
    /// Shows one, where the desktop has `notify-send`.
    pub(crate) fn notify(&mut self) {
        if self.last.is_some_and(|last| last.elapsed() < GAP) {
            return;
        }
        self.last = Some(Instant::now());
        let mut command = Command::new("notify-send");
        command.args(["--app-name=Umweg", "Umweg", "There is something new."]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Ok(mut child) = command.spawn() {
            tokio::spawn(async move { child.wait().await });
        }
    }
}
