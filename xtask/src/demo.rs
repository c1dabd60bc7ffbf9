//! `./x demo`: the whole of Umweg on one machine. Builds, then hands over to e2e/demo.mjs, which starts and connects the programs
//! with the same harness as the browser tests.

use std::os::unix::process::CommandExt;

use anyhow::Context;
use clap::Args;

use crate::check::build_pages;
use crate::programs::build_programs;
use crate::steps::command_in;

#[derive(Args)]
pub(crate) struct Options {
    /// Forget the people and conversations of the demo before (./demo)
    #[arg(long)]
    fresh: bool,
    /// Do not open a browser
    #[arg(long)]
    no_browser: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    println!("building (the first time takes some minutes)");
    build_pages()?;
    build_programs()?;
    let mut node = command_in("e2e", "node demo.mjs");
    node.args(options.fresh.then_some("--fresh")).args(options.no_browser.then_some("--no-browser"));
    Err(node.exec()).context("node could not be started")
}
