//! `./x e2e` and `./x screenshots`: real programs, real browsers. The harness is Node's, in e2e/, because it drives browsers.

use clap::Args;

use crate::check::build_pages;
use crate::programs::build_programs;
use crate::steps::{command_in, run as run_command};

#[derive(Args)]
pub(crate) struct Options {
    /// Only tests whose names match this regular expression
    name: Option<String>,
    /// Take the programs in target/debug as they are
    #[arg(long)]
    no_build: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if !options.no_build {
        build_pages()?;
        build_programs()?;
    }
    let mut node = tests();
    if let Some(name) = &options.name {
        node.arg(format!("--test-name-pattern={name}"));
    }
    run_command(node)
}

/// With the programs that were built before.
pub(crate) fn story() -> anyhow::Result<()> {
    run_command(tests())
}

/// Of every screen, from views that are written down: the pages draw themselves from one value.
pub(crate) fn screenshots() -> anyhow::Result<()> {
    run_command(command_in("web", "npm run --silent shots"))
}

/// One file after the other: browsers and calls want the cores for themselves.
fn tests() -> std::process::Command {
    let mut node = command_in("e2e", "node --test --test-concurrency=1");
    node.args(["--test-reporter=spec"]);
    node
}
