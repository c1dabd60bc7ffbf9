//! Every limit in pure/wire/src/limits.rs is kept somewhere: a limit that nothing looks at bounds nothing.

use super::{Finding, Tree};

const LIMITS: &str = "pure/wire/src/limits.rs";

pub(super) fn every_limit_is_kept_somewhere(tree: &Tree) -> Vec<Finding> {
    let limits = tree.texts.get(LIMITS).map_or("", String::as_str);
    let mentioned = |name: &str| tree.files("", ".rs").any(|(path, text)| path != LIMITS && has_word(text, name));
    let names =
        limits.lines().enumerate().filter_map(|(at, line)| Some((at + 1, line.strip_prefix("pub const ")?.split_once(':')?.0)));
    names
        .filter(|(_, name)| !mentioned(name))
        .map(|(line, name)| Finding { path: LIMITS.into(), line, says: format!("nothing keeps {name}") })
        .collect()
}

/// Whether `word` stands in `text` by itself, not as a part of a longer name.
fn has_word(text: &str, word: &str) -> bool {
    let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = text.as_bytes();
    text.match_indices(word)
        .any(|(at, _)| !part(at.checked_sub(1).and_then(|before| bytes.get(before))) && !part(bytes.get(at + word.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_nothing_looks_at_is_found() {
        let limits = "/// Text.\npub const TEXT_BYTES_MAX: usize = 1;\n/// Name.\npub const NAME_BYTES_MAX: usize = 1;\n";
        let code = "if name.len() > NAME_BYTES_MAX || OTHER_TEXT_BYTES_MAX {}";
        let findings = every_limit_is_kept_somewhere(&Tree::with(&[(LIMITS, limits), ("io/src/lib.rs", code)]));
        assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
    }
}
