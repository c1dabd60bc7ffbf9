//! A tree of processes under measurement, and the kernel's account of it: proc(5).

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::Context;

/// The tree. It ends when this is dropped.
pub(super) struct Tree(Child);

impl Tree {
    pub(super) fn start(mut command: Command) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        Ok(Self(command.spawn().with_context(|| format!("{name} could not be started"))?))
    }

    pub(super) fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.0.stdout.take()
    }

    /// CPU time of all threads, in the programs and in the kernel, to the nanosecond.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        let mut nanoseconds = 0;
        for process in self.processes()? {
            for thread in fs::read_dir(format!("/proc/{process}/task"))? {
                let account = fs::read_to_string(thread?.path().join("schedstat"))?;
                nanoseconds += account.split(' ').next().context("schedstat begins with the time")?.parse::<u64>()?;
            }
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Memory, in bytes; what several processes share counts once.
    pub(super) fn memory(&self) -> anyhow::Result<u64> {
        let mut kilobytes = 0;
        for process in self.processes()? {
            let account = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
            let line = account.lines().find_map(|line| line.strip_prefix("Pss:")).context("smaps_rollup tells the memory")?;
            kilobytes += line.trim().trim_end_matches(" kB").parse::<u64>()?;
        }
        Ok(kilobytes * 1_024)
    }

    fn processes(&self) -> anyhow::Result<Vec<u32>> {
        let mut found = vec![self.0.id()];
        let mut next = 0;
        while let Some(&process) = found.get(next) {
            for thread in fs::read_dir(format!("/proc/{process}/task")).context("the process has ended")? {
                let children = fs::read_to_string(thread?.path().join("children"))?;
                found.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
            }
            next += 1;
        }
        Ok(found)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // Told rather than killed, so that it ends its children too. It may have ended by itself.
        _ = Command::new("kill").arg(self.0.id().to_string()).status();
        _ = self.0.wait();
    }
}
