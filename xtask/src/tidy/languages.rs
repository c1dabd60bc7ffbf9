//! A page of the manual in several languages: whichever one reads, the commands are the same.

use super::{Finding, Tree};

/// The original is `PAGE.md`, the others `PAGE.de.md` and `PAGE.fa.md`.
const LANGUAGES: [&str; 2] = ["de", "fa"];

pub(super) fn commands_are_the_same_in_every_language(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files("docs/", ".md") {
        let stem = path.trim_end_matches(".md");
        let is_translated = LANGUAGES.iter().any(|language| tree.texts.contains_key(&format!("{stem}.{language}.md")));
        for language in LANGUAGES.into_iter().filter(|_| is_translated) {
            let translation = format!("{stem}.{language}.md");
            let same = tree.texts.get(&translation).is_some_and(|translated| commands(translated).eq(commands(text)));
            if !same {
                findings.push(Finding {
                    path: translation,
                    line: 0,
                    says: format!("its commands are not those of {path}, or it is missing"),
                });
            }
        }
    }
    findings
}

fn commands(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter(|line| line.starts_with("$ "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_differs_and_a_language_that_is_missing_are_found() {
        let page = "Words.\n$ run --now\n";
        for (german, persian, expected) in [
            (Some("Worte.\n$ run --now\n"), Some("$ run --now\n"), 0),
            (Some("$ run\n"), Some("$ run --now\n"), 1),
            (Some("$ run --now\n"), None, 1),
            (None, None, 0),
        ] {
            let mut files = vec![("docs/setup.md", page)];
            files.extend(german.map(|text| ("docs/setup.de.md", text)));
            files.extend(persian.map(|text| ("docs/setup.fa.md", text)));
            assert_eq!(commands_are_the_same_in_every_language(&Tree::with(&files)).len(), expected);
        }
    }
}
