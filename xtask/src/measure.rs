//! `./x bench` and `./x soak`: hand over to the programs in bench/ and world/, which explain their own options.

use clap::Args;

use crate::check::build_pages;
use crate::programs::{build_programs, built};
use crate::steps::{command, command_in, run};

/// Simulated stories in the tests. `./x soak --seeds 5000` plays more.
const SEEDS: &str = "200";

#[derive(Args)]
pub(crate) struct Bench {
    /// The benchmark and its options; none: lists them. `calls`: over bad links, into docs/benchmarks-calls.md (as root)
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Soak {
    /// Options of the simulator, as `--seeds 5000`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn bench(options: &Bench) -> anyhow::Result<()> {
    // Real browsers over bad links: Node's, as the tests in e2e/.
    if options.arguments.first().is_some_and(|name| name == "calls") {
        build_pages()?;
        build_programs()?;
        return run(command_in("e2e", "node hardship.mjs"));
    }
    let mut cargo = command("cargo run --quiet --locked --release --package umweg-bench --");
    cargo.args(&options.arguments);
    run(cargo)
}

pub(crate) fn soak(options: &Soak) -> anyhow::Result<()> {
    build_pages()?;
    build_programs()?;
    let mut world = built("umweg-world");
    world.args(&options.arguments);
    run(world)
}

/// As many as the tests play, always the same.
pub(crate) fn stories() -> anyhow::Result<()> {
    let mut world = built("umweg-world");
    world.args(["--seeds", SEEDS]);
    run(world)
}
