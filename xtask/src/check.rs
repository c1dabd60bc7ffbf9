//! `./x check`: what can be said without running anything of ours. The fastest first, so that a slip is told in a second.

use crate::steps::{self, Steps, command, command_in};
use crate::{tidy, types};

pub(crate) fn run_steps(steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("our own rules", tidy::run);
    steps.step("format", || steps::run(command("cargo fmt --all --check")));
    // Before the lints: the app's code takes in the built pages.
    steps.step_needed("pages", build_pages)?;
    steps.step("pages: types, lints", || steps::run(command_in("web", "npm run --silent check")));
    steps.step("lints", || steps::run(command("cargo clippy --workspace --all-targets --locked --quiet -- -D warnings")));
    steps.step("documentation", || {
        let mut doc = command("cargo doc --workspace --no-deps --document-private-items --locked --quiet");
        // Private items are documented, so links to them lead somewhere; what documents a setting is its --help, too.
        doc.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links -A rustdoc::bare_urls");
        steps::run(doc)
    });
    steps.step("TypeScript types are those of the Rust types", types::are_current);
    Ok(())
}

pub(crate) fn run() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    run_steps(&mut steps)?;
    steps.summary()
}

/// Into web/dist.
pub(crate) fn build_pages() -> anyhow::Result<()> {
    steps::run(command_in("web", "npm run --silent build"))
}
