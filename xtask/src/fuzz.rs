//! `./x fuzz`: every decoder of outside bytes, in two ways.
//!
//! 1. In the tests, for about a minute: mutations of the committed corpus (fuzz/corpus), from a seed that is printed.
//! 2. By hand, for as long as one likes: libFuzzer, which sees what code an input reached and goes on from there. It is the one
//!    that clang brings; the instrumented code lies in target-fuzz/, apart from everything else.

use std::process::Command;

use anyhow::{Context, bail};
use clap::Args;

use crate::programs::built;
use crate::steps::{command, root, run as run_command};

/// What `cargo fuzz` passes to rustc: libFuzzer's view of the code, without a sanitizer (there is no unsafe code of ours).
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Ccodegen-units=1 \
    -Clinker=clang -Clink-arg=-fsanitize=fuzzer";

#[derive(Args)]
pub(crate) struct Options {
    /// The decoder; none: lists them
    target: Option<String>,
    /// Stop after so long; 0: only when it breaks
    #[arg(long, default_value_t = 0)]
    seconds: u64,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    match &options.target {
        None => run_command(command("cargo run --quiet --locked --package umweg-fuzz --bin umweg-fuzz -- list")),
        Some(target) => guided(target, options.seconds),
    }
}

/// All targets, in a fixed number of seconds.
pub(crate) fn short() -> anyhow::Result<()> {
    let mut fuzz = built("umweg-fuzz");
    fuzz.args(["run", "--seconds", "60"]);
    run_command(fuzz)
}

/// With libFuzzer.
fn guided(target: &str, seconds: u64) -> anyhow::Result<()> {
    let host = host()?;
    // With `--target`, the flags reach what runs and leave build scripts alone.
    let mut build =
        command("cargo build --locked --release --package umweg-fuzz --bin guided --features guided --target-dir target-fuzz");
    build.args(["--target", &host]).env("RUSTFLAGS", COVERAGE);
    run_command(build)?;
    let found = root().join("target-fuzz/found").join(target);
    let corpus = root().join("target-fuzz/corpus").join(target);
    std::fs::create_dir_all(&found)?;
    let mut seeds = command("cargo run --quiet --locked --package umweg-fuzz --bin umweg-fuzz -- seeds");
    seeds.arg(target).arg(&corpus);
    run_command(seeds)?;
    let mut fuzzer = Command::new(root().join("target-fuzz").join(host).join("release/guided"));
    fuzzer.env("UMWEG_FUZZ_TARGET", target).arg(corpus);
    // Read but not added to.
    let committed = root().join("fuzz/corpus").join(target);
    fuzzer.args(committed.exists().then_some(committed));
    fuzzer.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", found.display()));
    run_command(fuzzer)
}

fn host() -> anyhow::Result<String> {
    let said = command("rustc -vV").output().context("rustc could not be started")?;
    let said = String::from_utf8(said.stdout).context("rustc said something strange")?;
    match said.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(host) => Ok(host.to_owned()),
        None => bail!("rustc does not say what machine this is"),
    }
}
