//! `./x build`: the pages, then the programs that hold them. One profile for running, testing and measuring by hand.

use crate::check::build_pages;
use crate::steps::{Steps, command, run};

pub(crate) fn build_all() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    steps.step_needed("pages", build_pages)?;
    steps.step_needed("programs", build_programs)?;
    steps.summary()
}

/// Into target/debug.
pub(crate) fn build_programs() -> anyhow::Result<()> {
    run(command("cargo build --workspace --bins --locked --quiet"))
}
