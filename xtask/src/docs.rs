//! `./x docs`: rustdoc of our own crates, and docs/ as a book where mdBook is installed (the files read well without it).

use crate::steps::{command, root, run as run_command};

pub(crate) fn run() -> anyhow::Result<()> {
    let mut doc = command("cargo doc --workspace --no-deps --document-private-items --locked");
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run_command(doc)?;
    println!("code: {}", root().join("target/doc/umweg_client/index.html").display());
    if command("mdbook --version").output().is_ok() {
        run_command(command("mdbook build docs --dest-dir ../target/book"))?;
        println!("book: {}", root().join("target/book/index.html").display());
    } else {
        println!("book: {} (mdBook would make pages of it)", root().join("docs/SUMMARY.md").display());
    }
    Ok(())
}
