//! `./x tls-boring`: the app with BoringSSL, whose TLS begins as a browser's, built into target/boring and tested. Only those need it who
//! want that, it takes CMake, Clang and some minutes the first time, so nothing else is built with it, and in `./x test` it comes last.
//!
//! BoringSSL and OpenSSL have different functions of the same names, so a program can hold only one of the two. The app's database,
//! which uses the system's OpenSSL elsewhere, is compiled for BoringSSL here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::e2e;
use crate::programs::{build_programs, build_steps};
use crate::steps::{Steps, command, root, run as run_command};

pub(crate) fn run() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    build_steps(&mut steps)?;
    run_steps(&mut steps);
    steps.summary()?;
    println!("the app with BoringSSL: {}", app().display());
    Ok(())
}

/// With the pages and the other programs, which were built before.
pub(crate) fn run_steps(steps: &mut Steps) {
    steps.step("roads by BoringSSL, with a browser's ClientHello", || {
        run_command(command("cargo test --package umweg-io --features boring --test hello --test roads --locked --quiet"))
    });
    if steps.step("the app with BoringSSL: built", build) {
        steps.step("the story by apps with BoringSSL, in the browsers", || e2e::boring(&app()));
    }
}

fn app() -> PathBuf {
    root().join("target/boring/umweg")
}

/// Cargo puts it where the usual app lies: it is copied, and the usual one put back. Each takes a minute, the next time too: builds of
/// other crates hang on the same variables.
fn build() -> anyhow::Result<()> {
    run_command(cargo()?)?;
    let app = app();
    fs::create_dir_all(app.parent().context("it lies in a folder")?)?;
    fs::copy(root().join("target/debug/umweg"), app)?;
    build_programs()
}

fn cargo() -> anyhow::Result<Command> {
    let mut cargo = command("cargo build --package umweg --features boring --locked --quiet");
    // Cargo does not see what the database is compiled for: another profile keeps the two apart.
    cargo.args(["--config", "profile.dev.package.libsqlite3-sys.opt-level=3"]);
    // Both are asked for; the library itself comes with BoringSSL's crate.
    let headers = headers()?;
    cargo.env("OPENSSL_INCLUDE_DIR", &headers).env("OPENSSL_LIB_DIR", &headers);
    Ok(cargo)
}

/// They lie in the crate, wherever cargo put that.
fn headers() -> anyhow::Result<PathBuf> {
    let output = command("cargo metadata --format-version 1 --locked --features umweg-io/boring").output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata makes no sense")?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let manifest =
        packages.iter().find(|package| package["name"] == "boring-sys").and_then(|package| package["manifest_path"].as_str());
    let folder = manifest.and_then(|manifest| Path::new(manifest).parent()).context("boring-sys is not among the packages")?;
    Ok(folder.join("deps/boringssl/include"))
}
