//! `./x test`: everything that must hold before a change is taken; `.ci/run` is this.
//!
//! The Rust code is compiled once for the lints (metadata only) and once for running: unit tests, fuzzing, simulation and the
//! browsers' story all use the programs in target/debug.

use crate::steps::{Steps, command, command_in, run as run_command};
use crate::{boring, check, e2e, fuzz, measure, package};

pub(crate) fn run() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    check::run_steps(&mut steps)?;
    steps.step_needed("build", || run_command(command("cargo build --workspace --all-targets --locked --quiet")))?;
    steps.step("unit and integration tests", || run_command(command("cargo test --workspace --locked --quiet --no-fail-fast")));
    steps.step("pages: tests", || run_command(command_in("web", "npm test --silent")));
    steps.step("pages: sealed media in the browsers", || run_command(command_in("web", "npm run --silent trial")));
    steps.step("pages: every screen, looked at by axe", e2e::screens);
    steps.step("fuzzing, short", fuzz::short);
    steps.step("simulated stories", measure::stories);
    steps.step("the Debian package: built, installed, started, removed", package::trial);
    steps.step("the story and the power cuts, in the browsers", e2e::story);
    boring::run_steps(&mut steps);
    steps.summary()
}
