//! `./x e2e` and `./x screenshots`: real programs, real browsers. The harness is Node's, in e2e/, because it drives browsers.

use std::path::Path;

use clap::Args;

use crate::check::build_pages;
use crate::programs::build_programs;
use crate::steps::{command_in, root, run as run_command};

#[derive(Args)]
pub(crate) struct Options {
    /// Only tests whose names match this regular expression
    name: Option<String>,
    /// Take the programs in target/debug as they are
    #[arg(long)]
    no_build: bool,
    /// Instead of the tests: a call of eight with pictures and a ninth, and a call of 32, each with three browsers (three to five minutes)
    #[arg(long)]
    crowd: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if !options.no_build {
        build_pages()?;
        build_programs()?;
    }
    let mut node = tests();
    if options.crowd {
        node.args(["crowd.soak.mjs", "voices.soak.mjs"]);
    }
    if let Some(name) = &options.name {
        node.arg(format!("--test-name-pattern={name}"));
    }
    run_command(node)
}

/// With the programs that were built before.
pub(crate) fn story() -> anyhow::Result<()> {
    run_command(tests())
}

/// With that app instead of the one in target/debug.
pub(crate) fn boring(app: &Path) -> anyhow::Result<()> {
    let mut node = tests();
    node.args(["boring.soak.mjs", "story.test.mjs"]).env("UMWEG_APP", app).env("UMWEG_TLS", "boring");
    run_command(node)
}

/// Of every screen, from views that are written down: the pages draw themselves from one value. Then the two of the README, from
/// the programs as they run.
pub(crate) fn screenshots() -> anyhow::Result<()> {
    build_pages()?;
    build_programs()?;
    run_command(command_in("web", "npm run --silent shots"))?;
    run_command(command_in("e2e", "node pictures.mjs"))?;
    println!("every screen: {}\nthe README's: {}", root().join("web/shots").display(), root().join("docs/pictures").display());
    Ok(())
}

/// Every screen as axe sees it, in the two ways that differ most; `./x screenshots` has all of them.
pub(crate) fn screens() -> anyhow::Result<()> {
    let out = root().join("target/screens");
    for [language, theme, width] in [["de", "dark", "1280"], ["fa", "light", "390"]] {
        let mut shots = command_in("web", "npm run --silent shots --");
        shots.args(["--lang", language, "--theme", theme, "--width", width, "--out"]).arg(&out);
        run_command(shots)?;
    }
    Ok(())
}

/// One file after the other: browsers and calls want the cores for themselves. None takes longer than ten minutes, however slow
/// the machine: one that hangs says so.
fn tests() -> std::process::Command {
    let mut node = command_in("e2e", "node --test --test-concurrency=1 --test-timeout=600000");
    node.args(["--test-reporter=spec"]);
    node
}
