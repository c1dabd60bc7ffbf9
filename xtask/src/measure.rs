//! `./x bench` and `./x soak`: hand over to the programs in bench/ and world/, which explain their own options.

use clap::Args;

use crate::steps::{command, run};

#[derive(Args)]
pub(crate) struct Bench {
    /// The benchmark and its options; none: lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Soak {
    /// Options of the simulator: `./x soak -- --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn bench(options: &Bench) -> anyhow::Result<()> {
    let mut cargo = command("cargo run --quiet --locked --release --package umweg-bench --");
    cargo.args(&options.arguments);
    run(cargo)
}

pub(crate) fn soak(options: &Soak) -> anyhow::Result<()> {
    let mut cargo = command("cargo run --quiet --locked --package umweg-world --");
    cargo.args(&options.arguments);
    run(cargo)
}
