//! `./x build`: the pages, then the programs that hold them. One profile for running, testing and measuring by hand.

use std::process::Command;

use crate::check::build_pages;
use crate::steps::{Steps, command, root, run};

pub(crate) fn build_all() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    build_steps(&mut steps)?;
    steps.summary()
}

/// The same as the first steps of another recipe.
pub(crate) fn build_steps(steps: &mut Steps) -> anyhow::Result<()> {
    steps.step_needed("pages", build_pages)?;
    steps.step_needed("programs", build_programs)
}

/// Into target/debug. `--examples` (there are none) lets cargo count in what only tests depend on, so that a program's libraries
/// have the same features whether they are built for running or for testing, and are compiled once.
pub(crate) fn build_programs() -> anyhow::Result<()> {
    run(command("cargo build --workspace --bins --examples --locked --quiet"))
}

/// One of ours in target/debug, built before.
pub(crate) fn built(name: &str) -> Command {
    let mut command = Command::new(root().join("target/debug").join(name));
    command.current_dir(root());
    command
}
