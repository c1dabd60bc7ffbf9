//! Links between our documents lead somewhere: to a file or folder that is there, and to a heading that is in it.

use std::collections::BTreeSet;

use super::{Finding, Tree, each_line};

pub(super) fn every_link_leads_somewhere(tree: &Tree) -> Vec<Finding> {
    let folders = folders(tree);
    let check = |(path, text): (&str, &str)| {
        let broken = |line: &str| targets(line).into_iter().find_map(|target| why_broken(tree, &folders, path, &target));
        each_line(path, text, broken)
    };
    tree.files("", ".md").flat_map(check).collect()
}

/// What the links of a line point to: `[words](target)`.
fn targets(line: &str) -> Vec<String> {
    let after = line.split("](").skip(1);
    after.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

fn why_broken(tree: &Tree, folders: &BTreeSet<String>, from: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
    let path = if file.is_empty() { from.to_owned() } else { resolve(from, file) };
    if !tree.texts.contains_key(&path) && !folders.contains(&path) {
        return Some(format!("`{target}` leads nowhere"));
    }
    let heading = heading?;
    let there = tree.texts.get(&path).is_some_and(|text| text.lines().any(|line| line.starts_with('#') && anchor(line) == heading));
    (!there).then(|| format!("there is no heading `{heading}` in {path}"))
}

/// A relative path, from the file it stands in.
fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn folders(tree: &Tree) -> BTreeSet<String> {
    let above = |path: &String| path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect::<Vec<_>>();
    tree.texts.keys().flat_map(above).collect()
}

/// How GitHub and mdBook name a heading.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(link: &str) -> usize {
        let tree = Tree::with(&[("docs/a.md", link), ("README.md", "# Two words\n"), ("io/src/lib.rs", "")]);
        every_link_leads_somewhere(&tree).len()
    }

    #[test]
    fn links_to_files_folders_headings_and_sites_are_good() {
        for good in ["[x](../README.md)", "[x](../README.md#two-words)", "[x](../io/src/)", "[x](https://example.org)"] {
            assert_eq!(findings(good), 0, "{good}");
        }
    }

    #[test]
    fn links_to_nothing_are_found() {
        for bad in ["[x](nothing.md)", "[x](../README.md#three-words)", "[ok](../README.md) [x](../nothing)"] {
            assert_eq!(findings(bad), 1, "{bad}");
        }
    }
}
