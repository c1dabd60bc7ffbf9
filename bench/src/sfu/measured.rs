//! A process under measurement, and the kernel's account of it.

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::Context;

/// The kernel counts CPU time in hundredths of a second towards programs, on every machine: proc(5).
const TICKS_PER_SECOND: u64 = 100;

/// The process. It ends when this is dropped.
pub(super) struct Measured(pub(super) Child);

impl Measured {
    /// Starts it.
    pub(super) fn start(mut command: Command) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        Ok(Self(command.spawn().with_context(|| format!("{name} could not be started"))?))
    }

    /// The CPU time of all its threads, in programs and in the kernel.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).context("the process has ended")?;
        // After the name, which may hold anything, come fields from the third on: the 14th and 15th are wanted.
        let fields = stat.rsplit_once(')').context("the kernel's account of a process has a name")?.1;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
    }

    /// The memory that it holds, in bytes.
    pub(super) fn memory(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).context("the process has ended")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel tells the memory")?;
        Ok(resident.trim().trim_end_matches(" kB").parse::<u64>()? * 1_024)
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
