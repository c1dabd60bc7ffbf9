//! `./x types`: the pages' TypeScript types are made from the Rust types, so that screen and app cannot disagree.
//!
//! A test of `umweg-client` writes them (`export_bindings`), into the folder that `TS_RS_EXPORT_DIR` names.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};

use crate::steps::{command, root, run as run_command};

const FOLDER: &str = "web/src/generated";

pub(crate) fn run() -> anyhow::Result<()> {
    write_to(&root().join(FOLDER), "--package umweg-client")
}

/// Fails if what is committed is not what would be written now.
pub(crate) fn are_current() -> anyhow::Result<()> {
    let fresh = root().join("target/types");
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh)?;
    }
    // Beside everything else: alone it would be compiled again, with fewer features of its libraries.
    write_to(&fresh, "--workspace")?;
    let stale = differing(&read(&root().join(FOLDER))?, &read(&fresh)?);
    if !stale.is_empty() {
        bail!("{FOLDER} is not what the Rust types say ({}): run ./x types and commit the result", stale.join(", "));
    }
    Ok(())
}

fn write_to(folder: &Path, packages: &str) -> anyhow::Result<()> {
    let mut cargo = command(&format!("cargo test --locked --quiet {packages} --lib export_bindings"));
    cargo.env("TS_RS_EXPORT_DIR", folder);
    run_command(cargo)
}

/// File names and texts.
fn read(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("{} could not be read", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "ts") {
            let name = path.file_name().expect("an entry of a folder has a name").to_string_lossy().into_owned();
            files.insert(name, std::fs::read_to_string(&path)?);
        }
    }
    Ok(files)
}

fn differing(committed: &BTreeMap<String, String>, fresh: &BTreeMap<String, String>) -> Vec<String> {
    let names: std::collections::BTreeSet<_> = committed.keys().chain(fresh.keys()).collect();
    names.into_iter().filter(|name| committed.get(*name) != fresh.get(*name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_a_new_and_a_vanished_type_are_all_told() {
        let files = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let committed = files(&[("Same.ts", "1"), ("Changed.ts", "1"), ("Vanished.ts", "1")]);
        let fresh = files(&[("Same.ts", "1"), ("Changed.ts", "2"), ("New.ts", "1")]);
        assert_eq!(differing(&committed, &fresh), ["Changed.ts", "New.ts", "Vanished.ts"]);
    }
}
