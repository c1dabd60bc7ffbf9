//! Dependencies stand once, in the root's Cargo.toml, each with its reason.

use super::{Finding, Tree, each_line};

/// A dependency that nobody can give a reason for is one too many.
pub(super) fn every_dependency_has_its_reason(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.texts.get("Cargo.toml") else { return Vec::new() };
    let mut inside = false;
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
        } else if inside && lacks_reason(line) {
            findings.push(Finding {
                path: "Cargo.toml".into(),
                line: at + 1,
                says: "say at the end of the line what it is for".into(),
            });
        }
    }
    findings
}

/// So that a version and its features are decided in one place, and everything is compiled once.
pub(super) fn crates_inherit_their_dependencies(tree: &Tree) -> Vec<Finding> {
    let manifests = tree.files("", "/Cargo.toml");
    manifests
        .flat_map(|(path, text)| {
            let dependencies = text.split_once("dependencies]").map_or("", |(_, rest)| rest);
            let above = text.len() - dependencies.len();
            let line_of = |at: usize| text[..at].lines().count();
            each_line(path, dependencies, |line| {
                let declares = line.contains(" = ") && !line.trim_start().starts_with('#');
                let own = line.contains("version = ") || line.contains(" = \"") || line.contains("git = ");
                (declares && own).then(|| "declare it in the root's Cargo.toml, and here write `.workspace = true`".into())
            })
            .into_iter()
            .map(move |finding| Finding { line: finding.line + line_of(above) - 1, ..finding })
            .collect::<Vec<_>>()
        })
        .collect()
}

fn lacks_reason(line: &str) -> bool {
    let declares = line.contains(" = ") && !line.starts_with('#');
    let ours = line.contains("path = ");
    let reason = line.rsplit_once(" # ").is_some_and(|(_, reason)| reason.trim().len() > 2);
    declares && !ours && !reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let manifest = "[workspace]\nresolver = \"3\"\n[workspace.dependencies]\nours = { path = \"x\" }\ngood = \"1\" # reads files\nbad = \"1\"\n";
        let findings = every_dependency_has_its_reason(&Tree::with(&[("Cargo.toml", manifest)]));
        assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn a_version_in_a_crate_is_found_on_its_line() {
        let manifest = "[package]\nname = \"x\"\n\n[dependencies]\ngood.workspace = true\nbad = \"1\"\n";
        let findings = crates_inherit_their_dependencies(&Tree::with(&[("io/Cargo.toml", manifest)]));
        assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [6]);
    }
}
