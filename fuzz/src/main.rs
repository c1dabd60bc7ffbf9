//! Fuzzing from the command line: `./x fuzz` and `./x test` start it.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it talks to the person who started it")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use umweg_fuzz::session::{Effort, execute, fuzz};
use umweg_fuzz::{TARGETS, Target};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// The decoders
    List,
    /// Mutations of real encodings, divided evenly among the decoders
    Run {
        /// Only this one
        target: Option<String>,
        /// Altogether
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Of inputs for each; time may end it before
        #[arg(long, default_value_t = 20_000)]
        executions: u64,
        /// Repeats a run
        #[arg(long)]
        seed: Option<u64>,
    },
    /// One input that was kept
    Replay { target: String, input: PathBuf },
    /// Writes a decoder's real encodings into a folder, for libFuzzer to begin with
    Seeds { target: String, folder: PathBuf },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().action {
        Action::List => TARGETS.iter().for_each(|target| println!("{:<18} {}", target.name, target.decodes)),
        Action::Run { target, seconds, executions, seed } => {
            let targets = match &target {
                Some(name) => std::slice::from_ref(named(name)?),
                None => TARGETS,
            };
            let seed = seed.unwrap_or_else(rand::random);
            let share = u32::try_from(targets.len()).expect("there are few targets");
            run(targets, Effort { seed, executions, time: Duration::from_secs(seconds) / share })?;
        }
        Action::Replay { target, input } => {
            execute(named(&target)?, &std::fs::read(&input).with_context(|| format!("{} could not be read", input.display()))?)?;
        }
        Action::Seeds { target, folder } => write_seeds(named(&target)?, &folder)?,
    }
    Ok(())
}

fn run(targets: &[Target], effort: Effort) -> anyhow::Result<()> {
    for target in targets {
        // Before it runs: an abort leaves no other trace.
        println!("{} --seed {}", target.name, effort.seed);
        let executed = fuzz(target, effort)?;
        println!("{} came back from {executed} inputs", target.name);
    }
    Ok(())
}

fn named(name: &str) -> anyhow::Result<&'static Target> {
    TARGETS.iter().find(|target| target.name == name).with_context(|| format!("there is no decoder {name}: `./x fuzz` lists them"))
}

fn write_seeds(target: &Target, folder: &std::path::Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (at, seed) in (target.seeds)().iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{at}")), seed)?;
    }
    Ok(())
}
