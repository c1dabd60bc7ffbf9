//! A recipe as steps: each is announced, timed and counted, and one that fails does not hide what the later ones would say.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the repository").to_owned()
}

/// A command that runs in the repository's folder.
pub(crate) fn command(line: &str) -> Command {
    command_in(".", line)
}

/// A command that runs in one of the repository's folders.
pub(crate) fn command_in(folder: &str, line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().expect("a command line names its program"));
    command.args(words).current_dir(root().join(folder));
    command
}

/// Runs it to its end.
pub(crate) fn run(mut command: Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{name} could not be started"))?;
    if !status.success() {
        bail!("{name} ended with {status}");
    }
    Ok(())
}

/// What was done so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: &'static str,
    took: Duration,
    passed: bool,
}

impl Steps {
    /// Does a step. A failure is kept for the end.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> anyhow::Result<()>) -> bool {
        println!("── {name}");
        let begun = Instant::now();
        let outcome = work();
        let took = begun.elapsed();
        match &outcome {
            Ok(()) => println!("   {name}: passed in {:.1} s", took.as_secs_f32()),
            Err(error) => println!("   {name}: FAILED after {:.1} s: {error:#}", took.as_secs_f32()),
        }
        self.done.push(Step { name, took, passed: outcome.is_ok() });
        outcome.is_ok()
    }

    /// Does a step without which nothing later can be done.
    pub(crate) fn step_needed(&mut self, name: &'static str, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
        if self.step(name, work) { Ok(()) } else { self.summary() }
    }

    /// Says how it went, step by step.
    pub(crate) fn summary(&self) -> anyhow::Result<()> {
        println!();
        for step in &self.done {
            let outcome = if step.passed { "passed" } else { "FAILED" };
            println!("{outcome} {:>8.1} s  {}", step.took.as_secs_f32(), step.name);
        }
        let failed = self.done.iter().filter(|step| !step.passed).count();
        println!("{} steps passed, {failed} failed", self.done.len() - failed);
        if failed > 0 {
            bail!("{failed} of {} steps failed", self.done.len());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_fails_the_whole_but_lets_the_next_one_run() {
        let mut steps = Steps::default();
        let mut ran = false;
        steps.step("breaks", || bail!("on purpose"));
        steps.step("runs", || {
            ran = true;
            Ok(())
        });
        assert!(ran);
        assert!(steps.summary().is_err());
    }

    #[test]
    fn nothing_runs_after_a_needed_step_has_failed() {
        let mut steps = Steps::default();
        assert!(steps.step_needed("breaks", || bail!("on purpose")).is_err());
    }

    #[test]
    fn a_command_that_fails_says_which() {
        let error = run(command("false")).expect_err("`false` fails");
        assert!(error.to_string().starts_with("false ended with"));
    }
}
