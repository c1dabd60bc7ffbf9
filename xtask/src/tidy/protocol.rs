//! A changed .proto whose document was not looked at fails the build.
//!
//! docs/protocol.md ends with a table of the .proto files and the first 16 hex digits of their SHA-256. Who changes one reads what
//! the document says about it, mends that, and copies the new stamp from the finding.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{Finding, Tree};

const DOCUMENT: &str = "docs/protocol.md";

pub(super) fn every_proto_has_its_document(tree: &Tree) -> Vec<Finding> {
    let document = tree.texts.get(DOCUMENT).map_or("", String::as_str);
    let stamped = |path: &str, text: &str| document.lines().any(|line| line.contains(path) && line.contains(&stamp(text)));
    let finding = |(path, text): (&str, &str)| Finding {
        path: path.to_owned(),
        line: 0,
        says: format!("changed: mend {DOCUMENT} where it speaks of this file, then stamp it there with `{}`", stamp(text)),
    };
    tree.files("proto/", ".proto").filter(|(path, text)| !stamped(path, text)).map(finding).collect()
}

fn stamp(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text)[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proto_is_found_when_it_changed_after_its_document() {
        let document = format!("| `proto/a.proto` | `{}` |", stamp("message A {}"));
        let tree = |text| Tree::with(&[("proto/a.proto", text), (DOCUMENT, &document)]);
        assert!(every_proto_has_its_document(&tree("message A {}")).is_empty());
        assert_eq!(every_proto_has_its_document(&tree("message B {}")).len(), 1);
    }
}
