//! The recipes of `./x`. Each is a module that says in its `//!` what it does and why so.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a recipe talks to the person who started it")]

mod boring;
mod check;
mod demo;
mod docs;
mod e2e;
mod fuzz;
mod measure;
mod package;
mod programs;
mod steps;
mod test;
mod tidy;
mod types;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "./x", bin_name = "./x", about = "Everything one does with Umweg.", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    recipe: Recipe,
}

#[derive(Subcommand)]
enum Recipe {
    /// Start a service, two proxies and three people on this machine, and open their pages
    Demo(demo::Options),
    /// Everything that must hold: check, tests, fuzzing for a minute, the story in real browsers
    Test,
    /// Build the app with BoringSSL, so that its TLS begins as a browser's, into target/boring, and test it; takes CMake and Clang
    TlsBoring,
    /// What needs no running: format, lints, our own rules, the pages' types
    Check,
    /// Build the pages and the programs, into target/debug
    Build,
    /// The story in Chromium and Firefox, or the browser tests whose names match
    E2e(e2e::Options),
    /// Measure: one of the benchmarks by name, or their names
    Bench(measure::Bench),
    /// Fuzz one decoder with libFuzzer until it breaks, or list the decoders
    Fuzz(fuzz::Options),
    /// Simulated weeks of bad network, one for each seed
    Soak(measure::Soak),
    /// Write the pages' TypeScript types from the Rust types
    Types,
    /// Take pictures of every screen, and those of the README
    Screenshots,
    /// Make a Debian package of the volunteer's proxy
    Package(package::Options),
    /// Build the documentation of the code, and the book where mdBook is installed
    Docs,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().recipe {
        Recipe::Demo(options) => demo::run(&options),
        Recipe::Test => test::run(),
        Recipe::TlsBoring => boring::run(),
        Recipe::Check => check::run(),
        Recipe::Build => programs::build_all(),
        Recipe::E2e(options) => e2e::run(&options),
        Recipe::Bench(options) => measure::bench(&options),
        Recipe::Fuzz(options) => fuzz::run(&options),
        Recipe::Soak(options) => measure::soak(&options),
        Recipe::Types => types::run(),
        Recipe::Screenshots => e2e::screenshots(),
        Recipe::Package(options) => package::run(&options),
        Recipe::Docs => docs::run(),
    }
}
