//! Our own rules: what no compiler and no lint looks after. Each rule is a function from the repository's texts to findings, so
//! that its test can hand it a slip and see it found.

mod languages;
mod licences;
mod limits;
mod links;
mod manifests;
mod protocol;
mod sources;

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, bail};

use crate::steps::{command, root};

pub(crate) fn run() -> anyhow::Result<()> {
    let tree = Tree::of_repository()?;
    let mut findings = Vec::new();
    for rule in RULES {
        findings.extend(rule(&tree));
    }
    findings.extend(licences::check(&tree)?);
    for finding in &findings {
        println!("   {finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    Ok(())
}

const RULES: [fn(&Tree) -> Vec<Finding>; 12] = [
    manifests::every_dependency_has_its_reason,
    manifests::crates_inherit_their_dependencies,
    sources::no_lint_is_switched_off_without_a_reason,
    sources::nothing_is_left_unfinished,
    sources::no_file_is_endless,
    sources::pure_code_touches_no_outside,
    sources::pure_crates_forbid_unsafe_code,
    protocol::every_proto_has_its_document,
    protocol::every_check_has_its_test,
    limits::every_limit_is_kept_somewhere,
    links::every_link_leads_somewhere,
    languages::commands_are_the_same_in_every_language,
];

/// Something that breaks a rule, and what to do about it.
#[derive(PartialEq, Eq, Debug)]
struct Finding {
    path: String,
    /// From 1; 0: the whole file.
    line: usize,
    says: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.says),
            line => write!(f, "{}:{line}: {}", self.path, self.says),
        }
    }
}

/// The repository's texts by path; binary files have an empty text.
#[derive(Default)]
struct Tree {
    texts: BTreeMap<String, String>,
}

impl Tree {
    /// What git knows or would take in.
    fn of_repository() -> anyhow::Result<Self> {
        let listed = command("git ls-files --cached --others --exclude-standard").output().context("git could not be started")?;
        let listed = String::from_utf8(listed.stdout).context("a file name is not text")?;
        let mut tree = Self::default();
        for path in listed.lines() {
            // A file that was deleted and is not committed yet is listed too.
            let Ok(bytes) = std::fs::read(root().join(path)) else { continue };
            tree.texts.insert(path.to_owned(), String::from_utf8(bytes).unwrap_or_default());
        }
        Ok(tree)
    }

    /// Files in a folder whose names end so.
    fn files<'a>(&'a self, folder: &'a str, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.texts
            .iter()
            .filter(move |(path, _)| path.starts_with(folder) && path.ends_with(ending))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    #[cfg(test)]
    fn with(files: &[(&str, &str)]) -> Self {
        Self { texts: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect() }
    }
}

/// Findings for the lines of which `says` has something to say.
fn each_line(path: &str, text: &str, says: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let finding = |(at, line): (usize, &str)| says(line).map(|says| Finding { path: path.to_owned(), line: at + 1, says });
    text.lines().enumerate().filter_map(finding).collect()
}
