//! The protocol and its document stay together: a changed .proto whose document was not looked at fails the build, and so does a check
//! in the document whose test is gone.
//!
//! docs/protocol.md ends with a table of the .proto files and the first 16 hex digits of their SHA-256. Who changes one reads what
//! the document says about it, mends that, and copies the new stamp from the finding.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{Finding, Tree, each_line};

const DOCUMENT: &str = "docs/protocol.md";

pub(super) fn every_proto_has_its_document(tree: &Tree) -> Vec<Finding> {
    let document = tree.texts.get(DOCUMENT).map_or("", String::as_str);
    let stamped =
        |path: &str, text: &str| document.lines().any(|line| line.contains(&format!("../{path}")) && line.contains(&stamp(text)));
    let finding = |(path, text): (&str, &str)| Finding {
        path: path.to_owned(),
        line: 0,
        says: format!("changed: mend {DOCUMENT} where it speaks of this file, then stamp it there with `{}`", stamp(text)),
    };
    tree.files("proto/", ".proto").filter(|(path, text)| !stamped(path, text)).map(finding).collect()
}

/// A row of the table of checks: `| 1 | what | `test` |`.
pub(super) fn every_check_has_its_test(tree: &Tree) -> Vec<Finding> {
    let exists = |test: &str| tree.files("", ".rs").any(|(_, text)| text.contains(&format!("fn {test}(")));
    let missing = |line: &str| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        cells.next()?.parse::<u32>().ok()?;
        let test = cells.nth(1)?.trim_matches('`');
        (!exists(test)).then(|| format!("no test is called `{test}`"))
    };
    tree.texts.get(DOCUMENT).map_or_else(Vec::new, |document| each_line(DOCUMENT, document, missing))
}

fn stamp(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text)[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proto_is_found_when_it_changed_after_its_document() {
        let document = format!("| [a](../proto/a.proto) | `{}` |", stamp("message A {}"));
        let tree = |text| Tree::with(&[("proto/a.proto", text), (DOCUMENT, &document)]);
        assert!(every_proto_has_its_document(&tree("message A {}")).is_empty());
        assert_eq!(every_proto_has_its_document(&tree("message B {}")).len(), 1);
    }

    #[test]
    fn a_check_is_found_when_its_test_is_gone() {
        let tree =
            |code| Tree::with(&[("pure/seal/src/lib.rs", code), (DOCUMENT, "| | what | test |\n| 1 | a thing | `it_holds` |\n")]);
        assert!(every_check_has_its_test(&tree("fn it_holds() {}")).is_empty());
        assert_eq!(every_check_has_its_test(&tree("fn it_held() {}")).len(), 1);
    }
}
