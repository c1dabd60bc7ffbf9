//! Who may join: the accounts in the group context, so that all members hold the same list, and every change of it is a commit.

use std::collections::BTreeSet;

use umweg_wire::AccountId;
use umweg_wire::limits::INVITED_MAX;

use crate::Verified;

/// The list as the extension holds it: account ids, ascending.
pub(super) fn to_bytes(accounts: &BTreeSet<AccountId>) -> Vec<u8> {
    accounts.iter().flat_map(|account| account.0).collect()
}

/// What the extension holds.
pub(super) fn from_bytes(bytes: &[u8]) -> Option<BTreeSet<AccountId>> {
    let (ids, rest) = bytes.as_chunks::<{ AccountId::LEN }>();
    let ascending = ids.is_sorted_by(|one, next| one < next);
    (ascending && rest.is_empty() && ids.len() <= INVITED_MAX).then(|| ids.iter().map(|id| AccountId(*id)).collect())
}

/// Invitations are not taken back: somebody who was let in once could not be kept out for the rest, and would not understand why.
pub(super) fn may_change(before: &[u8], after: &[u8]) -> bool {
    matches!((from_bytes(before), from_bytes(after)), (Some(before), Some(after)) if after.is_superset(&before))
}

/// Whether somebody may join.
pub(super) fn admits(list: &[u8], who: &Verified) -> bool {
    from_bytes(list).is_some_and(|accounts| accounts.contains(&who.account()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_only_grows() {
        let list = |ids: &[u8]| to_bytes(&ids.iter().map(|&id| AccountId([id; 32])).collect());
        assert!(may_change(&list(&[1]), &list(&[1, 2])));
        assert!(!may_change(&list(&[1, 2]), &list(&[1])));
        assert!(!may_change(&list(&[1]), &list(&[2])));
    }

    proptest! {
        #[test]
        fn a_list_has_one_form(bytes: Vec<u8>) {
            if let Some(accounts) = from_bytes(&bytes) {
                prop_assert_eq!(to_bytes(&accounts), bytes);
            }
        }
    }
}
