//! Rules about what stands in the sources.

use super::{Finding, Tree, each_line};

/// A file longer than this holds more than one thing.
const LINES_MAX: usize = 600;

/// Words of things begun. They are put together here so that this file does not find itself.
const UNFINISHED: [&str; 5] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("to", "do!("), concat!("unimpl", "emented!(")];

/// What pure code has no business with: its inputs are arguments. Values (an address, a duration) are not the outside.
const OUTSIDE: [(&str, &str); 12] = [
    ("Instant::now", "take the time as an argument"),
    ("SystemTime::now", "take the time as an argument"),
    ("std::fs", "files belong to io/ and programs/"),
    ("std::thread", "threads belong to programs/"),
    ("std::env", "configuration is an argument"),
    ("std::process", "processes belong to programs/"),
    ("TcpStream", "sockets belong to io/"),
    ("TcpListener", "sockets belong to io/"),
    ("UdpSocket", "sockets belong to io/"),
    ("tokio", "pure code does not wait"),
    ("async fn", "pure code does not wait"),
    ("rand::rng()", "take the generator as an argument"),
];

/// How a file says that it is told what it reads from outside, and why.
const EXCEPTED: &str = "#[expect(clippy::disallowed_methods, reason = \"";

/// `expect` with a reason tells the reader why, and tells us when it is no longer needed.
pub(super) fn no_lint_is_switched_off_without_a_reason(tree: &Tree) -> Vec<Finding> {
    let [outer, inner] = [concat!("#[all", "ow("), concat!("#![all", "ow(")];
    let says = |line: &str| {
        let found = !is_comment(line) && (line.contains(outer) || line.contains(inner));
        found.then(|| "write #[expect(lint, reason = \"…\")]".to_owned())
    };
    tree.files("", ".rs").flat_map(|(path, text)| each_line(path, text, says)).collect()
}

/// What is left for later goes into an issue, where somebody looks.
pub(super) fn nothing_is_left_unfinished(tree: &Tree) -> Vec<Finding> {
    let says = |line: &str| UNFINISHED.iter().find(|word| line.contains(**word)).map(|word| format!("`{word}` is left in it"));
    sources(tree).flat_map(|(path, text)| each_line(path, text, says)).collect()
}

/// The god file begins with a long one.
pub(super) fn no_file_is_endless(tree: &Tree) -> Vec<Finding> {
    let finding = |(path, text): (&str, &str)| {
        let lines = text.lines().count();
        let says = format!("has {lines} lines, more than {LINES_MAX}: what are the two things in it?");
        (lines > LINES_MAX).then(|| Finding { path: path.to_owned(), line: 0, says })
    };
    sources(tree).filter_map(finding).collect()
}

/// Beside clippy, which knows methods but not every way of importing them. What is for tests may say so and why, to clippy.
pub(super) fn pure_code_touches_no_outside(tree: &Tree) -> Vec<Finding> {
    let says = |line: &str| {
        let found = OUTSIDE.iter().find(|(word, _)| !is_comment(line) && line.contains(word));
        found.map(|(word, advice)| format!("`{word}` in pure code: {advice}"))
    };
    let files = tree.files("pure/", ".rs").filter(|(path, text)| path.contains("/src/") && !text.contains(EXCEPTED));
    files.flat_map(|(path, text)| each_line(path, before_tests(text), says)).collect()
}

/// A decoder of outside bytes that cannot be memory-unsafe needs no sanitizer.
pub(super) fn pure_crates_forbid_unsafe_code(tree: &Tree) -> Vec<Finding> {
    let lacks = |(path, text): (&str, &str)| {
        let found = !text.contains("#![forbid(unsafe_code)]");
        found.then(|| Finding { path: path.to_owned(), line: 1, says: "write #![forbid(unsafe_code)]".into() })
    };
    tree.files("pure/", "/src/lib.rs").filter_map(lacks).collect()
}

/// What people write and read; not what tools write.
fn sources(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    const ENDINGS: [&str; 8] = [".rs", ".ts", ".tsx", ".mjs", ".css", ".proto", ".toml", ".sh"];
    let all = tree.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    all.filter(|(path, _)| ENDINGS.iter().any(|ending| path.ends_with(ending)) && !path.contains("/generated/"))
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

/// Tests stand last in a file.
fn before_tests(text: &str) -> &str {
    text.split_once("#[cfg(test)]\nmod ").map_or(text, |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str) -> bool {
        !rule(&Tree::with(&[(path, text)])).is_empty()
    }

    #[test]
    fn a_lint_switched_off_is_found_but_not_in_a_comment() {
        let slip = concat!("#[all", "ow(dead_code)]");
        assert!(finds(no_lint_is_switched_off_without_a_reason, "io/src/lib.rs", slip));
        assert!(!finds(no_lint_is_switched_off_without_a_reason, "io/src/lib.rs", &format!("// not {slip}")));
    }

    #[test]
    fn something_unfinished_is_found_in_every_language() {
        for path in ["io/src/lib.rs", "web/src/a.tsx", "proto/a.proto"] {
            assert!(finds(nothing_is_left_unfinished, path, concat!("// TO", "DO later")));
        }
    }

    #[test]
    fn an_endless_file_is_found_unless_a_tool_wrote_it() {
        let endless = "x\n".repeat(LINES_MAX + 1);
        assert!(finds(no_file_is_endless, "web/src/a.ts", &endless));
        assert!(!finds(no_file_is_endless, "web/src/generated/a.ts", &endless));
    }

    #[test]
    fn a_clock_in_pure_code_is_found_but_not_in_its_tests() {
        assert!(finds(pure_code_touches_no_outside, "pure/seal/src/lib.rs", "let now = Instant::now();"));
        assert!(!finds(
            pure_code_touches_no_outside,
            "pure/seal/src/lib.rs",
            "#[cfg(test)]\nmod tests {\n let now = Instant::now(); }"
        ));
        assert!(!finds(pure_code_touches_no_outside, "io/src/lib.rs", "let now = Instant::now();"));
    }

    #[test]
    fn a_pure_crate_that_permits_unsafe_code_is_found() {
        assert!(finds(pure_crates_forbid_unsafe_code, "pure/seal/src/lib.rs", "//! Seals."));
    }
}
