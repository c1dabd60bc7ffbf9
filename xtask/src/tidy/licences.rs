//! The licences of everything we link, against the list in deny.toml: what `cargo deny check licenses` looks at, without having to
//! install it. The pages' and the browser tests' packages are held to the same list, but for another messenger's own code, which a
//! test talks to.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use serde_json::Value;

use super::{Finding, Tree};
use crate::steps::command;

const LIST: &str = "deny.toml";
/// Packages whose licence is not on the list, where they lie: run by a test in a process of their own, never linked, never shipped.
const PEERS_IN_TESTS: [(&str, &str); 1] = [("e2e/signal/package-lock.json", "AGPL-3.0-only")];

pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let list: toml::Table = tree.texts.get(LIST).context("deny.toml is not there")?.parse().context("deny.toml cannot be read")?;
    let allowed: BTreeSet<String> = words(&list, "licenses", "allow")?.collect();
    let mut findings = Vec::new();
    for (name, licence) in crates(words(&list, "graph", "targets")?)?.into_iter().chain(node_packages(tree)?) {
        if !admits(&allowed, &licence) {
            findings.push(Finding {
                path: LIST.into(),
                line: 0,
                says: format!("{name} comes under {licence:?}, which is not on the list"),
            });
        }
    }
    Ok(findings)
}

/// A list of words in deny.toml.
fn words(list: &toml::Table, section: &str, name: &str) -> anyhow::Result<impl Iterator<Item = String>> {
    let words = list.get(section).and_then(|section| section.get(name)).and_then(toml::Value::as_array);
    let words = words.with_context(|| format!("deny.toml has no list [{section}] {name}"))?;
    Ok(words.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect::<Vec<_>>().into_iter())
}

/// Names and licences of the crates from elsewhere that are linked on these platforms.
fn crates(targets: impl Iterator<Item = String>) -> anyhow::Result<Vec<(String, String)>> {
    let mut cargo = command("cargo metadata --format-version 1 --locked --quiet");
    targets.for_each(|target| {
        cargo.args(["--filter-platform", &target]);
    });
    let output = cargo.output().context("cargo could not be started")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let foreign = packages.iter().filter(|package| !package["source"].is_null());
    Ok(foreign.map(|package| (text(&package["name"]), text(&package["license"]))).collect())
}

/// Names and licences in the lock files of npm.
fn node_packages(tree: &Tree) -> anyhow::Result<Vec<(String, String)>> {
    let mut packages = Vec::new();
    for (path, lock) in tree.files("", "package-lock.json") {
        let lock: Value = serde_json::from_str(lock).with_context(|| format!("{path} cannot be read"))?;
        let locked = lock["packages"].as_object().with_context(|| format!("{path} names no packages"))?;
        let foreign = locked.iter().filter(|(name, _)| !name.is_empty());
        let held = foreign.filter(|(_, package)| !is_peer(path, package));
        packages.extend(held.map(|(name, package)| (format!("{path}: {name}"), text(&package["license"]))));
    }
    Ok(packages)
}

/// What nothing is built with, in a folder that is there for it.
fn is_peer(lock: &str, package: &Value) -> bool {
    package["dev"] == true && PEERS_IN_TESTS.iter().any(|(path, licence)| *path == lock && package["license"] == *licence)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Whether an SPDX expression can be met with licences of the list. `/` is how old crates write OR.
fn admits(allowed: &BTreeSet<String>, expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    alternatives(allowed, &mut rest) && rest.is_empty()
}

fn alternatives(allowed: &BTreeSet<String>, rest: &mut &[&str]) -> bool {
    let mut admitted = all_of(allowed, rest);
    while take(rest, "OR") {
        admitted |= all_of(allowed, rest);
    }
    admitted
}

fn all_of(allowed: &BTreeSet<String>, rest: &mut &[&str]) -> bool {
    let mut admitted = one(allowed, rest);
    while take(rest, "AND") {
        admitted &= one(allowed, rest);
    }
    admitted
}

fn one(allowed: &BTreeSet<String>, rest: &mut &[&str]) -> bool {
    if take(rest, "(") {
        return alternatives(allowed, rest) & take(rest, ")");
    }
    let Some((licence, after)) = rest.split_first() else { return false };
    *rest = after;
    // An exception only permits more.
    if take(rest, "WITH") {
        *rest = rest.get(1..).unwrap_or_default();
    }
    allowed.contains(*licence)
}

fn take(rest: &mut &[&str], word: &str) -> bool {
    match rest.split_first() {
        Some((first, after)) if *first == word => {
            *rest = after;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_admitted_if_it_can_be_met() {
        let allowed = ["MIT", "ISC", "Apache-2.0"].map(str::to_owned).into();
        for good in
            ["MIT", "MIT/GPL-3.0", "GPL-3.0 OR (MIT AND ISC)", "ISC AND (Apache-2.0 OR GPL-3.0)", "Apache-2.0 WITH LLVM-exception"]
        {
            assert!(admits(&allowed, good), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "ISC AND (GPL-3.0 OR AGPL-3.0)", "MIT ISC"] {
            assert!(!admits(&allowed, bad), "{bad}");
        }
    }

    #[test]
    fn a_peer_is_one_in_its_own_folder_only() {
        let package = serde_json::json!({ "license": "AGPL-3.0-only", "dev": true });
        assert!(is_peer("e2e/signal/package-lock.json", &package));
        assert!(!is_peer("web/package-lock.json", &package));
        assert!(!is_peer("e2e/signal/package-lock.json", &serde_json::json!({ "license": "AGPL-3.0-only" })));
        assert!(!is_peer("e2e/signal/package-lock.json", &serde_json::json!({ "license": "GPL-2.0-only", "dev": true })));
    }

    #[test]
    fn the_lists_are_read_from_where_cargo_deny_reads_them() {
        let list = "[licenses]\nallow = [\"MIT\"]\n".parse().expect("TOML");
        assert!(words(&list, "licenses", "allow").expect("the list is there").eq(["MIT"]));
        assert!(words(&list, "graph", "targets").is_err());
    }
}
